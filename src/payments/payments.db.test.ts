import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { isoTime } from '#contracts/time.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { until, usePayments, WEBHOOK_SECRET } from '#tests/support/payments.ts';
import { paymentsMetrics } from './metrics.ts';

/** Payments and the sandbox provider over real HTTP, on a real PostgreSQL. */

const on = usePayments();
const { startPayments, stopPayments, emit, pay, cancel, events, untilEmitted, types, books, outage } = on;

describe('payments with the sandbox provider', () => {
  beforeEach(async () => {
    await startPayments();
  });
  afterEach(async () => {
    await outage(false);
    await stopPayments();
  });

  test('charges an approved card once and shows it without the token', async () => {
    const orderId = await pay('tok_approve');
    await untilEmitted(orderId, 'PaymentSucceeded');
    expect((await events(orderId))[0]).toMatchObject({
      correlationid: `c-${orderId}`,
      sequence: 1,
      data: { amount: '19.90', captured: '19.90' },
    });
    const [entry, ...more] = await books(orderId);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ captured: '19.90', refunded: '0.00', status: 'approved' });
    const answer = await on.app.inject(`/payments?orderId=${orderId}`);
    expect(answer.json().items).toMatchObject([
      {
        orderId,
        provider: 'sandbox',
        status: 'CAPTURED',
        currency: 'EUR',
        captured: '19.90',
        voided: '0.00',
        operations: [{ kind: 'charge', state: 'succeeded', providerReference: entry!.id }],
      },
    ]);
    expect(answer.body).not.toContain('tok_approve');
    expect((await on.app.inject(`/payments?orderId=${uuidv7()}`)).json()).toEqual({ items: [], nextCursor: null });
    expect((await on.app.inject('/payments?orderId=none')).statusCode).toBe(400);
  });

  test('fails a declined card and an unknown token', async () => {
    const declined = await pay('tok_decline');
    const unknown = await pay('4111');
    await untilEmitted(declined, 'PaymentFailed');
    await untilEmitted(unknown, 'PaymentFailed');
    expect((await events(declined))[0]!.data).toEqual({ reason: 'card_declined', provider: 'sandbox' });
    expect((await events(unknown))[0]!.data).toEqual({ reason: 'invalid_token', provider: 'sandbox' });
  });

  test('finds a charge whose reply came too late', async () => {
    const orderId = await pay('tok_timeout');
    await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect((await events(orderId))[0]!.data).toEqual({ reason: 'timeout', provider: 'sandbox' });
    expect(await books(orderId)).toHaveLength(1);
  });

  test('charges once although the reply is lost', async () => {
    const orderId = await pay('tok_lost_reply');
    await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toMatchObject([{ captured: '19.90' }]);
  });

  test('repeats what the provider could not take, under the same key', async () => {
    const orderId = await pay('tok_flaky');
    await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toHaveLength(1);
    const [payment] = (await on.app.inject(`/payments?orderId=${orderId}`)).json().items;
    expect(payment.operations).toMatchObject([{ key: `${orderId}-0-charge-19.90`, attempts: 2 }]);
  });

  test('learns the outcome of a pending charge by webhook', async () => {
    const orderId = await pay('tok_pending');
    await until('PaymentPending', async () => (await types(orderId)).length === 1);
    const startedMs = Date.now();
    await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
    // Asking would come five seconds after the reply: the webhook was first.
    expect(Date.now() - startedMs).toBeLessThan(4_500);
  });

  test('gives back what a cancelled order paid, also when the charge was in flight', async () => {
    const paid = await pay('tok_approve');
    await untilEmitted(paid, 'PaymentSucceeded');
    const inFlight = await pay('tok_timeout');
    await Promise.all([cancel(paid), cancel(inFlight)]);
    await untilEmitted(paid, 'PaymentSucceeded', 'PaymentRefunded');
    await until('the refund', async () => (await types(inFlight)).at(-1) === 'PaymentRefunded');
    expect(await books(paid)).toMatchObject([{ captured: '19.90', refunded: '19.90' }]);
    expect(await books(inFlight)).toMatchObject([{ captured: '19.90', refunded: '19.90' }]);
  });

  test('refunds in parts and refuses more than was captured', async () => {
    const orderId = await pay('tok_approve');
    await untilEmitted(orderId, 'PaymentSucceeded');
    const [first, second] = [uuidv7(), uuidv7()];
    await emit(orderId, 2, 'OrderRefundRequested', { refundId: first, amount: '15.00', reason: 'r', by: 'o' });
    await emit(orderId, 3, 'OrderRefundRequested', { refundId: second, amount: '5.00', reason: 'r', by: 'o' });
    await until('both refunds', async () => (await types(orderId)).length === 3);
    expect(
      (await events(orderId))
        .slice(1)
        .map(({ type, data }) => [type, (data as { refundId: string }).refundId])
        .sort(),
    ).toEqual([
      ['PaymentRefundFailed', second],
      ['PaymentRefunded', first],
    ]);
    expect(await books(orderId)).toMatchObject([{ refunded: '15.00' }]);
  });

  test('opens the breaker in an outage, tries with single calls, and settles everything afterwards', async () => {
    await outage(true);
    const orders: string[] = [];
    for (let i = 0; i < 30; i++) orders.push(await pay('tok_approve'));
    for (const orderId of orders) await until('pending', async () => (await types(orderId)).length === 1);
    const open = async (): Promise<number> => (await paymentsMetrics(on.metrics).breakerOpen.get()).values[0]!.value;
    await until('the open breaker', async () => (await open()) === 1);
    const later = await pay('tok_approve');
    await until('pending', async () => (await types(later)).length === 1);
    const reasons = new Set(
      (await Promise.all([...orders, later].map(events))).map(([event]) => (event!.data as { reason: string }).reason),
    );
    expect([...reasons].sort()).toEqual(['http_503', 'provider unavailable']);
    const callsMade = async (): Promise<number> =>
      (await paymentsMetrics(on.metrics).providerSeconds.get()).values
        .filter((value) => value.metricName?.endsWith('_count'))
        .reduce((sum, value) => sum + value.value, 0);
    const before = await callsMade();
    await sleep(2_000);
    // Some 600 ms apart, each trial is a single call.
    expect((await callsMade()) - before).toBeLessThanOrEqual(4);
    await outage(false);
    for (const orderId of [...orders, later]) {
      await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
    }
    expect(await open()).toBe(0);
    for (const orderId of orders) expect(await books(orderId)).toHaveLength(1);
  });

  test('gives up the charge of a cancelled order that the provider never got', async () => {
    await outage(true);
    const orderId = await pay('tok_approve');
    await until('pending', async () => (await types(orderId)).length === 1);
    await cancel(orderId);
    await until(
      'the cancellation',
      async () =>
        (await on.database.query('select 1 from payments.payments where order_id = $1 and cancel_requested', [orderId]))
          .length > 0,
    );
    await outage(false);
    await untilEmitted(orderId, 'PaymentPending', 'PaymentFailed');
    expect(await books(orderId)).toEqual([]);
  });

  test('takes a burst in few statements', async () => {
    // A machine that is busy answers late: what is repeated after a timeout is no part of the burst.
    await stopPayments();
    await startPayments({ PAYMENTS_TIMEOUT_MS: '20000', PAYMENTS_CANCEL_SAFETY_MS: '60000' });
    const count = 400;
    const statements = on.database.statements;
    // The bus looks for more of the log, and this test for the end, as often as the time allows: neither is the burst's.
    const queries = vi.spyOn(on.database, 'query');
    onTestFinished(() => queries.mockRestore());
    const isPoll = (text: string): boolean => /string_agg\(position|select 1 from payments/.test(text);
    const orders = Array.from({ length: count }, () => uuidv7());
    const batch = orders.map((subject): Envelope => ({
      id: uuidv7(),
      source: '/olms/orders',
      type: 'OrderPaymentRequested',
      subject,
      sequence: 1,
      time: isoTime(Date.now()),
      correlationid: 'c',
      causationid: 'x',
      data: { provider: 'sandbox', token: 'tok_approve', amount: '1.00', currency: 'EUR' },
    }));
    on.bus.remember(batch);
    await on.database.write([appendEvents(batch)]);
    await until(
      'all payments',
      async () =>
        (
          await on.database.query(
            "select 1 from payments.payments where order_id = any($1::uuid[]) and status = 'CAPTURED'",
            [orders],
          )
        ).length === count,
      50_000,
    );
    // How large the batches are depends on the machine; that there are batches does not.
    const polls = queries.mock.calls.filter(([text]) => isPoll(text)).length;
    expect(polls).toBeGreaterThan(0);
    expect(on.database.statements - polls - statements).toBeLessThan(count);
  }, 60_000);
});

