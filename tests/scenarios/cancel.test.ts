import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { units } from '#tests/support/amounts.ts';
import { expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order } from '#tests/support/views.ts';

/** An order is cancelled at every point of its life; before shipment its stock and money come back exactly once. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off', PAYMENTS_CANCEL_SAFETY_MS: '3500' } });

/** A cancelled order holds nothing, whichever way it came there. */
async function expectUndone(orderId: string, sku: string, onHand: number): Promise<Order> {
  const { api } = system;
  // Nothing reserved may also mean: not reserved yet. The log says what the warehouse decided, and that it undid it.
  await until(`the stock of ${sku} to be released`, async () => {
    const emitted = typesOf(await api.events(orderId), 'inventory');
    return emitted.includes('StockReserved') ? emitted.includes('StockReleased') : emitted.includes('StockBackordered');
  });
  await until(`the stock of ${sku} to be free`, async () => (await api.stock(sku)).reserved === 0);
  await untilLike(() => api.stock(sku), { onHand, reserved: 0, available: onHand });
  await expectNoMoneyHeld(system, orderId);
  const events = await api.events(orderId);
  expectSoundLog(orderId, events);
  const types = typesOf(events);
  for (const once of ['OrderCancelled', 'StockReleased', 'PaymentRefunded', 'PaymentVoided']) {
    expect(types.filter((type) => type === once).length, `${once} in ${types.join(', ')}`).toBeLessThanOrEqual(1);
  }
  const order = await api.order(orderId);
  expect(order).toMatchObject({ status: 'CANCELLED', fulfillmentStatus: 'CANCELLED', holds: [] });
  expect(order.deadlineAt).toBeUndefined();
  expect((await api.shipments(orderId)).every((shipment) => shipment.status === 'CANCELLED')).toBe(true);
  return order;
}

describe('cancelling before shipment', () => {
  test('works immediately after the order was placed, wherever it has got to', async () => {
    const { api } = system;
    for (let round = 0; round < 15; round++) {
      const sku = await api.product(2);
      const { id } = await api.placeOrder({ sku });
      const answer = await api.cancel(id);
      expect([200, 202], answer.text).toContain(answer.status);
      await api.untilStatus(id, 'CANCELLED');
      await expectUndone(id, sku, 2);
    }
  });

  test('works while the order is reserved and held, and nothing was ever charged', async () => {
    const { api, provider } = system;
    const sku = await api.product(2);
    const { id } = await api.placeOrder({ sku, requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const answer = await api.cancel(id, 'found it cheaper');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({ status: 'CANCELLED', endReason: 'found it cheaper', paymentStatus: 'NONE' });
    await expectUndone(id, sku, 2);
    expect(await provider.of(id)).toEqual([]);
    await api.untilNotified(id, 'OrderCancelled');
  });

  // Each has its own order and its own goods, and half of them wait for seconds: all at the same time.
  test.concurrent.each(['tok_approve', 'tok_decline', 'tok_timeout', 'tok_lost_reply', 'tok_flaky', 'tok_pending'])(
    'works while the payment with %s is in flight',
    async (token) => {
      const { api } = system;
      const sku = await api.product(2);
      const { id } = await api.placeOrder({ sku, token });
      await api.untilOrder(id, 'asked to pay', (order) => order.status !== 'CREATED');
      const answer = await api.cancel(id);
      if (answer.status === 409) {
        // A declined card may have been faster.
        expect([token, answer.body.code]).toEqual(['tok_decline', 'ORDER_FINAL']);
        await expectNoMoneyHeld(system, id);
        return;
      }
      await api.untilStatus(id, 'CANCELLED');
      await expectUndone(id, sku, 2);
    },
  );

  test.concurrent.each(['tok_timeout', 'tok_lost_reply', 'tok_flaky', 'tok_pending'])(
    'works while the payment with %s is pending',
    async (token) => {
      const { api } = system;
      const sku = await api.product(2);
      const { id } = await api.placeOrder({ sku, token });
      await api.untilStatus(id, 'PAYMENT_PENDING');
      const answer = await api.cancel(id);
      expect(answer.status).toBe(200);
      expect(answer.body.status).toBe('CANCELLED');
      await expectUndone(id, sku, 2);
    },
  );

  test('works while the provider is down, and the charge it never heard of is given up', async () => {
    const { api, provider } = system;
    const sku = await api.product(2);
    await provider.outage(true);
    let id: string;
    try {
      ({ id } = await api.placeOrder({ sku }));
      await api.untilStatus(id, 'PAYMENT_PENDING');
      expect((await api.cancel(id)).status).toBe(200);
    } finally {
      await provider.outage(false);
    }
    await expectUndone(id, sku, 2);
  });

  test('works while a manual hold keeps a paid order from the warehouse', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const { id } = await api.placeOrder({ sku, token: 'tok_pending' });
    await api.untilStatus(id, 'PAYMENT_PENDING');
    expect((await api.command(id, 'hold', { reason: 'address check' })).status).toBe(200);
    const paid = await api.untilStatus(id, 'PAID');
    expect(paid.holds).toMatchObject([{ type: 'manual' }]);
    expect((await api.cancel(id)).status).toBe(200);
    await expectUndone(id, sku, 2);
  });

  test('works with the warehouse before dispatch: the parcel is stopped and the money refunded', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const { id, totalAmount } = await api.placeOrder({ sku, quantity: 2 });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const answer = await api.cancel(id);
    expect([200, 202]).toContain(answer.status);
    await api.untilStatus(id, 'CANCELLED');
    await expectUndone(id, sku, 2);
    const order = await api.untilOrder(id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect(units(order.refundedAmount)).toBe(units(totalAmount));
    const shipment = await api.firstShipment(id);
    const late = await api.dispatch(shipment.id);
    expect(late.status).toBe(409);
    expect(late.body.code).toBe('SHIPMENT_NOT_DISPATCHABLE');
  });

  test('is done once, however many ask at the same time', async () => {
    const { api } = system;
    for (const ready of [false, true]) {
      const sku = await api.product(2);
      const { id } = await api.placeOrder({ sku, requiresReview: !ready });
      await api.untilStatus(id, ready ? 'READY_FOR_SHIPMENT' : 'RESERVED');
      const answers = await Promise.all(Array.from({ length: 10 }, () => api.cancel(id)));
      expect(answers.filter((answer) => answer.status < 300)).toHaveLength(1);
      for (const answer of answers.filter((candidate) => candidate.status >= 300)) {
        expect(answer.status).toBe(409);
        expect(['ORDER_FINAL', 'CANCELLATION_PENDING']).toContain(answer.body.code);
      }
      await api.untilStatus(id, 'CANCELLED');
      await expectUndone(id, sku, 2);
    }
  });

  test('of an order without a stock decision or with none to have ends it all the same', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const { id } = await api.placeOrder({ sku, allowBackorder: true });
    await api.untilStatus(id, 'BACKORDERED');
    expect((await api.cancel(id)).body.status).toBe('CANCELLED');
    // Goods that arrive before inventory has read of it would still be set aside, and then released.
    await until('the order to have left the line', async () => (await api.stock(sku)).waiting === 0);
    await api.adjustStock(sku, { onHand: 5 });
    await expectUndone(id, sku, 5);
  });
});

