import Stripe from 'stripe';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createHttp } from '#platform/http/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { until, usePayments } from '#tests/support/payments.ts';
import { type Intent, StripeStandIn } from '#tests/support/stripe-stand-in.ts';

/** What people do in the dashboard of a provider, and what customers' banks do: learned by notice or by asking, and booked once. */

const on = usePayments();
const { startPayments, stopPayments, emit, cancel, events, types, untilEmitted } = on;
const SECRET = 'whsec_of_this_test';
const stripe = new StripeStandIn();
const sdk = new Stripe('sk_test_1');
let app: ReturnType<typeof createHttp>;

const start = async (capture = 'automatic'): Promise<void> => {
  const service = await startPayments({
    PAYMENTS_PROVIDERS: 'stripe',
    PAYMENTS_CAPTURE: capture,
    STRIPE_API_KEY: 'sk_test_1',
    STRIPE_API_URL: stripe.url,
    STRIPE_WEBHOOK_SECRET: SECRET,
  });
  app = createHttp({
    logger: createLogger('silent'),
    metrics: createMetrics(),
    authenticate: () => ({ name: 'test', role: 'admin' }),
  });
  service.routes!(app);
};

beforeAll(() => stripe.start());
afterAll(() => stripe.stop());
beforeEach(() => start());
afterEach(async () => {
  stripe.down = undefined;
  await app.close();
  await stopPayments();
});

async function paid(orderId = uuidv7()): Promise<{ orderId: string; intent: Intent }> {
  const data = { provider: 'stripe', token: 'pm_card_visa', amount: '19.90', currency: 'EUR' };
  await emit(orderId, 1, 'OrderPaymentRequested', data);
  await untilEmitted(orderId, 'PaymentSucceeded');
  const intent = [...stripe.intents.values()].find(({ metadata }) => metadata['olms_order_id'] === orderId)!;
  return { orderId, intent };
}

let eventNumber = 0;
async function webhook(
  type: string,
  object: object,
  id = `evt_${++eventNumber}`,
): Promise<{ status: number; accepted: boolean }> {
  const payload = JSON.stringify({ id, object: 'event', type, data: { object } });
  const signature = sdk.webhooks.generateTestHeaderString({ payload, secret: SECRET });
  const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
  const answer = await app.inject({ method: 'POST', url: '/payments/webhooks/stripe', headers, body: payload });
  return { status: answer.statusCode, accepted: answer.json().accepted };
}
const view = async (orderId: string) => (await app.inject(`/payments?orderId=${orderId}`)).json().items[0];
const refund = (orderId: string, sequence: number, amount: string, refundId = uuidv7()): Promise<void> =>
  emit(orderId, sequence, 'OrderRefundRequested', { refundId, amount, reason: 'r', by: 'o' });

describe('money that people move at the provider', () => {
  test('goes back there, and is booked once however often it is reported', async () => {
    const { orderId, intent } = await paid();
    const given = stripe.refundByHand(intent.id, 500);
    for (let time = 0; time < 3; time++)
      expect(await webhook('refund.created', given)).toEqual({ status: 202, accepted: true });
    await webhook('charge.refunded', { object: 'charge', payment_intent: intent.id });
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded');
    expect((await events(orderId)).at(-1)!.data).toMatchObject({ amount: '5.00', refunded: '5.00', atProvider: true });
    // What is left is all that can be given back, and what we ask for is not booked a second time.
    await refund(orderId, 2, '14.90');
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded', 'PaymentRefunded');
    await webhook('charge.refunded', { object: 'charge', payment_intent: intent.id });
    await until('the question', async () => !(await lookOf(orderId)));
    expect(await view(orderId)).toMatchObject({ status: 'REFUNDED', refunded: '19.90' });
    expect(stripe.of(orderId)).toMatchObject({ captured: 1990, refunded: 1990 });
  });

  test('is taken or given up there, and is booked', async () => {
    await app.close();
    await stopPayments();
    await start('on_dispatch');
    const [taken, part, gone] = [await paid(), await paid(), await paid()];
    stripe.captureByHand(taken.intent.id);
    stripe.captureByHand(part.intent.id, 1_000);
    stripe.cancelByHand(gone.intent.id);
    await webhook('payment_intent.succeeded', taken.intent);
    await webhook('payment_intent.succeeded', part.intent);
    await webhook('payment_intent.canceled', gone.intent);
    await untilEmitted(taken.orderId, 'PaymentSucceeded', 'PaymentCaptured');
    await untilEmitted(part.orderId, 'PaymentSucceeded', 'PaymentCaptured', 'PaymentVoided');
    await untilEmitted(gone.orderId, 'PaymentSucceeded', 'PaymentVoided');
    expect(await view(taken.orderId)).toMatchObject({ status: 'CAPTURED', captured: '19.90' });
    expect(await view(part.orderId)).toMatchObject({ captured: '10.00', voided: '9.90' });
    expect(await view(gone.orderId)).toMatchObject({ status: 'VOIDED', voided: '19.90' });
  });

  test('is learned by asking, too, and after an outage of the provider', async () => {
    const { orderId, intent } = await paid();
    stripe.refundByHand(intent.id, 1_990);
    stripe.down = 503;
    expect((await app.inject({ method: 'POST', url: `/payments/${orderId}/refresh` })).statusCode).toBe(202);
    await until('the provider to be asked', async () => (await lookOf(orderId))?.attempts);
    stripe.down = undefined;
    await until('the refund', async () => (await types(orderId)).includes('PaymentRefunded'), 30_000);
    expect(await view(orderId)).toMatchObject({ status: 'REFUNDED' });
  });
});

