import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Api, orderBody } from '#tests/support/api.ts';
import { SseClient } from '#tests/support/sse.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { CloudEvent, Order, OrderSummary, Page, Problem, Shipment } from '#tests/support/views.ts';

/** Customers have their own orders, and those of others do not exist: not to be read, changed, listed or followed. */

const system = useSystem();
let sku = '';
let ada: Customer;
let bob: Customer;

interface Customer {
  readonly id: string;
  readonly key: string;
  readonly api: Api;
}

async function customer(name: string): Promise<Customer> {
  const id = `${name}-${randomUUID().slice(0, 8)}`;
  const { key } = await system.api.ok<{ key: string }>('POST', '/api-keys', {
    body: { name: `key-of-${id}`, role: 'customer', customer: id },
  });
  return { id, key, api: system.api.as(key) };
}
const body = (more: object = {}): Record<string, unknown> => ({ ...orderBody({ sku, unitPrice: '10.00' }), ...more });
/** An order that the shop placed for a customer. */
const placedFor = (customerId: string, more: object = {}): Promise<Order> =>
  system.api.placeOrder({ sku, customerId, ...more });
const place = (of: Customer, more: object = {}): ReturnType<typeof of.api.call<Order & Problem>> => {
  const { customerId: _customer, ...own } = body();
  return of.api.call<Order & Problem>('POST', '/orders', { body: { ...own, ...more }, key: randomUUID() });
};

beforeAll(async () => {
  sku = await system.api.product(1_000);
  await system.api.ok('PUT', `/products/${sku}`, { body: { name: 'Mug', price: '10', currency: 'EUR' } });
  ada = await customer('ada');
  bob = await customer('bob');
});

describe('a customer', () => {
  test('reads, lists and follows up the orders that are theirs', async () => {
    const { id } = await placedFor(ada.id);
    await system.api.untilStatus(id, 'COMPLETED');
    expect((await ada.api.order(id)).customerId).toBe(ada.id);
    expect((await ada.api.orders('')).items.map((order) => order.id)).toContain(id);
    const { items } = await ada.api.get<Page<Shipment>>(`/shipments?orderId=${id}`);
    expect(items).toHaveLength(1);
    expect((await ada.api.get<Shipment>(`/shipments/${items[0]!.id}`)).orderId).toBe(id);
    await until('the invoice', async () => (await ada.api.call('GET', `/orders/${id}/invoice`)).status === 200);
    expect((await ada.api.get<Page<unknown>>(`/invoices?orderId=${id}`)).items).toHaveLength(1);
    const returned = await ada.api.command(id, 'returns', { items: [{ sku, quantity: 1 }], reason: 'too small' });
    expect(returned.status).toBe(200);
  });

  test('does not find those of others and of guests, by no way', async () => {
    const { id } = await placedFor(ada.id);
    const { customerId: _customer, ...guest } = body();
    const guests = await system.api.ok<Order>('POST', '/orders', { body: guest, key: randomUUID() });
    await system.api.untilStatus(id, 'COMPLETED');
    const shipments = await system.api.get<Page<Shipment>>(`/shipments?orderId=${id}`);
    for (const order of [id, guests.id, id.toUpperCase(), randomUUID(), 'nothing']) {
      for (const [method, path, sent] of [
        ['GET', ''],
        ['HEAD', ''],
        ['GET', '?asOf=1'],
        ['GET', '/events'],
        ['GET', '/invoice'],
        ['POST', '/cancel', {}],
        ['POST', '/cancellations', { items: [{ line: 1, quantity: 1 }], reason: 'x' }],
        ['POST', '/returns', { items: [{ sku, quantity: 1 }], reason: 'x' }],
      ] as const) {
        const answer = await bob.api.call<Problem>(method, `/orders/${order}${path}`, { body: sent });
        expect([method, path, answer.status]).toEqual([method, path, 404]);
        if (method !== 'HEAD') expect(answer.body.code).toBe('ORDER_NOT_FOUND');
      }
    }
    const [shipment] = shipments.items;
    expect((await bob.api.call('GET', `/shipments/${shipment!.id}`)).status).toBe(404);
    for (const path of [`/shipments?orderId=${id}`, `/shipments?orderId=${guests.id}`, `/invoices?orderId=${id}`])
      expect((await bob.api.get<Page<unknown>>(path)).items).toEqual([]);
    for (const path of ['/shipments', '/invoices']) expect((await bob.api.call('GET', path)).status).toBe(400);
    const mine = await place(bob);
    expect(mine.status).toBe(201);
    for (const query of [
      '',
      `customerId=${ada.id}`,
      `text=${id}`,
      `number=${id.slice(-12)}`,
      `text=${id.slice(-12)}`,
      `sku=${sku}`,
      'status=COMPLETED',
      'sort=createdAt',
    ]) {
      const { items } = await bob.api.get<Page<OrderSummary>>(`/orders?${query}`);
      expect([query, items.filter((order) => order.customerId !== bob.id)]).toEqual([query, []]);
    }
    expect((await system.api.order(id)).status).toBe('COMPLETED');
  });

  test('may nothing that is for those who work here', async () => {
    const { id } = await placedFor(ada.id, { token: 'tok_decline' });
    for (const [method, path] of [
      ['POST', `/orders/${id}/refunds`],
      ['POST', `/orders/${id}/hold`],
      ['PATCH', `/orders/${id}`],
      ['GET', `/payments?orderId=${id}`],
      ['GET', `/notifications?orderId=${id}`],
      ['GET', '/reviews'],
      ['GET', '/stock'],
      ['GET', '/dashboard'],
      ['GET', '/parked'],
      ['GET', '/audit-entries'],
    ] as const)
      expect([path, (await ada.api.call(method, path, { body: {} })).status]).toEqual([path, 403]);
  });

  test('reads no notes of those who work here, neither in the order nor in its events', async () => {
    const { id } = await placedFor(ada.id, { requiresReview: true, contact: { email: 'ada@example.com' } });
    await system.api.command(id, 'hold', { reason: 'looks like fraud' });
    const shown = await ada.api.call<Order>('GET', `/orders/${id}`);
    expect(shown.body.contact).toEqual({ email: 'ada@example.com' });
    expect(shown.body.holds.map(({ reason }) => reason)).toEqual(['withheld', 'withheld']);
    const events = await ada.api.call('GET', `/orders/${id}/events`);
    const listed = await ada.api.call('GET', '/orders');
    for (const { text } of [shown, events, listed]) {
      expect(text).toContain(id);
      expect(text).not.toContain('looks like fraud');
    }
    expect((await system.api.call('GET', `/orders/${id}/events`)).text).toContain('looks like fraud');
  });
});

