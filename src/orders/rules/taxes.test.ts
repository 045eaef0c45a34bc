import { describe, expect, test } from 'vitest';
import type { ChargeLine, EventData, LinePart } from '#contracts/order-events.ts';
import { dispatch, OrderStory, pay, receive, reserve } from '#tests/support/order-story.ts';
import type { OrderCommand } from './commands.ts';
import { type OrderRequest, place, type PlacementProblem } from './placement.ts';

/** Orders whose lines name the rate of their tax. */

const CATALOG = {
  bySku: (sku: string) => ({ id: sku, sku, name: sku }),
  byId: () => undefined,
};
const POLICY = {
  createdDeadlineMs: 1,
  reviewDeadlineMs: 1,
  reviewTotals: new Map<string, bigint>(),
  defaultProvider: 'sandbox',
};

function placed(request: Partial<OrderRequest>): EventData<'OrderCreated'> | readonly PlacementProblem[] {
  const order = { currency: 'EUR', payment: { token: 'tok_approve' }, items: [], ...request };
  return place(order, CATALOG, POLICY, { nowMs: 0, newId: () => 'id' });
}
const taken = (request: Partial<OrderRequest>): EventData<'OrderCreated'> =>
  placed(request) as EventData<'OrderCreated'>;
const taxesOf = (lines: readonly ChargeLine[] | undefined): unknown[] | undefined => lines?.map(({ tax }) => tax);

/** Two rates, a discount on all, and shipping. */
const MIXED = {
  items: [
    { sku: 'A', quantity: 3, unitPrice: '19.99', taxRate: '19' },
    { sku: 'B', quantity: 2, unitPrice: '7.45', taxRate: '7' },
  ],
  discountLines: [{ amount: '5.00' }],
  shippingLines: [{ amount: '4.90', taxRate: '19' }],
} as const;

describe('tax by rates', () => {
  test('is on top of what is left after the discounts, rounded by the line', () => {
    const order = taken(MIXED);
    expect(taxesOf(order.items)).toEqual(['10.63', '0.97']);
    expect(order.items.map(({ discount }) => discount)).toEqual(['4.00', '1.00']);
    expect(order.shippingLines).toMatchObject([{ amount: '4.90', taxRate: '19', tax: '0.93' }]);
    expect(order.taxLines).toEqual([
      { amount: '11.56', taxRate: '19' },
      { amount: '0.97', taxRate: '7' },
    ]);
    expect(order.totalAmount).toBe('87.30');
  });

  test('or by the rate, spread over its lines', () => {
    const order = taken({ ...MIXED, taxRounding: 'rate' });
    expect(order.taxLines?.[0]).toEqual({ amount: '11.57', taxRate: '19' });
    expect([...taxesOf(order.items)!, ...taxesOf(order.shippingLines)!]).toEqual(['10.64', '0.97', '0.93']);
    expect(order.totalAmount).toBe('87.31');
  });

  test('is inside the prices where they include it', () => {
    const items = [{ sku: 'A', quantity: 10, unitPrice: '23.90', taxRate: '20' }];
    const order = taken({ items, discountLines: [{ amount: '59.75' }], pricesIncludeTax: true });
    expect(order).toMatchObject({ totalAmount: '179.25', pricesIncludeTax: true, items: [{ tax: '29.87' }] });
    expect(order.taxLines).toBeUndefined();
  });

  test.each([
    ['JPY', '333', '10', '899', '82'],
    ['KWD', '1.2505', '5', '3.652', '0.174'],
  ])('in %s', (currency, unitPrice, taxRate, total, tax) => {
    const items = [{ sku: 'A', quantity: 3, unitPrice, taxRate }];
    const discountLines = [{ amount: currency === 'JPY' ? '100' : '0.100' }];
    const order = taken({ currency, items, discountLines, pricesIncludeTax: true });
    expect([order.totalAmount, order.items[0]!.tax]).toEqual([total, tax]);
  });

  test.each<[string, Partial<OrderRequest>, string]>([
    ['beside given tax lines', { ...MIXED, taxLines: [{ amount: '1.00' }] }, '/taxLines'],
    ['by some lines alone', { ...MIXED, shippingLines: [{ amount: '4.90' }] }, '/shippingLines/0/taxRate'],
    ['of more than everything', { items: [{ ...MIXED.items[0], taxRate: '100.5' }] }, '/items/0/taxRate'],
    ['and an exemption', { items: [{ ...MIXED.items[0], taxExemption: 'books' }] }, '/items/0/taxExemption'],
    [
      'by nobody, yet inside',
      { items: [{ sku: 'A', quantity: 1, unitPrice: '1' }], pricesIncludeTax: true },
      '/pricesIncludeTax',
    ],
  ])('is refused %s', (_, request, pointer) => {
    expect(placed(request)).toMatchObject([{ code: 'TAX_INVALID', pointer }]);
  });

  test('leaves no room for a discount that exceeds the goods', () => {
    const refused = placed({ ...MIXED, discountLines: [{ amount: '80.00' }] });
    expect(refused).toMatchObject([{ code: 'TOTAL_MISMATCH', pointer: '/discountLines' }]);
  });
});

describe('parts of an order with rates', () => {
  const total = taken(MIXED).totalAmount;
  const story = (request: Partial<OrderRequest> = MIXED): OrderStory => {
    const order = taken(request);
    const captured = order.totalAmount;
    return new OrderStory(order, true).given(reserve, { ...pay, amount: captured, captured } as OrderCommand);
  };
  const left = (shipmentId: string, sku: string, quantity: number, last: boolean): OrderCommand =>
    ({ ...dispatch(shipmentId, last), items: [{ sku, quantity }] }) as OrderCommand;

  test('are invoiced with the tax that is theirs, and all of it', () => {
    const s = story().when(left('one', 'A', 1, false));
    expect(s.dataOf('OrderPartSold')).toMatchObject({
      items: [{ line: 1, amount: '19.99', discount: '1.33', tax: '3.54', taxRate: '19' }],
      taxLines: [{ amount: '4.47', taxRate: '19' }, { amount: '0.00' }],
      totalAmount: '28.03',
    });
    s.when(left('two', 'A', 2, false));
    const second = s.dataOf('OrderPartSold').totalAmount;
    s.when(left('three', 'B', 2, true));
    const third = s.dataOf('OrderPartSold').totalAmount;
    expect(28.03 + Number(second) + Number(third)).toBeCloseTo(Number(total), 6);
  });

  test('are refunded line by line, and the refund says so', () => {
    const s = story({ ...MIXED, pricesIncludeTax: true }).given(left('one', 'A', 3, false), left('two', 'B', 2, true));
    s.when({
      type: 'requestReturn',
      lines: [{ line: 2, quantity: 1 }],
      reason: 'late',
      by: 'x',
    } as never);
    const { returnId } = s.dataOf('OrderReturnRequested');
    s.when(receive(returnId));
    const { refundId, amount } = s.dataOf('OrderRefundRequested');
    s.when({ type: 'recordRefund', refundId, amount, captured: s.order.totalAmount, refunded: amount } as never);
    const lines = s.dataOf('OrderRefunded').lines as LinePart[];
    expect(lines).toEqual([{ line: 2, quantity: 1, amount, tax: '0.46' }]);
    expect(s.order.refunds[0]).toMatchObject({ status: 'DONE', lines });
  });
});
