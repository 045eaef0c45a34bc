import type { Given, ManyOrders } from '#contracts/many-orders.ts';
import { refuse } from '#contracts/errors.ts';
import { foresee, type GivesEach, giveEach, refusedWith } from '#platform/processor/many.ts';
import { contextAt, type Clock } from '#platform/runtime/clock.ts';
import type { Review, ReviewCommand, ReviewRules } from './rules.ts';
import { reviewStore } from './store.ts';

/** Approves or rejects the reviews of many orders, or says what that would do. */
export async function decideReviews(
  parts: GivesEach<Review, ReviewCommand> & { readonly rules: ReviewRules; readonly clock: Clock },
  given: ManyOrders,
): Promise<{ readonly outcomes: readonly Given[] }> {
  const { orderIds, by, runId, correlationid } = given;
  const { reason = '', customerMessage } = given.arguments;
  const command: ReviewCommand =
    given.command === 'approve' ? { type: 'approve', reason, by } : { type: 'reject', reason, customerMessage, by };
  const rows = await reviewStore.load(parts.database, orderIds);
  const cause = { causationid: runId, correlationid };
  const context = contextAt(parts.clock);
  const there = orderIds.filter((id) => rows.has(id));
  const outcomes = given.dryRun
    ? there.map((id) => foresee(parts.rules, rows.get(id)!, command, { cause, context }).given)
    : await giveEach(
        parts,
        given,
        there.map((orderId) => ({ orderId, command })),
      );
  const missing = orderIds
    .filter((id) => !rows.has(id))
    .map((id) => refusedWith(id, refuse('REVIEW_NOT_FOUND', 'The order has no review.')));
  return { outcomes: [...outcomes, ...missing] };
}
