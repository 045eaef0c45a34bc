import { expect, test } from 'vitest';
import { isFinal } from '#tests/support/api.ts';
import { expectSoundLog } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** Everybody wants the same thing at once. */

// The patience with the provider is the one of production: on a busy machine the short one of the tests would be what is measured.
const system = useSystem({ env: { PAYMENTS_TIMEOUT_MS: '2000', PAYMENTS_CANCEL_SAFETY_MS: '30000' } });

test('of 200 concurrent buyers of 50 units exactly 50 get one and 150 are rejected, within ten seconds', async () => {
  const { api, provider } = system;
  const sku = await api.product(50);
  const startedMs = performance.now();
  const placed = await Promise.all(Array.from({ length: 200 }, () => api.placeOrder({ sku })));
  // One caller looks at the list now and then: two hundred that look all the time would be measured instead.
  const ended = await until(
    'all 200 to be final',
    async () => {
      const { items } = await api.orders(`sku=${sku}&limit=200`);
      return items.length === 200 && items.every(isFinal) && items;
    },
    { timeoutMs: 20_000, everyMs: 100 },
  );
  const tookMs = performance.now() - startedMs;
  const count = (status: string): number => ended.filter((order) => order.status === status).length;
  expect({ completed: count('COMPLETED'), rejected: count('REJECTED') }).toEqual({ completed: 50, rejected: 150 });
  expect(tookMs).toBeLessThan(10_000);
  await until('the stock to be shipped', async () => (await api.stock(sku)).reserved === 0);
  await untilLike(() => api.stock(sku), { onHand: 0, reserved: 0, available: 0 });
  const winners = new Set(ended.filter(({ status }) => status === 'COMPLETED').map(({ id }) => id));
  const mine = new Set(placed.map(({ id }) => id));
  const charged = (await provider.all()).filter((entry) => mine.has(entry.reference));
  expect(charged).toHaveLength(50);
  expect(charged.every((entry) => winners.has(entry.reference))).toBe(true);
  for (const { id } of ended.slice(0, 20)) expectSoundLog(id, await api.events(id));
}, 30_000);

test('buyers of many SKUs in opposite orders do not stand in each other’s way', async () => {
  const { api } = system;
  const skus = await Promise.all(Array.from({ length: 12 }, () => api.product({ east: 40, west: 40 })));
  const placed = await Promise.all(
    Array.from({ length: 120 }, (_, index) => {
      const order = index % 2 === 0 ? skus : [...skus].reverse();
      const items = order
        .slice(index % 6, (index % 6) + 6)
        .map((sku) => ({ sku, quantity: 1 + (index % 3), unitPrice: '1.00' }));
      return api.placeOrder({ items });
    }),
  );
  const ended = await Promise.all(placed.map(({ id }) => api.untilFinal(id, 20_000)));
  const sold = new Map<string, number>();
  for (const { status, items } of ended) {
    if (status === 'COMPLETED') for (const { sku, quantity } of items) sold.set(sku, (sold.get(sku) ?? 0) + quantity);
  }
  await until('every reservation to be gone', async () =>
    (await Promise.all(skus.map((sku) => api.stock(sku)))).every(({ reserved }) => reserved === 0),
  );
  for (const sku of skus) expect((await api.stock(sku)).onHand, sku).toBe(80 - (sold.get(sku) ?? 0));
}, 40_000);

test('stock that is adjusted while it is being sold is never oversold and never lost', async () => {
  const { api } = system;
  const sku = await api.product(20);
  const [placed] = await Promise.all([
    Promise.all(Array.from({ length: 100 }, () => api.placeOrder({ sku }))),
    (async () => {
      for (let index = 0; index < 30; index++)
        await api.adjustStock(sku, { delta: 1, location: index % 2 === 0 ? 'main' : 'north' });
    })(),
  ]);
  const ended = await Promise.all(placed.map(({ id }) => api.untilFinal(id, 20_000)));
  const sold = ended.filter(({ status }) => status === 'COMPLETED').length;
  await until('every reservation to be gone', async () => (await api.stock(sku)).reserved === 0);
  expect(sold).toBeGreaterThanOrEqual(20);
  expect(sold).toBeLessThanOrEqual(50);
  expect((await api.stock(sku)).onHand).toBe(50 - sold);
}, 40_000);
