import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Answer } from '#tests/support/api.ts';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order, Problem } from '#tests/support/views.ts';

/** Goods that are reserved and gone: the count is taken, whoever is short is named and held, and nothing is promised out of it. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

interface Counted extends Problem {
  readonly shortOrders?: readonly { readonly orderId: string; readonly quantity: number }[];
}

const count = (sku: string, onHand: number, key: string = randomUUID()): Promise<Answer<Counted>> =>
  system.api.call('POST', '/stock/adjustments', { body: { sku, onHand, reason: 'stocktaking' }, key });
const held = (id: string): Promise<Order> =>
  system.api.untilOrder(id, 'on hold for its shortage', ({ holds }) => holds.some(({ type }) => type === 'shortage'));
const free = (id: string): Promise<Order> =>
  system.api.untilOrder(id, 'free of its shortage', ({ holds }) => holds.every(({ type }) => type !== 'shortage'));

/** Orders for so many pieces each, reserved in this order and kept from being paid. */
async function reserved(sku: string, ...quantities: number[]): Promise<string[]> {
  const ids: string[] = [];
  for (const quantity of quantities) {
    const { id } = await system.api.placeOrder({ sku, quantity, requiresReview: true });
    await system.api.untilStatus(id, 'RESERVED');
    ids.push(id);
  }
  return ids;
}

