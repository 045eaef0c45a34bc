import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { type Job, startJob } from '#platform/runtime/job.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { CarrierDue, Shipping, ShippingCommand } from './rules.ts';
import { nextDueOrders } from './store.ts';

/**
 * The clock of the sandbox carrier. What is due stands in the database, so a restart continues where the
 * process ended; being told of a new due time only makes the next look earlier.
 */

const LOOK_EVERY_MS = 1_000;
const DUE_PER_LOOK = 500;

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
  let looking = false;
  /** The earliest due time known; at first nothing is known, so the first look is due at once. */
  let nextMs = 0;

  const look = async (): Promise<void> => {
    looking = true;
    nextMs = Number.POSITIVE_INFINITY;
    try {
      for (;;) {
        const nowMs = clock.nowMs();
        const orders = await nextDueOrders(database, DUE_PER_LOOK);
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
        if (due.length < orders.length) nextMs = Math.min(nextMs, orders[due.length]!.dueMs);
        // A full look may have left something; one whose commands moved nothing would only meet the same orders again.
        const moved = answers.some(
          (answer) => answer.status === 'fulfilled' && 'events' in answer.value && answer.value.events.length > 0,
        );
        if (due.length < DUE_PER_LOOK || !moved) break;
      }
    } finally {
      looking = false;
      poke();
    }
  };
  const job: Job = startJob({ name: 'sandbox-carrier', everyMs: LOOK_EVERY_MS, logger, run: look });
  /** During a look times are only noted: its end asks for the next one. What is further away a regular look will meet. */
  const poke = (): void => {
    if (!looking && nextMs < clock.nowMs() + LOOK_EVERY_MS) job.pokeAt(nextMs);
  };
  poke();

  return {
    due(effects) {
      for (const effect of effects) nextMs = Math.min(nextMs, effect.dueMs);
      poke();
    },
    async settled() {
      if (nextMs <= clock.nowMs()) await job.runNow();
    },
    stop: () => job.stop(),
  };
}
