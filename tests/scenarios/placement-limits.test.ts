import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';

/** What could never be paid is refused when it is placed, and leaves nothing behind. */

const system = useSystem();
let sku: string;

beforeAll(async () => {
  sku = await system.api.product(2_000_000);
});

/** The most that one amount can be in EUR, and one cent. */
const MOST = '10000000000000.00';
const CENT = '0.01';
const line = (unitPrice: string): object => ({ sku, quantity: 1, unitPrice });

describe('a sum beyond every amount is refused although each part is not: of', () => {
  test.each([
    ['the lines', { items: [MOST, CENT] }, '/items'],
    ['the taxes', { items: [CENT], taxLines: [MOST, CENT] }, '/taxLines'],
    ['the shipping lines', { items: [CENT], shippingLines: [MOST, CENT] }, '/shippingLines'],
    ['the discounts', { items: [CENT], discountLines: [MOST, CENT] }, '/discountLines'],
    ['all of it', { items: [MOST], shippingLines: [CENT] }, ''],
    ['the lines, whatever the discount', { items: [MOST, MOST], discountLines: [MOST] }, '/items'],
  ])('%s', async (_what, { items, ...charges }: Record<string, string[]> & { items: string[] }, pointer) => {
    const { api } = system;
    const customerId = randomUUID();
    const answer = await api.postOrder({
      customerId,
      items: items.map(line),
      ...Object.fromEntries(
        Object.entries(charges).map(([name, amounts]) => [name, amounts.map((amount) => ({ amount }))]),
      ),
    });
    expect([answer.status, answer.body.code]).toEqual([422, 'AMOUNT_INVALID']);
    expect(answer.body.errors?.[0]?.pointer).toBe(pointer);
    expect((await api.orders(`customerId=${customerId}`)).items).toEqual([]);
  });

  test('and the most there can be is paid like any other', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({
      items: [line(MOST), line(CENT)].slice(0, 1),
      discountLines: [{ amount: CENT }],
      taxLines: [{ amount: CENT }],
    });
    const done = await api.untilStatus(id, 'COMPLETED');
    expect(done.totalAmount).toBe(MOST);
  });
});

describe('a payment provider that is not configured', () => {
  test('is refused, the configured ones are named, and nobody hears of a payment that was declined', async () => {
    const { api } = system;
    const customerId = randomUUID();
    const answer = await api.postOrder({ customerId, sku, payment: { provider: 'paypal', token: 'tok_approve' } });
    expect([answer.status, answer.body.code]).toEqual([422, 'UNKNOWN_PROVIDER']);
    expect(answer.body.detail).toContain('sandbox');
    expect(answer.body.errors?.[0]?.pointer).toBe('/payment/provider');
    expect((await api.orders(`customerId=${customerId}`)).items).toEqual([]);
  });

  test.each(['pm_card_visa', 'ctoken_1', 'bank_transfer'])(
    'refuses the token %s of another one at placement',
    async (token) => {
      const { api } = system;
      const answer = await api.postOrder({ sku, payment: { provider: 'sandbox', token } });
      expect([answer.status, answer.body.code]).toEqual([422, 'PAYMENT_TOKEN_INVALID']);
      expect(answer.body.errors?.[0]?.pointer).toBe('/payment/token');
    },
  );

  test('does not keep those out that name a configured one, or none', async () => {
    const { api } = system;
    for (const payment of [{ provider: 'sandbox', token: 'tok_approve' }, { token: 'tok_approve' }]) {
      const { id } = await api.placeOrder({ sku, payment });
      expect((await api.untilStatus(id, 'COMPLETED')).payment).toEqual({ provider: 'sandbox' });
    }
  });
});
