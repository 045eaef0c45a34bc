import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { ERRORS } from '#contracts/errors.ts';
import { type Answer, orderBody } from '#tests/support/api.ts';
import { carrierSays } from '#tests/support/carriers.ts';
import { document, seen } from '#tests/support/contract.ts';
import { Graph } from '#tests/support/graph.ts';
import { until } from '#tests/support/until.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Page, Problem, Product, Review } from '#tests/support/views.ts';

/**
 * Every operation of the API once with success, and every code that a caller can bring about. That an answer is as
 * docs/api/openapi.json says is seen to by the caller itself, see tests/support/contract.ts.
 */

const SECRET = 'whsec_' + Buffer.from('a secret of the carrier dhl').toString('base64');
const EXPORTS = [
  'orders',
  'lines',
  'refunds',
  'returns',
  'payments',
  'invoices',
  'shipments',
  'movements',
  'reviews',
  'audit',
];
const system = useSystem({
  env: {
    SANDBOX_CARRIER_DELAY_MS: 'off',
    PAYMENTS_PROVIDERS: 'sandbox,manual',
    ORDERS_PAY_AGAIN_MS: '600000',
    CARRIER_WEBHOOK_SECRETS: `dhl=${SECRET}`,
    VAPID_PRIVATE_KEY: Buffer.alloc(32, 7).toString('base64url'),
    VAPID_SUBJECT: 'mailto:orders@shop.example',
  },
});

const UNKNOWN = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const refused = (answer: Answer): readonly [number, string] => [answer.status, (answer.body as Problem).code];

let sku: string;
let completed: Order;

beforeAll(async () => {
  const { api } = system;
  sku = await api.product(1_000);
  const placed = await api.placeOrder({
    sku,
    quantity: 2,
    reference: 'R-1',
    taxLines: [{ name: 'VAT', amount: '1.90' }],
    discountLines: [{ amount: '1.00' }],
    shippingLines: [{ name: 'DHL', amount: '4.90' }],
    shippingAddress: { name: 'Ada Lovelace', city: 'London' },
    metadata: { campaign: 'spring' },
  });
  await api.untilStatus(placed.id, 'READY_FOR_SHIPMENT');
  const shipment = await api.firstShipment(placed.id);
  await api.dispatch(shipment.id);
  await api.untilStatus(placed.id, 'SHIPPED');
  await api.deliver(shipment.id);
  completed = await api.untilStatus(placed.id, 'COMPLETED');
});

