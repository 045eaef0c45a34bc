import { describe, expect, test } from 'vitest';
import { units } from '#tests/support/amounts.ts';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectBooksAgree, settledPayment } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order } from '#tests/support/views.ts';

/** Pieces of an order are cancelled: what has not left goes back to its shelf, and what was paid for it to the customer. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

/** So many races at once that none waits long for the machine. */
const AT_ONCE = 8;
const RACES = 200;

type Items = readonly { readonly line: number; readonly quantity: number }[];
const cancelItems = (id: string, items?: Items, more: object = {}): ReturnType<typeof system.api.command> =>
  system.api.command(id, 'cancellations', { ...(items && { items }), reason: 'too many', ...more });

const refundsDone = (order: Order): boolean =>
  order.refunds.length > 0 && order.refunds.every(({ status }) => status === 'DONE');

/** An order for pieces at two places, one line each, with the warehouse. */
async function twoParcels(): Promise<{ order: Order; east: string; west: string; skus: readonly [string, string] }> {
  const { api } = system;
  const skus = [await api.product({ east: 5 }), await api.product({ west: 5 })] as const;
  const { id } = await api.placeOrder({
    items: skus.map((sku) => ({ sku, quantity: 2, unitPrice: '10.00' })),
    shippingLines: [{ amount: '4.00' }],
  });
  const order = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await api.firstShipment(id);
  const at = (location: string): string => shipments.find((one) => one.location === location)!.id;
  const shipments = await api.shipments(id);
  return { order, east: at('east'), west: at('west'), skus };
}

async function expectShelf(sku: string, onHand: number): Promise<void> {
  await until(`nothing of ${sku} to be reserved`, async () => (await system.api.stock(sku)).reserved === 0);
  await untilLike(() => system.api.stock(sku), { onHand, reserved: 0 });
}

describe('before the warehouse has the order', () => {
  test('the provider is asked only for the rest', async () => {
    const { api } = system;
    const sku = await api.product(10);
    const { id } = await api.placeOrder({ sku, quantity: 3, requiresReview: true });
    const reserved = await api.untilStatus(id, 'RESERVED');
    expect(reserved.items[0]!.allowed).toEqual({ cancel: 3, return: 0 });
    const { status, body } = await cancelItems(id, [{ line: 1, quantity: 2 }]);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'RESERVED', totalAmount: '10.00', placedAmount: '30.00' });
    expect(body.items).toMatchObject([{ quantity: 3, amount: '30.00', cancelled: 2, allowed: { cancel: 1 } }]);
    expect(body.allocations).toMatchObject([{ sku, quantity: 1 }]);
    await api.decideReview((await api.reviewOf(id)).id, 'approve');
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '10.00', refunded: '0.00' }]);
    const shipment = await api.firstShipment(id);
    expect(shipment.items).toEqual([{ sku, quantity: 1 }]);
    await api.dispatch(shipment.id);
    await api.deliver(shipment.id);
    await api.untilStatus(id, 'COMPLETED');
    expect(await api.invoice(id)).toMatchObject({
      totalAmount: '10.00',
      lines: [{ quantity: 1, amount: '10.00' }],
      creditNotes: [],
    });
    await expectShelf(sku, 9);
    expect((await api.orders(`sku=${sku}`)).items).toMatchObject([{ totalAmount: '10.00' }]);
    expectSoundLog(id, await api.events(id));
  });

  test.each(['tok_lost_reply', 'tok_timeout', 'tok_pending'])(
    'a charge whose outcome is in doubt (%s) is made once, and the difference refunded once',
    async (token) => {
      const { api } = system;
      const sku = await api.product(10);
      const { id } = await api.placeOrder({ sku, quantity: 3, token });
      await api.untilStatus(id, 'PAYMENT_PENDING');
      const { status, body } = await cancelItems(id, [{ line: 1, quantity: 1 }]);
      expect([status, body.totalAmount]).toEqual([200, '20.00']);
      await api.untilStatus(id, 'READY_FOR_SHIPMENT');
      const order = await api.untilOrder(id, 'refunded', refundsDone);
      expect(order).toMatchObject({ refundedAmount: '10.00', paymentStatus: 'PARTIALLY_REFUNDED' });
      expect(order.refunds).toHaveLength(1);
      expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '30.00', refunded: '10.00' }]);
    },
  );

  test('an order that waits for stock waits for less', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const { id } = await api.placeOrder({ sku, quantity: 3, allowBackorder: true });
    await api.untilStatus(id, 'BACKORDERED');
    expect((await cancelItems(id, [{ line: 1, quantity: 2 }])).status).toBe(200);
    await api.adjustStock(sku, { onHand: 1 });
    const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect(ready.allocations).toMatchObject([{ sku, quantity: 1 }]);
    expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '10.00' }]);
  });
});

