import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import type { CloudEvent } from '#tests/support/views.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** An order from the click on "Buy" to the delivered parcel and the invoice, with the warehouse moved by hand. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The first event of a type; fails where there is none. */
function first(events: readonly CloudEvent[], type: string): CloudEvent {
  const found = events.find((event) => event.type === type);
  if (!found) throw new Error(`There is no ${type} among ${typesOf(events).join(', ')}`);
  return found;
}

describe('an order that nothing happens to', () => {
  test('goes from CREATED to COMPLETED, and every step is notified, charged, shipped and invoiced once', async () => {
    const { api, provider } = system;
    const sku = await api.product(10);
    const correlation = `story-${randomUUID()}`;
    const answer = await api.postOrder(
      {
        sku,
        quantity: 3,
        unitPrice: '19.99',
        reference: 'WEB-1',
        channel: 'web',
        shippingLines: [{ name: 'Standard', amount: '4.90' }],
        discountLines: [{ name: 'Voucher', amount: '5.00' }],
        taxLines: [{ name: 'VAT', amount: '11.38' }],
        shippingAddress: { name: 'Ada Lovelace', line1: '1 Main St', city: 'London', postalCode: 'N1', country: 'GB' },
        contact: { email: 'ada@example.com', phone: '+44 20 1234' },
        metadata: { cart: 'c-1' },
      },
      { headers: { 'x-correlation-id': correlation } },
    );
    expect(answer.status).toBe(201);
    const created = answer.body;
    const { id } = created;
    expect(id).toMatch(UUID_V7);
    expect(answer.headers['location']).toBe(`/orders/${id}`);
    expect(answer.headers['x-correlation-id']).toBe(correlation);
    expect(answer.headers['etag']).toBe(`"${created.version}"`);
    expect(created).toMatchObject({
      status: 'CREATED',
      paymentStatus: 'NONE',
      fulfillmentStatus: 'UNFULFILLED',
      returnStatus: 'NONE',
      holds: [],
      // 3 × 19.99 + 4.90 − 5.00 + 11.38
      totalAmount: '71.25',
      currency: 'EUR',
      channel: 'web',
      reference: 'WEB-1',
      items: [{ line: 1, sku, quantity: 3, unitPrice: '19.99', amount: '59.97' }],
      metadata: { cart: 'c-1' },
    });
    expect(created.allowedActions).toContain('cancel');
    expect(JSON.stringify(created)).not.toContain('tok_approve');

    // Reserved, paid, with the warehouse.
    const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect(ready).toMatchObject({
      paymentStatus: 'CAPTURED',
      fulfillmentStatus: 'SCHEDULED',
      allocations: [{ sku, location: 'main', quantity: 3 }],
    });
    expect(ready.deadlineAt).toBeDefined();
    await untilLike(() => api.stock(sku), { onHand: 10, reserved: 3, available: 7 });
    expect(await api.payment(id)).toMatchObject({
      status: 'CAPTURED',
      amount: '71.25',
      captured: '71.25',
      refunded: '0.00',
    });
    const charges = await provider.of(id);
    expect(charges).toHaveLength(1);
    expect(charges[0]).toMatchObject({
      status: 'approved',
      amount: '71.25',
      captured: '71.25',
      refunded: '0.00',
      currency: 'EUR',
    });

    // Dispatched.
    const shipment = await api.firstShipment(id);
    expect(await api.shipments(id)).toHaveLength(1);
    expect(shipment).toMatchObject({
      status: 'SCHEDULED',
      location: 'main',
      items: [{ sku, quantity: 3 }],
      paused: false,
    });
    expect((await api.dispatch(shipment.id, { carrier: 'DHL', trackingNumber: 'JD1' })).status).toBe(200);
    const shipped = await api.untilStatus(id, 'SHIPPED');
    expect(shipped).toMatchObject({
      fulfillmentStatus: 'SHIPPED',
      shipments: [
        {
          shipmentId: shipment.id,
          carrier: 'DHL',
          trackingNumber: 'JD1',
          delivered: false,
          items: [{ sku, quantity: 3 }],
        },
      ],
    });

    // Delivered.
    expect((await api.deliver(shipment.id)).status).toBe(200);
    const done = await api.untilStatus(id, 'COMPLETED');
    expect(done).toMatchObject({
      paymentStatus: 'CAPTURED',
      fulfillmentStatus: 'DELIVERED',
      returnStatus: 'NONE',
      holds: [],
    });
    expect(done.shipments).toMatchObject([{ delivered: true }]);
    expect(done.deadlineAt).toBeUndefined();
    expect(done.allowedActions).not.toContain('cancel');

    const invoice = await api.invoice(id);
    expect(invoice).toMatchObject({
      orderId: id,
      totalAmount: '71.25',
      currency: 'EUR',
      lines: [{ sku, quantity: 3, amount: '59.97' }],
      creditNotes: [],
    });
    expect(invoice.invoiceNumber).not.toBe('');
    await untilLike(() => api.stock(sku), { onHand: 7, reserved: 0, available: 7 });

    const events = await api.untilEvent(id, 'InvoiceIssued');
    expectSoundLog(id, events);
    expect(typesOf(events, 'orders')).toEqual([
      'OrderCreated',
      'OrderReserved',
      'OrderPaymentRequested',
      'OrderPaid',
      'OrderReadyForShipment',
      'OrderShipped',
      'OrderCompleted',
    ]);
    expect(typesOf(events, 'inventory')).toEqual(['StockReserved', 'StockShipped']);
    expect(typesOf(events, 'payments')).toEqual(['PaymentSucceeded']);
    expect(typesOf(events, 'shipping')).toEqual(['ShipmentScheduled', 'ShipmentDispatched', 'ShipmentDelivered']);
    expect(typesOf(events, 'billing')).toEqual(['InvoiceIssued']);
    expect(done.version).toBe(7);
    expect(new Set(events.map((event) => event.correlationid))).not.toContain(undefined);
    for (const type of [
      'OrderCreated',
      'StockReserved',
      'OrderReserved',
      'OrderPaymentRequested',
      'PaymentSucceeded',
      'OrderPaid',
      'OrderReadyForShipment',
      'ShipmentScheduled',
    ]) {
      expect(first(events, type).correlationid, type).toBe(correlation);
    }
    // Each reaction names the event behind it.
    const causes: readonly (readonly [string, string])[] = [
      ['StockReserved', 'OrderCreated'],
      ['OrderReserved', 'StockReserved'],
      ['OrderPaid', 'PaymentSucceeded'],
      ['ShipmentScheduled', 'OrderReadyForShipment'],
      ['OrderShipped', 'ShipmentDispatched'],
      ['StockShipped', 'ShipmentDispatched'],
      ['OrderCompleted', 'ShipmentDelivered'],
      ['InvoiceIssued', 'OrderCompleted'],
    ];
    for (const [effect, cause] of causes)
      expect(first(events, effect).causationid, `${effect} is caused by ${cause}`).toBe(first(events, cause).id);

    // The customer is notified of each step that concerns them, over both channels, once.
    const notified = await api.untilNotified(id, 'OrderCompleted');
    const pairs = notified.map((item) => `${item.eventType} ${item.channel}`).sort();
    const expected = ['OrderCreated', 'OrderPaid', 'OrderShipped', 'OrderCompleted'].flatMap((type) => [
      `${type} email`,
      `${type} sms`,
    ]);
    expect(pairs).toEqual(expected.sort());
    for (const item of notified) {
      expect(item.orderId).toBe(id);
      expect(events.find((event) => event.id === item.eventId)?.type).toBe(item.eventType);
      expect(item.subject).toContain('WEB-1');
    }
    expect(notified.find((item) => item.eventType === 'OrderShipped' && item.channel === 'email')?.body).toContain(
      'JD1',
    );
  });

  test('has unit prices finer than a cent, rounds each line once, and adds up', async () => {
    const { api, provider } = system;
    const [a, b] = [await api.product(1000), await api.product(1000)];
    const order = await api.placeOrder({
      // 7 × 0.0375 = 0.2625 → 0.26; 3 × 0.005 = 0.015 → 0.02
      items: [
        { sku: a, quantity: 7, unitPrice: '0.0375' },
        { sku: b, quantity: 3, unitPrice: '0.005' },
      ],
      totalAmount: '0.28',
    });
    expect(order.items.map((item) => item.amount)).toEqual(['0.26', '0.02']);
    expect(order.totalAmount).toBe('0.28');
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    expect((await provider.of(order.id)).map((entry) => entry.captured)).toEqual(['0.28']);
  });

  test.each([
    ['JPY', '1200', '2400'],
    ['KWD', '1.234', '2.468'],
    ['USD', '0.01', '0.02'],
  ])('is charged in the minor unit of %s', async (currency, unitPrice, total) => {
    const { api, provider } = system;
    const order = await api.placeOrder({ currency, quantity: 2, unitPrice, shippingAddress: undefined });
    expect(order.totalAmount).toBe(total);
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    expect(await provider.of(order.id)).toMatchObject([{ currency, captured: total }]);
  });

  test('costs nothing and is never sent to the provider', async () => {
    const { api, provider } = system;
    const order = await api.placeOrder({ unitPrice: '0' });
    expect(order.totalAmount).toBe('0.00');
    const ready = await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    expect(ready.paymentStatus).toBe('CAPTURED');
    expect(await provider.of(order.id)).toEqual([]);
  });

  test('names its product by id, and the same SKU on two lines is one reservation', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const { id: productId } = await api.get<{ id: string }>(`/products/${sku}`);
    const order = await api.placeOrder({
      items: [
        { productId, quantity: 2, unitPrice: '1.00' },
        { sku, quantity: 3, unitPrice: '1.00' },
      ],
    });
    expect(order.items.map((item) => item.sku)).toEqual([sku, sku]);
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    await untilLike(() => api.stock(sku), { onHand: 5, reserved: 5, available: 0 });
  });

  test('is declared complete by an operator once it has shipped, and the late delivery changes nothing', async () => {
    const { api } = system;
    const order = await api.placeOrder();
    await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    const early = await api.command(order.id, 'complete');
    expect(early.status).toBe(409);
    expect(early.body.code).toBe('ACTION_NOT_ALLOWED');
    const shipment = await api.firstShipment(order.id);
    await api.dispatch(shipment.id);
    await api.untilStatus(order.id, 'SHIPPED');
    const completed = await api.command(order.id, 'complete');
    expect(completed.status).toBe(200);
    expect(completed.body).toMatchObject({ status: 'COMPLETED', fulfillmentStatus: 'DELIVERED' });
    expect((await api.deliver(shipment.id)).status).toBe(200);
    await api.invoice(order.id);
    const events = await api.events(order.id);
    expect(typesOf(events).filter((type) => type === 'OrderCompleted')).toHaveLength(1);
    expectSoundLog(order.id, events);
  });

  test('waits for its answer with Prefer: wait until stock and payment are decided', async () => {
    const { api } = system;
    const sku = await api.product();
    const answer = await api.postOrder({ sku }, { wait: 10 });
    expect(answer.status).toBe(201);
    expect(answer.headers['preference-applied']).toBe('wait=10');
    expect(['PAID', 'READY_FOR_SHIPMENT']).toContain(answer.body.status);
    expect(answer.body.paymentStatus).toBe('CAPTURED');
    const declined = await api.postOrder({ sku, token: 'tok_decline' }, { wait: 10 });
    expect(declined.status).toBe(201);
    expect(declined.body.status).toBe('PAYMENT_FAILED');
    const short = await api.postOrder({ sku, quantity: 1_000 }, { wait: 10 });
    expect(short.body.status).toBe('REJECTED');
    const review = await api.postOrder({ sku, requiresReview: true }, { wait: 10 });
    expect(review.body.status).toBe('RESERVED');
    expect(review.body.holds).toMatchObject([{ type: 'review' }]);
  });
});

describe('an order with the warehouse', () => {
  test('stays there until somebody ships it', async () => {
    const { api } = system;
    const order = await api.placeOrder();
    const ready = await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
    expect(ready.shipments).toEqual([]);
    expect(await api.firstShipment(order.id)).toMatchObject({ status: 'SCHEDULED' });
  });
});
