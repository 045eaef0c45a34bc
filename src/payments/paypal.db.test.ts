import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createHttp } from '#platform/http/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { selfSigned } from '#tests/support/certificates.ts';
import { until, usePayments } from '#tests/support/payments.ts';
import { PaypalStandIn } from '#tests/support/paypal-stand-in.ts';

/** Payments with PayPal and the sandbox at once, on a real PostgreSQL: PayPal is a stand-in that keeps books. */

const on = usePayments();
const { startPayments, stopPayments, emit, events, types, untilEmitted } = on;
const WEBHOOK_ID = 'WH-OF-THIS-TEST';
let folder: string;
let paypal: PaypalStandIn;
let app: ReturnType<typeof createHttp>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'olms-paypal-'));
  paypal = new PaypalStandIn(await selfSigned(folder, 'messageverificationcerts.paypal.com'));
  await paypal.start();
});
afterAll(async () => {
  await paypal.stop();
  rmSync(folder, { recursive: true });
});
async function start(env: Record<string, string> = {}): Promise<void> {
  const service = await startPayments({
    PAYMENTS_PROVIDERS: 'sandbox,paypal',
    PAYPAL_CLIENT_ID: 'client',
    PAYPAL_CLIENT_SECRET: 'secret',
    PAYPAL_WEBHOOK_ID: WEBHOOK_ID,
    PAYPAL_RETURN_URL: 'https://shop.example/paid',
    PAYPAL_API_URL: paypal.url,
    ...env,
  });
  app = createHttp({
    logger: createLogger('silent'),
    metrics: createMetrics(),
    authenticate: () => ({ name: 'test', role: 'admin' }),
  });
  service.routes!(app);
}
beforeEach(() => start());
afterEach(async () => {
  paypal.asDescribed();
  await app.close();
  await stopPayments();
});

async function payByPaypal(token: string): Promise<string> {
  const orderId = uuidv7();
  await emit(orderId, 1, 'OrderPaymentRequested', { provider: 'paypal', token, amount: '19.90', currency: 'EUR' });
  return orderId;
}

const orderOf = (orderId: string) =>
  until('an order at PayPal', async () => [...paypal.orders.values()].find(({ custom_id: id }) => id === orderId));