describe('with the warehouse', () => {
  test('a line takes its share of the discount along, and the other keeps its own', async () => {
    const { api } = system;
    const skus = [await api.product(1), await api.product(1)];
    const { id } = await api.placeOrder({
      items: [
        { sku: skus[0], quantity: 1, unitPrice: '50.00' },
        { sku: skus[1], quantity: 1, unitPrice: '10.00' },
      ],
      discountLines: [{ amount: '10.00' }],
    });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    await api.firstShipment(id);
    const { status, body } = await cancelItems(id, [{ line: 1, quantity: 1 }]);
    expect([status, body.totalAmount, body.status]).toEqual([200, '8.33', 'READY_FOR_SHIPMENT']);
    const refunded = await api.untilOrder(id, 'refunded', refundsDone);
    expect(refunded.refunds).toMatchObject([{ amount: '41.67' }]);
    const shipment = await api.firstShipment(id);
    expect(shipment.items).toEqual([{ sku: skus[1], quantity: 1 }]);
    await api.dispatch(shipment.id);
    await api.deliver(shipment.id);
    await api.untilStatus(id, 'COMPLETED');
    const invoice = await api.invoice(id);
    expect(invoice).toMatchObject({ totalAmount: '8.33', discountLines: [{ amount: '1.67' }], creditNotes: [] });
    expect(invoice.lines).toMatchObject([{ line: 2, amount: '10.00' }]);
    await expectShelf(skus[0]!, 1);
    await api.untilNotified(id, 'OrderChanged');
  });

  test('the rest of an order whose parcel has arrived is cancelled, and the order is complete', async () => {
    const { api } = system;
    const { order, east, west, skus } = await twoParcels();
    const { id } = order;
    await api.dispatch(east);
    await api.deliver(east);
    await api.untilOrder(id, 'delivered in part', ({ shipments }) => shipments[0]?.delivered === true);
    const { status, body } = await cancelItems(id);
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'COMPLETED', totalAmount: '24.00', placedAmount: '44.00' });
    expect(body.items.map(({ shipped, cancelled }) => [shipped, cancelled])).toEqual([
      [2, undefined],
      [undefined, 2],
    ]);
    await until('shipping to hear of it', async () => {
      const refused = await api.dispatch(west);
      expect(refused.status).toBe(409);
      return refused.body.code === 'SHIPMENT_NOT_DISPATCHABLE';
    });
    await expectShelf(skus[0], 3);
    await expectShelf(skus[1], 5);
    const refunded = await api.untilOrder(id, 'refunded', refundsDone);
    expect(refunded.refunds).toMatchObject([{ amount: '20.00' }]);
    const invoice = await api.invoice(id);
    expect(invoice).toMatchObject({ totalAmount: '24.00', creditNotes: [] });
    expect(invoice.lines).toMatchObject([{ line: 1, amount: '20.00' }]);
    const events = await api.events(id);
    expect(typesOf(events, 'orders').filter((type) => type === 'OrderCompleted')).toHaveLength(1);
    expect(typesOf(events, 'orders')).toContain('OrderShippingClosed');
    expectSoundLog(id, events);
    await expectBooksAgree(system, id);
  });

  test('everything that can still be stopped is what has not left', async () => {
    const { api } = system;
    const { order, east, west } = await twoParcels();
    await api.dispatch(west);
    await api.untilStatus(order.id, 'PARTIALLY_SHIPPED');
    const { body } = await cancelItems(order.id);
    expect(body).toMatchObject({ status: 'SHIPPED', fulfillmentStatus: 'SHIPPED', totalAmount: '24.00' });
    expect((await api.dispatch(east)).status).toBe(409);
    await api.deliver(west);
    await api.untilStatus(order.id, 'COMPLETED');
  });

  test('what cannot be done is refused and changes nothing', async () => {
    const { api } = system;
    const { order, east } = await twoParcels();
    const { id } = order;
    const refusal = async (items: Items, more?: object): Promise<unknown> => {
      const { status, body } = await cancelItems(id, items, more);
      return [status, body.code];
    };
    expect(await refusal([{ line: 3, quantity: 1 }])).toEqual([422, 'UNKNOWN_LINE']);
    expect(await refusal([{ line: 1, quantity: 3 }])).toEqual([409, 'QUANTITY_EXCEEDS_OPEN']);
    const twice = [
      { line: 1, quantity: 2 },
      { line: 1, quantity: 1 },
    ];
    expect(await refusal(twice)).toEqual([409, 'QUANTITY_EXCEEDS_OPEN']);
    await api.dispatch(east);
    const partly = await api.untilStatus(id, 'PARTIALLY_SHIPPED');
    expect(await refusal([{ line: 1, quantity: 1 }])).toEqual([409, 'QUANTITY_EXCEEDS_OPEN']);
    expect(await refusal([{ line: 1, quantity: 1 }], { atMost: true })).toEqual([409, 'QUANTITY_EXCEEDS_OPEN']);
    const hold = await api.command(id, 'hold', { type: 'change', reason: 'mine' });
    expect([hold.status, hold.body.code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
    expect((await api.order(id)).version).toBe(partly.version);
    const { body } = await cancelItems(id, [{ line: 2, quantity: 9 }], { atMost: true });
    expect(body).toMatchObject({ status: 'SHIPPED', totalAmount: '24.00' });
  });

  test('all lines are the cancellation of the order', async () => {
    const { api } = system;
    const { order, skus } = await twoParcels();
    const { body } = await cancelItems(order.id, [
      { line: 1, quantity: 2 },
      { line: 2, quantity: 2 },
    ]);
    expect(body.status).toBe('CANCELLED');
    const types = typesOf(await api.events(order.id), 'orders');
    expect(types).toContain('OrderCancelled');
    expect(types).not.toContain('OrderChanged');
    for (const sku of skus) await expectShelf(sku, 5);
    await api.untilOrder(order.id, 'refunded', ({ refundedAmount }) => refundedAmount === '44.00');
  });
});