describe('an order that a customer places', () => {
  test('is theirs, whether they say so or not', async () => {
    for (const more of [{}, { customerId: ada.id }]) {
      const { status, body: order } = await place(ada, more);
      expect([status, order.customerId]).toEqual([201, ada.id]);
      expect((await ada.api.call('POST', `/orders/${order.id}/cancel`, { body: {} })).status).toBeLessThan(300);
    }
  });

  test.each<[string, object, number, string, string]>([
    ['for somebody else', { customerId: 'somebody' }, 400, 'VALIDATION_FAILED', '/customerId'],
    ['with a discount', { discountLines: [{ amount: '9.00' }] }, 400, 'VALIDATION_FAILED', '/discountLines'],
    ['with taxes of their own', { taxLines: [{ amount: '0.01' }] }, 400, 'VALIDATION_FAILED', '/taxLines'],
    ['with shipping of their own', { shippingLines: [] }, 400, 'VALIDATION_FAILED', '/shippingLines'],
    ['paid elsewhere', { payment: { provider: 'external', token: 't' } }, 422, 'UNKNOWN_PROVIDER', '/payment/provider'],
  ])('is refused %s', async (_what, more, status, code, pointer) => {
    const answer = await place(ada, more);
    expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([status, code, pointer]);
  });

  test.each([
    ['another price', '0.01', 'EUR'],
    ['a higher price', '10.01', 'EUR'],
    ['the price in another currency', '10.00', 'USD'],
  ])('is refused at %s', async (_what, unitPrice, currency) => {
    const answer = await place(ada, { currency, items: [{ sku, quantity: 1, unitPrice }] });
    expect([answer.status, answer.body.code]).toEqual([422, 'PRICE_DIFFERS']);
    expect(answer.body.errors).toEqual([
      { pointer: '/items/0/unitPrice', detail: `is not the price: ${sku} costs 10.00 EUR` },
    ]);
  });

  test('is refused for what has no price, or is no product', async () => {
    const free = await system.api.product();
    const line = (of: string): object => ({ items: [{ sku: of, quantity: 1, unitPrice: '1.00' }] });
    expect((await place(ada, line(free))).body.code).toBe('PRICE_DIFFERS');
    expect((await place(ada, line('nothing'))).body.code).toBe('UNKNOWN_SKU');
    const { id } = await system.api.get<{ id: string }>(`/products/${sku}`);
    const byId = { items: [{ productId: id.toUpperCase(), quantity: 1, unitPrice: '10', name: 'Gold' }] };
    const { status, text } = await place(ada, byId);
    expect([status, text.includes('Gold')]).toEqual([201, false]);
  });
});

