import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Page } from '#tests/support/views.ts';

/** The lists that people work through, beside that of orders: of several orders at once, and page by page. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

interface Entry {
  readonly id?: string;
  readonly returnId?: string;
  readonly refundId?: string;
  readonly orderId: string;
  readonly status?: string;
}

let completed: readonly Order[] = [];
let reviewed: readonly Order[] = [];
let sku: string;
let begun: string;

beforeAll(async () => {
  const { api } = system;
  begun = new Date(Date.now() - 1_000).toISOString();
  sku = await api.product({ main: 1_000 });
  const place = (requiresReview: boolean): Promise<Order> => api.placeOrder({ sku, quantity: 3, requiresReview });
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
  // Two pieces of each come back, one after the other; the last of them is still awaited.
  for (const { id } of completed) {
    const body = { items: [{ sku, quantity: 1 }], reason: 'too small' };
    const asked = await api.client.requestReturn({ id }, body);
    await api.client.receiveReturn({ id, returnId: asked.returns.at(-1)!.returnId });
    await api.untilOrder(id, 'refunded', (order) => order.refunds.some(({ status }) => status === 'DONE'));
  }
  await api.client.requestReturn({ id: completed[0]!.id }, { items: [{ sku, quantity: 1 }], reason: 'too large' });
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
  expect(new Set(found.map((entry) => entry.id ?? entry.returnId ?? entry.refundId ?? entry.orderId)).size).toBe(
    found.length,
  );
  return found;
}

const ids = (orders: readonly Order[]): string[] => orders.map(({ id }) => id).toSorted();

describe.each<[path: string, of: () => readonly Order[], perOrder: number | undefined]>([
  ['/payments', () => completed, 1],
  ['/shipments', () => completed, 1],
  ['/invoices', () => completed, 1],
  ['/notifications', () => completed, undefined],
  ['/reviews', () => reviewed, 1],
  ['/returns', () => completed, undefined],
  ['/refunds', () => completed, 1],
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

/** Entries of a list that belong to orders of this file. */
async function mine(path: string, query: string): Promise<Entry[]> {
  const ours = new Set([...ids(completed), ...ids(reviewed)]);
  return (await allPages(path, query)).filter(({ orderId }) => ours.has(orderId));
}

describe('what is looked for', () => {
  const past = '2001-01-01';
  test.each<[path: string, query: () => string, found: number]>([
    ['/shipments', () => 'status=DELIVERED', 3],
    ['/shipments', () => 'status=SCHEDULED,DISPATCHED', 0],
    ['/shipments', () => 'status=DELIVERED,LOST&location=main&carrier=DHL&carrier=UPS', 3],
    ['/shipments', () => 'status=DELIVERED&location=east', 0],
    ['/shipments', () => 'carrier=Other', 0],
    ['/shipments', () => `scheduledFrom=${begun}&sort=-scheduledAt`, 3],
    ['/shipments', () => `scheduledTo=${past}`, 0],
    ['/returns', () => 'status=REQUESTED', 1],
    ['/returns', () => 'status=RECEIVED', 3],
    ['/returns', () => 'status=RECEIVED,REQUESTED&sort=-createdAt', 4],
    ['/returns', () => 'status=CLOSED', 0],
    ['/returns', () => `requestedFrom=${begun}&currency=EUR`, 4],
    ['/returns', () => `requestedTo=${past}`, 0],
    ['/refunds', () => 'status=DONE', 3],
    ['/refunds', () => 'status=REQUESTED,FAILED', 0],
    ['/refunds', () => 'currency=USD', 0],
    ['/refunds', () => `requestedFrom=${begun}`, 3],
    ['/invoices', () => `issuedFrom=${begun}&currency=EUR`, 3],
    ['/invoices', () => `issuedTo=${past}`, 0],
    ['/invoices', () => 'currency=USD', 0],
    ['/reviews', () => 'status=pending', 2],
    ['/reviews', () => 'status=approved', 0],
  ])('%s: %#', async (path, query, found) => {
    expect([query(), (await mine(path, query())).length]).toEqual([query(), found]);
  });

  test('an invoice by its number or that of its credit note', async () => {
    const { id } = completed[1]!;
    const { invoiceNumber, creditNotes } = await system.api.invoice(id);
    for (const number of [invoiceNumber, creditNotes[0]!.creditNoteNumber.toLowerCase()])
      expect((await allPages('/invoices', `number=${number}`)).map(({ orderId }) => orderId)).toEqual([id]);
    expect(await allPages('/invoices', `number=${invoiceNumber}&orderId=${completed[0]!.id}`)).toEqual([]);
  });

  test('a review with what the order is about', async () => {
    const [{ id, totalAmount, currency, number }] = reviewed as [Order];
    const [review] = await allPages('/reviews', `orderId=${id}`);
    expect(review).toMatchObject({ totalAmount, currency, number });
  });

  test('a refund and a return with their order', async () => {
    const { id, number, currency } = completed[2]!;
    for (const path of ['/refunds', '/returns'])
      expect(await allPages(path, `orderId=${id}`)).toMatchObject([{ orderId: id, number, currency }]);
  });

  test('what happened to stock', async () => {
    interface Movement {
      readonly number: number;
      readonly kind: string;
      readonly onHand: number;
      readonly orderId?: string;
    }
    const { api } = system;
    const movements = async (query: string): Promise<readonly Movement[]> => {
      const found: Movement[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Page<Movement> = await api.get(`/stock/movements?${query}${cursor && `&cursor=${cursor}`}`);
        found.push(...page.items);
        cursor = page.nextCursor;
      }
      return found;
    };
    const all = await movements(`sku=${sku}&limit=2`);
    const count = (kind: string): number => all.filter((one) => one.kind === kind).length;
    expect([count('adjust'), count('reserve'), count('ship'), count('return')]).toEqual([1, 5, 3, 3]);
    const numbers = all.map(({ number }) => number);
    expect(numbers).toEqual(numbers.toSorted((a, b) => b - a));
    expect(await movements(`sku=${sku}&kind=adjust,return`)).toEqual(
      all.filter(({ kind }) => kind === 'adjust' || kind === 'return'),
    );
    expect(await movements(`sku=${sku}&sku=none&location=main&from=${begun}`)).toEqual(all);
    expect(await movements(`sku=${sku}&location=east`)).toEqual([]);
    expect(await movements(`sku=${sku}&to=${past}`)).toEqual([]);
    const byHand = await movements('kind=return&limit=100');
    expect(byHand.filter(({ orderId }) => completed.some(({ id }) => id === orderId))).toHaveLength(3);
  });

  test.each([
    '/shipments?status=LATE',
    '/shipments?scheduledFrom=soon',
    '/returns?status=DONE',
    '/refunds?cursor=abc',
    '/refunds?currency=euro',
    '/invoices?number=1',
    '/stock/movements?kind=steal',
    '/stock/movements?cursor=abc',
    '/stock/movements?orderId=1',
  ])('%s is refused', async (path) => {
    const { status, body } = await system.api.call<{ code: string }>('GET', path);
    expect([status, body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});
