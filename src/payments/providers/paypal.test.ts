import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { selfSigned } from '#tests/support/certificates.ts';
import { PaypalStandIn } from '#tests/support/paypal-stand-in.ts';
import { callOf, providerContract } from '#tests/support/provider-contract.ts';
import { paypalAmount } from './paypal-amounts.ts';
import { createPaypalProvider } from './paypal.ts';
import type { PaymentProvider, ProviderCall } from './port.ts';

/** The adapter for PayPal, with a stand-in that keeps books. */

const VALIDITY = ['-days', '30'];
const WEBHOOK_IDS = ['WH-PRESENT', 'WH-BEFORE'];
let folder: string;
let paypal: PaypalStandIn;
let provider: PaymentProvider;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'olms-paypal-'));
  paypal = new PaypalStandIn(await selfSigned(folder, 'messageverificationcerts.paypal.com', undefined, VALIDITY));
  await paypal.start();
  provider = createPaypalProvider({
    clientId: 'client',
    clientSecret: 'secret',
    url: paypal.url,
    webhookIds: WEBHOOK_IDS,
    returnUrl: 'https://shop.example/paid',
    timeoutMs: 1_000,
    connections: 8,
  });
});
afterAll(async () => {
  await provider.close();
  await paypal.stop();
  rmSync(folder, { recursive: true });
});
afterEach(() => {
  paypal.down = undefined;
  paypal.asDescribed();
});

const eventOf = (
  { orderId, key }: Pick<ProviderCall, 'orderId' | 'key'>,
  type = 'PAYMENT.CAPTURE.COMPLETED',
): object => ({
  id: 'WH-1',
  event_type: type,
  resource_type: 'capture',
  resource: { id: 'T1', status: 'COMPLETED', custom_id: orderId, invoice_id: key, note: 'olms' },
});

describe('PayPal', () => {
  providerContract(() => ({
    provider,
    tokens: {
      approved: 'paypal_vault_ok',
      declined: 'paypal_vault_declined',
      action: 'paypal',
      lost: 'paypal_vault_lost',
      late: 'paypal_vault_late',
    },
    declineReason: 'other',
    books: async (orderId) => paypal.of(orderId),
    outage: async (down) => {
      paypal.down = down ? 503 : undefined;
    },
    webhook: (call, nowMs, forged) => paypal.webhook(eventOf(call), forged ? 'WH-OTHER' : WEBHOOK_IDS[0]!, nowMs),
  }));
});

describe('a customer who approves on the page of PayPal', () => {
  async function begun(kind: 'charge' | 'authorize' = 'charge') {
    const call = callOf('paypal');
    const result = await provider[kind](call);
    if (result.type !== 'pending') throw new Error(`The charge was ${JSON.stringify(result)}`);
    expect(result.action).toEqual({
      redirectUrl: `https://www.sandbox.paypal.com/checkoutnow?token=${result.reference}`,
    });
    return { call, question: { ...call, kind, reference: result.reference }, reference: result.reference };
  }

  test('is sent there, and pays once when they have approved', async () => {
    const { call, question, reference } = await begun();
    expect(await provider.find(question)).toMatchObject({ type: 'pending', reference, action: {} });
    expect(await provider.charge(call)).toMatchObject({ type: 'pending', reference });
    paypal.approve(reference);
    // Asking moves no money; the charge under its key does.
    expect(await provider.find(question)).toEqual({ type: 'not_found' });
    expect(paypal.of(call.orderId).captured).toBe(0);
    for (let time = 0; time < 2; time++) expect(await provider.charge(call)).toEqual({ type: 'approved', reference });
    expect(await provider.find(question)).toEqual({ type: 'approved', reference });
    expect(paypal.of(call.orderId)).toMatchObject({ payments: 1, captured: 1990 });
  });

  test('has money put aside by the same way', async () => {
    const { call, question, reference } = await begun('authorize');
    paypal.approve(reference);
    expect(await provider.authorize(call)).toEqual({ type: 'approved', reference });
    expect(await provider.find(question)).toEqual({ type: 'approved', reference });
    expect(paypal.of(call.orderId)).toMatchObject({ captured: 0, held: 1990 });
  });

  test('is not awaited for an order that nobody wants any more', async () => {
    const { question, call } = await begun();
    expect(await provider.find({ ...question, unwanted: true })).toEqual({ type: 'declined', reason: 'canceled' });
    expect(paypal.of(call.orderId)).toMatchObject({ payments: 0, captured: 0 });
  });
});

