import { ERRORS, isRefusal } from '#contracts/errors.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { keepRefusal, type OpenFollowUp, openFollowUps } from './store/follow-ups.ts';
import type { Intake } from './intake.ts';
import { replacementOf } from './rules/claims.ts';
import type { OrderCommand } from './rules/commands.ts';
import type { Order } from './rules/state.ts';
import { loadOrders } from './store.ts';

/**
 * Orders that follow another one. A claim that sends goods again names the id of the order that will do so; this places
 * it, through the intake and under a key of its own, once and also after a crash, and reports to the order it follows how it
 * ended. What is open stands in a table that is written in the statement that saves the claim.
 */

const POLL_MS = 5_000;
const OPEN_PER_RUN = 500;

export interface FollowUpsOptions {
  readonly database: Database;
  readonly processor: Processor<Order, OrderCommand>;
  readonly intake: Intake;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Starts placing and watching them; the result is stopped by whoever started it. */
export function startFollowUps({ database, processor, intake, clock, logger }: FollowUpsOptions): DuePoller {
  async function placed(followUp: OpenFollowUp): Promise<void> {
    const [row] = await loadOrders(database, [followUp.follows]);
    const claim = row?.state?.claims?.find((candidate) => candidate.claimId === followUp.claim_id);
    if (!row || !claim) throw new Error(`Order ${followUp.follows} does not know claim ${followUp.claim_id}`);
    const key = { key: `follow-up:${followUp.order_id}`, requestHash: followUp.claim_id };
    const cause = { causationid: followUp.claim_id, correlationid: followUp.claim_id };
    const taken = await intake.take(replacementOf(row.state!, claim), key, cause, {
      id: followUp.order_id,
      replaces: followUp.follows,
    });
    // Taken again at the next run.
    if (isRefusal(taken)) logger.warn({ orderId: followUp.order_id, reason: taken.detail }, 'replacement waits');
  }

  async function ended({ follows: orderId, claim_id: claimId, status }: OpenFollowUp): Promise<void> {
    const id = uuidv7();
    const command = { type: 'recordFollowUp', claimId, status: status! } as const;
    await processor.submit({ orderId, command, cause: { causationid: id, correlationid: id } });
  }

  /** Tried again at the next run. Where the order itself cannot be taken, that is kept for `olms audit`, and said once. */
  async function failed({ order_id: orderId, refusal }: OpenFollowUp, error: Error): Promise<void> {
    const lasting = error instanceof Problem && ERRORS[error.code].status < 500;
    if (lasting && error.message === refusal) return;
    logger.error({ orderId, err: error }, 'a follow-up order failed');
    if (lasting) await keepRefusal(database, orderId, error.message);
  }

  const poller = startDuePoller({
    name: 'orders follow-ups',
    everyMs: POLL_MS,
    clock,
    logger,
    async run() {
      const open = await openFollowUps(database, OPEN_PER_RUN);
      const done = await Promise.allSettled(open.map((one) => (one.status === null ? placed(one) : ended(one))));
      // One that cannot be placed keeps none of the others from it.
      for (const [index, result] of done.entries())
        if (result.status === 'rejected') await failed(open[index]!, result.reason as Error);
    },
  });
  processor.onChange((_, events) => {
    if (events.some(({ type }) => type === 'OrderClaimOpened')) poller.dueAt(clock.nowMs());
  });
  return poller;
}
