import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** Orders of another system, by way of `POST /orders/imports`. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

const PLACED = '2010-12-01T08:26:00.000Z';

interface Outcome {
  readonly number: string;
  readonly outcome: string;
  readonly id?: string;
  readonly code?: string;
  readonly detail?: string;
}
interface Imported {
  readonly taken: number;
  readonly repeated: number;
  readonly refused: number;
  readonly orders: Outcome[];
}

function orderOf(number: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    number,
    customerId: '0192f0c1-2a3b-7c4d-8e5f-0123456789ab',
    currency: 'EUR',
    createdAt: PLACED,
    items: [{ sku: 'LONG-GONE', quantity: 2, unitPrice: '9.95' }],
    contact: { email: 'ada@example.com' },
    ...more,
  };
}

async function bring(as: string, source: string, orders: unknown[], more: object = {}): Promise<Imported> {
  const body = { source, as, orders, ...more };
  const answer = await system.api.ok<{ counts: Omit<Imported, 'orders'>; orders: Outcome[] }>(
    'POST',
    '/orders/imports',
    {
      body,
    },
  );
  return { ...answer.counts, orders: answer.orders };
}

describe('an order of the past', () => {
  test('is recorded with its end, its time and its money, and nothing follows from it', async () => {
    const { api } = system;
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const sold = orderOf('1', { status: 'COMPLETED', refunds: [{ amount: '5.00', reason: 'scratched' }] });
    const { taken, orders } = await bring('history', source, [
      sold,
      orderOf('2', { status: 'CANCELLED', endReason: 'changed my mind' }),
      orderOf('3', { status: 'CANCELLED', refunds: [{ amount: '19.90' }] }),
      orderOf('4', { status: 'PAYMENT_FAILED' }),
    ]);
    expect(taken).toBe(4);
    const [first, second, third, fourth] = orders.map(({ id }) => id!);
    expect(await api.order(first!)).toMatchObject({
      status: 'COMPLETED',
      paymentStatus: 'PARTIALLY_REFUNDED',
      fulfillmentStatus: 'DELIVERED',
      totalAmount: '19.90',
      refundedAmount: '5.00',
      refunds: [{ amount: '5.00', status: 'DONE', reason: 'scratched' }],
      createdAt: PLACED,
      updatedAt: PLACED,
      channel: source,
      reference: '1',
      origin: { kind: 'import', source, number: '1' },
      payment: { provider: 'external' },
      version: 1,
    });
    expect(await api.order(second!)).toMatchObject({
      status: 'CANCELLED',
      paymentStatus: 'NONE',
      endReason: 'changed my mind',
    });
    expect(await api.order(third!)).toMatchObject({
      status: 'CANCELLED',
      paymentStatus: 'REFUNDED',
      refundedAmount: '19.90',
    });
    expect(await api.order(fourth!)).toMatchObject({ status: 'PAYMENT_FAILED', paymentStatus: 'FAILED' });
    const payment = await until('the payment of an imported order', () => api.payment(first!));
    expect(payment).toMatchObject({
      provider: 'external',
      status: 'PARTIALLY_REFUNDED',
      captured: '19.90',
      refunded: '5.00',
      operations: [
        { kind: 'charge', amount: '19.90', state: 'succeeded', providerReference: '1' },
        { kind: 'refund', amount: '5.00', state: 'succeeded' },
      ],
    });
    expect(await until('the payment of the third', () => api.payment(third!))).toMatchObject({
      captured: '19.90',
      refunded: '19.90',
    });
    // What is asked afterwards comes behind it in the log of every service.
    const sku = await api.product(1);
    const later = await api.placeOrder({ sku });
    await api.untilStatus(later.id, 'READY_FOR_SHIPMENT');
    await api.untilNotified(later.id, 'OrderPaid');
    for (const id of [first!, second!, third!, fourth!]) {
      const events = await api.events(id);
      expect(events.map(({ type, time, sequence }) => [type, time, Number(sequence)])).toEqual([
        ['OrderImported', PLACED, 1],
      ]);
      expect(await api.notifications(id)).toEqual([]);
      expect((await api.get<{ items: unknown[] }>(`/shipments?orderId=${id}`)).items).toEqual([]);
      expect((await api.call('GET', `/orders/${id}/invoice`)).status).toBe(404);
    }
    expect((await api.call('GET', '/stock/LONG-GONE')).status).toBe(404);
  });

  test('is taken once, however often and in whatever company it comes', async () => {
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const order = orderOf('A/1 ä', { status: 'COMPLETED' });
    const [first, again] = await Promise.all([
      bring('history', source, [order, orderOf('B', { status: 'COMPLETED' })]),
      bring('history', source, [orderOf('C', { status: 'COMPLETED' }), order, order]),
    ]);
    expect(first.taken + again.taken).toBe(3);
    expect(first.repeated + again.repeated).toBe(2);
    const third = await bring('history', source, [order]);
    expect(third).toMatchObject({ taken: 0, repeated: 1, orders: [{ number: 'A/1 ä', outcome: 'repeated' }] });
    const changed = await bring('history', source, [
      { ...order, items: [{ sku: 'OTHER', quantity: 1, unitPrice: '1' }] },
    ]);
    expect(changed.orders).toMatchObject([{ outcome: 'refused', code: 'IDEMPOTENCY_KEY_REUSED' }]);
    const asOpen = await bring('open', source, [order]);
    expect(asOpen.orders).toMatchObject([{ outcome: 'refused', code: 'IDEMPOTENCY_KEY_REUSED' }]);
  });

  test.each([
    ['without a date', { status: 'COMPLETED', createdAt: undefined }, 'VALIDATION_FAILED', 'take it as open instead'],
    ['without an end', {}, 'VALIDATION_FAILED', 'take it as open instead'],
    [
      'of tomorrow',
      { status: 'COMPLETED', createdAt: '2199-01-01T00:00:00Z' },
      'VALIDATION_FAILED',
      'between 1970 and now',
    ],
    [
      'with more refunded than paid',
      { status: 'COMPLETED', refunds: [{ amount: '20.00' }] },
      'AMOUNT_INVALID',
      '20.00',
    ],
    ['with more paid than it cost', { status: 'COMPLETED', paidAmount: '30.00' }, 'AMOUNT_INVALID', '19.90'],
    ['cancelled, its money kept', { status: 'CANCELLED', paidAmount: '19.90' }, 'AMOUNT_INVALID', 'keeps no money'],
    ['with a total that is none', { status: 'COMPLETED', totalAmount: '18.00' }, 'TOTAL_MISMATCH', '19.90'],
  ])('is refused alone %s', async (_, more, code, detail) => {
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const answer = await bring('history', source, [orderOf('1', more), orderOf('2', { status: 'COMPLETED' })]);
    expect(answer).toMatchObject({
      taken: 1,
      refused: 1,
      orders: [{ outcome: 'refused', code }, { outcome: 'taken' }],
    });
    expect(answer.orders[0]!.detail).toContain(detail);
  });

  test('needs an operator', async () => {
    const { api } = system;
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', {
      body: { name: `k-${randomUUID().slice(0, 8)}`, role: 'client' },
    });
    const body = { source: 'x', as: 'history', orders: [orderOf('1', { status: 'COMPLETED' })] };
    expect((await api.as(key).call('POST', '/orders/imports', { body })).status).toBe(403);
  });

  test('can be refunded, where it was paid, by a person', async () => {
    const { api } = system;
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const { orders } = await bring('history', source, [orderOf('1', { status: 'COMPLETED' })]);
    const id = orders[0]!.id!;
    expect((await api.command(id, 'refunds', { reason: 'kind', amount: '9.90' })).status).toBe(200);
    const refund = await until('the refund is known to payments', async () =>
      (await api.payment(id))?.operations.find(({ kind }) => kind === 'refund'),
    );
    expect(refund).toMatchObject({ state: 'awaiting_provider', amount: '9.90' });
    expect((await api.order(id)).refunds).toMatchObject([{ status: 'REQUESTED' }]);
    const path = `/payments/${id}/operations/${refund.id}/record`;
    for (let n = 0; n < 2; n++)
      expect(await api.ok('POST', path, { body: { outcome: 'done', reference: 'R-1' } })).toMatchObject({
        refunded: '9.90',
        status: 'PARTIALLY_REFUNDED',
      });
    await until('the order knows of the refund', async () => {
      const order = await api.order(id);
      return order.refundedAmount === '9.90';
    });
    await api.untilNotified(id, 'OrderRefunded');
    expectSoundLog(id, await api.events(id));
    const unknown = `/payments/${id}/operations/${id}/record`;
    expect((await api.call('POST', unknown, { body: { outcome: 'done' } })).status).toBe(404);
  });

  test('takes its goods back: what is sellable is in stock again, and what it is worth is left to a person', async () => {
    const { api } = system;
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const sku = await api.product({ east: 1 });
    const items = [
      { sku, quantity: 2, unitPrice: '9.95' },
      { sku: `gone-${source}`, quantity: 1, unitPrice: '5.00' },
    ];
    const { orders } = await bring('history', source, [
      orderOf('1', { status: 'COMPLETED', items, taxLines: [{ amount: '2.49' }] }),
      orderOf('2', { status: 'CANCELLED', items }),
    ]);
    const [id, cancelled] = orders.map((order) => order.id!) as [string, string];
    expect((await api.order(id)).shipments).toMatchObject([{ carrier: 'external', delivered: true }]);
    expect((await api.command(cancelled, 'returns', { reason: 'too small' })).status).toBe(409);

    const [parcel] = (await api.order(id)).shipments;
    const claim = { shipmentId: parcel!.shipmentId, kind: 'damaged', resolution: 'reship', reason: 'came broken' };
    const reship = await api.command(id, 'claims', claim);
    expect([reship.status, reship.body]).toMatchObject([
      422,
      { code: 'UNKNOWN_SKU', errors: [{ pointer: '/resolution' }] },
    ]);

    const asked = await api.command(id, 'returns', { reason: 'too small' });
    expect([asked.status, asked.body.returns[0]!.items.length]).toEqual([200, 2]);
    const receive = `returns/${asked.body.returns[0]!.returnId}/receive`;
    const refused = await api.command(id, receive);
    expect([refused.status, refused.body]).toMatchObject([
      422,
      { code: 'UNKNOWN_SKU', errors: [{ pointer: '/items' }] },
    ]);
    const some = await api.command(id, receive, { lines: [{ line: 1, quantity: 1 }], location: 'east' });
    expect(some.body.returns[0]!.credited).toEqual([{ line: 1, quantity: 1, amount: '10.95', tax: '1.00' }]);
    await until('it is in stock', async () => (await api.stock(sku)).onHand === 2);
    const rest = await api.command(id, receive, {
      lines: [
        { line: 1, quantity: 1 },
        { line: 2, quantity: 1, disposition: 'hold' },
      ],
    });
    expect(rest.body.returns[0]).toMatchObject({ received: true });
    await until('the rest is in stock', async () => (await api.stock(sku)).onHand === 3);
    for (const amount of ['10.95', '16.44']) {
      const refund = await until('the refund is known to payments', async () =>
        (await api.payment(id))?.operations.find((one) => one.kind === 'refund' && one.amount === amount),
      );
      await api.ok('POST', `/payments/${id}/operations/${refund.id}/record`, { body: { outcome: 'done' } });
    }
    const done = await api.untilOrder(id, 'settled', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect([done.refundedAmount, done.owedAmount]).toEqual(['27.39', undefined]);
    expectSoundLog(id, await api.events(id));
    expect((await api.get<{ items: unknown[] }>(`/shipments?orderId=${id}`)).items).toEqual([]);
  });
});

