import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until, usePayments } from '#tests/support/payments.ts';
import { StripeStandIn } from '#tests/support/stripe-stand-in.ts';

/**
 * A payment provider that hangs for five minutes: orders of another one are paid as fast as before, everything that hung
 * is settled after it, and nothing is charged twice.
 */

const HANG_MS = 300_000;
const BEFORE_MS = 30_000;
const EVERY_MS = 200;
/** Of so many others one goes to the provider that hangs. */
const HANGS_EVERY = 5;

const on = usePayments();
const { startPayments, stopPayments, emit, pay, books } = on;
const stripe = new StripeStandIn();

beforeAll(async () => {
  await stripe.start();
  await startPayments({
    PAYMENTS_PROVIDERS: 'sandbox,stripe',
    PAYMENTS_TIMEOUT_MS: '2000',
    PAYMENTS_BREAKER_OPEN_MS: '5000',
    PAYMENTS_CANCEL_SAFETY_MS: '30000',
    STRIPE_API_KEY: 'sk_test_1',
    STRIPE_API_URL: stripe.url,
  });
});
afterAll(async () => {
  stripe.down = undefined;
  await stopPayments();
  await stripe.stop();
});

async function payByStripe(): Promise<string> {
  const orderId = uuidv7();
  const data = { provider: 'stripe', token: 'pm_card_visa', amount: '19.90', currency: 'EUR' };
  await emit(orderId, 1, 'OrderPaymentRequested', data);
  return orderId;
}

const settled = async (orderIds: readonly string[]): Promise<number> => {
  const [row] = await on.database.query<{ settled: number }>(
    "select count(*)::int as settled from payments.payments where order_id = any($1::uuid[]) and status = 'CAPTURED'",
    [orderIds],
  );
  return row!.settled;
};

/** Has orders paid, one after another, for so long: how long each took, in milliseconds, in ascending order. */
async function payFor(
  durationMs: number,
  others: string[],
  beside: (number: number) => Promise<void>,
): Promise<number[]> {
  const times: number[] = [];
  const endMs = performance.now() + durationMs;
  for (let number = 0; performance.now() < endMs; number++) {
    await beside(number);
    const startMs = performance.now();
    const orderId = await pay('tok_approve');
    await until('the payment', async () => (await settled([orderId])) === 1, 60_000);
    times.push(performance.now() - startMs);
    others.push(orderId);
    await sleep(EVERY_MS);
  }
  return times.toSorted((a, b) => a - b);
}
const shares = (times: readonly number[]): string =>
  [0.5, 0.95, 1].map((share) => `${Math.round(times[Math.ceil(share * times.length) - 1]!)} ms`).join(', ');

test('a provider that hangs for five minutes keeps no order of another one waiting, and none is charged twice', async () => {
  const others: string[] = [];
  const hanging: string[] = [];
  const before = await payFor(BEFORE_MS, others, async () => {});
  stripe.down = 'hangs';
  const during = await payFor(HANG_MS, others, async (number) => {
    if (number % HANGS_EVERY === 0) hanging.push(await payByStripe());
  });
  expect(await settled(hanging)).toBe(0);
  const startMs = performance.now();
  stripe.down = undefined;
  await until('everything that hung to be settled', async () => (await settled(hanging)) === hanging.length, 180_000);
  console.log(
    `others were paid in (half, 95 %, all) ${shares(before)} before and ${shares(during)} meanwhile (${during.length}); ` +
      `${hanging.length} that hung were settled within ${Math.round(performance.now() - startMs)} ms`,
  );
  for (const orderId of hanging) expect(stripe.of(orderId)).toMatchObject({ payments: 1, captured: 1990, refunded: 0 });
  for (const orderId of others)
    expect(
      (await books(orderId)).map(({ captured }) => captured),
      orderId,
    ).toEqual(['19.90']);
}, 900_000);
