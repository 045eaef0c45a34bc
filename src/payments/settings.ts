import { type Environment, isProduction, readSettings, type Settings } from '#platform/runtime/settings.ts';
import { MANUAL } from '#contracts/payment-providers.ts';
import type { PaypalOptions } from './providers/paypal.ts';
import type { StripeOptions } from './providers/stripe.ts';
import type { CaptureMode, Reminders } from './rules/model.ts';
import { SAFETY_NET_MS } from './rules/operation.ts';

const DAY_MS = 24 * 3_600_000;
/** Those that can be configured. */
const PROVIDERS: readonly string[] = ['sandbox', 'stripe', 'paypal', MANUAL];

export const settings = {
  providers: {
    type: 'string',
    env: 'PAYMENTS_PROVIDERS',
    default: '',
    meaning: `Payment providers in use, comma-separated, of ${PROVIDERS.join(', ')}; the first one takes the orders that name none. Empty: the sandbox where it is offered, else none`,
  },
  capture: {
    type: 'choice',
    choices: ['automatic', 'on_dispatch'],
    env: 'PAYMENTS_CAPTURE',
    default: 'automatic',
    meaning:
      '`automatic`: charge when the order asks for payment; `on_dispatch`: authorize then, capture what each parcel is worth as it leaves',
  },
  concurrency: {
    type: 'integer',
    min: 1,
    env: 'PAYMENTS_CONCURRENCY',
    default: 128,
    meaning: 'Calls to one provider in flight at once',
  },
  queueMax: {
    type: 'integer',
    env: 'PAYMENTS_QUEUE_MAX',
    default: 4_096,
    meaning:
      'Calls to one provider that may wait for their turn; what does not fit is found again by the reconciliation',
  },
  timeoutMs: {
    type: 'integer',
    env: 'PAYMENTS_TIMEOUT_MS',
    default: 2_000,
    meaning: 'Longest wait for a provider, after which the outcome is found out later',
  },
  breakerOpenMs: {
    type: 'integer',
    env: 'PAYMENTS_BREAKER_OPEN_MS',
    default: 5_000,
    meaning: 'How long a failing provider is left alone before one call tries it again',
  },
  cancelSafetyMs: {
    type: 'integer',
    env: 'PAYMENTS_CANCEL_SAFETY_MS',
    default: 30_000,
    meaning:
      'How long after the last attempt a charge unknown to the provider counts as possible, when its order is cancelled',
  },
  actionMs: {
    type: 'integer',
    min: 1,
    env: 'PAYMENTS_ACTION_DEADLINE_MS',
    default: 30 * 60_000,
    meaning:
      'How long a payment waits for its customer to act, as for 3-D Secure, before the attempt is given up; its goods are kept meanwhile',
  },
  reminderDays: {
    type: 'integer',
    max: 365,
    env: 'PAYMENTS_REMINDER_DAYS',
    default: 3,
    meaning:
      'Days after which a customer who is to transfer money (provider `manual`, token `bank_transfer`) is reminded of what has not come, and again after each reminder; 0: nobody is',
  },
  remindersMax: {
    type: 'integer',
    max: 100,
    env: 'PAYMENTS_REMINDERS_MAX',
    default: 2,
    meaning: 'Reminders of one payment, at most; ORDERS_MANUAL_PAYMENT_DEADLINE_MS says when the order ends',
  },
  sandboxUrl: {
    type: 'string',
    env: 'SANDBOX_PROVIDER_URL',
    default: '',
    meaning: 'Base URL of the sandbox payment provider; empty: 127.0.0.1 and SANDBOX_PROVIDER_PORT',
  },
  paypalClientId: {
    type: 'string',
    env: 'PAYPAL_CLIENT_ID',
    default: '',
    meaning: 'Client id of the app at PayPal, needed where PAYMENTS_PROVIDERS names it',
  },
  paypalClientSecret: {
    type: 'secret',
    env: 'PAYPAL_CLIENT_SECRET',
    default: '',
    meaning: 'Secret of that app, needed with its id',
  },
  paypalWebhookId: {
    type: 'string',
    env: 'PAYPAL_WEBHOOK_ID',
    default: '',
    meaning:
      'Id of the webhook of PayPal to /payments/webhooks/paypal, which its signatures cover; two, comma-separated, while it is replaced. Empty: none are taken, and outcomes are asked for',
  },
  paypalReturnUrl: {
    type: 'string',
    env: 'PAYPAL_RETURN_URL',
    default: '',
    meaning: 'Where customers come back to from PayPal, needed with the id of the app',
  },
  paypalUrl: {
    type: 'string',
    env: 'PAYPAL_API_URL',
    default: 'https://api-m.paypal.com',
    meaning: 'Base URL of the API of PayPal; https://api-m.sandbox.paypal.com moves play money, others are for tests',
  },
  stripeApiKey: {
    type: 'secret',
    env: 'STRIPE_API_KEY',
    default: '',
    meaning:
      'Secret or restricted key of Stripe (`sk_…`, `rk_…`), needed where PAYMENTS_PROVIDERS names it; restricted: payment intents and refunds, to write',
  },
  stripeWebhookSecret: {
    type: 'secret',
    env: 'STRIPE_WEBHOOK_SECRET',
    default: '',
    meaning:
      'Signs the webhooks of Stripe to /payments/webhooks/stripe (`whsec_…`); two, comma-separated, while it is replaced. Empty: none are taken, and outcomes are asked for',
  },
  stripeReturnUrl: {
    type: 'string',
    env: 'STRIPE_RETURN_URL',
    default: '',
    meaning: 'Where customers come back to from the page of their bank; empty: only payments that need no such page',
  },
  stripeUrl: {
    type: 'string',
    env: 'STRIPE_API_URL',
    default: 'https://api.stripe.com',
    meaning: 'Base URL of the API of Stripe; another one only for tests',
  },
} as const satisfies Settings;

