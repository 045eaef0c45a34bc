import { type Refusal, refuse } from '#contracts/errors.ts';
import { amountMinor, formatAmount, lineAmount } from '#contracts/money.ts';
import type { SkuQuantity } from '#contracts/order-events.ts';
import type { Order } from './state.ts';

/** How much of an order may come back: goods that were shipped, money that was captured. */

/** What may still be refunded, in minor units: captured less refunds done or under way. */
export function refundable(order: Order): bigint {
  if (order.paymentStatus !== 'CAPTURED' && order.paymentStatus !== 'PARTIALLY_REFUNDED') return 0n;
  let left = amountMinor(order.totalAmount, order.currency) - amountMinor(order.refundedAmount, order.currency);
  for (const refund of order.refunds)
    if (refund.status === 'REQUESTED') left -= amountMinor(refund.amount, order.currency);
  return left;
}

/** Quantities shipped and not yet coming back, by SKU. */
export function returnable(order: Order): SkuQuantity[] {
  const left = new Map<string, number>();
  for (const shipment of order.shipments)
    for (const item of shipment.items) left.set(item.sku, (left.get(item.sku) ?? 0) + item.quantity);
  for (const entry of order.returns)
    for (const item of entry.items) left.set(item.sku, (left.get(item.sku) ?? 0) - item.quantity);
  return [...left].filter(([, quantity]) => quantity > 0).map(([sku, quantity]) => ({ sku, quantity }));
}

/** The value of returned goods at the prices paid, never more than what may still be refunded. */
export function refundForReturn(order: Order, items: readonly SkuQuantity[]): bigint {
  let amount = 0n;
  for (const { sku, quantity } of items) {
    let left = quantity;
    for (const item of order.items) {
      if (item.sku !== sku || left === 0) continue;
      const taken = left < item.quantity ? left : item.quantity;
      amount +=
        taken === item.quantity
          ? amountMinor(item.amount, order.currency)
          : (lineAmount(taken, item.unitPrice, order.currency) ?? 0n);
      left -= taken;
    }
  }
  const most = refundable(order);
  return amount < most ? amount : most;
}

export function refundWithinCaptured(order: Order, amount: bigint | undefined): Refusal | undefined {
  const most = refundable(order);
  if (most <= 0n || (amount !== undefined && (amount > most || amount <= 0n))) {
    return refuse(
      'REFUND_EXCEEDS_CAPTURED',
      `At most ${formatAmount(most, order.currency)} ${order.currency} can be refunded.`,
    );
  }
  return undefined;
}

export function returnWithinShipped(order: Order, items: readonly SkuQuantity[] | undefined): Refusal | undefined {
  const left = new Map(returnable(order).map((item) => [item.sku, item.quantity]));
  const wanted = items ?? returnable(order);
  if (wanted.length === 0) return refuse('RETURN_EXCEEDS_SHIPPED', 'Nothing is left to return.');
  for (const { sku, quantity } of wanted) {
    const remaining = (left.get(sku) ?? 0) - quantity;
    if (remaining < 0)
      return refuse('RETURN_EXCEEDS_SHIPPED', `Of ${sku} at most ${left.get(sku) ?? 0} can be returned.`);
    left.set(sku, remaining);
  }
  return undefined;
}