describe('an open order', () => {
  test('is paid already, hears nothing of the past, and goes on like any other', async () => {
    const { api, provider } = system;
    const sku = await api.product(10);
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const items = [{ sku, quantity: 2, unitPrice: '9.95' }];
    const { orders } = await bring('open', source, [orderOf('7', { items })]);
    const id = orders[0]!.id!;
    const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect(ready).toMatchObject({ paymentStatus: 'CAPTURED', createdAt: PLACED, origin: { number: '7' } });
    expect(await api.payment(id)).toMatchObject({ provider: 'external', captured: '19.90' });
    expect(await provider.of(id)).toEqual([]);
    const shipment = await api.firstShipment(id);
    await api.dispatch(shipment.id);
    await api.untilStatus(id, 'SHIPPED');
    await api.deliver(shipment.id);
    await api.untilStatus(id, 'COMPLETED');
    await api.invoice(id);
    await api.untilNotified(id, 'OrderCompleted');
    const heard = (await api.notifications(id)).map(({ eventType }) => eventType);
    expect(new Set(heard)).toEqual(new Set(['OrderShipped', 'OrderCompleted']));
    await untilLike(() => api.stock(sku), { onHand: 8, reserved: 0 });
    expectSoundLog(id, await api.events(id));
  });

  test('that waits for stock is paid meanwhile; cancelled, its money waits for a person', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const source = `shop-${randomUUID().slice(0, 8)}`;
    const { orders } = await bring('open', source, [
      orderOf('8', { items: [{ sku, quantity: 1, unitPrice: '19.90' }] }),
    ]);
    const id = orders[0]!.id!;
    await api.untilStatus(id, 'BACKORDERED');
    await until('the order knows it is paid', async () => {
      const order = await api.order(id);
      return order.paymentStatus === 'CAPTURED';
    });
    expect((await api.cancel(id)).status).toBe(200);
    const refund = await until('the money is to be given back', async () =>
      (await api.payment(id))?.operations.find(({ kind }) => kind === 'refund'),
    );
    const path = `/payments/${id}/operations/${refund.id}/record`;
    expect((await api.call('POST', path, { body: { outcome: 'refused' } })).status).toBe(409);
    await api.ok('POST', path, { body: { outcome: 'done' } });
    await until('the order knows of the refund', async () => {
      const order = await api.order(id);
      return order.paymentStatus === 'REFUNDED';
    });
    expect(typesOf(await api.events(id))).toContain('PaymentRefunded');
  });

  test('names its articles as any order does', async () => {
    const answer = await bring('open', 'shop', [orderOf('9')]);
    expect(answer.orders).toMatchObject([{ outcome: 'refused', code: 'UNKNOWN_SKU' }]);
  });
});

test('a dry run says what would become of each, and keeps nothing', async () => {
  const { api } = system;
  const sku = await api.product(1);
  const source = `shop-${randomUUID().slice(0, 8)}`;
  const items = [{ sku, quantity: 1, unitPrice: '1.00' }];
  for (const as of ['live', 'open', 'history']) {
    const orders = [
      orderOf('1', { items, status: 'COMPLETED' }),
      orderOf('2', { items, status: 'COMPLETED', currency: 'XXX' }),
    ];
    const answer = await bring(as, source, orders, { dryRun: true });
    expect(answer).toMatchObject({
      taken: 1,
      refused: 1,
      orders: [{ totalAmount: '1.00' }, { code: 'UNKNOWN_CURRENCY' }],
    });
  }
  expect((await api.orders(`sku=${sku}`)).items).toEqual([]);
  // A reference of a channel is used once, in a dry run as in earnest.
  const channel = source;
  await api.placeOrder({ sku, channel, reference: '3' });
  for (const dryRun of [true, false]) {
    const answer = await bring('history', source, [orderOf('3', { channel, status: 'COMPLETED' })], { dryRun });
    expect(answer.orders).toMatchObject([{ outcome: 'refused', code: 'REFERENCE_TAKEN' }]);
  }
});