test('an instrument that is refused is a decline, and no order is paid by it', async () => {
  const call = callOf('paypal_vault_refused');
  expect(await provider.charge(call)).toEqual({ type: 'declined', reason: 'instrument_declined' });
  expect(paypal.of(call.orderId).payments).toBe(0);
});

test('what PayPal decides later is pending until it has', async () => {
  const call = callOf('paypal_vault_pending');
  const made = await provider.charge(call);
  expect(made).toMatchObject({ type: 'pending' });
  const { reference } = made as { reference: string };
  const question = { ...call, kind: 'charge' as const, reference };
  expect(await provider.find(question)).toEqual({ type: 'pending', reference });
  paypal.decide(reference, 'COMPLETED');
  expect(await provider.find(question)).toEqual({ type: 'approved', reference });
});

test('money of several captures is given back by several refunds, once, also where a reply was lost on the way', async () => {
  const call = callOf('paypal_vault_ok');
  const made = await provider.authorize(call);
  const { reference: chargeReference } = made as { reference: string };
  const part = (amount: string, key: string): ProviderCall => ({
    ...call,
    amount,
    key: `${call.orderId}-${key}`,
    chargeReference,
  });
  for (const [amount, key] of [
    ['10.00', 'a'],
    ['5.00', 'b'],
    ['4.90', 'c'],
  ] as const)
    expect(await provider.capture(part(amount, key))).toMatchObject({ type: 'approved' });
  const refund = part('12.00', 'r');
  expect(await provider.refund(refund)).toMatchObject({ type: 'approved' });
  expect(await provider.refund(refund)).toMatchObject({ type: 'approved' });
  expect(paypal.of(call.orderId)).toMatchObject({ captured: 1990, refunded: 1200 });
  expect(await provider.find({ ...refund, kind: 'refund' })).toMatchObject({ type: 'approved' });
  // The books show the first part alone, as after a crash between the two.
  const order = [...paypal.orders.values()].find(({ custom_id: id }) => id === call.orderId)!;
  order.refunds.length = 1;
  order.captures[1]!.status = 'COMPLETED';
  expect(await provider.find({ ...refund, kind: 'refund' })).toEqual({ type: 'not_found' });
  await provider.refund(refund);
  expect(paypal.of(call.orderId).refunded).toBeLessThanOrEqual(1200);
  const rest = part('7.90', 's');
  expect(await provider.refund(rest)).toMatchObject({ type: 'approved' });
  expect(paypal.of(call.orderId).refunded).toBeLessThanOrEqual(1990);
});

describe('the books', () => {
  const euro = (value: string) => ({ currency_code: 'EUR', value });
  async function paid() {
    const call = callOf('paypal_vault_ok');
    const { reference: chargeReference } = (await provider.charge(call)) as { reference: string };
    const books = () => provider.books!({ ...call, chargeReference });
    return { call, books, of: { ...call, chargeReference }, order: chargeReference };
  }

  test('say what was captured and given back, by us with our key, by others without', async () => {
    const { call, books, of, order } = await paid();
    const nothing = { captured: '19.90', held: '0.00', refunds: [], disputes: [] };
    expect(await books()).toEqual({ type: 'books', books: nothing });
    await provider.refund({ ...of, amount: '5.00', key: `${call.orderId}-r` });
    const { id } = paypal.refundByHand(order, euro('2.90'));
    expect(await books()).toEqual({
      type: 'books',
      books: {
        ...nothing,
        refunds: [
          { reference: expect.any(String), key: `${call.orderId}-r`, amount: '5.00' },
          { reference: id, key: undefined, amount: '2.90' },
        ],
      },
    });
  });

  test('say what is held of an authorization', async () => {
    const call = callOf('paypal_vault_ok');
    const { reference: chargeReference } = (await provider.authorize(call)) as { reference: string };
    await provider.capture({ ...call, amount: '10.00', key: `${call.orderId}-a`, chargeReference });
    expect(await provider.books!({ ...call, chargeReference })).toMatchObject({
      books: { captured: '10.00', held: '9.90' },
    });
  });

  test('have disputes, but for those about which nothing but words is exchanged yet', async () => {
    const { books, order } = await paid();
    const dispute = paypal.dispute(order, '19.90');
    paypal.dispute(order, '1.00', { dispute_life_cycle_stage: 'INQUIRY' });
    const shown = async (): Promise<unknown> => {
      const answer = await books();
      return answer.type === 'books' ? answer.books.disputes : answer;
    };
    const known = { id: dispute.dispute_id, amount: '19.90', reason: 'merchandise_or_service_not_received' };
    expect(await shown()).toEqual([{ ...known, status: 'open' }]);
    for (const [code, status] of [
      ['RESOLVED_BUYER_FAVOUR', 'lost'],
      ['RESOLVED_SELLER_FAVOUR', 'won'],
      ['CANCELED_BY_BUYER', 'won'],
    ] as const) {
      Object.assign(dispute, { status: 'RESOLVED', dispute_outcome: { outcome_code: code } });
      expect(await shown()).toEqual([{ ...known, status }]);
    }
  });
});

