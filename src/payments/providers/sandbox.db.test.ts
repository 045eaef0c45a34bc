import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, describe } from 'vitest';
import { usePayments, WEBHOOK_SECRET } from '#tests/support/payments.ts';
import { providerContract } from '#tests/support/provider-contract.ts';
import type { PaymentProvider } from './port.ts';
import { createSandboxProvider } from './sandbox.ts';

const on = usePayments();
let provider: PaymentProvider;

beforeAll(() => {
  provider = createSandboxProvider({
    url: on.sandboxUrl(),
    timeoutMs: 1_000,
    connections: 8,
    webhookSecret: `whsec_${Buffer.from(WEBHOOK_SECRET).toString('base64')}`,
  });
});
afterAll(() => provider.close());

const minor = (amount: string): number => Math.round(Number(amount) * 100);

describe('the sandbox', () => {
  providerContract(() => ({
    provider,
    tokens: {
      approved: 'tok_approve',
      declined: 'tok_decline',
      action: 'tok_3ds',
      lost: 'tok_lost_reply',
      late: 'tok_timeout',
    },
    declineReason: 'card_declined',
    async books(orderId) {
      const entries = (await on.books(orderId)).filter(({ status }) => status === 'approved');
      const [entry] = entries;
      if (!entry) return { payments: 0, captured: 0, refunded: 0, held: 0 };
      const [authorized, captured, voided, refunded] = [
        minor(entry.authorized),
        minor(entry.captured),
        minor(entry.voided),
        minor(entry.refunded),
      ];
      return { payments: entries.length, captured, refunded, held: authorized - captured - voided };
    },
    outage: async (down) => {
      await on.outage(down);
    },
    webhook({ orderId, key }, nowMs, forged) {
      const data = { reference: orderId, key, id: 'ch_1', status: 'approved' };
      const body = Buffer.from(JSON.stringify({ type: 'charge.approved', data }));
      const timestamp = String(Math.floor(nowMs / 1000));
      const signature = createHmac('sha256', forged ? 'another secret' : WEBHOOK_SECRET)
        .update(`msg_1.${timestamp}.`)
        .update(body)
        .digest('base64');
      const headers = {
        'webhook-id': 'msg_1',
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,${signature}`,
      };
      return { headers, body };
    },
  }));
});
