import { isUuid } from '#contracts/ids.ts';
import { formatAmount } from '#contracts/money.ts';
import { type Body, type Calls, PaypalClient, PaypalRefusal } from './paypal-client.ts';
import { minorOf, paypalAmount } from './paypal-amounts.ts';
import { disputesOf } from './paypal-books.ts';
import { paypalWebhooks } from './paypal-webhooks.ts';
import { type PaymentProvider, type ProviderCall, type ProviderQuestion, ProviderUnreachable } from './port.ts';
import type { CustomerAction, ProviderResult } from '../rules/operation.ts';

/**
 * PayPal by its API for orders. Making an order there moves no money, and is answered alike when it is repeated under the
 * same id: that is how PayPal is asked for what it cannot be searched for. Money moves only when the order is captured or
 * authorized, which nothing but a charge does. The reference of a payment is its order; whatever was done with it bears
 * our key as its invoice number, of which PayPal takes each once.
 */

export interface PaypalOptions {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Base URL; only its origin is used. */
  readonly url: string;
  /** Ids of the webhooks that PayPal sends, the present one and, while it is replaced, the one before. None: they are not taken. */
  readonly webhookIds: readonly string[];
  /** Where a customer comes back to from PayPal, whether they approved or not. */
  readonly returnUrl: string;
  readonly timeoutMs: number;
  readonly connections: number;
}

/** Before the id of a payment token that is kept in PayPal's vault; any other token lets the customer approve. */
const VAULTED = 'paypal_vault_';

interface Money {
  readonly currency_code: string;
  readonly value: string;
}
interface Done {
  readonly id: string;
  readonly status: string;
  readonly amount: Money;
  readonly invoice_id?: string;
  readonly status_details?: { readonly reason?: string };
  readonly links?: readonly Link[];
}
interface Link {
  readonly rel: string;
  readonly href: string;
}
interface Order {
  readonly id: string;
  readonly status: string;
  readonly amount: Money | undefined;
  readonly authorization: Done | undefined;
  readonly captures: readonly Done[];
  readonly refunds: readonly Done[];
  readonly action: CustomerAction | undefined;
}

/** An order as PayPal describes it; throws where it is none. */
function orderOf(body: Body): Order {
  const {
    id,
    status,
    purchase_units: units,
    links,
  } = body as {
    id?: unknown;
    status?: unknown;
    links?: readonly Link[];
    purchase_units?: readonly {
      amount?: Money;
      payments?: { authorizations?: Done[]; captures?: Done[]; refunds?: Done[] };
    }[];
  };
  if (typeof id !== 'string' || typeof status !== 'string') throw new ProviderUnreachable('reply_unreadable');
  const [unit] = units ?? [];
  const redirectUrl = links?.find(({ rel }) => rel === 'payer-action' || rel === 'approve')?.href;
  return {
    id,
    status,
    amount: unit?.amount,
    authorization: unit?.payments?.authorizations?.at(-1),
    captures: unit?.payments?.captures ?? [],
    refunds: unit?.payments?.refunds ?? [],
    action: redirectUrl === undefined ? undefined : { redirectUrl },
  };
}

const DECLINED: ReadonlySet<string> = new Set(['DECLINED', 'DENIED', 'FAILED', 'CANCELLED']);

/** What became of a capture, an authorization or a refund, with the reference that it is known by afterwards. */
function resultOf({ status, status_details: details }: Done, reference: string): ProviderResult {
  if (DECLINED.has(status)) return { type: 'declined', reason: (details?.reason ?? status).toLowerCase() };
  return status === 'PENDING' ? { type: 'pending', reference } : { type: 'approved', reference };
}

const pathOf = (order: string): string => `/v2/checkout/orders/${encodeURIComponent(order)}`;
const amountOf = (minor: bigint, currency: string): Money => ({
  currency_code: currency,
  value: paypalAmount(minor, currency)!,
});

