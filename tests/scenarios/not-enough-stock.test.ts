import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** All lines or none: an order that cannot be met whole takes nothing and costs nothing. */

const system = useSystem();

describe('an order for more than there is', () => {
  test('ends REJECTED, with nothing reserved, nothing charged and the customer notified', async () => {
    const { api, provider } = system;
    const sku = await api.product(2);
    const order = await api.placeOrder({ sku, quantity: 3 });
    const rejected = await api.untilStatus(order.id, 'REJECTED');
    expect(rejected).toMatchObject({
      paymentStatus: 'NONE',
      fulfillmentStatus: 'CANCELLED',
      shortages: [{ sku, requested: 3, available: 2 }],
      allocations: [],
    });
    expect(rejected.endReason).toBeDefined();
    expect(rejected.allowedActions).toEqual([]);
    await untilLike(() => api.stock(sku), { onHand: 2, reserved: 0, available: 2 });
    expect(await api.payment(order.id)).toBeUndefined();
    expect(await provider.of(order.id)).toEqual([]);
    expect(await api.shipments(order.id)).toEqual([]);
    const events = await api.events(order.id);
    expectSoundLog(order.id, events);
    expect(typesOf(events)).toEqual(['OrderCreated', 'StockRejected', 'OrderRejected']);
    const notified = await api.untilNotified(order.id, 'OrderRejected');
    expect(notified.map((item) => item.eventType)).toEqual(['OrderCreated', 'OrderRejected']);
  });

  test('takes no line when one line is short, however many others could be met', async () => {
    const { api } = system;
    const [plenty, short, none] = [await api.product(100), await api.product(4), await api.product(0)];
    const order = await api.placeOrder({
      items: [
        { sku: plenty, quantity: 10, unitPrice: '1.00' },
        { sku: short, quantity: 3, unitPrice: '1.00' },
        { sku: none, quantity: 1, unitPrice: '1.00' },
        // The same SKU again: together they are more than there is.
        { sku: short, quantity: 2, unitPrice: '1.00' },
      ],
    });
    const rejected = await api.untilStatus(order.id, 'REJECTED');
    expect([...rejected.shortages!].sort((a, b) => a.requested - b.requested)).toEqual([
      { sku: none, requested: 1, available: 0 },
      { sku: short, requested: 5, available: 4 },
    ]);
    for (const [sku, onHand] of [
      [plenty, 100],
      [short, 4],
      [none, 0],
    ] as const) {
      await untilLike(() => api.stock(sku), { onHand, reserved: 0, available: onHand });
    }
  });

  test('leaves what it wanted to the next buyer', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const tooMuch = await api.placeOrder({ sku, quantity: 6 });
    const enough = await api.placeOrder({ sku, quantity: 5 });
    const late = await api.placeOrder({ sku, quantity: 1 });
    await api.untilStatus(tooMuch.id, 'REJECTED');
    await api.untilStatus(enough.id, 'COMPLETED');
    await api.untilStatus(late.id, 'REJECTED');
    await untilLike(() => api.stock(sku), { onHand: 0, reserved: 0, available: 0 });
  });

  test('is met after a refused card has given the stock back', async () => {
    const { api } = system;
    const sku = await api.product(1);
    const declined = await api.placeOrder({ sku, token: 'tok_decline' });
    await api.untilStatus(declined.id, 'PAYMENT_FAILED');
    await until(`the released ${sku}`, async () => (await api.stock(sku)).available === 1);
    const next = await api.placeOrder({ sku });
    await api.untilStatus(next.id, 'COMPLETED');
  });
});

describe('a stock adjustment', () => {
  test('cannot take away what is reserved', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const order = await api.placeOrder({ sku, quantity: 4, requiresReview: true });
    await api.untilStatus(order.id, 'RESERVED');
    const refused = await api.call<{ code: string }>('POST', '/stock/adjustments', {
      body: { sku, delta: -2, reason: 'lost' },
      key: `k-${sku}-1`,
    });
    expect(refused.status).toBe(409);
    expect(refused.body.code).toBe('STOCK_INSUFFICIENT');
    await untilLike(() => api.stock(sku), { onHand: 5, reserved: 4, available: 1 });
    await api.adjustStock(sku, { delta: -1 });
    await untilLike(() => api.stock(sku), { onHand: 4, reserved: 4, available: 0 });
    await api.adjustStock(sku, { onHand: 9 });
    await untilLike(() => api.stock(sku), { onHand: 9, reserved: 4, available: 5 });
  });

  test('is made once however often its key is sent, also at the same time', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const send = (): ReturnType<typeof api.call> =>
      api.call('POST', '/stock/adjustments', { body: { sku, delta: 7, reason: 'delivery' }, key: `k-${sku}` });
    const answers = await Promise.all(Array.from({ length: 20 }, send));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 20 }, () => 201));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    expect((await send()).text).toBe(answers[0]!.text);
    await untilLike(() => api.stock(sku), { onHand: 7 });
    const other = await api.call<{ code: string }>('POST', '/stock/adjustments', {
      body: { sku, delta: 8, reason: 'delivery' },
      key: `k-${sku}`,
    });
    expect(other.status).toBe(422);
    expect(other.body.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });
});