test('a giving up waits for what is to be captured before it', async () => {
  const call = callOf('paypal_vault_ok');
  const { reference: chargeReference } = (await provider.authorize(call)) as { reference: string };
  const rest = { ...call, amount: '4.90', key: `${call.orderId}-v`, chargeReference };
  expect(await provider.void(rest)).toEqual({ type: 'unknown', reason: 'capture_to_come' });
});

test('an access token is used for many calls, and replaced once it is taken back', async () => {
  const before = paypal.tokens;
  for (let time = 0; time < 3; time++) await provider.charge(callOf('paypal_vault_ok'));
  expect(paypal.tokens).toBe(before);
  paypal.tokens++;
  const answers = await Promise.all([1, 2, 3].map(() => provider.charge(callOf('paypal_vault_ok'))));
  expect(answers.map(({ type }) => type)).toEqual(['approved', 'approved', 'approved']);
});

test('a provider that hangs is given up after the time of a call', async () => {
  paypal.down = 'hangs';
  await expect(provider.charge(callOf('paypal_vault_ok'))).rejects.toThrow('timeout');
});

test('credentials that PayPal does not know are no refusal of the order', async () => {
  const options = {
    url: paypal.url,
    webhookIds: [],
    returnUrl: 'https://shop.example',
    timeoutMs: 1_000,
    connections: 1,
  };
  const wrong = createPaypalProvider({ ...options, clientId: 'client', clientSecret: 'other' });
  expect(await wrong.charge(callOf('paypal_vault_ok'))).toEqual({ type: 'unknown', reason: 'http_401' });
  expect(await wrong.probe()).toBe('http_401');
  expect(wrong.webhooks).toBeUndefined();
  await wrong.close();
});

