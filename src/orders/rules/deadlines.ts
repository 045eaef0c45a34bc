import { isByHand } from '#contracts/payment-providers.ts';
import { isoMs, isoTime } from '#contracts/time.ts';
import type { DecideContext, Deadlines } from './commands.ts';
import type { Status } from './lifecycle.ts';
import { isAwaited } from './receipts.ts';
import { type Hold, mayPayAgain, type Order } from './state.ts';

/** When a waiting that begins now ends by itself (RFC 3339). */
export function deadline(status: Status & keyof Deadlines, held: boolean, context: DecideContext): string {
  return isoTime(context.nowMs + context.deadlines[held ? 'held' : status]);
}

/** When an order stops waiting for its payment (RFC 3339): where people receive the money, that takes days. */
export function paymentDeadline({ payment }: Order, context: DecideContext): string {
  const { manualPayment, PAYMENT_PENDING } = context.deadlines;
  return isoTime(context.nowMs + (isByHand(payment.provider) ? manualPayment : PAYMENT_PENDING));
}

/** A hold that somebody else ends in time is given this much more before the order ends by itself. */
const GRACE_MS = 60_000;

/** When a waiting ends by itself that holds keep the order in (RFC 3339): the last of them decides. */
export function heldUntil(holds: readonly Hold[], context: DecideContext): string {
  let untilMs = 0;
  for (const { steps, endsAt } of holds) {
    if (steps.length === 0) continue;
    const longestMs = context.nowMs + context.deadlines.held;
    const endedMs = endsAt === undefined ? longestMs : isoMs(endsAt) + GRACE_MS;
    const ms = endedMs < longestMs ? endedMs : longestMs;
    if (ms > untilMs) untilMs = ms;
  }
  return isoTime(untilMs);
}

/** The deadline that follows from a change of holds in the order's present status; undefined where nothing is waited for. */
export function deadlineUnder(order: Order, holds: readonly Hold[], context: DecideContext): string | undefined {
  if (!(order.status in context.deadlines)) return undefined;
  if (mayPayAgain(order) && holds.every((hold) => hold.steps.length === 0)) return order.payAgain!.until;
  if (order.status === 'PAYMENT_PENDING' && holds.every((hold) => hold.steps.length === 0))
    return paymentDeadline(order, context);
  return holds.some((hold) => hold.steps.length > 0)
    ? heldUntil(holds, context)
    : deadline(order.status as Status & keyof Deadlines, false, context);
}

/** When something of the order is next due by itself: its waiting, the decision on a change, the end of a return. Undefined where nothing is. */
export function nextDeadline({ deadlineAt, change, returns }: Order): string | undefined {
  let next = deadlineAt;
  const at = (time: string | undefined): void => {
    if (time !== undefined && (next === undefined || time < next)) next = time;
  };
  at(change?.deadlineAt);
  for (const entry of returns) if (entry.deadlineAt !== undefined && isAwaited(entry)) at(entry.deadlineAt);
  return next;
}

/** Why an order ends whose waiting has passed its deadline. */
const EXPIRY_REASONS: Partial<Record<Status, string>> = {
  CREATED: 'no stock decision in time',
  BACKORDERED: 'no stock arrived in time',
  RESERVED: 'not paid in time',
  PAYMENT_PENDING: 'the payment did not come through in time',
};

/** Why this order ends whose waiting has passed its deadline. */
export function expiryReason(order: Order): string {
  const reviewed = order.holds.some(
    ({ type, endsAt }) =>
      type === 'review' && endsAt !== undefined && order.deadlineAt !== undefined && endsAt <= order.deadlineAt,
  );
  return reviewed ? 'not reviewed in time' : (EXPIRY_REASONS[order.status] ?? 'deadline passed');
}
