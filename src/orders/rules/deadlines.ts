import { isoTime } from '#contracts/time.ts';
import type { DecideContext, Deadlines } from './commands.ts';
import type { Status } from './lifecycle.ts';
import type { Hold, Order } from './state.ts';

/** When a waiting that begins now ends by itself (RFC 3339). */
export function deadline(status: keyof Deadlines, held: boolean, context: DecideContext): string {
  return isoTime(context.nowMs + context.deadlines[held ? 'held' : status]);
}

/** The deadline that follows from a change of holds in the order's present status; undefined where nothing is waited for. */
export function deadlineUnder(order: Order, holds: readonly Hold[], context: DecideContext): string | undefined {
  return order.status in context.deadlines
    ? deadline(
        order.status as keyof Deadlines,
        holds.some((hold) => hold.steps.length > 0),
        context,
      )
    : undefined;
}

/** Why an order ends whose waiting has passed its deadline. */
export const EXPIRY_REASONS: Partial<Record<Status, string>> = {
  CREATED: 'no stock decision in time',
  BACKORDERED: 'no stock arrived in time',
  RESERVED: 'not paid in time',
  PAYMENT_PENDING: 'the payment did not come through in time',
};
