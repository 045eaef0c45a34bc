import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, OrderSummary, Page } from '#tests/support/views.ts';

/** Finding orders: every filter alone and together, in both directions, page by page. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

const customerId = randomUUID();
const channel = `shop-${customerId.slice(0, 8)}`;
let skuA: string;
let skuB: string;
let placed: Order[] = [];
let middle: string;

beforeAll(async () => {
  const { api } = system;
  [skuA, skuB] = [await api.product(1_000), await api.product(1_000)];
  const orders: Order[] = [];
  for (let index = 0; index < 12; index++) {
    if (index === 6) {
      await sleep(5);
      middle = new Date().toISOString();
      await sleep(5);
    }
    orders.push(
      await api.placeOrder({
        customerId: index % 4 === 3 ? randomUUID() : customerId,
        channel: index % 2 === 0 ? channel : `${channel}-b`,
        reference: `Ref-${customerId.slice(0, 8)}-${index}`,
        items: [
          { sku: skuA, quantity: 1, unitPrice: '1.00' },
          ...(index % 3 === 0
            ? [
                { sku: skuB, quantity: 1, unitPrice: '1.00' },
                { sku: skuB, quantity: 2, unitPrice: '1.00' },
              ]
            : []),
        ],
        token: index === 5 ? 'tok_decline' : 'tok_approve',
        requiresReview: index >= 9,
        contact: { email: `buyer${index}.${customerId.slice(0, 8)}@Example.com`, phone: '+49 30 123456' },
        shippingAddress: {
          name: `Zoë ${customerId.slice(0, 8)} Müller`,
          country: index % 2 === 0 ? 'DE' : 'Côte d’Ivoire',
        },
      }),
    );
  }
  await Promise.all(
    orders.map(({ id }, index) =>
      api.untilStatus(id, index === 5 ? 'PAYMENT_FAILED' : index >= 9 ? 'RESERVED' : 'READY_FOR_SHIPMENT'),
    ),
  );
  await api.cancel(orders[9]!.id);
  placed = await Promise.all(orders.map(({ id }) => api.order(id)));
}, 60_000);

/** All pages of a list; fails where a page repeats or reorders what came before. */
async function allPages(query: string, limit: number): Promise<OrderSummary[]> {
  const found: OrderSummary[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<OrderSummary> = await system.api.orders(
      `${query}&limit=${limit}${cursor === '' ? '' : `&cursor=${cursor}`}`,
    );
    expect(page.items.length).toBeLessThanOrEqual(limit);
    if (page.nextCursor !== null) expect(page.items).toHaveLength(limit);
    found.push(...page.items);
    cursor = page.nextCursor;
  }
  expect(new Set(found.map(({ id }) => id)).size).toBe(found.length);
  return found;
}

