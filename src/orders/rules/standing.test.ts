import { describe, expect, test } from 'vitest';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import type { ChargeLine } from '#contracts/order-events.ts';
import { deliver, dispatch, newOrder, OrderStory, pay, refund, reserve } from '#tests/support/order-story.ts';
import { seeded } from '#tests/support/seeded.ts';
import type { OrderCommand } from './commands.ts';
import { cancelledPart, marksOf, unshippedPieces } from './ruler.ts';
import { standingContent } from './standing.ts';
import type { Order } from './state.ts';

const minor = (amount: string): bigint => amountMinor(amount, 'EUR');
const sum = (lines: readonly ChargeLine[] | undefined): bigint =>
  (lines ?? []).reduce((total, { amount }) => total + minor(amount), 0n);

/** Takes pieces of a line off the order, as a cancellation does. */
function without(order: Order, line: number, quantity: number): Order {
  const gone = cancelledPart(
    marksOf(order).find((ruler) => ruler.line === line)!,
    quantity,
    order.currency,
  );
  const totalAmount = formatAmount(minor(order.totalAmount) - minor(gone.amount), order.currency);
  return { ...order, totalAmount, cancelled: [...(order.cancelled ?? []), gone] };
}

function order(discount: string, tax: string): Order {
  const items = [
    { line: 1, sku: 'MUG', quantity: 3, unitPrice: '10.00', amount: '30.00' },
    { line: 2, sku: 'CUP', quantity: 2, unitPrice: '5.00', amount: '10.00' },
  ];
  const total = 4000n + 300n + minor(tax) - minor(discount);
  return newOrder({
    items,
    discountLines: [{ name: 'A', amount: discount }],
    taxLines: [{ name: 'VAT', amount: tax }],
    shippingLines: [{ amount: '3.00' }],
    totalAmount: formatAmount(total, 'EUR'),
  }).order;
}

test('an order without cancelled pieces stands as it was placed', () => {
  const placed = order('4.00', '7.80');
  const { items, taxLines, discountLines, shippingLines } = placed;
  expect(standingContent(placed)).toEqual({ items, taxLines, discountLines, shippingLines });
});

test('cancelled pieces take their goods, their discount and their tax along', () => {
  // 30.00 − 3.00 + 5.40 tax = 32.40, 10.00 − 1.00 + 1.80 = 10.80, shipping 3.00 + 0.60 = 3.60.
  const stands = standingContent(without(order('4.00', '7.80'), 1, 1));
  expect(stands.items.map(({ line, quantity, amount }) => [line, quantity, amount])).toEqual([
    [1, 2, '20.00'],
    [2, 2, '10.00'],
  ]);
  expect(stands).toMatchObject({ taxLines: [{ name: 'VAT', amount: '6.00' }], discountLines: [{ amount: '3.00' }] });
  const rest = standingContent(without(order('4.00', '7.80'), 2, 2));
  expect(rest.items.map(({ line }) => line)).toEqual([1]);
});

describe('where each parcel has its invoice', () => {
  const charges = { shippingLines: [{ amount: '3.00' }], discountLines: [{ amount: '3.29' }], totalAmount: '29.60' };
  const ready = (): OrderStory =>
    new OrderStory(charges, true).given(reserve, { ...pay, amount: '29.60', captured: '29.60' } as OrderCommand);

  test('it is over what left with it, the first with the shipping', () => {
    const s = ready().when(dispatch('east', false)).emits('OrderPartiallyShipped', 'OrderPartSold');
    expect(s.dataOf('OrderPartSold')).toMatchObject({
      shipmentId: 'east',
      items: [{ line: 2, quantity: 1, amount: '0.04' }],
      shippingLines: [{ amount: '3.00' }],
      totalAmount: '3.04',
    });
    s.when(dispatch('west', true)).emits('OrderShipped', 'OrderPartSold');
    expect(s.dataOf('OrderPartSold')).toMatchObject({
      items: [{ line: 1, quantity: 3, amount: '29.85' }],
      discountLines: [{ amount: '3.29' }],
      shippingLines: [],
      totalAmount: '26.56',
    });
    s.given(deliver('east', false)).when(deliver('west', true)).emits('OrderCompleted');
  });

  test('what was given before it left and then cancelled is invoiced with the completion', () => {
    const s = ready().given(refund('20.00'), dispatch('east', false));
    const order = without(s.order, 1, 3);
    expect(order.totalAmount).toBe('20.98');
    s.store({ ...s.row, state: { ...order, capturedAmount: '29.60' } });
    s.given({ ...dispatch('none', true), items: [] } as OrderCommand);
    s.when({ type: 'complete', by: 'operator' }).emits('OrderPartSold', 'OrderCompleted');
    expect(s.dataOf('OrderPartSold').totalAmount).toBe('17.94');
  });

  test('an order whose first parcel had none gets one when it is completed', () => {
    const s = ready().given(dispatch('east', false));
    const shipments = s.order.shipments.map((parcel) => ({ ...parcel, invoiced: undefined }));
    s.store({ ...s.row, state: { ...s.order, shipments } });
    s.when(dispatch('west', true)).emits('OrderShipped');
  });
});

test.each(Array.from({ length: 100 }, (_, seed) => seed))('what stands adds up to the total (seed %i)', (seed) => {
  const random = seeded(seed);
  let present = order(
    formatAmount(BigInt(random.between(0, 4900)), 'EUR'),
    formatAmount(BigInt(random.between(600, 900)), 'EUR'),
  );
  for (let step = 0; step < 4; step++) {
    const ruler = random.pick(marksOf(present).filter((candidate) => unshippedPieces(candidate) > 0));
    if (marksOf(present).reduce((n, one) => n + unshippedPieces(one), 0) < 2) break;
    present = without(present, ruler.line!, 1);
    const { items, taxLines, discountLines, shippingLines } = standingContent(present);
    expect(sum(items) + sum(taxLines) + sum(shippingLines) - sum(discountLines)).toBe(minor(present.totalAmount));
    for (const { amount } of [...items, ...taxLines!, ...discountLines!])
      expect(minor(amount)).toBeGreaterThanOrEqual(0n);
  }
});
