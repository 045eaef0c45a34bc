import { createHash } from 'node:crypto';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Stripe from 'stripe';
import { isUuid } from '#contracts/ids.ts';
import { isoTime } from '#contracts/time.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import { type PaymentProvider, type ProviderCall, type ProviderQuestion, ProviderUnreachable } from './port.ts';
import type { CustomerAction, ProviderBooks, ProviderResult } from '../rules/operation.ts';
import type { StripeOptions } from './stripe.ts';
import { amountOfStripe, stripeAmount } from './stripe-amounts.ts';
import { stripeWebhooks } from './stripe-webhooks.ts';

/**
 * Stripe by its official SDK. A charge is one payment intent, confirmed as it is created; everything of it carries the
 * order's id and the operation's key as metadata, because Stripe cannot be asked by idempotency key. A key is sent with
 * everything that acts, and repeated with the same content, so that what was done before is answered and not done again.
 */

/** Metadata of what belongs to an order. */
const ORDER_ID = 'olms_order_id';
const KEY = 'olms_key';
/** Refunds of one payment that are looked through for a key. */
const REFUNDS_MAX = 100;

const metadataOf = ({ orderId, key }: ProviderCall): Stripe.MetadataParam => ({ [ORDER_ID]: orderId, [KEY]: key });

/** The mark that a capture leaves in the metadata of its payment, whose keys have at most 40 characters. */
const captureMark = (key: string): string => `olms_${createHash('sha256').update(key).digest('hex').slice(0, 24)}`;

/** Answers that leave the operation's outcome open: it may be repeated. */
const NOT_THE_OPERATION = new Set([401, 403, 408, 409, 425, 429]);

/** What an error says of the operation; throws {@link ProviderUnreachable} where it says nothing. */
function resultOfError(error: unknown): ProviderResult {
  if (!(error instanceof Stripe.errors.StripeError)) throw error;
  const { statusCode: status, code, decline_code: declined } = error;
  if (error instanceof Stripe.errors.StripeIdempotencyError)
    return { type: 'unknown', reason: 'idempotency_key_reused' };
  if (status !== undefined && NOT_THE_OPERATION.has(status)) return { type: 'unknown', reason: `http_${status}` };
  if (status === undefined || status >= 500)
    throw new ProviderUnreachable(status === undefined ? 'connection_failed' : `http_${status}`, { cause: error });
  return { type: 'declined', reason: declined ?? code ?? 'invalid_request' };
}

/**
 * A reply that is what was asked for. The SDK takes any JSON for it that names no error, with whatever status: the page
 * of a gateway in front of Stripe would be a payment without a status.
 */
async function reply<Reply extends { readonly object: string }>(
  object: Reply['object'],
  asked: PromiseLike<Reply>,
): Promise<Reply> {
  const answer = await asked;
  if (answer?.object !== object) throw new ProviderUnreachable('reply_unreadable');
  return answer;
}

/** How a payment stands, as the outcome of the operation that made it; `capture`: it was to be taken at once. */
function resultOfIntent(intent: Stripe.PaymentIntent, capture: boolean): ProviderResult {
  const { id: reference, status } = intent;
  switch (status) {
    case 'succeeded':
      return { type: 'approved', reference };
    case 'requires_capture':
      return capture ? { type: 'pending', reference } : { type: 'approved', reference };
    case 'requires_action':
      return { type: 'pending', reference, action: actionOf(intent) };
    case 'requires_payment_method':
      return { type: 'declined', reason: declineOf(intent.last_payment_error) };
    case 'canceled':
      return { type: 'declined', reason: intent.cancellation_reason ?? 'canceled' };
    default:
      return { type: 'pending', reference };
  }
}

function declineOf(error: Stripe.PaymentIntent.LastPaymentError | null): string {
  return error?.decline_code ?? error?.code ?? 'declined';
}

