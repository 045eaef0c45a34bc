import type Stripe from 'stripe';
import type { ProviderNotice, ProviderWebhooks } from './port.ts';
import { amountOfStripe } from './stripe-amounts.ts';
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

/** The events about a payment that need not be an operation of ours. */
const ABOUT_A_PAYMENT: ReadonlySet<string> = new Set([
  'refund.created',
  'refund.updated',
  'charge.refunded',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.dispute.closed',
] satisfies Stripe.Event['type'][]);

/** Of refunds. */
const FAILED: ReadonlySet<unknown> = new Set(['failed', 'canceled'] satisfies NonNullable<Stripe.Refund['status']>[]);
const CHANGED = { type: 'changed' } as const;

interface StripeObject {
  readonly object?: string;
  readonly status?: unknown;
  readonly metadata?: Stripe.Metadata | null;
  readonly payment_intent?: unknown;
  readonly amount_received?: unknown;
  readonly amount_capturable?: unknown;
  readonly currency?: unknown;
}

/** How a payment stood, by the picture of it in the event; of a refund of ours nothing that it does not say itself. */
function seemsOf({ object, amount_received: received, amount_capturable: held, currency }: StripeObject) {
  if (object !== 'payment_intent' || typeof currency !== 'string') return {};
  const amount = (count: unknown): string | undefined =>
    typeof count === 'number' ? amountOfStripe(count, currency.toUpperCase()) : undefined;
  const [captured, left] = [amount(received), amount(held)];
  return { ...(captured !== undefined && { captured }), ...(left !== undefined && { held: left }) };
}

export function stripeWebhooks(
  stripe: Stripe,
  secrets: readonly string[],
  operationOf: (object: { readonly metadata?: Stripe.Metadata | null }) => { orderId: string; key: string } | undefined,
  orderOf: (intentId: string) => Promise<string | undefined>,
): ProviderWebhooks {
  const noticeOf = async ({ id, type, data }: Stripe.Event): Promise<ProviderNotice | undefined> => {
    const object = data.object as StripeObject;
    const operation = NEWS.has(type) ? operationOf(object) : undefined;
    if (operation) {
      // A refund that failed may have been reported as done.
      const result = FAILED.has(object.status) ? CHANGED : ({ type: 'changed', seems: seemsOf(object) } as const);
      return { id, type, ...operation, result };
    }
    // What people do at Stripe, and what customers' banks do, bears nothing of ours: it is found by its payment.
    if (!ABOUT_A_PAYMENT.has(type) || typeof object.payment_intent !== 'string') return undefined;
    const orderId = await orderOf(object.payment_intent);
    return orderId === undefined ? undefined : { id, type, orderId, result: CHANGED };
  };
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
      const notice = await noticeOf(event);
      return notice ? { notice } : {};
    },
  };
}