describe('a refund that was done', () => {
  const NOTICES = ['refund.failed', 'refund.updated', 'charge.refund.updated'];
  async function failed(): Promise<{ orderId: string; intent: Intent; operationId: string }> {
    const { orderId, intent } = await paid();
    await refund(orderId, 2, '5.00');
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded');
    const back = stripe.failRefund(intent.id);
    for (const notice of NOTICES) await webhook(notice, back);
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded', 'PaymentRefundFailed');
    await until('the question', async () => !(await lookOf(orderId)));
    const operationId = (await view(orderId)).operations.at(-1).id as string;
    return { orderId, intent, operationId };
  }
  const record = (orderId: string, operationId: string, body: object) =>
    app.inject({ method: 'POST', url: `/payments/${orderId}/operations/${operationId}/record`, payload: body });

  test('and whose money came back waits for a person, who has it sent once more', async () => {
    const { orderId, intent, operationId } = await failed();
    expect((await events(orderId)).at(-1)!.data).toMatchObject({
      reason: 'lost_or_stolen_card',
      returned: { amount: '5.00', captured: '19.90', refunded: '0.00', status: 'CAPTURED' },
    });
    // Nobody sends it again by asking how things stand.
    expect((await app.inject({ method: 'POST', url: `/payments/${orderId}/refresh` })).statusCode).toBe(202);
    await until('the question', async () => !(await lookOf(orderId)));
    expect(await view(orderId)).toMatchObject({
      status: 'CAPTURED',
      refunded: '0.00',
      operations: [{}, { state: 'pending', returned: true, reason: 'lost_or_stolen_card' }],
    });
    expect(stripe.of(orderId)).toMatchObject({ refunded: 0 });
    expect((await record(orderId, operationId, { outcome: 'refused' })).json().code).toBe('ACTION_NOT_ALLOWED');
    expect((await record(orderId, operationId, { outcome: 'retry' })).statusCode).toBe(200);
    const all = ['PaymentSucceeded', 'PaymentRefunded', 'PaymentRefundFailed', 'PaymentRefunded'] as const;
    await untilEmitted(orderId, ...all);
    expect(await view(orderId)).toMatchObject({ status: 'PARTIALLY_REFUNDED', refunded: '5.00' });
    expect(stripe.of(orderId)).toMatchObject({ refunded: 500 });
    // It was done, so there is nothing to retry.
    expect((await record(orderId, operationId, { outcome: 'retry' })).json().code).toBe('ACTION_NOT_ALLOWED');
    // And may come back again.
    await webhook('refund.failed', stripe.failRefund(intent.id));
    await untilEmitted(orderId, ...all, 'PaymentRefundFailed');
  });

  test('and whose money came back may be given back another way, or at the provider, once', async () => {
    const byHand = await failed();
    expect(
      (await record(byHand.orderId, byHand.operationId, { outcome: 'done', reference: 'transfer 7' })).statusCode,
    ).toBe(200);
    expect(await view(byHand.orderId)).toMatchObject({ refunded: '5.00', operations: [{}, { state: 'succeeded' }] });
    const there = await failed();
    await webhook('refund.created', stripe.refundByHand(there.intent.id, 500));
    await untilEmitted(there.orderId, 'PaymentSucceeded', 'PaymentRefunded', 'PaymentRefundFailed', 'PaymentRefunded');
    const { refunded, operations } = await view(there.orderId);
    expect([refunded, operations.length]).toEqual(['5.00', 2]);
  });
});