/** PayPal reports an event, as often as it likes. */
async function webhook(type: string, resource: object): Promise<{ accepted: boolean }> {
  const { headers, body } = paypal.webhook({ id: 'WH-1', event_type: type, resource }, WEBHOOK_ID, Date.now());
  const answer = await app.inject({
    method: 'POST',
    url: '/payments/webhooks/paypal',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  expect(answer.statusCode).toBe(202);
  return answer.json();
}

test('a vaulted wallet is charged, and what is asked for and what a cancelled order paid is given back', async () => {
  const orderId = await payByPaypal('paypal_vault_ok');
  await untilEmitted(orderId, 'PaymentSucceeded');
  const { id } = await orderOf(orderId);
  expect((await events(orderId))[0]!.data).toMatchObject({ provider: 'paypal', providerReference: id });
  await emit(orderId, 2, 'OrderRefundRequested', { refundId: uuidv7(), amount: '5.00', reason: 'r', by: 'o' });
  await until('the refund', async () => (await types(orderId)).length === 2);
  await emit(orderId, 3, 'OrderCancelled', { reason: 'no', by: 'customer' });
  await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded', 'PaymentRefunded');
  expect(paypal.of(orderId)).toEqual({ payments: 1, captured: 1990, refunded: 1990, held: 0 });
});

test('what is declined fails, and a lost reply leads to one charge', async () => {
  const [declined, lost] = [await payByPaypal('paypal_vault_refused'), await payByPaypal('paypal_vault_lost')];
  await untilEmitted(declined, 'PaymentFailed');
  expect((await events(declined))[0]!.data).toEqual({ reason: 'instrument_declined', provider: 'paypal' });
  await untilEmitted(lost, 'PaymentPending', 'PaymentSucceeded');
  expect(paypal.of(lost)).toMatchObject({ payments: 1, captured: 1990 });
});

test('a customer approves on the page of PayPal, and is charged once however often PayPal reports it', async () => {
  const orderId = await payByPaypal('paypal');
  await untilEmitted(orderId, 'PaymentPending');
  const order = await orderOf(orderId);
  const resource = { id: order.id, purchase_units: [{ custom_id: orderId, invoice_id: order.invoice_id }] };
  // Before the customer has acted, a report changes nothing.
  await webhook('CHECKOUT.ORDER.COMPLETED', resource);
  expect(paypal.of(orderId).captured).toBe(0);
  paypal.approve(order.id);
  for (let time = 0; time < 3; time++) await webhook('CHECKOUT.ORDER.APPROVED', resource);
  await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
  await webhook('PAYMENT.CAPTURE.COMPLETED', { custom_id: orderId, invoice_id: order.invoice_id });
  expect(paypal.of(orderId)).toMatchObject({ payments: 1, captured: 1990 });
  expect(await types(orderId)).toEqual(['PaymentPending', 'PaymentSucceeded']);
});

test('a customer who comes back from PayPal is charged before PayPal reports anything', async () => {
  const orderId = await payByPaypal('paypal');
  await untilEmitted(orderId, 'PaymentPending');
  const order = await orderOf(orderId);
  paypal.approve(order.id);
  const back = await app.inject({ method: 'POST', url: `/payments/${orderId}/refresh` });
  expect([back.statusCode, back.json()]).toMatchObject([202, { asked: true }]);
  await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
  expect(paypal.of(orderId)).toMatchObject({ payments: 1, captured: 1990 });
});

test('a customer who does not approve in time is waited for no longer, and nothing is taken from them afterwards', async () => {
  await stopPayments();
  await app.close();
  await start({ PAYMENTS_ACTION_DEADLINE_MS: '300' });
  const orderId = await payByPaypal('paypal');
  await untilEmitted(orderId, 'PaymentPending', 'PaymentFailed');
  expect((await events(orderId))[0]!.data).toMatchObject({ provider: 'paypal', status: 'REQUIRES_ACTION' });
  const order = await orderOf(orderId);
  expect((await events(orderId))[1]!.data).toMatchObject({ reason: 'action_expired' });
  paypal.approve(order.id);
  await webhook('CHECKOUT.ORDER.APPROVED', {
    id: order.id,
    purchase_units: [{ custom_id: orderId, invoice_id: order.invoice_id }],
  });
  expect(paypal.of(orderId)).toMatchObject({ payments: 0, captured: 0 });
  expect(await types(orderId)).toEqual(['PaymentPending', 'PaymentFailed']);
});

test('money that people give back at PayPal, and a dispute that a customer wins, are booked once', async () => {
  const orderId = await payByPaypal('paypal_vault_ok');
  await untilEmitted(orderId, 'PaymentSucceeded');
  const { id } = await orderOf(orderId);
  const given = paypal.refundByHand(id, { currency_code: 'EUR', value: '5.00' });
  for (let time = 0; time < 3; time++) await webhook('PAYMENT.CAPTURE.REFUNDED', given);
  await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded');
  expect((await events(orderId)).at(-1)!.data).toMatchObject({ amount: '5.00', atProvider: true });
  const dispute = paypal.dispute(id, '14.90');
  await webhook('CUSTOMER.DISPUTE.CREATED', dispute);
  await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded', 'PaymentDisputed');
  Object.assign(dispute, { status: 'RESOLVED', dispute_outcome: { outcome_code: 'RESOLVED_BUYER_FAVOUR' } });
  await webhook('CUSTOMER.DISPUTE.RESOLVED', dispute);
  await untilEmitted(
    orderId,
    'PaymentSucceeded',
    'PaymentRefunded',
    'PaymentDisputed',
    'PaymentRefunded',
    'PaymentDisputeClosed',
  );
  const { items } = (await app.inject(`/payments?orderId=${orderId}`)).json() as { items: object[] };
  expect(items[0]).toMatchObject({ status: 'REFUNDED', refunded: '19.90' });
});

test('a report about nothing of ours, or with a signature of another webhook, is no news', async () => {
  expect(await webhook('PAYMENT.CAPTURE.COMPLETED', { custom_id: uuidv7(), invoice_id: 'k' })).toEqual({
    accepted: false,
  });
  const { headers, body } = paypal.webhook({}, 'WH-OTHER', Date.now());
  const forged = await app.inject({ method: 'POST', url: '/payments/webhooks/paypal', headers, body });
  expect(forged.statusCode).toBe(401);
});
