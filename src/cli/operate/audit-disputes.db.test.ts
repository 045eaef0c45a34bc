import Stripe from 'stripe';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Api } from '#tests/support/api.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';
import { StripeStandIn } from '#tests/support/stripe-stand-in.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';
import { runAudit } from './audit.ts';

/** Orders whose money moved at the provider or is disputed: the order says so, documents follow, and the audit agrees. */

const SECRET = 'whsec_of_this_test';
const sdk = new Stripe('sk_test_1');
const stripe = new StripeStandIn();
let running: FolderSystem;
let api: Api;
let sku: string;

beforeAll(async () => {
  await stripe.start();
  running = await FolderSystem.start('disputes-test', {
    PAYMENTS_PROVIDERS: 'stripe',
    STRIPE_API_KEY: 'sk_test_1',
    STRIPE_API_URL: stripe.url,
    STRIPE_WEBHOOK_SECRET: SECRET,
    SANDBOX_CARRIER_DELAY_MS: '0',
  });
  api = new Api(running.system.url, 'disputes-test');
  sku = await api.product(100);
});
afterAll(async () => {
  await api?.close();
  await running?.remove();
  await stripe.stop();
});

async function completed(): Promise<{ id: string; intentId: string }> {
  const { id } = await api.placeOrder({ sku, quantity: 2, token: 'pm_card_visa' });
  await api.untilStatus(id, 'COMPLETED');
  const intent = [...stripe.intents.values()].find(({ metadata }) => metadata['olms_order_id'] === id)!;
  return { id, intentId: intent.id };
}

async function webhook(type: string, object: object): Promise<void> {
  const body = JSON.stringify({ id: `evt_${randomUUID()}`, object: 'event', type, data: { object } });
  const signature = sdk.webhooks.generateTestHeaderString({ payload: body, secret: SECRET });
  const headers = { 'content-type': 'application/json', 'stripe-signature': signature };
  const answer = await fetch(`${api.url}/payments/webhooks/stripe`, { method: 'POST', headers, body });
  expect(answer.status).toBe(202);
}
const refund = (id: string): ReturnType<Api['command']> =>
  api.command(id, 'refunds', { reason: 'kind', amount: '5.00' }, { key: randomUUID() });
const disputeOf = (order: Order): string | undefined => order.disputes?.[0]?.status;
const creditNotes = async (id: string): Promise<string[]> => {
  const invoice = await api.invoice(id);
  return invoice!.creditNotes.map(({ amount }) => amount);
};

test('what is disputed is not refunded, what is lost is money given back with a document, and the audit agrees', async () => {
  const [lost, won, given] = [await completed(), await completed(), await completed()];
  const [losing, winning] = [stripe.dispute(lost.intentId), stripe.dispute(won.intentId, 500)];
  await webhook('charge.dispute.created', losing);
  await webhook('charge.dispute.created', winning);
  await webhook('refund.created', stripe.refundByHand(given.intentId, 700));
  for (const { id } of [lost, won]) {
    const order = await api.untilOrder(id, 'disputed', (shown) => disputeOf(shown) === 'open');
    expect(order.refusedActions['requestRefund']?.code).toBe('PAYMENT_DISPUTED');
    const answer = await refund(id);
    expect([answer.status, answer.body.code]).toEqual([409, 'PAYMENT_DISPUTED']);
  }
  expect((await api.order(won.id)).disputes).toEqual([
    {
      disputeId: winning.id,
      amount: '5.00',
      reason: 'product_not_received',
      dueAt: expect.any(String),
      status: 'open',
    },
  ]);
  // What comes back meanwhile is paid back once the bank has decided.
  const returned = await api.command(won.id, 'returns', { reason: 'r', items: [{ sku, quantity: 1 }] });
  const { returnId } = returned.body.returns[0]!;
  await api.command(won.id, `returns/${returnId}/receive`, {});
  expect((await api.order(won.id)).refunds).toEqual([]);
  await webhook('charge.dispute.closed', stripe.closeDispute(losing.id, 'lost'));
  await webhook('charge.dispute.closed', stripe.closeDispute(winning.id, 'won'));

  const ended = await api.untilOrder(lost.id, 'lost', (shown) => disputeOf(shown) === 'lost');
  expect(ended).toMatchObject({
    paymentStatus: 'REFUNDED',
    refundedAmount: '20.00',
    refunds: [{ amount: '20.00', status: 'DONE', atProvider: true }],
  });
  expect(ended.owedAmount).toBeUndefined();
  const paidBack = await api.untilOrder(won.id, 'paid back', (shown) => shown.refundedAmount === '10.00');
  expect(disputeOf(paidBack)).toBe('won');
  expect((await refund(won.id)).status).toBe(200);
  await api.untilOrder(won.id, 'refunded', (shown) => shown.refundedAmount === '15.00');
  const byHand = await api.untilOrder(given.id, 'refunded there', (shown) => shown.refundedAmount === '7.00');
  expect(byHand).toMatchObject({ refunds: [{ reason: 'refunded at the payment provider', status: 'DONE' }] });

  await until('the credit note', async () => (await creditNotes(lost.id)).length > 0);
  expect(await creditNotes(lost.id)).toEqual(['20.00']);
  await until('the credit note', async () => (await creditNotes(given.id)).length > 0);
  expect(await creditNotes(given.id)).toEqual(['7.00']);
  expect(stripe.of(lost.id)).toMatchObject({ captured: 2000, refunded: 0, lost: 2000 });
  expect(stripe.of(won.id)).toMatchObject({ captured: 2000, refunded: 1500, lost: 0 });
  expect(stripe.of(given.id)).toMatchObject({ captured: 2000, refunded: 700 });
  const report = await runAudit({ patience: 5 }, { ...running.env, DATABASE_URL: running.system.databaseUrl });
  expect(report.checks.filter((check) => check.violations > 0)).toEqual([]);
  expect(report.outcome).not.toBe('differs');
});