describe('cancelling too late', () => {
  test('after the parcel has left is refused with the code and what is allowed instead', async () => {
    const { api } = system;
    const { id } = await api.placeOrder();
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(id);
    await api.dispatch(shipment.id);
    const shipped = await api.untilStatus(id, 'SHIPPED');
    expect(shipped.refusedActions['cancel']?.code).toBe('ORDER_ALREADY_SHIPPED');
    const answer = await api.cancel(id);
    expect(answer.status).toBe(409);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body).toMatchObject({ code: 'ORDER_ALREADY_SHIPPED', status: 409, orderStatus: 'SHIPPED' });
    expect(answer.body.correlationId).toBe(answer.headers['x-correlation-id']);
    expect([...answer.body.allowedActions!].sort()).toEqual([...shipped.allowedActions].sort());
    expect(answer.body.allowedActions).toContain('requestReturn');
    expect((await api.order(id)).version).toBe(shipped.version);
    await api.deliver(shipment.id);
    await api.untilStatus(id, 'COMPLETED');
    const final = await api.cancel(id);
    expect(final.status).toBe(409);
    expect(final.body.code).toBe('ORDER_FINAL');
  });

  test('races the dispatch: the order is either stopped whole or goes on whole', async () => {
    const { api } = system;
    const outcomes: string[] = [];
    for (let round = 0; round < 12; round++) {
      const sku = await api.product(1);
      const { id } = await api.placeOrder({ sku });
      await api.untilStatus(id, 'READY_FOR_SHIPMENT');
      const shipment = await api.firstShipment(id);
      const [cancel, dispatch] =
        round % 2 === 0
          ? await Promise.all([api.cancel(id), api.dispatch(shipment.id)])
          : await Promise.all([api.dispatch(shipment.id), api.cancel(id)].reverse()).then(([c, d]) => [c, d] as const);
      expect(cancel!.status).toBeLessThan(500);
      expect(dispatch!.status).toBeLessThan(500);
      const order = await api.untilOrder(
        id,
        'stopped or on its way',
        ({ status }) => status === 'CANCELLED' || status === 'SHIPPED',
      );
      outcomes.push(order.status);
      if (order.status === 'CANCELLED') await expectUndone(id, sku, 1);
      else {
        expect(order).toMatchObject({ paymentStatus: 'CAPTURED', fulfillmentStatus: 'SHIPPED', holds: [] });
        expect(order.cancellation).toBeUndefined();
        await api.deliver(shipment.id);
        await api.untilStatus(id, 'COMPLETED');
        await untilLike(() => api.stock(sku), { onHand: 0, reserved: 0 });
      }
      expectSoundLog(id, await api.events(id));
    }
    expect(outcomes).toHaveLength(12);
  });
});
