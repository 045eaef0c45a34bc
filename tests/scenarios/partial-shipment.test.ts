import { expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectChargedOnce } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** Goods that lie at two places travel in two parcels. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

test('an order from two locations is PARTIALLY_SHIPPED, then SHIPPED, and COMPLETED with the last delivery', async () => {
  const { api } = system;
  const [a, b] = [await api.product({ east: 3, west: 1 }), await api.product({ west: 5 })];
  const { id } = await api.placeOrder({
    items: [
      { sku: a, quantity: 4, unitPrice: '2.50' },
      { sku: b, quantity: 2, unitPrice: '1.00' },
    ],
  });
  const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  expect([...ready.allocations].sort((x, y) => (x.sku + x.location < y.sku + y.location ? -1 : 1))).toEqual(
    [
      { sku: a, location: 'east', quantity: 3 },
      { sku: a, location: 'west', quantity: 1 },
      { sku: b, location: 'west', quantity: 2 },
    ].sort((x, y) => (x.sku + x.location < y.sku + y.location ? -1 : 1)),
  );
  await api.firstShipment(id);
  const shipments = await api.shipments(id);
  expect(shipments.map((shipment) => shipment.location).sort()).toEqual(['east', 'west']);
  const [east, west] = [
    shipments.find((shipment) => shipment.location === 'east')!,
    shipments.find((shipment) => shipment.location === 'west')!,
  ];

  expect((await api.dispatch(east.id, { carrier: 'DHL', trackingNumber: 'E1' })).status).toBe(200);
  const partly = await api.untilStatus(id, 'PARTIALLY_SHIPPED');
  expect(partly).toMatchObject({ fulfillmentStatus: 'PARTIALLY_SHIPPED' });
  const refused = await api.cancel(id);
  expect([refused.status, refused.body.code]).toEqual([409, 'ORDER_ALREADY_SHIPPED']);
  await until('the parcel to be off the books', async () => (await api.stock(a)).onHand === 1);
  await untilLike(() => api.stock(a), { onHand: 1, reserved: 1 });
  await untilLike(() => api.stock(b), { onHand: 5, reserved: 2 });

  // Delivered before the other parcel leaves: not the end.
  expect((await api.deliver(east.id)).status).toBe(200);
  await api.untilOrder(id, 'partly delivered', (order) => order.shipments.some((shipment) => shipment.delivered));
  expect((await api.order(id)).status).toBe('PARTIALLY_SHIPPED');

  expect((await api.dispatch(west.id, { carrier: 'UPS', trackingNumber: 'W1' })).status).toBe(200);
  const shipped = await api.untilStatus(id, 'SHIPPED');
  expect(shipped.shipments.map((shipment) => shipment.trackingNumber)).toEqual(['E1', 'W1']);
  expect((await api.deliver(west.id)).status).toBe(200);
  const done = await api.untilStatus(id, 'COMPLETED');
  expect(done.fulfillmentStatus).toBe('DELIVERED');
  await expectChargedOnce(system, id);
  await untilLike(() => api.stock(a), { onHand: 0, reserved: 0 });
  await untilLike(() => api.stock(b), { onHand: 3, reserved: 0 });
  const events = await api.events(id);
  expectSoundLog(id, events);
  expect(typesOf(events).filter((type) => type === 'OrderCompleted')).toHaveLength(1);
  const notified = await api.untilNotified(id, 'OrderCompleted');
  expect(notified.map((item) => item.eventType)).toEqual([
    'OrderCreated',
    'OrderPaid',
    'OrderPartiallyShipped',
    'OrderShipped',
    'OrderCompleted',
  ]);
});

test('both parcels delivered in the other order complete the order once', async () => {
  const { api } = system;
  const sku = await api.product({ east: 1, west: 1 });
  const { id } = await api.placeOrder({ sku, quantity: 2 });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await api.firstShipment(id);
  const shipments = await api.shipments(id);
  expect(shipments).toHaveLength(2);
  await Promise.all(shipments.map((shipment) => api.dispatch(shipment.id)));
  await api.untilStatus(id, 'SHIPPED');
  await Promise.all([...shipments].reverse().map((shipment) => api.deliver(shipment.id)));
  await api.untilStatus(id, 'COMPLETED');
  expectSoundLog(id, await api.events(id));
});

test('one location that has everything is preferred to two that share it', async () => {
  const { api } = system;
  const sku = await api.product({ east: 9, west: 4 });
  const { id } = await api.placeOrder({ sku, quantity: 4 });
  const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  expect(ready.allocations).toHaveLength(1);
});

test('a shipment is dispatched once and delivered once, only in this order', async () => {
  const { api } = system;
  const { id } = await api.placeOrder();
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipment = await api.firstShipment(id);
  const early = await api.deliver(shipment.id);
  expect([early.status, early.body.code]).toEqual([409, 'SHIPMENT_NOT_DELIVERABLE']);
  const answers = await Promise.all(Array.from({ length: 8 }, () => api.dispatch(shipment.id)));
  expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
  expect(answers.filter((answer) => answer.body.code === 'SHIPMENT_NOT_DISPATCHABLE')).toHaveLength(7);
  await api.untilStatus(id, 'SHIPPED');
  const delivered = await Promise.all(Array.from({ length: 8 }, () => api.deliver(shipment.id)));
  expect(delivered.filter((answer) => answer.status === 200)).toHaveLength(1);
  await api.untilStatus(id, 'COMPLETED');
});

test('the same dispatch repeated under its key gets the same answer', async () => {
  const { api } = system;
  const { id } = await api.placeOrder();
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipment = await api.firstShipment(id);
  const send = (): ReturnType<typeof api.call> =>
    api.call('POST', `/shipments/${shipment.id}/dispatch`, {
      body: { carrier: 'DHL', trackingNumber: 'X' },
      key: `dispatch-${id}`,
    });
  const answers = await Promise.all(Array.from({ length: 6 }, send));
  expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200, 200, 200]);
  await api.untilStatus(id, 'SHIPPED');
  await api.deliver(shipment.id);
  await api.untilStatus(id, 'COMPLETED');
  expect((await send()).text).toBe(answers[0]!.text);
});
