import { EXTERNAL } from './events/vocabulary.ts';

/** What a payment is made with, of a payment provider, and what the rules must know of it. */
export interface ProviderTraits {
  /** What a token looks like: one of another kind is refused when an order is placed. */
  readonly tokens: RegExp;
  /** The same for people. */
  readonly takes: string;
  /** People act for it and record what they did: it takes no calls. */
  readonly byHand?: true;
  /** It can be asked for all that it has of a payment, so that what people do there is learned. */
  readonly books?: true;
  /** How long after a call the provider may still answer that it does not know of it. */
  readonly findsAfterMs?: number;
}

/** How an order with the provider `manual` is paid. */
const MANUAL_TOKENS = ['bank_transfer', 'cash_on_delivery', 'paid_elsewhere'] as const;

/** Payments whose money people receive and record. */
export const MANUAL = 'manual';
/** The token of what is paid when it is delivered: the goods leave before their money is there. */
export const ON_DELIVERY = 'cash_on_delivery';
/** The token of what the customer transfers before the goods leave. */
export const BANK_TRANSFER = 'bank_transfer';
/** Why a payment is pending whose money people receive. */
export const AWAITING_PAYMENT = 'awaiting_payment';

const STRIPE_TOKEN = '(pm|ctoken)_[A-Za-z0-9_]+';
const PAYPAL_TOKEN = 'paypal(_vault_[A-Za-z0-9_-]{1,255})?';

/** The payment providers there are. Which of them are in use is the setting `PAYMENTS_PROVIDERS`. */
export const PAYMENT_PROVIDERS: Readonly<Record<string, ProviderTraits>> = {
  sandbox: {
    tokens: new RegExp(`^(?!(${STRIPE_TOKEN}|${PAYPAL_TOKEN}|${MANUAL_TOKENS.join('|')})$)`),
    takes: 'a token of the sandbox, such as tok_approve',
  },
  stripe: {
    tokens: new RegExp(`^${STRIPE_TOKEN}$`),
    takes: 'a payment method (pm_…) or confirmation token (ctoken_…) that Stripe.js made',
    // Its search for payments is behind by about a minute, and by an hour while something is wrong there.
    findsAfterMs: 3_600_000,
    books: true,
  },
  paypal: {
    tokens: new RegExp(`^${PAYPAL_TOKEN}$`),
    books: true,
    takes:
      'paypal, for a customer who approves on the page of PayPal, or paypal_vault_ and the id of a payment token in its vault',
  },
  [MANUAL]: {
    tokens: new RegExp(`^(${MANUAL_TOKENS.join('|')})$`),
    takes: `one of ${MANUAL_TOKENS.join(', ')}`,
    byHand: true,
  },
  [EXTERNAL]: { tokens: /^/, takes: 'any token', byHand: true },
};

/** Whether people act for the provider. */
export function isByHand(provider: string): boolean {
  return PAYMENT_PROVIDERS[provider]?.byHand === true;
}
