import { describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** First come, first served for each product: nobody overtakes a buyer who waits, however little they want. */

const system = useSystem();

const statusesOf = (ids: readonly string[]): Promise<string[]> =>
  Promise.all(ids.map(async (id) => (await system.api.order(id)).status));

/** Places an order that may wait, and waits until it does. */
async function waiting(sku: string, quantity: number): Promise<string> {
  const { id } = await system.api.placeOrder({ sku, quantity, allowBackorder: true });
  await system.api.untilStatus(id, 'BACKORDERED');
  return id;
}

describe('an order for four that waits', () => {
  test('gets the next four, although small deliveries and small orders come in between', async () => {
    const { api } = system;
    const sku = await api.product(1);
    const first = await waiting(sku, 4);
    const small: string[] = [];
    for (let delivery = 0; delivery < 3; delivery++) {
      small.push((await api.placeOrder({ sku, quantity: 1 })).id);
      small.push((await api.placeOrder({ sku, quantity: 1, allowBackorder: true })).id);
      await api.adjustStock(sku, { delta: 1 });
    }
    await api.untilStatus(first, 'COMPLETED');
    for (const [index, id] of small.entries()) await api.untilStatus(id, index % 2 === 0 ? 'REJECTED' : 'BACKORDERED');
    await until('the goods to be off the books', async () => (await api.stock(sku)).reserved === 0);
    await untilLike(() => api.stock(sku), { onHand: 0, available: 0, waiting: 3 });
    await api.adjustStock(sku, { delta: 2 });
    await api.untilStatus(small[1]!, 'COMPLETED');
    await api.untilStatus(small[3]!, 'COMPLETED');
    expect(await statusesOf([small[5]!])).toEqual(['BACKORDERED']);
  });

  test('is not overtaken while a delivery is being booked and many buy at the same moment', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const line = [await waiting(sku, 4), await waiting(sku, 2), await waiting(sku, 3)];
    const [, ...rush] = await Promise.all([
      Promise.all(Array.from({ length: 7 }, () => api.adjustStock(sku, { delta: 1 }))),
      ...Array.from({ length: 40 }, () => api.placeOrder({ sku, quantity: 1 })),
    ]);
    await api.untilStatus(line[0]!, 'COMPLETED');
    await api.untilStatus(line[1]!, 'COMPLETED');
    for (const { id } of rush) await api.untilStatus(id, 'REJECTED');
    expect(await statusesOf([line[2]!])).toEqual(['BACKORDERED']);
  });

  test('does not keep what nobody waits for', async () => {
    const { api } = system;
    const [short, plenty] = [await api.product(0), await api.product(5)];
    const { id } = await api.placeOrder({
      items: [
        { sku: short, quantity: 4, unitPrice: '1.00' },
        { sku: plenty, quantity: 1, unitPrice: '1.00' },
      ],
      allowBackorder: true,
    });
    await api.untilStatus(id, 'BACKORDERED');
    expect([(await api.stock(short)).waiting, (await api.stock(plenty)).waiting]).toEqual([4, 0]);
    const other = await api.placeOrder({ sku: plenty, quantity: 5 });
    await api.untilStatus(other.id, 'COMPLETED');
    // Its turn comes, and what it could have had is gone: it waits for that at the head of its line.
    await api.adjustStock(short, { delta: 4 });
    await until('it to wait for the other, too', async () => (await api.stock(plenty)).waiting === 1);
    const late = await api.placeOrder({ sku: short, quantity: 1 });
    await api.untilStatus(late.id, 'REJECTED');
    await api.adjustStock(plenty, { delta: 1 });
    await api.untilStatus(id, 'COMPLETED');
  });

  test('makes room for the next when it is cancelled', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const [first, second] = [await waiting(sku, 4), await waiting(sku, 2)];
    await api.cancel(first);
    await api.untilStatus(second, 'COMPLETED');
  });
});