describe('a count below what is reserved', () => {
  test('is taken; the orders that came last are named, held and visible, and others go on', async () => {
    const { api } = system;
    const sku = await api.product(10);
    const [first, second, third] = (await reserved(sku, 4, 3, 2)) as [string, string, string];
    const key = randomUUID();
    const counted = await count(sku, 6, key);
    expect(counted.status).toBe(201);
    const short = [
      { orderId: third, quantity: 2 },
      { orderId: second, quantity: 1 },
    ];
    expect(counted.body.shortOrders).toEqual(short);
    expect((await count(sku, 6, key)).body).toEqual(counted.body);
    for (const id of [second, third]) {
      const { holds } = await held(id);
      expect(holds.find(({ type }) => type === 'shortage')).toMatchObject({ by: 'inventory' });
      expect(holds.find(({ type }) => type === 'shortage')!.reason).toContain(`of ${sku} at main`);
    }
    expect((await api.order(first)).holds.map(({ type }) => type)).toEqual(['review']);
    await untilLike(() => api.stock(sku), {
      onHand: 6,
      reserved: 9,
      available: 0,
      short: 3,
      locations: [{ location: 'main', onHand: 6, reserved: 9, available: 0, short: 3 }],
    });
    const shown = (await api.stock(sku)).shortOrders!;
    expect([...shown].sort((a, b) => b.quantity - a.quantity)).toEqual(short);
  });

  test('keeps an order from being paid and shipped until a person lets it go, or the goods are there again', async () => {
    const { api, provider } = system;
    const sku = await api.product(4);
    const paid = await api.placeOrder({ sku, quantity: 2 });
    await api.untilStatus(paid.id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(paid.id);
    const [unpaid] = (await reserved(sku, 2)) as [string];
    await count(sku, 1);
    await held(paid.id);
    await held(unpaid);
    await until('the shipment to be paused', async () => (await api.firstShipment(paid.id)).paused);
    expect((await api.dispatch(shipment.id)).body.code).toBe('SHIPMENT_ON_HOLD');
    await api.decideReview((await api.reviewOf(unpaid)).id, 'approve');
    await api.untilOrder(unpaid, 'approved', ({ holds }) => holds.length === 1);
    expect(await provider.of(unpaid)).toEqual([]);
    // Two more turn up: enough for the one that came first.
    await api.adjustStock(sku, { delta: 1 });
    await free(paid.id);
    expect((await api.order(unpaid)).holds.map(({ type }) => type)).toEqual(['shortage']);
    await api.adjustStock(sku, { delta: 2 });
    await free(unpaid);
    await api.untilStatus(unpaid, 'READY_FOR_SHIPMENT');
    await until('the shipment to go on', async () => !(await api.firstShipment(paid.id)).paused);
    expect((await api.dispatch(shipment.id)).status).toBe(200);
    await untilLike(() => api.stock(sku), { short: 0 });
    const events = await api.events(unpaid);
    expectSoundLog(unpaid, events);
    expect(typesOf(events, 'inventory')).toEqual(['StockReserved', 'StockLost', 'StockRecovered']);
  });

  test('promises nothing of it to anybody: not what is cancelled, not what arrives, before nobody is short', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const [first, second] = (await reserved(sku, 3, 2)) as [string, string];
    await count(sku, 2);
    await held(first);
    await held(second);
    const next = await api.placeOrder({ sku, quantity: 1 });
    await api.untilStatus(next.id, 'REJECTED');
    await api.cancel(second);
    await until('what it had to be given back', async () => (await api.stock(sku)).reserved === 3);
    await untilLike(() => api.stock(sku), { onHand: 2, available: 0, short: 1 });
    await held(first);
    await api.adjustStock(sku, { delta: 2 });
    await free(first);
    await untilLike(() => api.stock(sku), { onHand: 4, reserved: 3, available: 1, short: 0 });
    await api.untilStatus((await api.placeOrder({ sku, quantity: 1 })).id, 'READY_FOR_SHIPMENT');
  });

  test('lets a person decide otherwise: what is sent nevertheless is missing in the books until it is counted', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const { id } = await api.placeOrder({ sku, quantity: 2 });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    await count(sku, 0);
    await held(id);
    expect((await api.command(id, 'hold', { type: 'shortage', reason: 'x' })).body.code).toBe('ACTION_NOT_ALLOWED');
    expect((await api.command(id, 'release', { type: 'shortage', reason: 'found them' })).status).toBe(200);
    const shipment = await api.firstShipment(id);
    await until('the shipment to go on', async () => !(await api.firstShipment(id)).paused);
    expect((await api.dispatch(shipment.id)).status).toBe(200);
    await until('the goods to be off the books', async () => (await api.stock(sku)).reserved === 0);
    await untilLike(() => api.stock(sku), { onHand: -2, available: 0, short: 0 });
    await count(sku, 3);
    await untilLike(() => api.stock(sku), { onHand: 3, available: 3, short: 0 });
  });

  test('is one of many: whatever is sold and counted at the same time, nobody gets what is not there', async () => {
    const { api } = system;
    const sku = await api.product(30);
    const orders = Promise.all(Array.from({ length: 40 }, () => api.placeOrder({ sku, requiresReview: true })));
    const counts = await Promise.all([5, 12, 3, 8].map((onHand) => count(sku, onHand)));
    expect(counts.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const ids = (await orders).map(({ id }) => id);
    await until('all of them to be decided', async () =>
      (await Promise.all(ids.map((id) => api.order(id)))).every(({ status }) => status !== 'CREATED'),
    );
    const {
      onHand,
      reserved: taken,
      short,
      shortOrders = [],
    } = await until('the shortage to be reported', async () => {
      const stock = await api.stock(sku);
      const named = (stock.shortOrders ?? []).reduce((sum, { quantity }) => sum + quantity, 0);
      return named === stock.short && stock;
    });
    expect(short).toBe(Math.max(0, taken - onHand));
    const reservedNow = (await Promise.all(ids.map((id) => api.order(id)))).filter(
      ({ status }) => status === 'RESERVED',
    );
    expect(reservedNow).toHaveLength(taken);
    for (const { orderId } of shortOrders) await held(orderId);
  });
});

test('a difference that would leave less than is reserved is refused: it is no count', async () => {
  const { api } = system;
  const sku = await api.product(5);
  await reserved(sku, 4);
  const refused = await api.call<Problem>('POST', '/stock/adjustments', {
    body: { sku, delta: -2, reason: 'lost' },
    key: randomUUID(),
  });
  expect([refused.status, refused.body.code]).toEqual([409, 'STOCK_INSUFFICIENT']);
  expect(refused.body.detail).toContain('onHand');
  await untilLike(() => api.stock(sku), { onHand: 5, reserved: 4, available: 1, short: 0 });
});
