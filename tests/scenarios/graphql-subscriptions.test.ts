import { randomUUID } from 'node:crypto';
import { type Client, createClient } from 'graphql-sse';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** `orderChanged`, read by the client that the protocol (GraphQL over SSE, distinct connections) comes from. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off', STREAM_CLIENTS_PER_KEY_MAX: '2' } });

interface Changed {
  readonly id: string;
  readonly type: string;
  readonly orderId: string;
  readonly order: { readonly id: string; readonly status: string; readonly payments?: readonly object[] };
}
interface Subscribed {
  readonly changes: Changed[];
  readonly codes: string[];
  ended: boolean;
  failed: unknown;
  readonly stop: () => void;
}

const clients: Client[] = [];
const stops: (() => void)[] = [];
let sku: string;

beforeAll(async () => {
  sku = await system.api.product(1_000);
});
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
  for (const client of clients.splice(0)) client.dispose();
});

function client(key = system.key): Client {
  const made = createClient({
    url: `${system.api.url}/graphql`,
    headers: { authorization: `Bearer ${key}` },
    retryAttempts: 0,
  });
  clients.push(made);
  return made;
}

const ALL =
  'subscription ($orderIds: [ID!], $types: [String!]) { orderChanged(orderIds: $orderIds, types: $types) { id type orderId order { id status payments { status } } } }';

function subscribe(variables: Record<string, unknown> = {}, key?: string, query = ALL): Subscribed {
  const subscribed: Subscribed = {
    changes: [],
    codes: [],
    ended: false,
    failed: undefined,
    stop: client(key).subscribe<{ orderChanged: Changed }>(
      { query, variables },
      {
        next({ data, errors }) {
          if (data) subscribed.changes.push(data.orderChanged);
          for (const { extensions } of errors ?? []) subscribed.codes.push(String(extensions?.['code']));
        },
        error: (error) => void (subscribed.failed = error),
        complete: () => void (subscribed.ended = true),
      },
    ),
  };
  stops.push(() => subscribed.stop());
  return subscribed;
}

/** Followers that the system counts; others may follow it too. */
async function followers(): Promise<number> {
  const { text } = await system.api.call('GET', '/metrics');
  return [...text.matchAll(/^olms_stream_clients (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

test('orders are followed as they change, with what is asked of them', async () => {
  const before = await followers();
  const all = subscribe();
  await until('the subscription', async () => (await followers()) > before);
  const { id } = await system.api.placeOrder({ sku });
  await system.api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const of = (): Changed[] => all.changes.filter(({ orderId }) => orderId === id);
  await until('its changes', () => of().some(({ type }) => type === 'OrderReadyForShipment'));
  expect(of().map(({ type }) => type)).toEqual(expect.arrayContaining(['OrderCreated', 'OrderPaid']));
  for (const { order } of of()) expect(order.id).toBe(id);
  expect(of().at(-1)!.order).toMatchObject({ id, payments: [{ status: 'CAPTURED' }] });
  all.stop();
  await until('nobody to follow any more', async () => (await followers()) === before);
});

test('only those of some orders, and of some types', async () => {
  const before = await followers();
  const { id } = await system.api.placeOrder({ sku });
  const own = subscribe({ orderIds: [id.toUpperCase()], types: ['OrderOnHold', 'OrderHeld', 'OrderReleased'] });
  await until('the subscription', async () => (await followers()) > before);
  const other = await system.api.placeOrder({ sku });
  await system.api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await system.api.command(other.id, 'hold', { reason: 'x' });
  await system.api.command(id, 'hold', { reason: 'x' });
  await until('the change', () => own.changes.length > 0);
  expect(own.changes.map(({ orderId, type }) => [orderId, type])).toEqual([[id, 'OrderHeld']]);
});

test('a customer follows own orders alone', async () => {
  const before = await followers();
  const customer = `eve-${randomUUID().slice(0, 8)}`;
  const { key } = await system.api.client.createApiKey({ name: `key-of-${customer}`, role: 'customer', customer });
  const query = 'subscription { orderChanged { orderId order { id } } }';
  const own = subscribe({}, key, query);
  await until('the subscription', async () => (await followers()) > before);
  const other = await system.api.placeOrder({ sku });
  const { id } = await system.api.placeOrder({ sku, customerId: customer });
  await system.api.untilStatus(other.id, 'READY_FOR_SHIPMENT');
  await system.api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await until('its changes', () => own.changes.length > 2);
  expect([...new Set(own.changes.map(({ orderId }) => orderId))]).toEqual([id]);
});

describe('is refused', () => {
  const call = (query: string, key: string | undefined = system.key): ReturnType<typeof system.api.call> =>
    system.api.as(key).call('POST', '/graphql', { body: { query }, headers: { accept: 'text/event-stream' } });

  test('what is no subscription, and what cannot be one', async () => {
    for (const query of ['{ __typename }', 'subscription { nothing }', 'subscription {'])
      expect([(await call(query)).status, (await call(query)).text]).toMatchObject([
        400,
        expect.stringContaining('GRAPHQL_INVALID'),
      ]);
    const deep = `subscription { orderChanged { ${'order { payments { '.repeat(10)} status ${'} }'.repeat(10)} } }`;
    expect((await call(deep)).text).toContain('GRAPHQL_TOO_COMPLEX');
    const plain = await system.api.call('POST', '/graphql', {
      body: { query: 'subscription { orderChanged { id } }' },
    });
    expect(plain.text).toContain('GRAPHQL_INVALID');
    const wrong = subscribe({ orderIds: ['x'] });
    await until('the answer', () => wrong.ended);
    expect(wrong.codes).toEqual(['VALIDATION_FAILED']);
  });

  test('to who may not follow events, and to one key more than it may have at once', async () => {
    const query = 'subscription { orderChanged { id } }';
    expect((await call(query, 'unknown')).status).toBe(401);
    const before = await followers();
    subscribe();
    subscribe();
    await until('both', async () => (await followers()) === before + 2);
    const third = await call(query);
    expect([third.status, third.text]).toMatchObject([429, expect.stringContaining('RATE_LIMITED')]);
    // Reading goes on: a stream takes no turn of its caller.
    expect((await system.api.call('POST', '/graphql', { body: { query: '{ __typename }' } })).status).toBe(200);
  });

  test('to a key once it is revoked', async () => {
    const name = `follower-${randomUUID().slice(0, 8)}`;
    const { key } = await system.api.client.createApiKey({ name, role: 'reader' });
    const before = await followers();
    const own = subscribe({}, key);
    await until('the subscription', async () => (await followers()) > before);
    await system.api.client.revokeApiKey({ name });
    await until('the end', () => own.ended, { timeoutMs: 50_000 });
    expect(own.codes).toEqual(['EVENTS_MISSED']);
  }, 60_000);
});
