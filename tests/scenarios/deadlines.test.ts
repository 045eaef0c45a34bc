import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** Everything that waits has an end: by itself before the money is taken, by an operator after it. */

const system = useSystem({
  env: {
    SANDBOX_CARRIER_DELAY_MS: 'off',
    SANDBOX_WEBHOOK_DELAY_MS: '60000',
    PAYMENTS_CANCEL_SAFETY_MS: '3500',
    ORDERS_BACKORDER_DEADLINE_MS: '500',
    ORDERS_PAYMENT_DEADLINE_MS: '700',
    ORDERS_HOLD_DEADLINE_MS: '600',
    ORDERS_SHIPMENT_DEADLINE_MS: '600',
    ORDERS_DELIVERY_DEADLINE_MS: '600',
  },
});

describe('a deadline that passes', () => {
  test('cancels a backorder that nothing arrived for', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const { id } = await api.placeOrder({ sku, allowBackorder: true });
    const waiting = await api.untilStatus(id, 'BACKORDERED');
    expect(waiting.deadlineAt).toBeDefined();
    const ended = await api.untilStatus(id, 'CANCELLED');
    expect(ended.endReason).toBe('no stock arrived in time');
    await api.adjustStock(sku, { onHand: 1 });
    await untilLike(() => api.stock(sku), { onHand: 1, reserved: 0 });
    expect((await api.events(id)).at(-1)!.type).toBe('OrderCancelled');
  });

  test('cancels a held reservation and gives the stock back', async () => {
    const { api, provider } = system;
    const sku = await api.product(2);
    const { id } = await api.placeOrder({ sku, requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const ended = await api.untilStatus(id, 'CANCELLED');
    expect(ended.endReason).toBe('not paid in time');
    await until('the stock to be released', async () => (await api.stock(sku)).available === 2);
    expect(await provider.of(id)).toEqual([]);
    await until('the review to be closed', async () => (await api.reviewOf(id)).status === 'closed');
  });

  test('cancels an order whose payment stays pending, and what comes through later is given back', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const { id } = await api.placeOrder({ sku, token: 'tok_pending' });
    await api.untilStatus(id, 'PAYMENT_PENDING');
    const ended = await api.untilStatus(id, 'CANCELLED');
    expect(ended.endReason).toBe('the payment did not come through in time');
    await until('the stock to be released', async () => (await api.stock(sku)).available === 2);
    expectSoundLog(id, await api.events(id));
  });

  test('marks a paid order that nobody ships as overdue, once, and it can still be shipped or cancelled', async () => {
    const { api } = system;
    const sku = await api.product(4);
    const [shipping, cancelling] = await Promise.all([api.placeOrder({ sku }), api.placeOrder({ sku })]);
    for (const { id } of [shipping, cancelling]) {
      const overdue = await api.untilOrder(id, 'overdue', ({ holds }) => holds.some((hold) => hold.type === 'overdue'));
      expect(overdue).toMatchObject({ status: 'READY_FOR_SHIPMENT', paymentStatus: 'CAPTURED' });
      expect(overdue.holds[0]!.steps).toEqual([]);
    }
    const shipment = await api.firstShipment(shipping.id);
    expect((await api.dispatch(shipment.id)).status).toBe(200);
    await api.untilStatus(shipping.id, 'SHIPPED');
    // Nor does the parcel arrive.
    await api.untilOrder(shipping.id, 'overdue again', ({ holds }) => holds.some((hold) => hold.type === 'overdue'));
    expect((await api.command(shipping.id, 'complete')).status).toBe(200);
    expect((await api.cancel(cancelling.id)).status).toBe(200);
    await api.untilStatus(cancelling.id, 'CANCELLED');
    await expectNoMoneyHeld(system, cancelling.id);
    await until('the stock to balance', async () => (await api.stock(sku)).reserved === 0);
    await untilLike(() => api.stock(sku), { onHand: 3, reserved: 0 });
    const events = await api.events(shipping.id);
    expectSoundLog(shipping.id, events);
    expect(typesOf(events, 'orders').filter((type) => type === 'OrderOverdue')).toHaveLength(2);
  });

  test('marks a paid order under a manual hold as overdue instead of ending it', async () => {
    const { api } = system;
    const { id } = await api.placeOrder();
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect((await api.command(id, 'hold', { reason: 'check' })).status).toBe(200);
    const overdue = await api.untilOrder(id, 'overdue', ({ holds }) => holds.some((hold) => hold.type === 'overdue'));
    expect(overdue.holds.map((hold) => hold.type).sort()).toEqual(['manual', 'overdue']);
    const released = await api.command(id, 'release', { type: 'overdue' });
    expect(released.status).toBe(200);
    expect(released.body.holds.map((hold) => hold.type)).toEqual(['manual']);
  });
});
