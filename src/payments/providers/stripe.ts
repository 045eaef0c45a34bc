import type { PaymentProvider } from './port.ts';
import { stripeHeadProblem } from './webhook-head.ts';

export interface StripeOptions {
  /** Secret or restricted key; restricted: payment intents and refunds, to write. */
  readonly apiKey: string;
  /** Base URL; only its origin is used. */
  readonly url: string;
  /** Secrets of webhooks, the present one and, while it is replaced, the one before. None: webhooks are not taken. */
  readonly webhookSecrets: readonly string[];
  /** Where a customer comes back to from the page of their bank; undefined: only payments that need no such page. */
  readonly returnUrl: string | undefined;
  readonly timeoutMs: number;
  readonly connections: number;
}

/** Stripe. Its SDK is large, so only a process that uses it loads it. */
export function createStripeProvider(options: StripeOptions): PaymentProvider {
  const loading = import('./stripe-adapter.ts').then(({ createStripeAdapter }) => createStripeAdapter(options));
  return {
    name: 'stripe',
    charge: async (call) => (await loading).charge(call),
    authorize: async (call) => (await loading).authorize(call),
    capture: async (call) => (await loading).capture(call),
    void: async (call) => (await loading).void(call),
    refund: async (call) => (await loading).refund(call),
    find: async (question) => (await loading).find(question),
    books: async (call) => (await loading).books!(call),
    probe: async () => (await loading).probe(),
    webhooks:
      options.webhookSecrets.length === 0
        ? undefined
        : {
            headProblem: stripeHeadProblem,
            read: async (headers, body, nowMs) => (await loading).webhooks!.read(headers, body, nowMs),
          },
    close: async () => (await loading).close(),
  };
}
