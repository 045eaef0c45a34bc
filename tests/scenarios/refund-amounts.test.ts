import { describe, expect, test } from 'vitest';
import { burden } from '#tests/support/amounts.ts';
import { expectSoundLog } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** What comes back is worth what was paid for it: with its part of discount, tax and shipping, to the unit. */

const system = useSystem();

interface Line {
  readonly sku: string;
  readonly quantity: number;
  readonly unitPrice: string;
}

async function completed(items: readonly Line[], wishes: Record<string, unknown> = {}): Promise<Order> {
  const { id } = await system.api.placeOrder({ items, ...wishes });
  return system.api.untilStatus(id, 'COMPLETED');
}

/** Sends goods back and has them received; answers with what they were credited with. */
async function sendBack(id: string, what: Record<string, unknown> = {}): Promise<Order['returns'][number]> {
  const { api } = system;
  const asked = await api.command(id, 'returns', { reason: 'too small', ...what });
  expect(asked.status).toBe(200);
  const { returnId } = asked.body.returns.at(-1)!;
  const received = await api.command(id, `returns/${returnId}/receive`);
  expect(received.status).toBe(200);
  return received.body.returns.at(-1)!;
}

async function settled(id: string): Promise<Order> {
  return system.api.untilOrder(id, 'settled', ({ refunds }) => refunds.every(({ status }) => status === 'DONE'));
}

async function skus(count: number): Promise<string[]> {
  return Promise.all(Array.from({ length: count }, () => system.api.product(100)));
}

