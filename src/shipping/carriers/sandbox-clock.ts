import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { startDuePoller } from '#platform/processor/due.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { CarrierDue, Shipping, ShippingCommand } from '../rules/model.ts';
import { nextDueOrders } from '../store.ts';

/**
 * The clock of the sandbox carrier. What is due stands in the database, so a restart continues where the
 * process ended; a new due time only makes the next run earlier.
 */

const POLL_EVERY_MS = 1_000;
const DUE_PER_RUN = 500;

export interface SandboxCarrier {
  due(effects: readonly CarrierDue[]): void;
  /** Resolves when nothing that is due now is left. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface SandboxCarrierOptions {
  readonly database: Database;
  readonly processor: Processor<Shipping, ShippingCommand, CarrierDue>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function startSandboxCarrier({ database, processor, clock, logger }: SandboxCarrierOptions): SandboxCarrier {
  const poller = startDuePoller({
    name: 'sandbox-carrier',
    everyMs: POLL_EVERY_MS,
    clock,
    logger,
    async run() {
      for (;;) {
        const nowMs = clock.nowMs();
        const orders = await nextDueOrders(database, DUE_PER_RUN);
        const due = orders.filter((order) => order.dueMs <= nowMs);
        const answers = await Promise.allSettled(
          due.map(({ orderId, cause }) => {
            const id = uuidv7();
            return processor.submit({
              orderId,
              command: { type: 'carry' },
              cause: cause ?? { causationid: id, correlationid: id },
            });
          }),
        );
        const failed = answers.find((answer) => answer.status === 'rejected');
        if (failed) throw failed.reason;
        // A full round may have left something; one whose commands moved nothing would only meet the same orders again.
        const moved = answers.some(
          (answer) => answer.status === 'fulfilled' && 'events' in answer.value && answer.value.events.length > 0,
        );
        if (due.length < DUE_PER_RUN || !moved) return orders[due.length]?.dueMs;
      }
    },
  });
  return {
    due(effects) {
      for (const effect of effects) poller.dueAt(effect.dueMs);
    },
    settled: () => poller.settled(),
    stop: () => poller.stop(),
  };
}
