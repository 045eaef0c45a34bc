import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { Graph } from '#tests/support/graph.ts';

/** `POST /graphql`: the operations of the API as a graph. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });
const graph = (): Graph => new Graph(system.api);

let sku: string;
let placed: readonly string[];
const channel = `graph-${randomUUID().slice(0, 8)}`;

beforeAll(async () => {
  const { api } = system;
  sku = await api.product(1_000);
  const ids: string[] = [];
  for (let i = 0; i < 6; i++) {
    const { id } = await api.placeOrder({ sku, quantity: 2, channel });
    ids.push(id);
  }
  for (const id of ids) await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  placed = ids;
});

describe('what is read', () => {
  test('is an order with what every service knows of it', async () => {
    const [id] = placed;
    await system.api.untilNotified(id!, 'OrderPaid');
    const { data } = await graph().done(
      `query ($id: ID!) {
        order(id: $id) {
          id status totalAmount currency paymentStatus
          items { line sku quantity unitPrice amount }
          payments { status captured operations { kind amount state } }
          shipments { id status location order { id } }
          notifications { eventType status }
          reviews { id }
          invoice { invoiceNumber }
        }
      }`,
      { id },
    );
    const order = await system.api.order(id!);
    expect(data['order']).toMatchObject({
      id,
      status: 'READY_FOR_SHIPMENT',
      totalAmount: '20.00',
      currency: 'EUR',
      paymentStatus: 'CAPTURED',
      items: [{ line: 1, sku, quantity: 2, unitPrice: order.items[0]!.unitPrice, amount: '20.00' }],
      payments: [
        {
          status: 'CAPTURED',
          captured: '20.00',
          operations: [{ kind: 'charge', amount: '20.00', state: 'succeeded' }],
        },
      ],
      shipments: [{ status: 'SCHEDULED', order: { id } }],
      reviews: [],
      invoice: null,
    });
  });

  test('is null where there is no such thing', async () => {
    const { data } = await graph().done(
      `query ($id: ID!) { order(id: $id) { id } none: order(id: "x") { id } product(sku: "none-such") { sku } }`,
      { id: randomUUID() },
    );
    expect(data).toEqual({ order: null, none: null, product: null });
  });

  test('are pages of a list, read on by cursors of pages and of entries', async () => {
    const list = `query ($after: String, $first: Int, $channel: [String!]) {
      orders(filter: { channel: $channel }, sort: CREATED_AT_ASC, first: $first, after: $after) {
        edges { cursor node { id items { sku } } }
        pageInfo { hasNextPage hasPreviousPage endCursor }
      }
    }`;
    interface List {
      readonly edges: readonly { readonly cursor: string; readonly node: { readonly id: string } }[];
      readonly pageInfo: {
        readonly hasNextPage: boolean;
        readonly hasPreviousPage: boolean;
        readonly endCursor: string;
      };
    }
    const page = async (after: string | null, first = 4): Promise<List> =>
      (await graph().done(list, { after, first, channel })).data['orders'] as List;
    const first = await page(null);
    expect(first.edges.map(({ node }) => node.id)).toEqual(placed.slice(0, 4));
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false });
    const second = await page(first.pageInfo.endCursor);
    expect(second.edges.map(({ node }) => node.id)).toEqual(placed.slice(4));
    expect(second.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true });
    // After any entry, and on over the end of its page.
    const behind = await page(first.edges[1]!.cursor, 2);
    expect(behind.edges.map(({ node }) => node.id)).toEqual(placed.slice(2, 4));
    expect((await page(behind.pageInfo.endCursor)).edges.map(({ node }) => node.id)).toEqual(placed.slice(4));
    expect((await page(second.pageInfo.endCursor)).edges).toEqual([]);
    expect((await graph().refused(list, { after: 'nonsense', channel })).code).toBe('VALIDATION_FAILED');
    expect((await graph().refused(list, { first: 201, channel })).code).toBe('VALIDATION_FAILED');
  });

  test('are all the lists and the dashboard', async () => {
    const { data } = await graph().done(`{
      products(first: 1) { nodes { sku name } }
      stock(sku: "${sku}") { available locations { location onHand } }
      stockLevels(first: 1) { nodes { sku } }
      locations { nodes { name } }
      payments(first: 2) { nodes { status order { id status } } }
      shipments(first: 2) { nodes { status } }
      reviews(first: 2) { nodes { status } }
      notifications(first: 2) { nodes { eventType } }
      invoices(first: 2) { nodes { invoiceNumber } }
      parkedOrders { nodes { orderId } }
      apiKeys { nodes { name } }
      auditEntries(first: 2) { nodes { action } }
      dashboard { total byStatus { READY_FOR_SHIPMENT } }
      orderEvents(id: "${placed[0]}") { type }
    }`);
    for (const name of ['products', 'stockLevels', 'payments', 'shipments', 'notifications'])
      expect((data[name] as { nodes: unknown[] }).nodes.length).toBeGreaterThan(0);
    expect(data['orderEvents']).toContainEqual({ type: 'OrderCreated' });
  });

  test('is answered to GET as well', async () => {
    const query = encodeURIComponent('query Q($id: ID!) { order(id: $id) { id } }');
    const variables = encodeURIComponent(JSON.stringify({ id: placed[0] }));
    const { status, body } = await system.api.call('GET', `/graphql?query=${query}&variables=${variables}`);
    expect([status, body]).toMatchObject([200, { data: { order: { id: placed[0] } } }]);
    const change = encodeURIComponent('mutation { completeOrder(id: "x") { problem { code } } }');
    expect((await system.api.call('GET', `/graphql?query=${change}`)).status).toBe(405);
  });
});

describe('what is changed', () => {
  const HOLD = `mutation ($id: ID!, $key: String, $reason: String!) {
    holdOrder(id: $id, idempotencyKey: $key, input: { reason: $reason }) {
      order { id holds { type reason } }
      problem { code detail pointer orderStatus allowedActions }
    }
  }`;

  test('is answered with the order, once under its key', async () => {
    const key = randomUUID();
    const hold = async (reason: string): Promise<unknown> =>
      (await graph().done(HOLD, { id: placed[1], key, reason })).data['holdOrder'];
    const first = await hold('address');
    expect(first).toMatchObject({
      order: { id: placed[1], holds: [{ type: 'manual', reason: 'address' }] },
      problem: null,
    });
    expect(await hold('address')).toEqual(first);
    expect(await hold('another')).toMatchObject({ order: null, problem: { code: 'IDEMPOTENCY_KEY_REUSED' } });
  });

  test('says as data why it was refused', async () => {
    const twice = await graph().done(HOLD, { id: placed[1], reason: 'again' });
    expect(twice.data['holdOrder']).toMatchObject({
      order: null,
      problem: { code: 'HOLD_EXISTS', orderStatus: 'READY_FOR_SHIPMENT', pointer: null },
    });
    const wrong = await graph().done(HOLD, { id: placed[2], reason: '' });
    expect(wrong.data['holdOrder']).toMatchObject({
      order: null,
      problem: { code: 'VALIDATION_FAILED', pointer: '/reason' },
    });
    const none = await graph().done(HOLD, { id: randomUUID(), reason: 'x' });
    expect(none.data['holdOrder']).toMatchObject({ order: null, problem: { code: 'ORDER_NOT_FOUND' } });
  });

  test('is a whole life', async () => {
    const key = randomUUID();
    const { data } = await graph().done(
      `mutation ($input: PlaceOrderInput!, $key: String!) {
        placeOrder(input: $input, idempotencyKey: $key, prefer: "wait=10") { order { id status } problem { code } }
      }`,
      {
        key,
        input: { currency: 'EUR', items: [{ sku, quantity: 1, unitPrice: '5.00' }], payment: { token: 'tok_approve' } },
      },
    );
    const { id } = (data['placeOrder'] as { order: { id: string } }).order;
    await system.api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await system.api.firstShipment(id);
    const sent = await graph().done(
      `mutation ($id: ID!) {
        dispatchShipment(id: $id, input: { carrier: "DHL", trackingNumber: "JD1" }) {
          shipment { status carrier } order { id } problem { code }
        }
      }`,
      { id: shipment.id },
    );
    expect(sent.data['dispatchShipment']).toEqual({
      shipment: { status: 'DISPATCHED', carrier: 'DHL' },
      order: { id },
      problem: null,
    });
    await system.api.untilStatus(id, 'SHIPPED');
    await graph().done(`mutation { deliverShipment(id: "${shipment.id}") { problem { code } } }`);
    await system.api.untilStatus(id, 'COMPLETED');
  });

  test('needs the permission that the operation needs', async () => {
    const { api } = system;
    const name = `reader-${randomUUID().slice(0, 8)}`;
    const { key } = await api.client.createApiKey({ name, role: 'reader' });
    const reader = new Graph(api.as(key));
    expect((await reader.done(`{ order(id: "${placed[0]}") { id } }`)).data['order']).toEqual({ id: placed[0] });
    expect((await reader.refused(HOLD, { id: placed[0], reason: 'x' })).code).toBe('FORBIDDEN');
    expect((await reader.refused('{ auditEntries { nodes { id } } }')).code).toBe('FORBIDDEN');
    expect((await api.as(undefined).call('POST', '/graphql', { body: { query: '{ __typename }' } })).status).toBe(401);
  });
});