type Filter = readonly [what: string, query: () => string, matches: (order: Order, index: number) => boolean];
const filters: readonly Filter[] = [
  ['customer', () => `customerId=${customerId}`, (order) => order.customerId === customerId],
  ['channel', () => `channel=${channel}`, (order) => order.channel === channel],
  ['sku', () => `sku=${encodeURIComponent(skuA)}`, () => true],
  [
    'sku on two lines',
    () => `sku=${encodeURIComponent(skuB)}`,
    (order) => order.items.some((item) => item.sku === skuB),
  ],
  ['status', () => `status=RESERVED`, (order) => order.status === 'RESERVED'],
  ['ended status', () => `status=PAYMENT_FAILED`, (order) => order.status === 'PAYMENT_FAILED'],
  ['payment status', () => `paymentStatus=CAPTURED`, (order) => order.paymentStatus === 'CAPTURED'],
  ['fulfillment status', () => `fulfillmentStatus=SCHEDULED`, (order) => order.fulfillmentStatus === 'SCHEDULED'],
  ['text of the reference', () => `text=ref-${customerId.slice(0, 8)}-7`, (_, index) => index === 7],
  [
    'text of the e-mail, any case',
    () => `text=BUYER4.${customerId.slice(0, 8)}@example.COM`,
    (_, index) => index === 4,
  ],
  ['text of two words of the name', () => `text=${encodeURIComponent(`müller ${customerId.slice(0, 8)}`)}`, () => true],
  ['text of an order id', () => `text=${placed[2]!.id}`, (_, index) => index === 2],
  ['created from', () => `createdFrom=${encodeURIComponent(middle)}`, (_, index) => index >= 6],
  ['created to', () => `createdTo=${encodeURIComponent(middle)}`, (_, index) => index < 6],
  [
    'customer and status',
    () => `customerId=${customerId}&status=READY_FOR_SHIPMENT`,
    (order) => order.customerId === customerId && order.status === 'READY_FOR_SHIPMENT',
  ],
  [
    'sku, customer and payment status',
    () => `sku=${encodeURIComponent(skuB)}&customerId=${customerId}&paymentStatus=CAPTURED`,
    (order) =>
      order.customerId === customerId &&
      order.paymentStatus === 'CAPTURED' &&
      order.items.some((item) => item.sku === skuB),
  ],
  [
    'channel and created range',
    () => `channel=${channel}&createdFrom=${encodeURIComponent(middle)}&createdTo=2999-01-01`,
    (order, index) => order.channel === channel && index >= 6,
  ],
  [
    'everything',
    () =>
      `customerId=${customerId}&channel=${channel}&sku=${encodeURIComponent(skuA)}&status=READY_FOR_SHIPMENT&paymentStatus=CAPTURED&fulfillmentStatus=SCHEDULED&text=m%C3%BCller&createdFrom=2020-01-01`,
    (order) => order.customerId === customerId && order.channel === channel && order.status === 'READY_FOR_SHIPMENT',
  ],
  [
    'several statuses',
    () => `status=RESERVED,PAYMENT_FAILED&status=CANCELLED`,
    (order) => ['RESERVED', 'PAYMENT_FAILED', 'CANCELLED'].includes(order.status),
  ],
  [
    'several statuses of a customer',
    () => `status=RESERVED&status=PAYMENT_FAILED&customerId=${customerId}`,
    (order) => ['RESERVED', 'PAYMENT_FAILED'].includes(order.status) && order.customerId === customerId,
  ],
  [
    'several customers',
    () => `customerId=${customerId}&customerId=${placed[3]!.customerId}&channel=${channel}&channel=${channel}-b`,
    (order, index) => order.customerId === customerId || index === 3,
  ],
  [
    'customers of either kind',
    () => `customerId=${customerId}&customerId=K-17`,
    (order) => order.customerId === customerId,
  ],
  ['several SKUs', () => `sku=${encodeURIComponent(skuA)}&sku=${encodeURIComponent(skuB)}`, () => true],
  ['ids', () => `id=${placed[1]!.id},${placed[4]!.id}`, (_, index) => index === 1 || index === 4],
  ['a hold', () => `hold=review&hold=other`, (order) => order.holds.some(({ type }) => type === 'review')],
  ['a hold that none has', () => `hold=revi`, () => false],
  ['overdue', () => `overdue=true`, () => false],
  ['not overdue', () => `overdue=false`, () => true],
  ['no return', () => `returnStatus=NONE`, () => true],
  ['a return', () => `returnStatus=REQUESTED,RECEIVED`, () => false],
  ['a country', () => `country=de`, (_, index) => index % 2 === 0],
  ['several countries', () => `country=DE&country=${encodeURIComponent('Côte d’Ivoire')}`, () => true],
  [
    'a country and a status',
    () => `country=De&status=READY_FOR_SHIPMENT`,
    (order, index) => index % 2 === 0 && order.status === 'READY_FOR_SHIPMENT',
  ],
  ['a total', () => `totalMin=4&totalMax=4.00&currency=EUR`, (order) => order.totalAmount === '4.00'],
  ['a total of another currency', () => `totalMin=0&currency=USD`, () => false],
  [
    'updated',
    () => `updatedFrom=${encodeURIComponent(middle)}&updatedTo=2999-01-01`,
    (order) => order.updatedAt >= middle,
  ],
  ['updated long ago', () => `updatedTo=2001-01-01`, () => false],
  [
    'numbers',
    () => `number=${placed[2]!.number.toLowerCase().replaceAll('-', '')}&number=${placed[5]!.id.slice(-12)}`,
    (_, index) => index === 2 || index === 5,
  ],
  ['a day long ago', () => `createdTo=2001-01-01`, () => false],
];