const lookOf = async (orderId: string): Promise<{ attempts: number } | null> =>
  (
    await on.database.query<{ look: { attempts: number } | null }>(
      'select look from payments.payments where order_id = $1',
      [orderId],
    )
  )[0]!.look;

describe('a dispute', () => {
  test('keeps refunds away while it is open, and is money given back once it is lost', async () => {
    const { orderId, intent } = await paid();
    const dispute = stripe.dispute(intent.id);
    for (let time = 0; time < 2; time++) await webhook('charge.dispute.created', dispute);
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentDisputed');
    expect((await events(orderId)).at(-1)!.data).toMatchObject({
      disputeId: dispute.id,
      amount: '19.90',
      reason: 'product_not_received',
      dueAt: '2030-03-17T17:46:40.000Z',
    });
    await refund(orderId, 2, '5.00');
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentDisputed', 'PaymentRefundFailed');
    expect((await events(orderId)).at(-1)!.data).toMatchObject({ reason: 'payment_disputed' });
    stripe.closeDispute(dispute.id, 'lost');
    for (let time = 0; time < 2; time++) await webhook('charge.dispute.closed', dispute);
    await until('its end', async () => (await types(orderId)).includes('PaymentDisputeClosed'));
    expect((await types(orderId)).slice(-2)).toEqual(['PaymentRefunded', 'PaymentDisputeClosed']);
    expect(await view(orderId)).toMatchObject({ refunded: '19.90', disputes: [{ status: 'lost' }] });
    expect(stripe.of(orderId)).toMatchObject({ refunded: 0, lost: 1990 });
  });

  test('that is won leaves the money, which a cancelled order gives back then', async () => {
    const { orderId, intent } = await paid();
    const dispute = stripe.dispute(intent.id);
    await webhook('charge.dispute.created', dispute);
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentDisputed');
    await cancel(orderId);
    stripe.closeDispute(dispute.id, 'won');
    await webhook('charge.dispute.closed', dispute);
    await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentDisputed', 'PaymentDisputeClosed', 'PaymentRefunded');
    expect(stripe.of(orderId)).toMatchObject({ refunded: 1990, lost: 0 });
  });
});

describe('a notice about nothing that is known', () => {
  test('waits, is listed, and is read when its payment turns up', async () => {
    const orderId = uuidv7();
    const early = { object: 'payment_intent', metadata: { olms_order_id: orderId, olms_key: 'lost-0' } };
    for (let time = 0; time < 2; time++)
      expect(await webhook('payment_intent.succeeded', early, 'evt_early')).toEqual({ status: 202, accepted: false });
    const listed = async (): Promise<{ id: string; orderId: string }[]> =>
      (await app.inject('/payments/notices')).json().items;
    expect(await listed()).toMatchObject([{ id: 'evt_early', orderId, type: 'payment_intent.succeeded' }]);
    const asked = stripe.requests;
    await paid(orderId);
    await until('it to be read', async () => (await listed()).length === 0);
    await until('the question', async () => stripe.requests > asked + 1);
    expect(await types(orderId)).toEqual(['PaymentSucceeded']);
  });

  test('and about nothing of ours is not kept, and one that Stripe could not be asked about is repeated', async () => {
    expect(await webhook('charge.dispute.created', { object: 'dispute', payment_intent: 'pi_foreign' })).toMatchObject({
      status: 202,
      accepted: false,
    });
    expect((await app.inject('/payments/notices')).json().items).toEqual([]);
    const { intent } = await paid();
    stripe.down = 503;
    expect((await webhook('charge.dispute.created', { object: 'dispute', payment_intent: intent.id })).status).toBe(
      503,
    );
  });

  test('is kept up to a bound, the newest of them', async () => {
    const { keepNotice } = await import('./notices.ts');
    await on.database.query(
      `insert into payments.unmatched_notices select 'stripe', 'old_' || n, 't', gen_random_uuid(), null, now() - n * interval '1 second'
       from generate_series(1, 1000) n`,
    );
    const notice = { id: 'new', orderId: uuidv7(), result: { type: 'changed' } } as const;
    for (let time = 0; time < 3; time++)
      await keepNotice(on.database, 'stripe', { ...notice, id: `new_${time}` }, Date.now());
    const [row] = await on.database.query<{ count: number; newest: boolean }>(
      "select count(*)::int as count, bool_or(id = 'new_2') as newest from payments.unmatched_notices",
    );
    expect(row!.newest).toBe(true);
    expect(row!.count).toBeLessThanOrEqual(1_000);
    await on.database.query('delete from payments.unmatched_notices');
  });
});