test('payments that wait for a provider that is not configured any more are reported at every start', async () => {
  const orderId = uuidv7();
  await on.database.query(
    `insert into payments.payments (order_id, version, sequence, seen, provider, token, currency, status, amount, authorized, captured, voided, refunded, cancel_requested, pending_told, operations, next_attempt_at)
     values ($1, 1, 0, '{}', 'gone', 't', 'EUR', 'PENDING', 1, 0, 0, 0, 0, false, false, '[]', now())`,
    [orderId],
  );
  const reported: unknown[] = [];
  const loud = createLogger('silent');
  loud.error = ((fields: unknown) => void reported.push(fields)) as typeof loud.error;
  await startPayments({}, { logger: loud });
  await stopPayments();
  expect(reported).toEqual([{ provider: 'gone', payments: 1 }]);
  await on.database.query('delete from payments.payments where order_id = $1', [orderId]);
});

describe('capture on dispatch', () => {
  beforeEach(async () => {
    await startPayments({ PAYMENTS_CAPTURE: 'on_dispatch' });
  });
  afterEach(stopPayments);

  test('authorizes, captures when shipped, and voids when cancelled', async () => {
    const shipped = await pay('tok_approve');
    const cancelled = await pay('tok_approve');
    await untilEmitted(shipped, 'PaymentSucceeded');
    await untilEmitted(cancelled, 'PaymentSucceeded');
    expect(await books(shipped)).toMatchObject([{ authorized: '19.90', captured: '0.00' }]);
    await emit(shipped, 2, 'OrderShipped', {
      shipmentId: uuidv7(),
      carrier: 'c',
      trackingNumber: 't',
      items: [],
      deadlineAt: isoTime(Date.now()),
    });
    await cancel(cancelled);
    await untilEmitted(shipped, 'PaymentSucceeded', 'PaymentCaptured');
    await untilEmitted(cancelled, 'PaymentSucceeded', 'PaymentVoided');
    expect(await books(shipped)).toMatchObject([{ captured: '19.90' }]);
    expect(await books(cancelled)).toMatchObject([{ captured: '0.00', voided: '19.90' }]);
    expect((await on.app.inject(`/payments?orderId=${cancelled}`)).json().items).toMatchObject([
      { status: 'VOIDED', voided: '19.90' },
    ]);
  });

  test('still captures what was authorized before the mode was changed', async () => {
    const orderId = await pay('tok_approve');
    await untilEmitted(orderId, 'PaymentSucceeded');
    await stopPayments();
    await startPayments({ PAYMENTS_CAPTURE: 'automatic' });
    await emit(orderId, 2, 'OrderShipped', {
      shipmentId: uuidv7(),
      carrier: 'c',
      trackingNumber: 't',
      items: [],
      deadlineAt: isoTime(Date.now()),
    });
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentCaptured');
  });
});