export function createPaypalProvider(options: PaypalOptions): PaymentProvider {
  const { returnUrl, webhookIds, url } = options;
  const client = new PaypalClient(options);

  /** An operation within its time; what PayPal definitely refuses is its outcome. */
  const within = (act: (calls: Calls) => Promise<ProviderResult>): Promise<ProviderResult> =>
    client.within((calls) =>
      act(calls).catch((error: unknown) => {
        if (error instanceof PaypalRefusal) return error.result;
        throw error;
      }),
    );
  /** A question within its time: that it was refused is no answer about the operation. */
  const asked = (ask: (calls: Calls) => Promise<ProviderResult>): Promise<ProviderResult> =>
    client.within((calls) =>
      ask(calls).catch((error: unknown) => {
        if (!(error instanceof PaypalRefusal)) throw error;
        const { result } = error;
        return result.type === 'declined' ? { type: 'unknown', reason: result.reason } : result;
      }),
    );
  const read = async (calls: Calls, order: string): Promise<Order> => orderOf(await calls.get(pathOf(order)));

  /** The order of a charge: made, or the one that was made before. It moves no money. */
  async function order(calls: Calls, call: ProviderCall, isCharge: boolean): Promise<Order> {
    const { orderId, key, currency, token } = call;
    const experience_context = {
      return_url: returnUrl,
      cancel_url: returnUrl,
      user_action: 'PAY_NOW',
      shipping_preference: 'NO_SHIPPING',
    };
    const made = await calls.post('/v2/checkout/orders', key, {
      intent: isCharge ? 'CAPTURE' : 'AUTHORIZE',
      purchase_units: [{ custom_id: orderId, invoice_id: key, amount: amountOf(minorOf(call), currency) }],
      ...(!token.startsWith(VAULTED) && { payment_source: { paypal: { experience_context } } }),
    });
    // A repeated request may be answered as the first was.
    return read(calls, orderOf(made).id);
  }

  /** How an order stands as the outcome of its charge; undefined where it can be taken now. */
  function standing({ id, status, captures, authorization, action }: Order, isCharge: boolean) {
    const done = isCharge ? captures.at(-1) : authorization;
    if (done) return resultOf(done, id);
    if (status === 'VOIDED') return { type: 'declined', reason: 'voided' } as const;
    if (status === 'PAYER_ACTION_REQUIRED')
      return { type: 'pending', reference: id, ...(action && { action }) } as const;
    return undefined;
  }

  const charge = (call: ProviderCall, isCharge: boolean): Promise<ProviderResult> => {
    if (paypalAmount(minorOf(call), call.currency) === undefined)
      return Promise.resolve({ type: 'declined', reason: 'amount_not_supported' });
    return within(async (calls) => {
      const made = await order(calls, call, isCharge);
      if (made.amount && minorOf({ ...call, amount: made.amount.value }) !== minorOf(call))
        return { type: 'unknown', reason: 'request_id_reused' };
      const stands = standing(made, isCharge);
      if (stands) return stands;
      const { token, key } = call;
      const vault_id = token.startsWith(VAULTED) ? token.slice(VAULTED.length) : undefined;
      const action = isCharge ? 'capture' : 'authorize';
      const taken = await calls.post(
        `${pathOf(made.id)}/${action}`,
        `${key}-${action}`,
        vault_id === undefined ? {} : { payment_source: { paypal: { vault_id } } },
      );
      return standing(orderOf(taken), isCharge) ?? { type: 'unknown', reason: 'not_taken' };
    });
  };

  const charged = (call: ProviderCall): string => {
    if (call.chargeReference === undefined) throw new Error('This operation needs the reference of its charge');
    return call.chargeReference;
  };
  const sum = (list: readonly Done[], currency: string): bigint =>
    list
      .filter(({ status }) => !DECLINED.has(status))
      .reduce((total, { amount }) => total + minorOf({ amount: amount.value, currency }), 0n);
  /** What is held, and neither captured nor given up. */
  const held = ({ authorization, captures }: Order, currency: string): bigint =>
    !authorization || authorization.status === 'VOIDED' || authorization.status === 'CAPTURED'
      ? 0n
      : minorOf({ amount: authorization.amount.value, currency }) - sum(captures, currency);

  const capture = (call: ProviderCall): Promise<ProviderResult> =>
    within(async (calls) => {
      const { key, currency } = call;
      const made = await read(calls, charged(call));
      const before = made.captures.find(({ invoice_id: invoice }) => invoice === key);
      if (before) return resultOf(before, before.id);
      if (!made.authorization) return { type: 'declined', reason: 'not_authorized' };
      const done = (await calls.post(`/v2/payments/authorizations/${made.authorization.id}/capture`, key, {
        amount: amountOf(minorOf(call), currency),
        invoice_id: key,
        final_capture: minorOf(call) === held(made, currency),
      })) as unknown as Done;
      return resultOf(done, done.id);
    });

  const voided = (call: ProviderCall): Promise<ProviderResult> =>
    within(async (calls) => {
      const { key, currency } = call;
      const made = await read(calls, charged(call));
      const left = held(made, currency);
      if (left === 0n || !made.authorization) return { type: 'approved', reference: made.id };
      // Giving up ends the authorization: what is to be captured of it has to come first.
      if (minorOf(call) < left) return { type: 'unknown', reason: 'capture_to_come' };
      await calls.post(`/v2/payments/authorizations/${made.authorization.id}/void`, key, {});
      return { type: 'approved', reference: made.id };
    });

  /** The parts in which a refund was made: money goes back by capture, and each parcel may have had its own. */
  const partsOf = ({ refunds }: Order, key: string): readonly Done[] =>
    refunds.filter(({ invoice_id: invoice = '', status }) => partKey(invoice) === key && !DECLINED.has(status));
  const resultOfParts = (parts: readonly Done[]): ProviderResult => {
    const [first] = parts;
    const open = parts.find(({ status }) => status === 'PENDING');
    return open ? { type: 'pending', reference: open.id } : { type: 'approved', reference: first!.id };
  };

  const refund = (call: ProviderCall): Promise<ProviderResult> =>
    within(async (calls) => {
      const { key, currency, orderId } = call;
      let made = await read(calls, charged(call));
      let left = minorOf(call) - sum(partsOf(made, key), currency);
      if (left > sum(made.captures, currency) - sum(made.refunds, currency))
        return { type: 'declined', reason: 'refund_amount_exceeded' };
      for (const { id, amount, status } of made.captures) {
        if (left === 0n) break;
        if (DECLINED.has(status)) continue;
        const given = made.refunds.filter(({ links = [] }) =>
          links.some(({ href }) => href.endsWith(`/captures/${id}`)),
        );
        const rest = minorOf({ amount: amount.value, currency }) - sum(given, currency);
        const part = rest < left ? rest : left;
        if (part <= 0n) continue;
        const name = partName(key, partsOf(made, key).length);
        const done = (await calls.post(`/v2/payments/captures/${id}/refund`, name, {
          amount: amountOf(part, currency),
          invoice_id: name,
          custom_id: orderId,
        })) as unknown as Done;
        const result = resultOf(done, done.id);
        if (result.type === 'declined') return result;
        left -= part;
        made = { ...made, refunds: [...made.refunds, { ...done, invoice_id: name }] };
      }
      return resultOfParts(partsOf(made, key));
    });

  async function findCharge(calls: Calls, question: ProviderQuestion): Promise<ProviderResult> {
    const { reference, unwanted } = question;
    const isCharge = question.kind === 'charge';
    const made = reference === undefined ? await order(calls, question, isCharge) : await read(calls, reference);
    const stands = standing(made, isCharge);
    // What the customer approved is taken by the charge, sent once more.
    if (!stands) return { type: 'not_found' };
    // What nobody wants any more is never captured, whatever the customer does there.
    return unwanted && stands.type === 'pending' && stands.action ? { type: 'declined', reason: 'canceled' } : stands;
  }

  async function findChange(calls: Calls, question: ProviderQuestion): Promise<ProviderResult> {
    const { kind, key, currency } = question;
    const made = await read(calls, charged(question));
    if (kind === 'capture') {
      const done = made.captures.find(({ invoice_id: invoice }) => invoice === key);
      return done ? resultOf(done, done.id) : { type: 'not_found' };
    }
    if (kind === 'void')
      return held(made, currency) === 0n ? { type: 'approved', reference: made.id } : { type: 'not_found' };
    const parts = partsOf(made, key);
    return sum(parts, currency) === minorOf(question) ? resultOfParts(parts) : { type: 'not_found' };
  }

  /** All that PayPal has of a payment, whoever did it. */
  const books = (call: ProviderCall): Promise<ProviderResult> =>
    asked(async (calls) => {
      const { currency } = call;
      const made = await read(calls, charged(call));
      const text = (minor: bigint): string => formatAmount(minor, currency);
      const captures = made.captures.filter(({ status }) => !DECLINED.has(status) && status !== 'PENDING');
      const invoices = new Set(made.captures.map(({ invoice_id: invoice }) => invoice));
      const refunds = made.refunds.filter(({ status }) => status === 'COMPLETED');
      return {
        type: 'books',
        books: {
          captured: text(sum(captures, currency)),
          held: text(held(made, currency)),
          refunds: refunds.map(({ id: reference, invoice_id: invoice, amount }) => ({
            reference,
            // What people give back there has the number of what was captured, or none.
            key: invoice === undefined || invoices.has(invoice) ? undefined : partKey(invoice),
            amount: text(minorOf({ amount: amount.value, currency })),
          })),
          disputes: await disputesOf(
            calls,
            captures.map(({ id }) => id),
            currency,
          ),
        },
      };
    });

  const find = (question: ProviderQuestion): Promise<ProviderResult> =>
    asked(async (calls) => {
      const { kind } = question;
      try {
        return await (kind === 'charge' || kind === 'authorize' ? findCharge : findChange)(calls, question);
      } catch (error) {
        // An order that nobody approved in time is forgotten there.
        if (error instanceof PaypalRefusal && error.status === 404) return { type: 'not_found' };
        throw error;
      }
    });

  return {
    name: 'paypal',
    charge: (call) => charge(call, true),
    authorize: (call) => charge(call, false),
    capture,
    void: voided,
    refund,
    find,
    books,
    async probe() {
      const answer = await client.within(async (calls) =>
        calls.get(pathOf('PROBE')).catch((error: unknown) => {
          if (error instanceof PaypalRefusal) return error;
          throw error;
        }),
      );
      return answer instanceof PaypalRefusal && answer.status !== 404 ? `http_${answer.status}` : undefined;
    },
    webhooks: webhookIds.length === 0 ? undefined : paypalWebhooks(webhookIds, new URL(url), options, noticeOf),
    close: () => client.close(),
  };
}

/** The invoice number of the `number`th part of a refund, and the key in it. */
const partName = (key: string, number: number): string => (number === 0 ? key : `${key}/${number + 1}`);
const partKey = (invoice: string): string => invoice.split('/')[0]!;

/** Which payment, and which operation of it if one, something of PayPal is about. */
function noticeOf(resource: Body): { orderId: string; key?: string } | undefined {
  const [unit] = (resource['purchase_units'] as Body[] | undefined) ?? [];
  const [disputed] = (resource['disputed_transactions'] as Body[] | undefined) ?? [];
  const { custom_id: id, custom, invoice_id: invoice } = { ...disputed, ...(unit ?? resource) } as Body;
  const orderId = id ?? custom;
  if (typeof orderId !== 'string' || !isUuid(orderId)) return undefined;
  // A dispute is about what was paid, not about the operation that took it.
  return { orderId, ...(disputed === undefined && typeof invoice === 'string' && { key: partKey(invoice) }) };
}
