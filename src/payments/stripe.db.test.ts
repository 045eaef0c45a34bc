import Stripe from 'stripe';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createHttp } from '#platform/http/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { until, usePayments } from '#tests/support/payments.ts';
import { type Intent, StripeStandIn } from '#tests/support/stripe-stand-in.ts';

/** Payments with Stripe and the sandbox at once, on a real PostgreSQL: Stripe is a stand-in that keeps books. */

const on = usePayments();
const { startPayments, stopPayments, emit, pay, cancel, events, types, untilEmitted, books } = on;
const SECRET = 'whsec_of_this_test';
const stripe = new StripeStandIn();
const sdk = new Stripe('sk_test_1');
let app: ReturnType<typeof createHttp>;

beforeAll(() => stripe.start());
afterAll(() => stripe.stop());
beforeEach(async () => {
  const service = await startPayments({
    PAYMENTS_PROVIDERS: 'sandbox,stripe',
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
});
afterEach(async () => {
  stripe.down = undefined;
  await app.close();
  await stopPayments();
});

async function payByStripe(token: string): Promise<string> {
  const orderId = uuidv7();
  await emit(orderId, 1, 'OrderPaymentRequested', { provider: 'stripe', token, amount: '19.90', currency: 'EUR' });
  return orderId;
}

const intentOf = (orderId: string): Promise<Intent> =>
  until('a payment intent', async () =>
    [...stripe.intents.values()].find(({ metadata }) => metadata['olms_order_id'] === orderId),
  );

/** Stripe reports an event, as often as it likes. */
async function webhook(type: string, object: object): Promise<{ accepted: boolean }> {
  const payload = JSON.stringify({ id: 'evt_1', object: 'event', type, data: { object } });
  const signature = sdk.webhooks.generateTestHeaderString({ payload, secret: SECRET });
  const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
  const answer = await app.inject({ method: 'POST', url: '/payments/webhooks/stripe', headers, body: payload });
  expect(answer.statusCode).toBe(202);
  return answer.json();
}

test('charges, and gives back what is asked for and what a cancelled order paid', async () => {
  const orderId = await payByStripe('pm_card_visa');
  await untilEmitted(orderId, 'PaymentSucceeded');
  const { id } = await intentOf(orderId);
  expect((await events(orderId))[0]!.data).toMatchObject({ provider: 'stripe', providerReference: id });
  await emit(orderId, 2, 'OrderRefundRequested', { refundId: uuidv7(), amount: '5.00', reason: 'r', by: 'o' });
  await until('the refund', async () => (await types(orderId)).length === 2);
  await emit(orderId, 3, 'OrderCancelled', { reason: 'no', by: 'customer' });
  await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded', 'PaymentRefunded');
  expect(stripe.of(orderId)).toMatchObject({ payments: 1, captured: 1990, refunded: 1990 });
});

test('fails what is declined, and charges once although the reply is lost', async () => {
  const [declined, lost] = [await payByStripe('pm_card_visa_chargeDeclined'), await payByStripe('pm_lost_reply')];
  await untilEmitted(declined, 'PaymentFailed');
  expect((await events(declined))[0]!.data).toEqual({ reason: 'generic_decline', provider: 'stripe' });
  await untilEmitted(lost, 'PaymentPending', 'PaymentSucceeded');
  expect(stripe.of(lost)).toMatchObject({ payments: 1, captured: 1990 });
});

test('waits for what the bank asks of the customer, and believes no webhook but Stripe itself', async () => {
  const orderId = await payByStripe('pm_card_threeDSecureRequired');
  await untilEmitted(orderId, 'PaymentPending');
  expect((await events(orderId))[0]!.data).toEqual({
    reason: 'requires_action',
    provider: 'stripe',
    status: 'REQUIRES_ACTION',
  });
  const intent = await intentOf(orderId);
  // Nobody but the customer is shown what the payment is confirmed with.
  expect((await app.inject(`/payments?orderId=${orderId}`)).body).not.toContain(intent.client_secret);
  // A picture of a moment that has not come: what stands at Stripe counts.
  const paid = { ...intent, status: 'succeeded' };
  expect(await webhook('payment_intent.succeeded', paid)).toEqual({ accepted: true });
  await until(
    'the question',
    async () => (await on.app.inject(`/payments?orderId=${orderId}`)).json().items[0].operations[0].attempts >= 2,
  );
  expect(await types(orderId)).toEqual(['PaymentPending']);
  stripe.act(intent.id, true);
  for (let time = 0; time < 3; time++) await webhook('payment_intent.succeeded', intent);
  await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
  await webhook('payment_intent.payment_failed', intent);
  expect(await webhook('payment_intent.succeeded', { metadata: { olms_order_id: uuidv7(), olms_key: 'k' } })).toEqual({
    accepted: false,
  });
  expect(await types(orderId)).toEqual(['PaymentPending', 'PaymentSucceeded']);
  expect(stripe.of(orderId)).toMatchObject({ payments: 1, captured: 1990 });
});

test('gives up the payment of a cancelled order that waits for its customer', async () => {
  const orderId = await payByStripe('pm_card_threeDSecureRequired');
  await untilEmitted(orderId, 'PaymentPending');
  const intent = await intentOf(orderId);
  await cancel(orderId);
  await until('the cancellation to be read', async () => {
    const [row] = await on.database.query<{ cancelled: boolean }>(
      'select cancel_requested as cancelled from payments.payments where order_id = $1',
      [orderId],
    );
    return row?.cancelled;
  });
  await webhook('payment_intent.processing', intent);
  await untilEmitted(orderId, 'PaymentPending', 'PaymentFailed');
  expect(intent.status).toBe('canceled');
});

test('lets a provider that hangs wait alone: others go on, and everything is charged once after it', async () => {
  const ORDERS = 40;
  stripe.down = 'hangs';
  const hanging: string[] = [];
  for (let number = 0; number < ORDERS; number++) hanging.push(await payByStripe('pm_card_visa'));
  await until('Stripe to be asked', async () => stripe.requests > 0);
  const others: string[] = [];
  for (let number = 0; number < ORDERS; number++) others.push(await pay('tok_approve'));
  // By one call each: none waits until a call to the other provider has timed out.
  for (const orderId of others) await untilEmitted(orderId, 'PaymentSucceeded');
  const settled = async (): Promise<number> => {
    const [row] = await on.database.query<{ settled: number }>(
      "select count(*)::int as settled from payments.payments where order_id = any($1::uuid[]) and status = 'CAPTURED'",
      [hanging],
    );
    return row!.settled;
  };
  expect(await settled()).toBe(0);
  stripe.down = undefined;
  await until('everything that hung to be settled', async () => (await settled()) === ORDERS, 60_000);
  for (const orderId of hanging) expect(stripe.of(orderId)).toMatchObject({ payments: 1, captured: 1990 });
  for (const orderId of others) expect(await books(orderId)).toMatchObject([{ captured: '19.90' }]);
}, 120_000);