describe('a list of orders', () => {
  // The system may hold orders of other stories, so only those of this file are compared.
  test.each(filters)(
    'by %s finds what matches, newest first and oldest first, page by page',
    async (_what, query, matches) => {
      const mine = new Set(placed.map(({ id }) => id));
      const expected = placed.filter(matches).map(({ id }) => id);
      for (const limit of [1, 3, 200]) {
        const oldest = (await allPages(`${query()}&sort=createdAt`, limit)).map(({ id }) => id);
        expect(oldest).toEqual([...oldest].sort());
        expect(oldest.filter((id) => mine.has(id))).toEqual(expected);
        const newest = (await allPages(query(), limit)).map(({ id }) => id);
        expect(newest).toEqual([...newest].sort().reverse());
        expect(newest.filter((id) => mine.has(id))).toEqual([...expected].reverse());
      }
    },
  );

  test('shows each order as it is', async () => {
    const { items } = await system.api.orders(`customerId=${customerId}&limit=200`);
    for (const item of items) {
      const order = placed.find(({ id }) => id === item.id)!;
      const {
        status,
        paymentStatus,
        fulfillmentStatus,
        returnStatus,
        holds,
        totalAmount,
        currency,
        version,
        reference,
        createdAt,
        updatedAt,
      } = order;
      expect(item).toMatchObject({
        status,
        paymentStatus,
        fulfillmentStatus,
        returnStatus,
        holds,
        totalAmount,
        currency,
        version,
        createdAt,
        updatedAt,
        ...(reference !== undefined && { reference }),
      });
    }
  });

  test('goes on behind the cursor while new orders arrive', async () => {
    const { api } = system;
    const query = `channel=${channel}&limit=2`;
    const first = await api.orders(query);
    const late = await api.placeOrder({ sku: skuA, channel });
    const second = await api.orders(`${query}&cursor=${first.nextCursor}`);
    const ids = [...first.items, ...second.items].map(({ id }) => id);
    expect(ids).not.toContain(late.id);
    expect(new Set(ids).size).toBe(4);
  });

  test.each([
    ['status=SOMETHING', '/status'],
    ['paymentStatus=captured', '/paymentStatus'],
    ['customerId=', '/customerId'],
    ['number=1', '/number'],
    ['totalMin=10', '/currency'],
    ['totalMin=ten&currency=EUR', '/totalMin'],
    ['totalMax=1&currency=EUR&currency=USD', '/currency'],
    ['overdue=maybe', '/overdue'],
    ['returnStatus=SENT', '/returnStatus'],
    ['updatedFrom=yesterday', '/updatedFrom'],
    ['id=1', '/id'],
    ['limit=0', '/limit'],
    ['limit=-1', '/limit'],
    ['limit=ten', '/limit'],
    ['limit=1.5', '/limit'],
    ['limit=100000', '/limit'],
    ['cursor=abc', '/cursor'],
    ['cursor=%00', '/cursor'],
    ['cursor=..%2F..', '/cursor'],
    ['cursor=', '/cursor'],
    ['createdFrom=yesterday', '/createdFrom'],
    ['createdTo=2026-02-30T25:00:00Z', '/createdTo'],
    ['sort=total', '/sort'],
    ['text=', '/text'],
    ['text=%00', '/text'],
    ['sku=%00', '/sku'],
    ['colour=red', '/colour'],
    ['channel=', '/channel'],
    ['sort=createdAt&sort=-createdAt', '/sort'],
  ])('with %s is refused with 400 and the pointer', async (query, pointer) => {
    const answer = await system.api.call<{ code: string; errors: { pointer: string }[] }>('GET', `/orders?${query}`);
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(answer.body.errors.map((error) => error.pointer)).toContain(pointer);
  });

  test('with a number that is mistyped is refused, and is none of another order', async () => {
    const { number } = placed[0]!;
    const last = number.at(-1) === '0' ? '1' : '0';
    const answer = await system.api.call<{ code: string }>('GET', `/orders?number=${number.slice(0, -1)}${last}`);
    expect([answer.status, answer.body.code]).toEqual([422, 'ORDER_NUMBER_INVALID']);
  });

  test('never takes more than its largest page', async () => {
    const answer = await system.api.call<Page<OrderSummary>>('GET', '/orders?limit=999');
    expect([200, 400]).toContain(answer.status);
    if (answer.status === 200) expect(answer.body.items.length).toBeLessThanOrEqual(200);
  });
});

describe('the other lists', () => {
  test('page through products and stock in the order of their SKUs', async () => {
    const { api } = system;
    for (const path of ['/products', '/stock']) {
      const skus: string[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const page: Page<{ sku: string }> = await api.get(`${path}?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
        skus.push(...page.items.map(({ sku }) => sku));
        cursor = page.nextCursor;
      }
      expect(skus).toEqual([...skus].sort());
      expect(skus).toContain(skuA);
      expect(new Set(skus).size).toBe(skus.length);
      const bad = await api.call<{ code: string }>('GET', `${path}?limit=0`);
      expect([bad.status, bad.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    }
  });

  test('page through reviews, newest first', async () => {
    const { api } = system;
    const found: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Page<{ orderId: string }> = await api.get(
        `/reviews?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      found.push(...page.items.map(({ orderId }) => orderId));
      cursor = page.nextCursor;
    }
    for (const index of [9, 10, 11]) expect(found).toContain(placed[index]!.id);
    const pending = await api.get<Page<{ orderId: string }>>('/reviews?status=pending&limit=200');
    expect(pending.items.map(({ orderId }) => orderId)).not.toContain(placed[9]!.id);
    for (const query of ['status=open', 'cursor=x', 'limit=0', 'colour=red']) {
      const bad = await api.call<{ code: string }>('GET', `/reviews?${query}`);
      expect([query, bad.status, bad.body.code]).toEqual([query, 400, 'VALIDATION_FAILED']);
    }
  });
});

describe('the dashboard', () => {
  test('counts orders by status and follows a change within two seconds', async () => {
    const { api } = system;
    const before = await api.dashboard();
    expect(Object.values(before.byStatus).reduce((sum, count) => sum + count, 0)).toBe(before.total);
    expect(before.byStatus['READY_FOR_SHIPMENT']).toBeGreaterThanOrEqual(8);
    expect(before.createdLastHour).toBeGreaterThanOrEqual(12);
    for (const age of Object.values(before.oldestAgeSeconds)) expect(age).toBeGreaterThanOrEqual(0);
    await api.placeOrder({ sku: skuA, requiresReview: true });
    await until(
      'the dashboard to count it',
      async () => {
        const now = await api.dashboard();
        return (
          now.total === before.total + 1 && (now.byStatus['RESERVED'] ?? 0) === (before.byStatus['RESERVED'] ?? 0) + 1
        );
      },
      { timeoutMs: 3_000 },
    );
  });
});