describe('webhooks', () => {
  function signed(body: string, changes: { secret?: Buffer; timestampS?: number } = {}) {
    const timestamp = String(changes.timestampS ?? Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', changes.secret ?? Buffer.from(WEBHOOK_SECRET))
      .update(`msg_1.${timestamp}.${body}`)
      .digest('base64');
    return {
      method: 'POST',
      url: '/payments/webhooks/sandbox',
      headers: {
        'content-type': 'application/json',
        'webhook-id': 'msg_1',
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,bm9uZQ== v1,${signature}`,
      },
      body,
    } as const;
  }
  const notice = JSON.stringify({
    type: 'charge.approved',
    data: { reference: uuidv7(), key: 'k', id: 'i', status: 'approved' },
  });

  test('are verified, and ignored where they are about nothing known', async () => {
    expect((await on.app.inject(signed(notice))).statusCode).toBe(202);
    expect((await on.app.inject(signed('{}'))).json()).toEqual({ accepted: false });
    expect((await on.app.inject(signed('{'))).statusCode).toBe(400);
    expect((await on.app.inject({ ...signed(notice), url: '/payments/webhooks/nobody' })).statusCode).toBe(404);
  });

  test.each([
    ['of another secret', signed(notice, { secret: Buffer.from('x') })],
    ['that is too old', signed(notice, { timestampS: Math.floor(Date.now() / 1000) - 400 })],
    ['from the future', signed(notice, { timestampS: Math.floor(Date.now() / 1000) + 4_000 })],
    ['without a signature', { method: 'POST', url: '/payments/webhooks/sandbox', body: notice } as const],
    ['with a changed body', { ...signed(notice), body: notice.replace('approved', 'declined') }],
  ])('%s are refused', async (_, request) => {
    const answer = await on.app.inject(request);
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'WEBHOOK_SIGNATURE_INVALID']);
  });
});
