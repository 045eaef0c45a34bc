import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Shipment } from '#tests/support/views.ts';

/** Parcels that are lost, damaged, or come back undelivered: the money goes back, or the goods go out again. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

interface Shipped {
  readonly order: Order;
  readonly shipment: Shipment;
  readonly sku: string;
}

async function shipped(quantity = 2): Promise<Shipped> {
  const { api } = system;
  const sku = await api.product(10);
  const { id } = await api.placeOrder({ sku, quantity, unitPrice: '15.00', shippingLines: [{ amount: '5.00' }] });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipment = await api.firstShipment(id);
  await api.dispatch(shipment.id);
  return { order: await api.untilStatus(id, 'SHIPPED'), shipment, sku };
}

const parcel = (id: string, what: string, body: object = {}): ReturnType<typeof system.api.call<Shipment>> =>
  system.api.call<Shipment>('POST', `/shipments/${id}/${what}`, { body, key: randomUUID() });

const claim = (order: Order, shipmentId: string, more: object): ReturnType<typeof system.api.command> =>
  system.api.command(order.id, 'claims', { shipmentId, kind: 'lost', reason: 'the carrier cannot find it', ...more });

const bodies = async (orderId: string, type: string): Promise<string[]> =>
  (await system.api.untilNotified(orderId, type)).filter(({ eventType }) => eventType === type).map(({ body }) => body);

describe('a lost parcel', () => {
  test('is refunded with what was paid for shipping, and the customer never reads that it was delivered', async () => {
    const { api } = system;
    const { order, shipment } = await shipped();
    expect((await parcel(shipment.id, 'lost', { reason: 'traced in vain' })).body.status).toBe('LOST');
    const known = await api.untilOrder(order.id, 'known to be lost', ({ shipments }) => !!shipments[0]?.problem);
    expect(known).toMatchObject({ status: 'SHIPPED', shipments: [{ problem: 'lost', delivered: false }] });
    const { status, body } = await claim(order, shipment.id, { resolution: 'refund' });
    expect([status, body.status, body.fulfillmentStatus]).toEqual([201, 'COMPLETED', 'SHIPPED']);
    expect(body.claims).toMatchObject([
      { shipmentId: shipment.id, kind: 'lost', resolution: 'refund', items: [{ line: 1, quantity: 2 }] },
    ]);
    expect(body.items).toMatchObject([{ shipped: 2, returned: 2, allowed: { return: 0 } }]);
    await api.untilOrder(order.id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect(await expectBooksAgree(system, order.id)).toMatchObject([{ captured: '35.00', refunded: '35.00' }]);
    await until('the credit note', async () => (await api.invoice(order.id)).creditNotes.length === 1);
    const read = [...(await bodies(order.id, 'OrderClaimOpened')), ...(await bodies(order.id, 'OrderCompleted'))];
    expect(read.join('\n')).toContain('lost on its way');
    expect(read.join('\n')).not.toContain('delivered');
    expectSoundLog(order.id, await api.events(order.id));
  });

  test('that turns up after it was refunded shows so, and no money moves', async () => {
    const { api } = system;
    const { order, shipment } = await shipped();
    await claim(order, shipment.id, { resolution: 'refund' });
    await api.untilOrder(order.id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    await until('shipping to hear of it', async () => (await api.firstShipment(order.id)).status === 'LOST');
    expect((await api.deliver(shipment.id)).body.status).toBe('DELIVERED');
    const found = await api.untilOrder(order.id, 'found', ({ claims }) => claims?.[0]?.found === true);
    expect(found).toMatchObject({ status: 'COMPLETED', refundedAmount: '35.00', shipments: [{ delivered: true }] });
    expect(await expectBooksAgree(system, order.id)).toMatchObject([{ captured: '35.00', refunded: '35.00' }]);
  });

  test('is sent again by an order over nothing, without a document', async () => {
    const { api } = system;
    const { order, shipment, sku } = await shipped();
    const { status, body } = await claim(order, shipment.id, { resolution: 'reship' });
    expect([status, body.status]).toEqual([201, 'COMPLETED']);
    const { followUpId } = body.claims![0]!;
    const replacement = await until('the replacement', async () => {
      const answer = await api.call<Order>('GET', `/orders/${followUpId}`);
      return answer.status === 200 && answer.body.status === 'READY_FOR_SHIPMENT' && answer.body;
    });
    expect(replacement).toMatchObject({
      totalAmount: '0.00',
      origin: { kind: 'replacement', orderId: order.id },
      items: [{ sku, quantity: 2, amount: '0.00' }],
    });
    const again = await api.firstShipment(followUpId!);
    await api.dispatch(again.id);
    await api.deliver(again.id);
    await api.untilStatus(followUpId!, 'COMPLETED');
    await api.untilOrder(order.id, 'informed of it', ({ claims }) => claims?.[0]?.status === 'COMPLETED');
    expect((await api.stock(sku)).onHand).toBe(6);
    expect(await expectBooksAgree(system, order.id)).toMatchObject([{ captured: '35.00', refunded: '0.00' }]);
    expect((await api.invoice(order.id)).creditNotes).toEqual([]);
    expect((await api.call('GET', `/orders/${followUpId}/invoice`)).status).toBe(404);
    expect(typesOf(await api.events(followUpId!), 'billing')).toEqual([]);
  });

  test('whose replacement is cancelled is refunded instead', async () => {
    const { api } = system;
    const { order, shipment } = await shipped();
    const { body } = await claim(order, shipment.id, { resolution: 'reship' });
    const { followUpId } = body.claims![0]!;
    await until('the replacement', async () => (await api.call('GET', `/orders/${followUpId}`)).status === 200);
    await api.untilStatus(followUpId!, 'READY_FOR_SHIPMENT');
    await api.cancel(followUpId!);
    const refunded = await api.untilOrder(order.id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect(refunded.claims).toMatchObject([{ status: 'CANCELLED' }]);
  });
});

test('one of two parcels is lost: the order is complete when the other one has arrived', async () => {
  const { api } = system;
  const skus = [await api.product({ east: 1 }), await api.product({ west: 1 })];
  const { id } = await api.placeOrder({ items: skus.map((sku) => ({ sku, quantity: 1, unitPrice: '10.00' })) });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await api.firstShipment(id);
  const [one, other] = await api.shipments(id);
  for (const { id: shipmentId } of [one!, other!]) await api.dispatch(shipmentId);
  const order = await api.untilStatus(id, 'SHIPPED');
  expect((await claim(order, one!.id, { resolution: 'refund' })).body.status).toBe('SHIPPED');
  await api.deliver(other!.id);
  await api.untilStatus(id, 'COMPLETED');
  await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '10.00');
});

test('a parcel that comes back undelivered is on its shelf again, and what is damaged is not', async () => {
  const { api } = system;
  const { order, shipment, sku } = await shipped();
  expect((await parcel(shipment.id, 'returned-to-sender', { reason: 'no such street' })).body.status).toBe('RETURNED');
  await until('the goods to be back', async () => (await api.stock(sku)).onHand === 10);
  await api.untilOrder(order.id, 'informed of it', ({ shipments }) => shipments[0]?.problem === 'returned_to_sender');
  const { body } = await claim(order, shipment.id, { kind: 'returned_to_sender', resolution: 'refund' });
  expect(body.status).toBe('COMPLETED');
  expect((await parcel(shipment.id, 'lost')).status).toBe(409);

  const broken = await shipped();
  await parcel(broken.shipment.id, 'damaged');
  await claim(broken.order, broken.shipment.id, { kind: 'damaged', resolution: 'refund' });
  await api.untilOrder(broken.order.id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
  expect((await api.stock(broken.sku)).onHand).toBe(8);
});

test('pieces of a parcel are claimed once, and only what left and did not come back', async () => {
  const { api } = system;
  const { order, shipment, sku } = await shipped(3);
  await api.deliver(shipment.id);
  await api.untilStatus(order.id, 'COMPLETED');
  const some = (quantity: number): Promise<readonly [number, string]> =>
    claim(order, shipment.id, { kind: 'damaged', resolution: 'refund', items: [{ sku, quantity }] }).then(
      ({ status, body }) => [status, body.code] as const,
    );
  expect(await some(4)).toEqual([409, 'RETURN_EXCEEDS_SHIPPED']);
  expect((await some(1))[0]).toBe(201);
  expect(await some(3)).toEqual([409, 'CLAIM_EXISTS']);
  await api.command(order.id, 'returns', { items: [{ sku, quantity: 1 }], reason: 'too many' });
  expect(await some(2)).toEqual([409, 'RETURN_EXCEEDS_SHIPPED']);
  expect((await some(1))[0]).toBe(201);
  await api.untilOrder(order.id, 'refunded', ({ refundedAmount }) => refundedAmount === '30.00');
});
