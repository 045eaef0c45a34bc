import type Stripe from 'stripe';
import type { ProviderWebhooks } from './port.ts';
import { stripeHeadProblem } from './webhook-head.ts';

/**
 * Webhooks of Stripe, verified by its SDK on the bytes as sent. An event is a picture of some moment, and events come
 * late, twice and in any order: so its content is not believed, and Stripe is asked how things stand.
 */

const TOLERANCE_S = 300;

/** The events that are news: what they are about is asked for. */
const NEWS: ReadonlySet<string> = new Set([
  'payment_intent.succeeded',
  'payment_intent.amount_capturable_updated',
  'payment_intent.payment_failed',
  'payment_intent.canceled',
  'payment_intent.processing',
  'refund.updated',
  'refund.failed',
] satisfies Stripe.Event['type'][]);

export function stripeWebhooks(
  stripe: Stripe,
  secrets: readonly string[],
  operationOf: (object: { readonly metadata?: Stripe.Metadata | null }) => { orderId: string; key: string } | undefined,
): ProviderWebhooks {
  const verified = (body: Buffer, signature: string, nowMs: number): Stripe.Event | undefined => {
    for (const secret of secrets) {
      try {
        return stripe.webhooks.constructEvent(body, signature, secret, TOLERANCE_S, undefined, nowMs);
      } catch {
        // By the other secret, perhaps.
      }
    }
    return undefined;
  };
  return {
    headProblem: stripeHeadProblem,
    async read(headers, body, nowMs) {
      const problem = stripeHeadProblem(headers, nowMs);
      if (problem !== undefined) return { problem };
      const event = verified(body, String(headers['stripe-signature']), nowMs);
      if (!event) return { problem: 'No signature matches.' };
      if (!NEWS.has(event.type)) return {};
      const operation = operationOf(event.data.object as { metadata?: Stripe.Metadata | null });
      return operation ? { notice: { ...operation, result: { type: 'changed' } } } : {};
    },
  };
}