test('a line cancelled in the moment its parcel leaves is refunded and not shipped, or shipped and not refunded', async () => {
  const { api } = system;
  const race = async (round: number): Promise<void> => {
    const { order, east, west } = await twoParcels();
    const asked = (): Promise<unknown> => cancelItems(order.id, [{ line: 1, quantity: 2 }]);
    const leaves = (): Promise<unknown> => api.dispatch(east);
    await Promise.all(round % 2 === 0 ? [asked(), leaves()] : [leaves(), asked()]);
    await api.untilOrder(order.id, 'decided', ({ change }) => change === undefined);
    const shipped = (await api.shipments(order.id)).find(({ id }) => id === east)!.status === 'DISPATCHED';
    await until('the other parcel to be free', async () => (await api.dispatch(west)).status === 200);
    await api.untilStatus(order.id, 'SHIPPED');
    for (const id of shipped ? [east, west] : [west]) await api.deliver(id);
    const done = await api.untilStatus(order.id, 'COMPLETED');
    await settledPayment(system, order.id);
    const { refundedAmount } = shipped ? done : await api.untilOrder(order.id, 'refunded', refundsDone);
    expect([shipped, refundedAmount]).toEqual([shipped, shipped ? '0.00' : '20.00']);
    expect(units((await api.invoice(order.id)).totalAmount)).toBe(units(shipped ? '44.00' : '24.00'));
  };
  for (let round = 0; round < RACES; round += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => race(round + index)));
}, 120_000);