/** What the customer must do: in a browser by Stripe.js with the secret, or on the page of their bank. */
function actionOf({ client_secret: clientSecret, next_action: next }: Stripe.PaymentIntent): CustomerAction {
  const url = next?.redirect_to_url?.url;
  return { ...(clientSecret !== null && { clientSecret }), ...(url && { redirectUrl: url }) };
}

function resultOfRefund({ id, status, failure_reason: reason }: Stripe.Refund): ProviderResult {
  if (status === 'failed' || status === 'canceled') return { type: 'declined', reason: reason ?? status };
  return status === 'succeeded' || status === null
    ? { type: 'approved', reference: id }
    : { type: 'pending', reference: id };
}

/** The adapter; `webhooks` only where there are secrets. */
export function createStripeAdapter(options: StripeOptions): PaymentProvider {
  const { apiKey, url, webhookSecrets, returnUrl, timeoutMs, connections } = options;
  const { protocol, hostname, port } = new URL(url);
  const isPlain = protocol === 'http:';
  const agent = new (isPlain ? HttpAgent : HttpsAgent)({ keepAlive: true, maxSockets: connections });
  const stripe = new Stripe(apiKey, {
    protocol: isPlain ? 'http' : 'https',
    host: hostname,
    port: port || (isPlain ? 80 : 443),
    timeout: timeoutMs,
    httpAgent: agent,
    // Repeating is decided by the rules, which know what was sent; and who is slow is nobody else's business.
    maxNetworkRetries: 0,
    telemetry: false,
  });

  /** One operation within its time, however many requests it takes; the SDK bounds only silence. */
  function within(act: () => Promise<ProviderResult>): Promise<ProviderResult> {
    return withTimeout(act().catch(resultOfError), timeoutMs, () => new ProviderUnreachable('timeout'));
  }

  const create = (call: ProviderCall, capture: boolean): Promise<ProviderResult> =>
    within(async () => {
      const { currency, token, key } = call;
      const amount = stripeAmount(call.amount, currency);
      if (amount === undefined) return { type: 'declined', reason: 'amount_not_supported' };
      const intent = await reply(
        'payment_intent',
        stripe.paymentIntents.create(
          {
            amount,
            currency: currency.toLowerCase(),
            ...(token.startsWith('ctoken_') ? { confirmation_token: token } : { payment_method: token }),
            confirm: true,
            capture_method: capture ? 'automatic' : 'manual',
            ...(capture ? {} : { payment_method_options: { card: { request_multicapture: 'if_available' } } }),
            automatic_payment_methods: { enabled: true, allow_redirects: returnUrl === undefined ? 'never' : 'always' },
            ...(returnUrl !== undefined && { return_url: returnUrl }),
            metadata: metadataOf(call),
          },
          { idempotencyKey: key },
        ),
      );
      return resultOfIntent(intent, capture);
    });

  const charged = (call: ProviderCall): string => {
    if (call.chargeReference === undefined) throw new Error('This operation needs the reference of its charge');
    return call.chargeReference;
  };
  const minorOf = (call: ProviderCall): number => stripeAmount(call.amount, call.currency) ?? 0;

  const capture = (call: ProviderCall): Promise<ProviderResult> =>
    within(async () => {
      const mark = captureMark(call.key);
      const intent = await reply(
        'payment_intent',
        stripe.paymentIntents.retrieve(charged(call), { expand: ['latest_charge'] }),
      );
      if (mark in intent.metadata) return { type: 'approved', reference: intent.id };
      const amount = minorOf(call);
      const card = (intent.latest_charge as Stripe.Charge | null)?.payment_method_details?.card;
      // Where a card cannot be captured several times, the first capture gives up what it leaves.
      const more = amount < intent.amount_capturable && card?.multicapture?.status === 'available';
      await reply(
        'payment_intent',
        stripe.paymentIntents.capture(
          intent.id,
          { amount_to_capture: amount, ...(more && { final_capture: false }), metadata: { [mark]: call.amount } },
          { idempotencyKey: call.key },
        ),
      );
      return { type: 'approved', reference: intent.id };
    });

  const voided = (call: ProviderCall): Promise<ProviderResult> =>
    within(async () => {
      const intent = await reply('payment_intent', stripe.paymentIntents.retrieve(charged(call)));
      if (isReleased(intent)) return { type: 'approved', reference: intent.id };
      // Giving up ends the payment: what is to be captured of it has to come first.
      if (minorOf(call) < intent.amount_capturable) return { type: 'unknown', reason: 'capture_to_come' };
      await reply('payment_intent', stripe.paymentIntents.cancel(intent.id, {}, { idempotencyKey: call.key }));
      return { type: 'approved', reference: intent.id };
    });

  const refund = (call: ProviderCall): Promise<ProviderResult> =>
    within(async () =>
      resultOfRefund(
        await reply(
          'refund',
          stripe.refunds.create(
            { payment_intent: charged(call), amount: minorOf(call), metadata: metadataOf(call) },
            { idempotencyKey: call.key },
          ),
        ),
      ),
    );

  /** What became of the payment that a charge made. One that waits for the customer is given up where nobody wants it any more, and one that was declined so that it cannot be paid later. */
  async function findIntent(question: ProviderQuestion): Promise<ProviderResult> {
    const { reference, key, kind, unwanted } = question;
    const intent =
      reference === undefined
        ? (
            await reply(
              'search_result',
              stripe.paymentIntents.search({ query: `metadata['${KEY}']:'${key}'`, limit: 1 }),
            )
          ).data[0]
        : await reply('payment_intent', stripe.paymentIntents.retrieve(reference));
    if (!intent) return { type: 'not_found' };
    const declined = intent.status === 'requires_payment_method';
    if (!declined && !(unwanted && intent.status === 'requires_action'))
      return resultOfIntent(intent, kind === 'charge');
    await reply('payment_intent', stripe.paymentIntents.cancel(intent.id, {}, { idempotencyKey: `${key}-end` }));
    return { type: 'declined', reason: declined ? declineOf(intent.last_payment_error) : 'canceled' };
  }

  async function findRefund(question: ProviderQuestion): Promise<ProviderResult> {
    const { reference, key } = question;
    if (reference !== undefined) return resultOfRefund(await reply('refund', stripe.refunds.retrieve(reference)));
    const refunds = await reply('list', stripe.refunds.list({ payment_intent: charged(question), limit: REFUNDS_MAX }));
    const found = refunds.data.find(({ metadata }) => metadata?.[KEY] === key);
    return found ? resultOfRefund(found) : { type: 'not_found' };
  }

  async function findChange(question: ProviderQuestion): Promise<ProviderResult> {
    const intent = await reply('payment_intent', stripe.paymentIntents.retrieve(charged(question)));
    const done = question.kind === 'capture' ? captureMark(question.key) in intent.metadata : isReleased(intent);
    if (done) return { type: 'approved', reference: intent.id };
    return question.kind === 'capture' && intent.status === 'canceled'
      ? { type: 'declined', reason: 'canceled' }
      : { type: 'not_found' };
  }

  const find = (question: ProviderQuestion): Promise<ProviderResult> =>
    within(async () => {
      try {
        if (question.kind === 'refund') return await findRefund(question);
        const isChange = question.kind === 'capture' || question.kind === 'void';
        return await (isChange ? findChange(question) : findIntent(question));
      } catch (error) {
        // A refused question is no answer about the operation.
        const result = resultOfError(error);
        return result.type === 'declined' ? { type: 'unknown', reason: result.reason } : result;
      }
    });

  const books = (call: ProviderCall): Promise<ProviderResult> =>
    within(async () => {
      try {
        const { currency } = call;
        const payment_intent = charged(call);
        const amount = (count: number): string => amountOfStripe(count, currency);
        const intent = await reply('payment_intent', stripe.paymentIntents.retrieve(payment_intent));
        const refunds = await reply('list', stripe.refunds.list({ payment_intent, limit: REFUNDS_MAX }));
        const disputes = await reply('list', stripe.disputes.list({ payment_intent, limit: REFUNDS_MAX }));
        return {
          type: 'books',
          books: {
            captured: amount(intent.amount_received),
            held: amount(intent.status === 'requires_capture' ? intent.amount_capturable : 0),
            refunds: refunds.data
              .filter(({ status }) => status === 'succeeded')
              .map((refund) => ({ reference: refund.id, key: refund.metadata?.[KEY], amount: amount(refund.amount) })),
            failedRefunds: refunds.data
              .filter(({ status }) => status === 'failed' || status === 'canceled')
              .map(({ id, failure_reason: reason, status }) => ({ reference: id, reason: reason ?? status! })),
            disputes: disputes.data.flatMap((dispute) => disputeOf(dispute, amount(dispute.amount)) ?? []),
          },
        };
      } catch (error) {
        const result = resultOfError(error);
        return result.type === 'declined' ? { type: 'unknown', reason: result.reason } : result;
      }
    });

  /** The order of a payment, by what it has of ours; undefined where it is none of ours. */
  async function orderOf(intentId: string): Promise<string | undefined> {
    let intent: Stripe.PaymentIntent;
    try {
      intent = await reply('payment_intent', stripe.paymentIntents.retrieve(intentId));
    } catch (error) {
      // What is not there is not ours; what could not be asked is asked again when the notice is repeated.
      if (resultOfError(error).type === 'declined') return undefined;
      throw error instanceof ProviderUnreachable ? error : new ProviderUnreachable('not_answered', { cause: error });
    }
    const orderId = intent.metadata[ORDER_ID];
    return orderId !== undefined && isUuid(orderId) ? orderId : undefined;
  }

  return {
    name: 'stripe',
    books,
    charge: (call) => create(call, true),
    authorize: (call) => create(call, false),
    capture,
    void: voided,
    refund,
    find,
    async probe() {
      const answer = await within(async () => {
        await reply('list', stripe.paymentIntents.list({ limit: 1 }));
        return { type: 'not_found' };
      });
      return answer.type === 'not_found' || !('reason' in answer) ? undefined : answer.reason;
    },
    webhooks:
      webhookSecrets.length === 0
        ? undefined
        : stripeWebhooks(stripe, webhookSecrets, ({ metadata }) => noticeOf(metadata), orderOf),
    close: async () => agent.destroy(),
  };
}

const outcomeOf = (status: string): 'open' | 'won' | 'lost' =>
  status === 'won' || status === 'lost' ? status : 'open';

/** A dispute as it stands; undefined for an inquiry, by which no money moves. */
function disputeOf(
  { id, status, reason, evidence_details: evidence }: Stripe.Dispute,
  amount: string,
): ProviderBooks['disputes'][number] | undefined {
  if (status.startsWith('warning_')) return undefined;
  const dueBy = evidence?.due_by;
  return {
    id,
    amount,
    reason,
    status: outcomeOf(status),
    ...(typeof dueBy === 'number' && { dueAt: isoTime(dueBy * 1000) }),
  };
}

/** Nothing of the payment is held any more. */
function isReleased({ status, amount_capturable: left }: Stripe.PaymentIntent): boolean {
  return status === 'canceled' || (status === 'succeeded' && left === 0);
}

/** Which operation something of Stripe belongs to. */
function noticeOf(metadata: Stripe.Metadata | null | undefined): { orderId: string; key: string } | undefined {
  const orderId = metadata?.[ORDER_ID];
  const key = metadata?.[KEY];
  return orderId !== undefined && key !== undefined && isUuid(orderId) ? { orderId, key } : undefined;
}
