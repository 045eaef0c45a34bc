import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectChargedOnce, expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** A provider that declines, is late, loses replies, fails now and then, or is down: never a second charge. */

const system = useSystem();

describe('a card that is declined', () => {
  test.each([
    ['tok_decline', 'card_declined'],
    ['tok_nobody_knows', 'invalid_token'],
  ])('(%s) ends the order as PAYMENT_FAILED and gives the stock back', async (token, reason) => {
    const { api, provider } = system;
    const sku = await api.product(3);
    const order = await api.placeOrder({ sku, quantity: 2, token });
    const failed = await api.untilStatus(order.id, 'PAYMENT_FAILED');
    expect(failed).toMatchObject({
      paymentStatus: 'FAILED',
      fulfillmentStatus: 'CANCELLED',
      endReason: reason,
      allowedActions: [],
    });
    await until('the stock to be released', async () => (await api.stock(sku)).reserved === 0);
    await untilLike(() => api.stock(sku), { onHand: 3, reserved: 0, available: 3 });
    await expectNoMoneyHeld(system, order.id);
    expect((await provider.of(order.id)).filter((entry) => entry.status === 'approved')).toEqual([]);
    const events = await api.events(order.id);
    expectSoundLog(order.id, events);
    expect(typesOf(events)).toEqual([
      'OrderCreated',
      'StockReserved',
      'OrderReserved',
      'OrderPaymentRequested',
      'PaymentFailed',
      'OrderPaymentFailed',
      'StockReleased',
    ]);
    await api.untilNotified(order.id, 'OrderPaymentFailed');
    const cancelled = await api.cancel(order.id);
    expect(cancelled.status).toBe(409);
    expect(cancelled.body.code).toBe('ORDER_FINAL');
  });

  test('names a provider that does not exist and fails without a charge', async () => {
    const { api, provider } = system;
    const sku = await api.product(3);
    const answer = await api.postOrder({ sku, payment: { provider: 'nobody', token: 'tok_approve' } });
    // Refused at once, or taken and failed: never charged, never left waiting.
    if (answer.status === 201) {
      await api.untilStatus(answer.body.id, 'PAYMENT_FAILED');
      await until('the stock to be released', async () => (await api.stock(sku)).reserved === 0);
      expect(await provider.of(answer.body.id)).toEqual([]);
    } else {
      expect(answer.status).toBe(422);
      expect(answer.body.code).toBe('UNKNOWN_PROVIDER');
    }
  });
});

describe('a provider whose answer does not come', () => {
  test.each(['tok_timeout', 'tok_lost_reply', 'tok_flaky', 'tok_pending'])(
    '(%s) leaves the order PAYMENT_PENDING until the truth is found, with exactly one charge',
    async (token) => {
      const { api } = system;
      const sku = await api.product(2);
      const order = await api.placeOrder({ sku, token });
      const done = await api.untilStatus(order.id, 'COMPLETED', 20_000);
      expect(done.paymentStatus).toBe('CAPTURED');
      await expectChargedOnce(system, order.id);
      const events = await api.events(order.id);
      expectSoundLog(order.id, events);
      const own = typesOf(events, 'orders');
      expect(own.slice(0, 5)).toEqual([
        'OrderCreated',
        'OrderReserved',
        'OrderPaymentRequested',
        'OrderPaymentPending',
        'OrderPaid',
      ]);
      expect(typesOf(events, 'payments')).toEqual(['PaymentPending', 'PaymentSucceeded']);
      const notified = await api.untilNotified(order.id, 'OrderCompleted');
      expect(notified.filter((item) => item.eventType === 'OrderPaymentPending')).toHaveLength(1);
      expect(notified.filter((item) => item.eventType === 'OrderPaid')).toHaveLength(1);
      await untilLike(() => api.stock(sku), { onHand: 1, reserved: 0 });
    },
  );

  test('is shown as pending meanwhile, and the payment as in doubt', async () => {
    const { api } = system;
    const order = await api.placeOrder({ token: 'tok_timeout' });
    const pending = await api.untilStatus(order.id, 'PAYMENT_PENDING');
    expect(pending).toMatchObject({ paymentStatus: 'PENDING' });
    expect(pending.allowedActions).toContain('cancel');
    expect(pending.deadlineAt).toBeDefined();
    const payment = await api.payment(order.id);
    expect(payment).toMatchObject({ captured: '0.00', operations: [{ kind: 'charge' }] });
    await api.untilStatus(order.id, 'COMPLETED');
  });

  test('happens to fifty orders at once and each is charged once', async () => {
    const { api, provider } = system;
    const sku = await api.product(100);
    const tokens = ['tok_timeout', 'tok_lost_reply', 'tok_flaky', 'tok_pending', 'tok_approve'];
    const orders = await Promise.all(
      Array.from({ length: 50 }, (_, index) => api.placeOrder({ sku, token: tokens[index % tokens.length]! })),
    );
    await Promise.all(orders.map(({ id }) => api.untilStatus(id, 'COMPLETED', 30_000)));
    const mine = new Set(orders.map(({ id }) => id));
    const entries = (await provider.all()).filter((entry) => mine.has(entry.reference));
    expect(entries).toHaveLength(50);
    expect(new Set(entries.map((entry) => entry.reference)).size).toBe(50);
    expect(entries.every((entry) => entry.status === 'approved' && entry.captured === '10.00')).toBe(true);
  });
});

describe('a provider that is down', () => {
  test('opens the breaker, orders wait as PAYMENT_PENDING, and all are paid once it is back', async () => {
    const { api, provider } = system;
    const sku = await api.product(100);
    await provider.outage(true);
    let ids: string[] = [];
    try {
      const orders = await Promise.all(Array.from({ length: 30 }, () => api.placeOrder({ sku })));
      ids = orders.map(({ id }) => id);
      await Promise.all(ids.map((id) => api.untilStatus(id, 'PAYMENT_PENDING')));
      // With the breaker open a new order is not even sent.
      await until('the breaker to open', async () => {
        const { id } = await api.placeOrder({ sku });
        ids.push(id);
        await api.untilStatus(id, 'PAYMENT_PENDING');
        const payment = await api.payment(id);
        return payment?.operations[0]?.reason === 'provider unavailable';
      });
      expect((await provider.all()).filter((entry) => ids.includes(entry.reference))).toEqual([]);
      // The system itself stays in service.
      expect((await api.call('GET', '/health/readiness')).status).toBe(200);
    } finally {
      await provider.outage(false);
    }
    await Promise.all(ids.map((id) => api.untilStatus(id, 'COMPLETED', 30_000)));
    const entries = (await provider.all()).filter((entry) => ids.includes(entry.reference));
    expect(entries).toHaveLength(ids.length);
    expect(new Set(entries.map((entry) => entry.reference)).size).toBe(ids.length);
  }, 60_000);

  test('takes new orders meanwhile and answers them within the second', async () => {
    const { api, provider } = system;
    const sku = await api.product(10);
    await provider.outage(true);
    try {
      const startedMs = performance.now();
      const order = await api.placeOrder({ sku });
      expect(performance.now() - startedMs).toBeLessThan(1_000);
      await api.untilStatus(order.id, 'PAYMENT_PENDING');
    } finally {
      await provider.outage(false);
    }
  });
});