describe('a customer who follows the stream', () => {
  test('hears of own orders alone, old ones and new ones, without notes', async () => {
    const [eve, zoe] = [await customer('eve'), await customer('zoe')];
    const old = await placedFor(eve.id, { requiresReview: true });
    const client = await SseClient.open(`${system.api.url}/stream`, eve.key);
    const heard = (): CloudEvent[] =>
      client.events.filter(({ event }) => event !== 'reset').map(({ data }) => JSON.parse(data) as CloudEvent);
    const own = [old.id];
    // Where the events come by Kafka, the stream begins a moment later, and says so by a reset.
    await until('the stream', async () => {
      own.push((await place(eve)).body.id);
      return heard().length > 0;
    });
    await system.api.command(old.id, 'hold', { reason: 'looks like fraud' });
    const foreign = await placedFor(zoe.id);
    const { customerId: _customer, ...guest } = body();
    await system.api.ok('POST', '/orders', { body: guest, key: randomUUID() });
    const { body: next } = await place(eve);
    own.push(next.id);
    await until('the new order', () => heard().some(({ subject }) => subject === next.id));
    await until('what happened to the old one', () => heard().some(({ type }) => type === 'OrderHeld'));
    await system.api.untilStatus(foreign.id, 'COMPLETED');
    await system.api.untilStatus(next.id, 'COMPLETED');
    await until('the end of the new order', () =>
      heard().some(({ type, subject }) => type === 'OrderCompleted' && subject === next.id),
    );
    expect(heard().filter(({ subject }) => !own.includes(subject))).toEqual([]);
    expect(client.events.map(({ data }) => data).join()).not.toContain('looks like fraud');
    client.close();
    // Who comes back hears the same of the time between, and the rest.
    const lastId = client.events.find(({ event }) => event !== 'reset')!.id;
    const again = await SseClient.open(`${system.api.url}/stream`, zoe.key, lastId);
    await until('the orders of another', () => again.events.some(({ event }) => event === 'OrderCompleted'));
    expect([...new Set(again.events.map(({ data }) => (JSON.parse(data) as CloudEvent).subject))]).toEqual([
      foreign.id,
    ]);
    again.close();
  });

  test('may not name the order of another', async () => {
    const { id } = await placedFor(ada.id);
    expect((await bob.api.call('GET', `/stream?orderId=${id}`)).status).toBe(404);
    const own = await SseClient.open(`${system.api.url}/stream?orderId=${id}`, ada.key);
    expect(own.status).toBe(200);
    own.close();
  });
});

test('a key without personal data sees orders, and nobody in them', async () => {
  const { id } = await placedFor(ada.id, {
    contact: { email: 'ada@example.com' },
    shippingAddress: { name: 'Ada Lovelace', city: 'London' },
    metadata: { gift: 'for Bob' },
  });
  const { key } = await system.api.ok<{ key: string }>('POST', '/api-keys', {
    body: { name: `k-${randomUUID().slice(0, 8)}`, scopes: ['orders:read', 'events:read', 'notes:read'] },
  });
  const reader = system.api.as(key);
  const order = await reader.order(id);
  expect([order.contact, order.shippingAddress, order.metadata]).toEqual([undefined, undefined, {}]);
  for (const path of [`/orders/${id}`, `/orders/${id}?asOf=1`, `/orders/${id}/events`, '/orders?limit=200']) {
    const { text } = await reader.call('GET', path);
    expect(text).toContain(id);
    expect(text).not.toMatch(/ada@example|Lovelace|London|for Bob/);
  }
});
