import { expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectChargedOnce } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** A buyer who is willing to wait gets the next stock, first come first served. */

const system = useSystem();

/** An order may be completed before inventory consumed that its goods left. */
const untilOffTheBooks = (sku: string): Promise<unknown> =>
  until('the goods to be off the books', async () => (await system.api.stock(sku)).reserved === 0);

test('an order that may wait is BACKORDERED, takes nothing, and is filled by an adjustment', async () => {
  const { api, provider } = system;
  const [sku, other] = [await api.product(1), await api.product(10)];
  const { id } = await api.placeOrder({
    items: [
      { sku, quantity: 3, unitPrice: '5.00' },
      { sku: other, quantity: 2, unitPrice: '1.00' },
    ],
    allowBackorder: true,
  });
  const waiting = await api.untilStatus(id, 'BACKORDERED');
  expect(waiting).toMatchObject({
    paymentStatus: 'NONE',
    shortages: [{ sku, requested: 3, available: 1 }],
    allocations: [],
  });
  await untilLike(() => api.stock(sku), { onHand: 1, reserved: 0 });
  await untilLike(() => api.stock(other), { onHand: 10, reserved: 0 });
  expect(await provider.of(id)).toEqual([]);
  await api.untilNotified(id, 'OrderBackordered');

  // Not enough yet.
  await api.adjustStock(sku, { delta: 1 });
  expect((await api.order(id)).status).toBe('BACKORDERED');
  await api.adjustStock(sku, { delta: 1 });
  const done = await api.untilStatus(id, 'COMPLETED');
  expect(done.shortages).toBeUndefined();
  await expectChargedOnce(system, id);
  await untilOffTheBooks(sku);
  await untilOffTheBooks(other);
  await untilLike(() => api.stock(sku), { onHand: 0, reserved: 0 });
  await untilLike(() => api.stock(other), { onHand: 8, reserved: 0 });
  const events = await api.events(id);
  expectSoundLog(id, events);
  expect(typesOf(events, 'inventory')).toEqual(['StockBackordered', 'StockReserved', 'StockShipped']);
});

test('who came first is served first', async () => {
  const { api } = system;
  const sku = await api.product(0);
  const ids: string[] = [];
  for (let index = 0; index < 5; index++) {
    const { id } = await api.placeOrder({ sku, quantity: 2, allowBackorder: true });
    await api.untilStatus(id, 'BACKORDERED');
    ids.push(id);
  }
  await api.adjustStock(sku, { delta: 5 });
  await api.untilStatus(ids[0]!, 'COMPLETED');
  await api.untilStatus(ids[1]!, 'COMPLETED');
  const rest = await Promise.all(ids.slice(2).map((id) => api.order(id)));
  expect(rest.map(({ status }) => status)).toEqual(['BACKORDERED', 'BACKORDERED', 'BACKORDERED']);
  await untilOffTheBooks(sku);
  await untilLike(() => api.stock(sku), { onHand: 1, reserved: 0 });
});

test('a cancelled order gives its stock to the one that waits', async () => {
  const { api } = system;
  const sku = await api.product(2);
  const holder = await api.placeOrder({ sku, quantity: 2, requiresReview: true });
  await api.untilStatus(holder.id, 'RESERVED');
  const waiting = await api.placeOrder({ sku, quantity: 2, allowBackorder: true });
  await api.untilStatus(waiting.id, 'BACKORDERED');
  await api.cancel(holder.id);
  await api.untilStatus(waiting.id, 'COMPLETED');
  await untilOffTheBooks(sku);
  await untilLike(() => api.stock(sku), { onHand: 0, reserved: 0 });
});

test('a count to a higher number fills the waiting too', async () => {
  const { api } = system;
  const sku = await api.product(0);
  const { id } = await api.placeOrder({ sku, quantity: 4, allowBackorder: true });
  await api.untilStatus(id, 'BACKORDERED');
  await api.adjustStock(sku, { onHand: 4, location: 'north' });
  await api.untilStatus(id, 'COMPLETED');
  await untilOffTheBooks(sku);
  await untilLike(() => api.stock(sku), { onHand: 0, reserved: 0 });
});
