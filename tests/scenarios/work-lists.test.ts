import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Page } from '#tests/support/views.ts';

/** The lists that people work through, beside that of orders: of several orders at once, and page by page. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

interface Entry {
  readonly id?: string;
  readonly orderId: string;
}

let completed: readonly Order[] = [];
let reviewed: readonly Order[] = [];

beforeAll(async () => {
  const { api } = system;
  const sku = await api.product(1_000);
  const place = (requiresReview: boolean): Promise<Order> => api.placeOrder({ sku, requiresReview });
  const placed = await Promise.all([place(false), place(false), place(false)]);
  reviewed = await Promise.all([place(true), place(true)]);
  completed = await Promise.all(
    placed.map(async ({ id }) => {
      const { id: shipmentId } = await api.firstShipment(id);
      await api.dispatch(shipmentId);
      await api.untilStatus(id, 'SHIPPED');
      await api.deliver(shipmentId);
      const order = await api.untilStatus(id, 'COMPLETED');
      await api.invoice(id);
      await api.untilNotified(id, 'OrderCompleted');
      return order;
    }),
  );
  await Promise.all(reviewed.map(({ id }) => api.reviewOf(id)));
}, 60_000);

/** All pages of a list; fails where an entry comes twice. */
async function allPages(path: string, query: string, limit = 200): Promise<Entry[]> {
  const found: Entry[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<Entry> = await system.api.get(`${path}?${query}&limit=${limit}${cursor && `&cursor=${cursor}`}`);
    expect(page.items.length).toBeLessThanOrEqual(limit);
    found.push(...page.items);
    cursor = page.nextCursor;
  }
  expect(new Set(found.map((entry) => entry.id ?? entry.orderId)).size).toBe(found.length);
  return found;
}

const ids = (orders: readonly Order[]): string[] => orders.map(({ id }) => id).toSorted();

describe.each<[path: string, of: () => readonly Order[], perOrder: number | undefined]>([
  ['/payments', () => completed, 1],
  ['/shipments', () => completed, 1],
  ['/invoices', () => completed, 1],
  ['/notifications', () => completed, undefined],
  ['/reviews', () => reviewed, 1],
])('%s', (path, of, perOrder) => {
  test('lists what belongs to several orders, named again and again or with commas', async () => {
    const [first, ...others] = ids(of()) as [string, ...string[]];
    const all = await allPages(
      path,
      `orderId=${first}&orderId=${others.join(',').toUpperCase()}&orderId=${randomUUID()}`,
    );
    expect([...new Set(all.map(({ orderId }) => orderId))].toSorted()).toEqual([first, ...others]);
    if (perOrder !== undefined) expect(all).toHaveLength(perOrder * of().length);
    const one = await allPages(path, `orderId=${first}`);
    expect(one).toEqual(all.filter(({ orderId }) => orderId === first));
    expect(await allPages(path, `orderId=${randomUUID()}`)).toEqual([]);
  });

  test('is read page by page, in one order', async () => {
    const query = ids(of())
      .map((id) => `orderId=${id}`)
      .join('&');
    expect(await allPages(path, query, 1)).toEqual(await allPages(path, query));
    const everything = await until(`${path} at rest`, async () => {
      const before = await allPages(path, '');
      return (await allPages(path, '')).length === before.length && before;
    });
    expect(await allPages(path, '', 2)).toEqual(everything);
    const mine = new Set(ids(of()));
    expect(everything.filter(({ orderId }) => mine.has(orderId))).toEqual(await allPages(path, query));
  });
});