describe('every operation', () => {
  test('of reading answers', async () => {
    const { api } = system;
    const { id } = completed;
    await api.untilNotified(id, 'OrderCompleted');
    const { invoiceNumber } = await api.invoice(id);
    await api.get(`/invoices/${invoiceNumber}`);
    const [notification] = await api.notifications(id);
    const shipment = await api.firstShipment(id);
    await api.get(`/notifications/${notification!.id}`);
    await api.get(`/notifications/${notification!.id}?format=html`);
    expect((await api.call('POST', `/notifications/${notification!.id}/resend`)).status).toBe(200);
    await api.get('/push-subscriptions/key');
    const browser = await api.ok<{ id: string }>('POST', '/push-subscriptions', {
      body: {
        customerId: 'c-pushed',
        endpoint: 'https://fcm.googleapis.com/fcm/send/abc',
        keys: {
          p256dh: 'BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4',
          auth: 'BTBZMqHH6r4Tts7J_aSIgg',
        },
      },
    });
    expect((await api.call('DELETE', `/push-subscriptions/${browser.id}`)).status).toBe(204);
    await api.get(`/shipments/${shipment.id}`);
    expect((await api.call('GET', `/shipments/${shipment.id}/packing-slip`)).status).toBe(200);
    await api.get('/shipments/counts');
    await api.payment(id);
    await api.order(id);
    await api.get(`/orders/${id}/tracking-link`);
    await api.events(id);
    await api.orders('limit=2');
    await api.get(`/products/${sku}`);
    await api.get('/products?limit=2');
    await api.stock(sku);
    await api.get('/stock?limit=2');
    for (const list of ['reservations', 'backorders']) await api.get(`/stock/${list}?sku=${sku}&limit=2`);
    await api.get(`/stock/counts/forecast?sku=${sku}&onHand=1`);
    await api.get('/locations?limit=2');
    await api.get('/payments/notices');
    for (const path of ['/invoices', '/returns', '/refunds', '/stock/movements']) await api.get(`${path}?limit=2`);
    await api.dashboard();
    const graph = new Graph(api);
    await graph.done('{ dashboard { total } }');
    await api.get('/graphql?query=%7B__typename%7D');
    await api.get('/orders/details?limit=2');
    await api.parked();
    await api.get('/me');
    await api.get('/api-keys');
    for (const path of ['/audit', '/audit-entries']) await api.get(`${path}?limit=2`);
    for (const path of [
      '/openapi.json',
      '/asyncapi.json',
      '/docs',
      '/docs/errors',
      '/schema.graphql',
      '/schemas/events/OrderPaid/1',
      '/health/liveness',
      '/health/readiness',
      '/metrics',
      '/actuator/health',
      '/actuator/health/liveness',
      '/actuator/health/readiness',
      '/actuator/prometheus',
    ])
      expect((await api.as(undefined).call('GET', path)).status).toBe(200);
  });

  test('of an order answers', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ sku, requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    expect((await api.command(id, 'hold', { reason: 'address' })).status).toBe(200);
    expect(refused(await api.command(id, 'hold', { reason: 'again' }))).toEqual([409, 'HOLD_EXISTS']);
    expect((await api.command(id, 'release')).status).toBe(200);
    expect(refused(await api.command(id, 'release'))).toEqual([409, 'HOLD_NOT_FOUND']);
    expect((await api.amend(id, { reference: 'R-2' })).status).toBe(200);
    const review = await api.reviewOf(id);
    await api.get<Review>(`/reviews/${review.id}`);
    expect((await api.decideReview(review.id, 'approve')).status).toBe(200);
    expect(refused(await api.decideReview(review.id, 'reject'))).toEqual([409, 'REVIEW_DECIDED']);
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(id);
    expect(refused(await api.deliver(shipment.id))).toEqual([409, 'SHIPMENT_NOT_DELIVERABLE']);
    await api.command(id, 'hold', { reason: 'stop' });
    await expect.poll(async () => (await api.firstShipment(id)).paused).toBe(true);
    expect(refused(await api.dispatch(shipment.id))).toEqual([409, 'SHIPMENT_ON_HOLD']);
    await api.command(id, 'release');
    await expect.poll(async () => (await api.firstShipment(id)).paused).toBe(false);
    expect((await api.dispatch(shipment.id)).status).toBe(200);
    expect(refused(await api.dispatch(shipment.id))).toEqual([409, 'SHIPMENT_NOT_DISPATCHABLE']);
    await api.untilStatus(id, 'SHIPPED');
    expect(refused(await api.cancel(id))).toEqual([409, 'ORDER_ALREADY_SHIPPED']);
    const tooMuch = { reason: 'x', items: [{ sku, quantity: 5 }] };
    expect(refused(await api.command(id, 'returns', tooMuch))).toEqual([409, 'RETURN_EXCEEDS_SHIPPED']);
    expect((await api.command(id, 'complete')).status).toBe(200);
    expect(refused(await api.command(id, 'complete'))).toEqual([409, 'ORDER_FINAL']);
    const returned = await api.command(id, 'returns', { reason: 'too small' });
    expect(returned.status).toBe(200);
    const { returnId } = returned.body.returns[0]!;
    const receive = `returns/${returnId}/receive`;
    expect((await api.call('GET', `/orders/${id}/returns/${returnId}/slip`)).status).toBe(200);
    const many = { items: [{ sku, quantity: 9 }] };
    expect(refused(await api.command(id, receive, many))).toEqual([409, 'RECEIVED_EXCEEDS_RETURN']);
    expect((await api.command(id, receive, { refund: false })).status).toBe(200);
    expect(refused(await api.command(id, receive, { refund: false }))).toEqual([409, 'RETURN_CLOSED']);
    expect(refused(await api.command(id, `returns/${UNKNOWN}/receive`))).toEqual([404, 'RETURN_NOT_FOUND']);
    expect((await api.command(id, 'refunds', { reason: 'kind', amount: '1.00' })).status).toBe(200);
    const all = { reason: 'kind', amount: '10.00' };
    expect(refused(await api.command(id, 'refunds', all))).toEqual([409, 'REFUND_EXCEEDS_CAPTURED']);
    const fine = { reason: 'kind', amount: '1.001' };
    expect(refused(await api.command(id, 'refunds', fine))).toEqual([422, 'AMOUNT_INVALID']);

    const cancelled = (items: object[], of = id): Promise<Answer> =>
      api.command(of, 'cancellations', { items, reason: 'too many' });
    const parts = await api.placeOrder({ sku, quantity: 3, requiresReview: true });
    await api.untilStatus(parts.id, 'RESERVED');
    expect(refused(await cancelled([{ line: 2, quantity: 1 }], parts.id))).toEqual([422, 'UNKNOWN_LINE']);
    expect(refused(await cancelled([{ line: 1, quantity: 4 }], parts.id))).toEqual([409, 'QUANTITY_EXCEEDS_OPEN']);
    expect((await cancelled([{ line: 1, quantity: 1 }], parts.id)).status).toBe(200);
    const claim = (change: object = {}): Promise<Answer> =>
      api.command(id, 'claims', {
        shipmentId: shipment.id,
        kind: 'damaged',
        resolution: 'refund',
        reason: 'broken',
        ...change,
      });
    expect(refused(await claim({ shipmentId: UNKNOWN }))).toEqual([409, 'SHIPMENT_NOT_CLAIMABLE']);

    const other = await api.placeOrder({ sku, requiresReview: true });
    const second = await api.reviewOf(other.id);
    expect((await api.decideReview(second.id, 'reject')).status).toBe(200);
    const third = await api.placeOrder({ sku });
    await api.untilStatus(third.id, 'READY_FOR_SHIPMENT');
    expect((await api.cancel(third.id)).status).toBeLessThan(300);
  });

  test('that says what a command would do answers', async () => {
    const body = { action: 'requestReturn', arguments: { reason: 'too small' } };
    expect((await system.api.call('POST', `/orders/${completed.id}/forecast`, { body })).status).toBe(200);
  });

  test('of many orders at once answers', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ sku, requiresReview: true });
    const body = { command: 'hold', arguments: { reason: 'address' }, ids: [id] };
    const run = await api.call<{ id: string }>('POST', '/bulk', { body });
    expect(run.status).toBe(202);
    expect((await api.call('POST', '/bulk', { body: { ...body, dryRun: true } })).status).toBe(200);
    expect((await api.call('GET', '/bulk')).status).toBe(200);
    expect((await api.call('GET', `/bulk/${run.body.id}`)).status).toBe(200);
    expect((await api.call('GET', `/bulk/${run.body.id}/items`)).status).toBe(200);
    expect((await api.call('POST', `/bulk/${run.body.id}/stop`, { body: {} })).status).toBe(200);
    for (const what of EXPORTS) expect((await api.call('GET', `/exports/${what}`)).status).toBe(200);
  });

  test('of orders of another system answers', async () => {
    const { api } = system;
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const order = {
      number: '1',
      currency: 'EUR',
      createdAt: '2020-02-29T12:00:00Z',
      status: 'COMPLETED' as const,
      items: [{ sku, quantity: 1, unitPrice: '5.00' }],
    };
    const taken = await api.client.importOrders({ source, as: 'history', orders: [order] });
    const { id } = taken.orders[0]!;
    expect((await api.command(id!, 'refunds', { reason: 'kind' })).status).toBe(200);
    const refund = await until('the refund', async () =>
      (await api.payment(id!))?.operations.find(({ kind }) => kind === 'refund'),
    );
    const ids = { orderId: id!, operationId: refund.id };
    expect(await api.client.recordPaymentOperation(ids, { outcome: 'done' })).toMatchObject({ refunded: '5.00' });
    const { operations } = (await api.payment(completed.id))!;
    const path = `/payments/${completed.id}/operations/${operations[0]!.id}/record`;
    expect(refused(await api.call('POST', path, { body: { outcome: 'done' } }))).toEqual([409, 'ACTION_NOT_ALLOWED']);
    expect(
      refused(await api.command(completed.id, 'payment', { token: 'tok_approve' }, { key: randomUUID() })),
    ).toEqual([409, 'ORDER_FINAL']);
    expect(await api.client.refreshPayment({ orderId: completed.id })).toMatchObject({ asked: false });
  });

  test('of paying again answers', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ sku, token: 'tok_decline' });
    await api.untilOrder(id, 'refused', ({ paymentStatus }) => paymentStatus === 'FAILED');
    expect((await api.command(id, 'payment', { token: 'tok_approve' }, { key: randomUUID() })).status).toBe(200);
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  });

  test('of money that people receive answers', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ sku, payment: { provider: 'manual', token: 'bank_transfer' } });
    await api.untilStatus(id, 'PAYMENT_PENDING');
    const receipt = { amount: '10.00', date: '2026-11-28', reference: 'TX-1' };
    expect(await api.client.recordPayment({ orderId: id }, receipt)).toMatchObject({ status: 'CAPTURED', due: '0.00' });
    await api.client.recordPayment({ orderId: id }, { ...receipt, amount: '2.00' });
    const back = { amount: '2.00', date: '2026-11-29' };
    expect(await api.client.giveBackOverpayment({ orderId: id }, back)).toMatchObject({ overpaid: '0.00' });
  });

  test('of a parcel that goes wrong answers', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ sku });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const { id: shipmentId } = await api.firstShipment(id);
    const parcel = (what: string): Promise<Answer> =>
      api.call('POST', `/shipments/${shipmentId}/${what}`, { body: { reason: 'so it was' }, key: randomUUID() });
    expect(refused(await parcel('lost'))).toEqual([409, 'SHIPMENT_NOT_CLAIMABLE']);
    const early = { body: { trackingNumber: 'JD-1', reason: 'mistyped' } };
    expect(refused(await api.call('PATCH', `/shipments/${shipmentId}`, early))).toEqual([
      409,
      'SHIPMENT_NOT_DISPATCHED',
    ]);
    const tooMuch = { carrier: 'dhl', trackingNumber: 'JD-1', items: [{ sku, quantity: 99 }] };
    const part = await api.call('POST', `/shipments/${shipmentId}/dispatch`, { body: tooMuch, key: randomUUID() });
    expect(refused(part)).toEqual([422, 'ITEMS_NOT_IN_SHIPMENT']);
    await api.dispatch(shipmentId);
    const number = { trackingNumber: 'JD-2', reason: 'mistyped' };
    expect((await api.call('PATCH', `/shipments/${shipmentId}`, { body: number })).status).toBe(200);
    const said = { trackingNumber: 'JD 2', status: 'in_transit', at: new Date().toISOString() };
    expect((await carrierSays(api, 'dhl', SECRET, said)).status).toBe(202);
    for (const what of ['lost', 'damaged', 'returned-to-sender']) expect((await parcel(what)).status).toBe(200);
    await api.untilStatus(id, 'SHIPPED');
    const claim = { shipmentId, kind: 'lost', resolution: 'refund', reason: 'it was' };
    const back = await api.command(id, 'returns', { reason: 'it may come back' });
    const close = `returns/${back.body.returns[0]!.returnId}/close`;
    expect((await api.command(id, close)).status).toBe(200);
    expect((await api.command(id, 'claims', claim)).status).toBe(201);
    expect(refused(await api.command(id, 'claims', claim))).toEqual([409, 'CLAIM_EXISTS']);
  });

  test('of keys, stock and parked orders answers', async () => {
    const { api } = system;
    const name = `k-${randomUUID().slice(0, 8)}`;
    await api.ok('POST', '/api-keys', { body: { name, role: 'reader' } });
    const again = await api.call('POST', '/api-keys', { body: { name, role: 'reader' } });
    expect(refused(again)).toEqual([409, 'API_KEY_EXISTS']);
    const once = { body: { name: `${name}-once`, role: 'reader' }, key: randomUUID() };
    await api.ok('POST', '/api-keys', once);
    expect(refused(await api.call('POST', '/api-keys', once))).toEqual([409, 'API_KEY_SHOWN']);
    await api.ok('POST', `/api-keys/${name}/rotate`, { body: { overlapSeconds: 60 } });
    const expiresAt = new Date(Date.now() + 500).toISOString();
    await api.ok('POST', '/api-keys', { body: { name: `${name}-short`, role: 'reader', expiresAt } });
    await until('the end of the key', () => Date.now() > Date.parse(expiresAt));
    const ended = await api.call('POST', `/api-keys/${name}-short/rotate`, { body: {} });
    expect(refused(ended)).toEqual([409, 'API_KEY_EXPIRED']);
    expect((await api.call('DELETE', `/api-keys/${name}`)).status).toBe(204);
    expect((await api.call('PUT', '/locations/north', { body: {}, key: randomUUID() })).status).toBe(201);
    const much = { body: { sku, location: 'north', onHand: 1_000_000_000, reason: 'count' }, key: randomUUID() };
    expect((await api.call('POST', '/stock/adjustments', much)).status).toBe(201);
    const tooMuch = { body: { sku, location: 'north', delta: 1_000_000_000, reason: 'x' } };
    expect((await api.call('POST', '/stock/adjustments', { ...tooMuch, key: randomUUID() })).status).toBe(201);
    const more = await api.call('POST', '/stock/adjustments', { ...tooMuch, key: randomUUID() });
    expect(refused(more)).toEqual([422, 'STOCK_TOO_LARGE']);
    const nowhere = { body: { sku, location: 'nowhere', delta: 1, reason: 'x' }, key: randomUUID() };
    expect(refused(await api.call('POST', '/stock/adjustments', nowhere))).toEqual([422, 'LOCATION_UNKNOWN']);
    const less = { body: { sku, delta: -1_000_000, reason: 'count' }, key: randomUUID() };
    expect(refused(await api.call('POST', '/stock/adjustments', less))).toEqual([409, 'STOCK_INSUFFICIENT']);
    for (const action of ['retry', 'skip']) {
      // Nothing of this order is parked, so nothing is left.
      const answer = await api.call('POST', `/parked/orders/${UNKNOWN}/${action}`, { body: {} });
      expect([answer.status, answer.body]).toEqual([200, { released: 0, left: 0 }]);
      expect(refused(await api.call('POST', `/parked/nobody/${UNKNOWN}/${action}`))).toEqual([404, 'NOT_FOUND']);
    }
  });
});

