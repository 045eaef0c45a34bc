import { amountMinor } from '#contracts/money.ts';
import type { NewEvent } from '#contracts/order-events.ts';
import type { DecideContext } from './commands.ts';
import { deadlineUnder } from './deadlines.ts';
import { GOODS_TO_GO } from './lifecycle.ts';
import { accountOf } from './settle.ts';
import { HOLD_STEPS, isDisputed, type Order } from './state.ts';

/** Goods for which nothing is paid any more do not leave until a person has decided. */

/** The hold that stops them; a person releases it, or cancels the order. */
export const REFUNDED = 'refunded';

/** True where goods are still to leave, and all that was paid for the order went back or is going back. */
function isUnpaid(order: Order): boolean {
  if (!GOODS_TO_GO.has(order.status)) return false;
  // Given up at the provider: nothing is held for goods that are still to go.
  if (order.paymentStatus === 'VOIDED') return true;
  if (order.refunds.length === 0 && !order.disputes) return false;
  const { captured, refundable } = accountOf(order);
  const total = amountMinor(order.totalAmount, order.currency);
  // What is only authorized is paid when it leaves; what costs nothing needs no payment.
  return total > 0n && captured >= total && refundable <= 0n;
}

/** Holds the order when a decision left nothing of its payment, and lets it go again where the refund was refused. */
export function stopUnpaid(order: Order, before: Order, context: DecideContext): NewEvent | undefined {
  const unpaid = isUnpaid(order);
  if (unpaid === isUnpaid(before)) return undefined;
  const held = order.holds.some(({ type }) => type === REFUNDED);
  if (unpaid === held) return undefined;
  const by = 'orders';
  if (unpaid) {
    const lost =
      order.paymentStatus === 'VOIDED' ? 'given up at the provider' : isDisputed(order) ? 'disputed' : 'refunded';
    const reason = `all that was paid is ${lost}; release the goods or cancel the order`;
    const holds = [...order.holds, { type: REFUNDED, reason, by, steps: HOLD_STEPS }];
    const deadlineAt = deadlineUnder(order, holds, context);
    return { type: 'OrderHeld', data: { hold: REFUNDED, reason, by, deadlineAt } };
  }
  const holds = order.holds.filter(({ type }) => type !== REFUNDED);
  const deadlineAt = deadlineUnder(order, holds, context);
  return {
    type: 'OrderReleased',
    data: {
      hold: REFUNDED,
      reason: order.disputes ? 'the money is there again' : 'the refund was refused',
      by,
      deadlineAt,
    },
  };
}