describe('webhooks', () => {
  // Later than the certificate, which is made when the tests begin.
  const NOW_MS = Date.now() + 60_000;
  const call = { orderId: uuidv7(), key: 'k-1' };
  const read = ({ headers, body }: ReturnType<PaypalStandIn['webhook']>) =>
    provider.webhooks!.read(headers, body, NOW_MS);

  test('are taken with the id before, while it is replaced', async () => {
    const notice = { ...call, result: { type: 'changed' } };
    const said = await read(paypal.webhook(eventOf(call), WEBHOOK_IDS[1]!, NOW_MS));
    expect(said).toEqual({ notice: { ...notice, id: 'WH-1', type: 'PAYMENT.CAPTURE.COMPLETED' } });
    const resource = { id: 'ORDER1', purchase_units: [{ custom_id: call.orderId, invoice_id: 'k-1' }] };
    const approved = { event_type: 'CHECKOUT.ORDER.APPROVED', resource };
    expect(await read(paypal.webhook(approved, WEBHOOK_IDS[0]!, NOW_MS))).toMatchObject({ notice });
    const part = eventOf({ ...call, key: 'k-1/2' }, 'PAYMENT.CAPTURE.REFUNDED');
    expect(await read(paypal.webhook(part, WEBHOOK_IDS[0]!, NOW_MS))).toMatchObject({ notice });
    const disputed = { disputed_transactions: [{ custom: call.orderId, invoice_number: 'k-1' }] };
    const event = { id: 'WH-2', event_type: 'CUSTOMER.DISPUTE.CREATED', resource: disputed };
    expect(await read(paypal.webhook(event, WEBHOOK_IDS[0]!, NOW_MS))).toEqual({
      notice: { orderId: call.orderId, result: { type: 'changed' }, id: 'WH-2', type: 'CUSTOMER.DISPUTE.CREATED' },
    });
  });

  test('about nothing of ours, or nothing of interest, are taken and mean nothing', async () => {
    const said = [
      eventOf(call, 'BILLING.PLAN.CREATED'),
      eventOf({ ...call, orderId: 'x' }),
      { event_type: 'PAYMENT.CAPTURE.COMPLETED', resource: null },
    ];
    for (const event of said) expect(await read(paypal.webhook(event, WEBHOOK_IDS[0]!, NOW_MS))).toEqual({});
  });

  test.each([
    'https://paypal.com.attacker.example/cert',
    'https://attacker.example/.paypal.com',
    'https://notpaypal.com/cert',
    'http://api.paypal.com/cert',
    'https://api.paypal.com@attacker.example/cert',
    'https://user:secret@api.paypal.com/cert',
    'https://api.paypal.com:8443/cert',
    'file:///etc/passwd',
    'not an address',
  ])('with a certificate from %s are refused, and nobody is asked for it', async (certUrl) => {
    const { problem } = await read(paypal.webhook(eventOf(call), WEBHOOK_IDS[0]!, NOW_MS, certUrl));
    expect(problem).toBe('paypal-cert-url is none of PayPal.');
  });

  test('are to be sent again where their certificate cannot be fetched, of which few are at once', async () => {
    paypal.down = 'hangs';
    const asked = Array.from({ length: 20 }, (_, n) => {
      const { headers, body } = paypal.webhook(eventOf(call), WEBHOOK_IDS[0]!, NOW_MS, `${paypal.url}/certs/new-${n}`);
      return read({ headers, body });
    });
    const ends = await Promise.allSettled(asked);
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['rejected']));
    const busy = ends.filter((end) => end.status === 'rejected' && /busy/.test(String(end.reason)));
    expect(busy).toHaveLength(16);
    paypal.down = undefined;
    expect(
      (await read(paypal.webhook(eventOf(call), WEBHOOK_IDS[0]!, NOW_MS, `${paypal.url}/certs/new-1`))).notice,
    ).toBeDefined();
  });

  test('by a certificate that is not valid at the time are refused', async () => {
    const laterMs = NOW_MS + 31 * 24 * 3_600_000;
    const { headers, body } = paypal.webhook(eventOf(call), WEBHOOK_IDS[0]!, laterMs);
    expect(await provider.webhooks!.read(headers, body, laterMs)).toEqual({
      problem: 'The certificate is not valid now.',
    });
  });
});

test('amounts are written as PayPal takes them', () => {
  expect(paypalAmount(1990n, 'EUR')).toBe('19.90');
  expect(paypalAmount(500n, 'JPY')).toBe('500');
  expect(paypalAmount(50_000n, 'HUF')).toBe('500');
  expect(paypalAmount(50_050n, 'TWD')).toBeUndefined();
  expect(paypalAmount(1230n, 'KWD')).toBeUndefined();
});

test.each([
  ['500', 'JPY'],
  ['500.00', 'HUF'],
  ['500.00', 'TWD'],
])('%s %s is charged in the decimals that PayPal knows', async (amount, currency) => {
  expect(await provider.charge(callOf('paypal_vault_ok', { amount, currency }))).toMatchObject({ type: 'approved' });
});

test('an amount that PayPal cannot take is declined without asking', async () => {
  const call = callOf('paypal_vault_ok', { amount: '1.230', currency: 'KWD' });
  expect(await provider.charge(call)).toEqual({ type: 'declined', reason: 'amount_not_supported' });
});