/** What payments must know of the sandbox; these are the sandbox's settings and documented with it. */
const sandboxSettings = {
  enabled: {
    type: 'boolean',
    env: 'SANDBOX_ENABLED',
    default: false,
    meaning: 'Offer the sandbox provider in production too',
  },
  webhookSecret: { type: 'secret', env: 'SANDBOX_WEBHOOK_SECRET', default: '', meaning: 'Signs its webhooks' },
  port: { type: 'integer', min: 1, max: 65_535, env: 'SANDBOX_PROVIDER_PORT', default: 4010, meaning: 'Its port' },
} as const satisfies Settings;

export interface PaymentsConfig {
  readonly capture: CaptureMode;
  readonly concurrency: number;
  readonly queueMax: number;
  readonly timeoutMs: number;
  readonly breakerOpenMs: number;
  readonly cancelSafetyMs: number;
  readonly actionMs: number;
  readonly reminders: Reminders;
  /** Names of the providers in use, the default first; with those that people act for. */
  readonly providers: readonly string[];
  readonly sandbox: { readonly url: string; readonly webhookSecret: string | undefined };
  readonly paypal: Omit<PaypalOptions, 'timeoutMs' | 'connections'>;
  readonly stripe: Omit<StripeOptions, 'timeoutMs' | 'connections'>;
}

/**
 * The settings in force; throws where they contradict each other. `processSecret` signs the sandbox's webhooks where no
 * secret is set: it is good where the sandbox runs in the same process.
 */
export function readConfig(env: Environment, processSecret?: string): PaymentsConfig {
  const {
    sandboxUrl,
    stripeApiKey,
    stripeWebhookSecret,
    stripeReturnUrl,
    stripeUrl,
    paypalClientId,
    paypalClientSecret,
    paypalWebhookId,
    paypalReturnUrl,
    paypalUrl,
    reminderDays,
    remindersMax,
    providers,
    ...values
  } = readSettings(settings, env);
  // A call may begin that much later than it was decided, and then takes its time: until it is over, a charge
  // that the provider does not know may still arrive there.
  if (values.cancelSafetyMs <= values.timeoutMs + SAFETY_NET_MS) {
    throw new Error(`Configuration: PAYMENTS_CANCEL_SAFETY_MS must exceed PAYMENTS_TIMEOUT_MS by ${SAFETY_NET_MS}`);
  }
  const { enabled, webhookSecret, port } = readSettings(sandboxSettings, env);
  const offersSandbox = enabled || !isProduction(env);
  const names = namesIn(providers, offersSandbox);
  if (names.includes('stripe') && stripeApiKey === '')
    throw new Error('Configuration: PAYMENTS_PROVIDERS names stripe, so STRIPE_API_KEY must be set');
  if (names.includes('paypal') && [paypalClientId, paypalClientSecret, paypalReturnUrl].includes(''))
    throw new Error(
      'Configuration: PAYMENTS_PROVIDERS names paypal, so PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET and PAYPAL_RETURN_URL must be set',
    );
  return {
    ...values,
    reminders: { everyMs: reminderDays * DAY_MS, max: reminderDays === 0 ? 0 : remindersMax },
    providers: names,
    paypal: {
      clientId: paypalClientId,
      clientSecret: paypalClientSecret,
      url: paypalUrl,
      webhookIds: severalIn(paypalWebhookId),
      returnUrl: paypalReturnUrl,
    },
    stripe: {
      apiKey: stripeApiKey,
      url: stripeUrl,
      webhookSecrets: severalIn(stripeWebhookSecret),
      returnUrl: stripeReturnUrl || undefined,
    },
    sandbox: { url: sandboxUrl || `http://127.0.0.1:${port}`, webhookSecret: webhookSecret || processSecret },
  };
}

function severalIn(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function namesIn(text: string, offersSandbox: boolean): readonly string[] {
  const names = [...new Set(severalIn(text))];
  if (names.length === 0) return offersSandbox ? ['sandbox'] : [];
  for (const name of names)
    if (!PROVIDERS.includes(name))
      throw new Error(`Configuration: PAYMENTS_PROVIDERS names ${name}, which is none of ${PROVIDERS.join(', ')}`);
  if (names.includes('sandbox') && !offersSandbox)
    throw new Error(
      'Configuration: PAYMENTS_PROVIDERS names the sandbox, which moves play money and is not offered in production; set SANDBOX_ENABLED=true, or leave it out',
    );
  return names;
}
