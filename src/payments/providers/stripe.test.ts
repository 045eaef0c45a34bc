import Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { callOf, providerContract, type ProviderWorld } from '#tests/support/provider-contract.ts';
import { StripeStandIn } from '#tests/support/stripe-stand-in.ts';
import type { PaymentProvider, ProviderCall } from './port.ts';
import { stripeAmount } from './stripe-amounts.ts';
import { createStripeProvider } from './stripe.ts';

/** The adapter for Stripe, with a stand-in that keeps books. */

const SECRETS = ['whsec_present', 'whsec_before'];
const sdk = new Stripe('sk_test_1');
const stripe = new StripeStandIn();
let provider: PaymentProvider;

beforeAll(async () => {
  await stripe.start();
  provider = createStripeProvider({
    apiKey: 'sk_test_1',
    url: stripe.url,
    webhookSecrets: SECRETS,
    returnUrl: 'https://shop.example/paid',
    timeoutMs: 1_000,
    connections: 8,
  });
});
afterAll(async () => {
  await provider.close();
  await stripe.stop();
});
beforeEach(() => {
  stripe.multicapture = true;
});

function signed(event: object, secret: string, nowMs: number): ReturnType<ProviderWorld['webhook']> {
  const payload = JSON.stringify(event);
  const timestamp = Math.floor(nowMs / 1000);
  const signature = sdk.webhooks.generateTestHeaderString({ payload, secret, timestamp });
  return { headers: { 'stripe-signature': signature }, body: Buffer.from(payload) };
}
const eventOf = (
  { orderId, key }: Pick<ProviderCall, 'orderId' | 'key'>,
  type = 'payment_intent.succeeded',
): object => ({
  id: 'evt_1',
  object: 'event',
  type,
  data: { object: { object: 'payment_intent', metadata: { olms_order_id: orderId, olms_key: key } } },
});

describe('Stripe', () => {
  providerContract(() => ({
    provider,
    tokens: {
      approved: 'pm_card_visa',
      declined: 'pm_card_visa_chargeDeclined',
      action: 'pm_card_threeDSecureRequired',
      lost: 'pm_lost_reply',
      late: 'pm_late_reply',
    },
    declineReason: 'generic_decline',
    books: async (orderId) => {
      const { payments, captured, refunded, held } = stripe.of(orderId);
      return { payments, captured, refunded, held };
    },
    outage: async (down) => {
      stripe.down = down ? 503 : undefined;
    },
    webhook: (call, nowMs, forged) => signed(eventOf(call), forged ? 'whsec_other' : SECRETS[0]!, nowMs),
  }));
});

describe('3-D Secure', () => {
  async function begun(): Promise<{ call: ProviderCall; reference: string }> {
    const call = callOf('pm_card_threeDSecureRequired');
    const answer = await provider.charge(call);
    expect(answer).toMatchObject({
      type: 'pending',
      action: { clientSecret: expect.stringContaining('_secret_'), redirectUrl: 'https://bank.example/3ds' },
    });
    return { call, reference: (answer as { reference: string }).reference };
  }
  test('waits for the customer, and is paid once they have acted', async () => {
    const { call, reference } = await begun();
    const question = { ...call, kind: 'charge', reference } as const;
    expect(await provider.find(question)).toMatchObject({ type: 'pending', action: {} });
    stripe.act(reference, true);
    expect(await provider.find(question)).toEqual({ type: 'approved', reference });
    expect(stripe.of(call.orderId)).toMatchObject({ payments: 1, captured: 1990 });
  });
  test('that fails ends the payment, so that it cannot be paid any more', async () => {
    const { call, reference } = await begun();
    stripe.act(reference, false);
    const declined = { type: 'declined', reason: 'authentication_failed' };
    expect(await provider.find({ ...call, kind: 'charge', reference })).toEqual(declined);
    expect(stripe.intents.get(reference)?.status).toBe('canceled');
  });
  test('that nobody wants any more is given up', async () => {
    const { call, reference } = await begun();
    expect(await provider.find({ ...call, kind: 'charge', reference, unwanted: true })).toMatchObject({
      type: 'declined',
    });
    expect(stripe.intents.get(reference)?.status).toBe('canceled');
    // Money that was taken meanwhile is not denied.
    const paid = await begun();
    stripe.act(paid.reference, true);
    const question = { ...paid.call, kind: 'charge', reference: paid.reference, unwanted: true } as const;
    expect(await provider.find(question)).toMatchObject({ type: 'approved' });
  });
});

test('a card that can be captured once is captured for what left first, and the rest is given up with it', async () => {
  stripe.multicapture = false;
  const call = callOf('pm_card_visa');
  const made = await provider.authorize(call);
  const chargeReference = (made as { reference: string }).reference;
  const part = { ...call, chargeReference, amount: '15.00', key: `${call.key}-1` };
  const rest = { ...call, chargeReference, amount: '4.90', key: `${call.key}-2` };
  // Giving up comes first here, and must not take the capture with it.
  expect(await provider.void(rest)).toEqual({ type: 'unknown', reason: 'capture_to_come' });
  expect(await provider.capture(part)).toMatchObject({ type: 'approved' });
  expect(await provider.void(rest)).toMatchObject({ type: 'approved' });
  expect(stripe.of(call.orderId)).toMatchObject({ captured: 1500, held: 0 });
});

test('a payment that the search does not show yet is repeated under its key and made once', async () => {
  const call = callOf('pm_lost_reply');
  await expect(provider.charge(call)).rejects.toThrow('connection_failed');
  stripe.searchIsBehind = true;
  expect(await provider.find({ ...call, kind: 'charge' })).toEqual({ type: 'not_found' });
  stripe.searchIsBehind = false;
  expect(await provider.charge(call)).toMatchObject({ type: 'approved' });
  expect(stripe.of(call.orderId).payments).toBe(1);
});

test('a provider that hangs is given up after the time of a call', async () => {
  stripe.down = 'hangs';
  await expect(provider.charge(callOf('pm_card_visa'))).rejects.toThrow('timeout');
  stripe.down = undefined;
});

describe('webhooks', () => {
  const NOW_MS = Date.now();
  const read = ({ headers, body }: ReturnType<ProviderWorld['webhook']>) =>
    provider.webhooks!.read(headers, body, NOW_MS);
  const call = { orderId: uuidv7(), key: 'k-1' };
  test('are taken with the secret before, while it is replaced', async () => {
    expect(await read(signed(eventOf(call), SECRETS[1]!, NOW_MS))).toMatchObject({
      notice: { ...call, result: { type: 'changed' } },
    });
  });
  test('about nothing of ours, or nothing of interest, are taken and mean nothing', async () => {
    expect(await read(signed(eventOf(call, 'payment_intent.created'), SECRETS[0]!, NOW_MS))).toEqual({});
    expect(await read(signed(eventOf({ ...call, orderId: 'x' }), SECRETS[0]!, NOW_MS))).toEqual({});
    const foreign = { object: 'event', type: 'payment_intent.succeeded', data: { object: {} } };
    expect(await read(signed(foreign, SECRETS[0]!, NOW_MS))).toEqual({});
  });
});

test('amounts are in the unit that Stripe counts in', () => {
  expect(stripeAmount('19.90', 'EUR')).toBe(1990);
  expect(stripeAmount('500', 'JPY')).toBe(500);
  expect(stripeAmount('1.230', 'KWD')).toBe(1230);
  expect(stripeAmount('500', 'ISK')).toBe(50_000);
  expect(stripeAmount('500.00', 'MGA')).toBe(500);
  expect(stripeAmount('500.20', 'MGA')).toBeUndefined();
});