describe('a code', () => {
  test('is met by what brings it about', async () => {
    const { api } = system;
    const { id } = completed;
    const order = (change: object, headers: Record<string, string | undefined> = {}): Promise<Answer> =>
      api.call('POST', '/orders', { body: { ...orderBody({ sku }), ...change }, key: randomUUID(), headers });
    const line = (change: object): object => ({ items: [{ sku, quantity: 1, unitPrice: '1.00', ...change }] });
    expect(refused(await order(line({ sku: 'nothing' })))).toEqual([422, 'UNKNOWN_SKU']);
    expect(refused(await order({ customerId: 7 }))).toEqual([400, 'VALIDATION_FAILED']);
    expect(refused(await order({ payment: { provider: 'nobody', token: 't' } }))).toEqual([422, 'UNKNOWN_PROVIDER']);
    expect(refused(await order({ payment: { provider: 'paypal', token: 'paypal' } }))).toEqual([
      422,
      'UNKNOWN_PROVIDER',
    ]);
    for (const payment of [
      { token: 'pm_card_visa' },
      { token: 'paypal' },
      { token: 'bank_transfer' },
      { provider: 'manual', token: 'tok_approve' },
    ])
      expect(refused(await order({ payment }))).toEqual([422, 'PAYMENT_TOKEN_INVALID']);
    expect(refused(await order({ pricesIncludeTax: true }))).toEqual([422, 'TAX_INVALID']);
    expect(refused(await api.call('GET', '/orders?number=0000-0000-1'))).toEqual([422, 'ORDER_NUMBER_INVALID']);
    expect(refused(await order({ reference: 'R-1' }))).toEqual([409, 'REFERENCE_TAKEN']);
    const own = { name: `c-${randomUUID().slice(0, 8)}`, role: 'customer', customer: 'c-1' };
    const { key: customerKey } = await api.ok<{ key: string }>('POST', '/api-keys', { body: own });
    const { customerId: _customer, ...ordered } = orderBody({ sku, unitPrice: '0.01' });
    const cheap = await api.as(customerKey).call('POST', '/orders', { body: ordered, key: randomUUID() });
    expect(refused(cheap)).toEqual([422, 'PRICE_DIFFERS']);
    expect(refused(await order({ currency: 'XXQ' }))).toEqual([422, 'UNKNOWN_CURRENCY']);
    expect(refused(await order(line({ unitPrice: '1.00001' })))).toEqual([422, 'UNIT_PRICE_INVALID']);
    expect(refused(await order({ totalAmount: '1.00' }))).toEqual([422, 'TOTAL_MISMATCH']);
    expect(refused(await order({}, { 'idempotency-key': undefined }))).toEqual([400, 'IDEMPOTENCY_KEY_REQUIRED']);
    expect(refused(await order({}, { 'content-type': 'text/csv' }))).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(refused(await api.call('POST', '/orders', { body: '{', key: 'x' }))).toEqual([400, 'MALFORMED_JSON']);
    const graph = new Graph(api);
    expect((await graph.refused('{ nothing }')).code).toBe('GRAPHQL_INVALID');
    expect(
      (await graph.refused('{ orders(first: 200) { nodes { payments { order { payments { order { id } } } } } } }'))
        .code,
    ).toBe('GRAPHQL_TOO_COMPLEX');
    expect((await graph.persisted('a'.repeat(64))).body.errors?.[0]?.extensions.code).toBe('PERSISTED_QUERY_NOT_FOUND');
    const key = randomUUID();
    await api.ok('PUT', `/products/${sku}`, { body: { name: 'A' }, key });
    const reused = await api.call('PUT', `/products/${sku}`, { body: { name: 'B' }, key });
    expect(refused(reused)).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect(refused(await api.as(undefined).call('GET', '/orders'))).toEqual([401, 'UNAUTHENTICATED']);
    const reader = api.as(await api.newKey('reader'));
    expect(refused(await reader.cancel(id))).toEqual([403, 'FORBIDDEN']);
    const stale = await api.command(id, 'returns', { reason: 'x' }, { headers: { 'if-match': '"1"' } });
    expect(refused(stale)).toEqual([412, 'VERSION_MISMATCH']);
    const pdf = await api.call('GET', `/orders/${id}/invoice`, { headers: { accept: 'image/png' } });
    expect(refused(pdf)).toEqual([406, 'NOT_ACCEPTABLE']);
    const { id: invoiced } = completed;
    await api.invoice(invoiced);
    const xml = await api.call('GET', `/orders/${invoiced}/invoice`, { headers: { accept: 'application/xml' } });
    expect(refused(xml)).toEqual([409, 'SELLER_INCOMPLETE']);
    expect(refused(await api.call('GET', '/invoices/INV-99999999'))).toEqual([404, 'DOCUMENT_NOT_FOUND']);
    const webhook = await api.call('POST', '/payments/webhooks/sandbox', { body: {} });
    expect(refused(webhook)).toEqual([401, 'WEBHOOK_SIGNATURE_INVALID']);
    expect(refused(await api.call('GET', `/orders/${UNKNOWN}/invoice`))).toEqual([404, 'INVOICE_NOT_ISSUED']);
    expect(refused(await api.call('GET', `/orders/${UNKNOWN}`))).toEqual([404, 'ORDER_NOT_FOUND']);
    expect(refused(await api.call('GET', '/products/nothing'))).toEqual([404, 'PRODUCT_NOT_FOUND']);
    expect(refused(await api.call('GET', `/shipments/${UNKNOWN}`))).toEqual([404, 'SHIPMENT_NOT_FOUND']);
    expect(refused(await api.call('GET', `/reviews/${UNKNOWN}`))).toEqual([404, 'REVIEW_NOT_FOUND']);
    expect(refused(await api.call('DELETE', '/orders'))).toEqual([405, 'METHOD_NOT_ALLOWED']);
    const large = { body: JSON.stringify({ name: 'x'.repeat(1_100_000) }) };
    const tooLarge = await api.call('PUT', `/products/${sku}`, large).catch((error: unknown) => error as Error);
    // The server answers before it has read everything; a client may see the closed connection first.
    if (!(tooLarge instanceof Error)) expect(refused(tooLarge)).toEqual([413, 'PAYLOAD_TOO_LARGE']);
  });

  test.each([
    [
      'headers of 20 kB',
      `GET /orders HTTP/1.1\r\nhost: x\r\nx-long: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'HEADERS_TOO_LARGE',
    ],
    ['a URL of 20 kB', `GET /orders?text=${'x'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`, 431, 'HEADERS_TOO_LARGE'],
    ['a greeting', 'HELO example.com\r\n\r\n', 400, 'MALFORMED_REQUEST'],
    [
      'two lengths',
      'POST /orders HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx',
      400,
      'MALFORMED_REQUEST',
    ],
  ])('answers %s', async (_what, bytes, status, code) => {
    const { hostname, port } = new URL(system.api.url);
    const socket = connect(Number(port), hostname);
    socket.write(bytes);
    let text = '';
    for await (const chunk of socket) text += String(chunk);
    expect(text.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(text).toMatch(/\r\nx-correlation-id: [0-9a-f-]{36}\r\n/);
    expect(text).toContain('\r\ncontent-type: application/problem+json\r\n');
    expect(JSON.parse(text.slice(text.indexOf('{')))).toMatchObject({ code, status });
    seen.codes.add(code);
  });
});

describe('the document', () => {
  /** Not answered by what a caller does, or by operations that are of no use here. */
  const ELSEWHERE = {
    codes: [
      'CANCELLATION_PENDING',
      'CHANGE_PENDING',
      'EVENTS_MISSED',
      'INTERNAL',
      'LAST_ADMIN',
      'NOTIFICATION_QUEUED',
      'NOTIFICATION_WITHOUT_RECIPIENT',
      'OVERLOADED',
      'PAYLOAD_TOO_LARGE',
      'PAYMENT_DISPUTED',
      'PERSISTED_QUERY_REQUIRED',
      'PUSH_OFF',
      'RATE_LIMITED',
      'REQUEST_TIMEOUT',
      'STOCK_UNDECIDED',
      'TRACKING_OFF',
      'UNAVAILABLE',
    ],
    operations: ['followEvents', 'receiveTextReport', 'receiveWebhook'],
  };

  test('has no operation and no code that was not met here', () => {
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map((operation) => operation.operationId),
    );
    const succeeded = ids.filter((id) => [...(seen.statuses.get(id) ?? [])].some((status) => status < 300));
    expect(ids.filter((id) => !succeeded.includes(id)).toSorted()).toEqual(ELSEWHERE.operations);
    expect(Object.keys(ERRORS).filter((code) => !seen.codes.has(code) && !ELSEWHERE.codes.includes(code))).toEqual([]);
  });
});

test('a price keeps the scale of its currency', async () => {
  const { api } = system;
  const own = `PRICE-${randomUUID().slice(0, 8)}`;
  for (const [price, currency, shown] of [
    ['19.90', 'EUR', '19.90'],
    ['20', 'EUR', '20.00'],
    ['0.0125', 'EUR', '0.0125'],
    ['500', 'JPY', '500'],
    ['1.5', 'KWD', '1.500'],
  ] as const) {
    const put = await api.ok<Product>('PUT', `/products/${own}`, { body: { name: 'P', price, currency } });
    expect([put.price, (await api.get<Product>(`/products/${own}`)).price]).toEqual([shown, shown]);
  }
});

test('a page goes on behind the longest SKU there can be', async () => {
  const { api } = system;
  const long = '\u{10ffff}'.repeat(100);
  await api.putProduct(long);
  const page = await api.get<Page<Product>>(
    `/products?limit=1&cursor=${Buffer.from('\u{10fffe}').toString('base64url')}`,
  );
  expect(page.items.map((item) => item.sku)).toEqual([long]);
  const next = Buffer.from(long).toString('base64url');
  expect((await api.get<Page<Product>>(`/products?limit=1&cursor=${next}`)).items).toEqual([]);
});