describe('what comes back is worth', () => {
  test('its part of the discount: the other item is not free', async () => {
    const [a, b] = await skus(2);
    const { id } = await completed(
      [
        { sku: a!, quantity: 1, unitPrice: '60.00' },
        { sku: b!, quantity: 1, unitPrice: '40.00' },
      ],
      { discountLines: [{ amount: '50.00' }] },
    );
    const back = await sendBack(id, { items: [{ sku: a!, quantity: 1 }] });
    expect(back.credited).toEqual([{ line: 1, quantity: 1, amount: '30.00' }]);
    expect((await settled(id)).refundedAmount).toBe('30.00');
    const [charge] = await expectBooksAgree(system, id);
    expect(charge!.refunded).toBe('30.00');
    const invoice = await until('the credit note', async () => {
      const present = await system.api.invoice(id);
      return present.creditNotes.length > 0 && present;
    });
    expect(invoice.creditNotes).toMatchObject([{ amount: '30.00' }]);
    await sendBack(id);
    expect(await settled(id)).toMatchObject({ refundedAmount: '50.00', paymentStatus: 'REFUNDED' });
  });

  test('the tax that was paid on it', async () => {
    const [sku] = await skus(1);
    const { id } = await completed([{ sku: sku!, quantity: 2, unitPrice: '100.00' }], {
      taxLines: [{ name: 'VAT', amount: '40.00' }],
    });
    const back = await sendBack(id);
    expect(back.credited).toEqual([{ line: 1, quantity: 2, amount: '240.00', tax: '40.00' }]);
    expect(await settled(id)).toMatchObject({ refundedAmount: '240.00', paymentStatus: 'REFUNDED' });
    expect(burden(await expectBooksAgree(system, id))).toBe(0n);
  });

  test('the price of its line, where a SKU stands on two', async () => {
    const [sku] = await skus(1);
    const items = [
      { sku: sku!, quantity: 1, unitPrice: '10.00' },
      { sku: sku!, quantity: 1, unitPrice: '1.00' },
    ];
    const { id } = await completed(items);
    const one = [{ sku: sku!, quantity: 1 }];
    expect((await sendBack(id, { items: one })).lines).toEqual([{ line: 1, quantity: 1 }]);
    expect((await sendBack(id, { items: one })).lines).toEqual([{ line: 2, quantity: 1 }]);
    expect(await settled(id)).toMatchObject({ refundedAmount: '11.00', paymentStatus: 'REFUNDED' });

    const named = await completed(items);
    const cheap = await sendBack(named.id, { lines: [{ line: 2, quantity: 1, reasonCode: 'defective' }] });
    expect(cheap).toMatchObject({ lines: [{ line: 2, reasonCode: 'defective' }], credited: [{ amount: '1.00' }] });
    const twice = await system.api.command(named.id, 'returns', { lines: [{ line: 2, quantity: 1 }], reason: 'x' });
    expect([twice.status, twice.body.code]).toEqual([409, 'RETURN_EXCEEDS_SHIPPED']);
    const both = await system.api.command(named.id, 'returns', {
      items: one,
      lines: [{ line: 1, quantity: 1 }],
      reason: 'x',
    });
    expect([both.status, both.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });

  test.each([
    ['EUR', '0.3350', ['0.34', '0.34', '0.33'], '1.01'],
    ['JPY', '333', ['300', '300', '299'], '899'],
    ['KWD', '1.2505', ['1.251', '1.251', '1.250'], '3.752'],
  ])('its part of the line, so that %s pieces of %s one by one are %j', async (currency, unitPrice, parts, sum) => {
    const [sku, other] = await skus(2);
    const { id } = await completed(
      [
        { sku: sku!, quantity: 3, unitPrice },
        { sku: other!, quantity: 1, unitPrice: '0' },
      ],
      { currency, ...(currency === 'JPY' && { discountLines: [{ amount: '100' }] }) },
    );
    const credited: (string | undefined)[] = [];
    for (let piece = 0; piece < 3; piece++)
      credited.push((await sendBack(id, { items: [{ sku: sku!, quantity: 1 }] })).credited?.[0]?.amount);
    expect(credited).toEqual(parts);
    expect((await settled(id)).refundedAmount).toBe(sum);
    await expectBooksAgree(system, id);
  });

  test('all but the shipping, and the shipping too once every piece is back', async () => {
    const [a, b] = await skus(2);
    const { id, totalAmount } = await completed(
      [
        { sku: a!, quantity: 1, unitPrice: '10.00' },
        { sku: b!, quantity: 2, unitPrice: '5.00' },
      ],
      { discountLines: [{ amount: '1.00' }], taxLines: [{ amount: '3.61' }], shippingLines: [{ amount: '4.00' }] },
    );
    expect(totalAmount).toBe('26.61');
    expect((await sendBack(id, { items: [{ sku: a!, quantity: 1 }] })).credited).toHaveLength(1);
    const last = await sendBack(id);
    expect(last.credited).toMatchObject([
      { line: 2, quantity: 2 },
      { shipping: 1, amount: '4.63', tax: '0.63' },
    ]);
    expect(await settled(id)).toMatchObject({ refundedAmount: '26.61', paymentStatus: 'REFUNDED' });
    expect(burden(await expectBooksAgree(system, id))).toBe(0n);
    expectSoundLog(id, await system.api.events(id));
  });

  test('no more than is left of a line for which money was given before', async () => {
    const [sku] = await skus(1);
    const { id } = await completed([{ sku: sku!, quantity: 3, unitPrice: '20.00' }]);
    await system.api.command(id, 'refunds', { amount: '5.00', reason: 'scratched' });
    const parts: (string | undefined)[] = [];
    for (let piece = 0; piece < 3; piece++)
      parts.push((await sendBack(id, { lines: [{ line: 1, quantity: 1 }] })).credited?.[0]?.amount);
    expect(parts).toEqual(['18.33', '18.34', '18.33']);
    expect(await settled(id)).toMatchObject({ refundedAmount: '60.00', paymentStatus: 'REFUNDED' });
  });
});

test('goods that come back without a refund are owed until a person decides', async () => {
  const { api } = system;
  const [sku] = await skus(1);
  const { id } = await completed([{ sku: sku!, quantity: 2, unitPrice: '10.00' }]);
  const asked = await api.command(id, 'returns', { items: [{ sku, quantity: 1 }], reason: 'gift' });
  const { returnId } = asked.body.returns[0]!;
  const received = await api.command(id, `returns/${returnId}/receive`, { refund: false });
  expect(received.body).toMatchObject({ refunds: [], owedAmount: '10.00' });
  const more = await api.command(id, 'refunds', { amount: '10.01', kind: 'owed', reason: 'x' });
  expect([more.status, more.body.code]).toEqual([409, 'REFUND_EXCEEDS_CAPTURED']);
  expect((await api.command(id, 'refunds', { kind: 'owed', reason: 'after all' })).status).toBe(200);
  const order = await settled(id);
  expect(order).toMatchObject({ refundedAmount: '10.00', refunds: [{ amount: '10.00' }] });
  expect(order.owedAmount).toBeUndefined();
});
