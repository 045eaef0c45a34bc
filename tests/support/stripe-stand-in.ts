import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * A stand-in for Stripe that keeps books: payment intents and refunds change as they do there, each idempotency key is
 * acted on once, and the search for payments is behind. What it knows of the fields of Stripe's objects is compared
 * with stripe-mock by `npm run stripe`.
 */

export interface Intent {
  readonly id: string;
  readonly object: 'payment_intent';
  readonly amount: number;
  amount_capturable: number;
  amount_received: number;
  readonly capture_method: string;
  readonly currency: string;
  status: string;
  readonly client_secret: string;
  cancellation_reason: string | null;
  readonly metadata: Record<string, string>;
  next_action: unknown;
  last_payment_error: { type: string; code: string; decline_code?: string } | null;
  latest_charge: unknown;
}

export interface Refund {
  readonly id: string;
  readonly object: 'refund';
  readonly amount: number;
  readonly payment_intent: string;
  status: string;
  failure_reason?: string;
  readonly metadata: Record<string, string>;
}

export interface Dispute {
  readonly id: string;
  readonly object: 'dispute';
  readonly amount: number;
  readonly currency: string;
  readonly charge: string;
  readonly payment_intent: string;
  readonly reason: string;
  status: string;
  readonly evidence_details: { readonly due_by: number };
  readonly metadata: Record<string, string>;
}

interface Answer {
  readonly status: number;
  readonly body: object;
}

/** What a payment method does. */
interface Script {
  readonly status: 'approved' | 'declined' | 'action' | 'processing';
  readonly reply?: 'lost' | 'late';
}
const SCRIPTS: Readonly<Record<string, Script>> = {
  pm_card_visa: { status: 'approved' },
  pm_card_visa_chargeDeclined: { status: 'declined' },
  pm_card_threeDSecureRequired: { status: 'action' },
  pm_sepa_processing: { status: 'processing' },
  pm_lost_reply: { status: 'approved', reply: 'lost' },
  pm_late_reply: { status: 'approved', reply: 'late' },
};

class Refused extends Error {
  readonly answer: Answer;
  constructor(status: number, error: object) {
    super(JSON.stringify(error));
    this.answer = { status, body: { error } };
  }
}
const invalid = (code: string, message: string): Refused =>
  new Refused(code === 'resource_missing' ? 404 : 400, { type: 'invalid_request_error', code, message });

export class StripeStandIn {
  readonly intents = new Map<string, Intent>();
  readonly refunds = new Map<string, Refund>();
  readonly disputes = new Map<string, Dispute>();
  /** Cards that may be captured several times. */
  multicapture = true;
  /** Answers this instead of anything else: a status, or nothing at all. */
  down: number | 'hangs' | undefined;
  /** Nothing is found by the search while it is true. */
  searchIsBehind = false;
  /** How late an answer of `pm_late_reply` is. */
  lateMs = 2_000;
  requests = 0;
  readonly #keys = new Map<string, { readonly content: string; readonly answer: Answer }>();
  readonly #server: Server;
  /** How often each key came. */
  readonly #asked = new Map<string, number>();
  #number = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#serve(request, response).catch(() => response.destroy());
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What the books say of an order: how often it was paid, and the money. */
  of(orderId: string): {
    payments: number;
    authorized: number;
    captured: number;
    refunded: number;
    held: number;
    lost: number;
  } {
    const intents = [...this.intents.values()].filter(({ metadata }) => metadata['olms_order_id'] === orderId);
    const paid = intents.filter(({ status }) => status === 'succeeded' || status === 'requires_capture');
    const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
    const refunds = [...this.refunds.values()].filter(({ payment_intent: of }) => intents.some(({ id }) => id === of));
    return {
      payments: paid.length,
      authorized: sum(paid.map(({ amount }) => amount)),
      captured: sum(intents.map((intent) => intent.amount_received)),
      refunded: sum(refunds.filter(({ status }) => status === 'succeeded').map(({ amount }) => amount)),
      lost: sum(
        [...this.disputes.values()]
          .filter(({ status, payment_intent: of }) => status === 'lost' && intents.some(({ id }) => id === of))
          .map(({ amount }) => amount),
      ),
      held: sum(intents.map((intent) => intent.amount_capturable)),
    };
  }

  /** The customer does what their bank asks for, or fails to. */
  act(id: string, succeeds: boolean): Intent {
    const intent = this.#intent(id);
    if (intent.status !== 'requires_action') throw new Error(`${id} is ${intent.status}`);
    intent.next_action = null;
    if (succeeds) this.#pay(intent);
    else this.#decline(intent, 'authentication_failed');
    return intent;
  }

  // What people do in the dashboard, and what customers' banks do -------------------------------------------------

  /** Somebody gives money back. */
  refundByHand(intentId: string, amount: number): Refund {
    return this.#refund(new URLSearchParams({ payment_intent: intentId, amount: String(amount) }));
  }

  /** The customer's bank does not take the money, which comes back: the newest refund of a payment. */
  failRefund(intentId: string): Refund {
    const refund = [...this.refunds.values()].findLast(({ payment_intent: of }) => of === intentId)!;
    refund.status = 'failed';
    refund.failure_reason = 'lost_or_stolen_card';
    return refund;
  }

  /** Somebody takes what is put aside, or some of it: then the rest is given up. */
  captureByHand(intentId: string, amount?: number): Intent {
    const given: Record<string, string> = amount === undefined ? {} : { amount_to_capture: String(amount) };
    return this.#capture(this.#intent(intentId), new URLSearchParams(given));
  }

  /** Somebody gives up what is put aside. */
  cancelByHand(intentId: string): Intent {
    return this.#cancel(this.#intent(intentId));
  }

  /** The customer has their bank take money back, by default all that was not given back. */
  dispute(intentId: string, amount?: number): Dispute {
    const intent = this.#intent(intentId);
    const left = intent.amount_received - this.#goneFrom(intentId);
    if ((amount ?? left) > left) throw new Error(`${left} is left of ${intentId}`);
    const id = `du_${++this.#number}`;
    const dispute: Dispute = {
      id,
      object: 'dispute',
      amount: amount ?? left,
      currency: intent.currency,
      charge: `ch_${intentId}`,
      payment_intent: intentId,
      reason: 'product_not_received',
      status: 'needs_response',
      evidence_details: { due_by: 1_900_000_000 },
      metadata: {},
    };
    this.disputes.set(id, dispute);
    return dispute;
  }

  closeDispute(id: string, status: 'won' | 'lost'): Dispute {
    const dispute = this.disputes.get(id)!;
    dispute.status = status;
    return dispute;
  }

  /** Of a payment, what was given back, and what is disputed or was lost. */
  #goneFrom(intentId: string): number {
    let gone = 0;
    for (const { payment_intent: of, amount, status } of this.refunds.values())
      if (of === intentId && status !== 'failed') gone += amount;
    for (const { payment_intent: of, amount, status } of this.disputes.values())
      if (of === intentId && status !== 'won') gone += amount;
    return gone;
  }

  /** A payment that was processed is decided. */
  decide(id: string): Intent {
    const intent = this.#intent(id);
    if (intent.status === 'processing') this.#pay(intent);
    return intent;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++;
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.down === 'hangs') return;
    const body = Buffer.concat(chunks).toString();
    const key = String(request.headers['idempotency-key']);
    // A lost reply is lost twice: the SDK repeats by itself, once, where a connection was closed.
    const asked = (this.#asked.get(key) ?? 0) + 1;
    this.#asked.set(key, asked);
    const answer = this.down === undefined ? this.#answer(request, body) : { status: this.down, body: {} };
    const reply = asked > 2 ? undefined : SCRIPTS[new URLSearchParams(body).get('payment_method') ?? '']?.reply;
    if (reply === 'lost') return void response.destroy();
    if (reply === 'late' && asked === 1) await sleep(this.lateMs);
    response.writeHead(answer.status, { 'content-type': 'application/json', 'request-id': `req_${this.requests}` });
    response.end(JSON.stringify(answer.body));
  }

  #answer({ method, url = '', headers }: IncomingMessage, body: string): Answer {
    if (!/^(Bearer|Basic) .+/.test(String(headers.authorization)))
      return { status: 401, body: { error: { type: 'invalid_request_error', message: 'No key' } } };
    const { pathname, searchParams } = new URL(url, 'http://stripe');
    const key = headers['idempotency-key'];
    const content = createHash('sha256').update(`${method} ${pathname} ${body}`).digest('hex');
    const before = typeof key === 'string' && method === 'POST' ? this.#keys.get(key) : undefined;
    if (before && before.content !== content)
      return { status: 400, body: { error: { type: 'idempotency_error', message: 'Another request had this key' } } };
    if (before) return before.answer;
    let answer: Answer;
    try {
      answer = { status: 200, body: this.#act(method ?? '', pathname, searchParams, new URLSearchParams(body)) };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer = error.answer;
    }
    // What was refused for its form was never begun, and is decided again when it is repeated.
    if (typeof key === 'string' && method === 'POST' && answer.status !== 400)
      this.#keys.set(key, { content, answer: { status: answer.status, body: structuredClone(answer.body) } });
    return answer;
  }

  #act(method: string, path: string, query: URLSearchParams, body: URLSearchParams): object {
    const [, , kind, id, action] = path.split('/');
    const call =
      `${method} ${kind} ${id === undefined ? '' : id === 'search' ? 'search' : 'id'} ${action ?? ''}`.trim();
    switch (call.replaceAll(/\s+/g, ' ')) {
      case 'GET payment_intents':
        return list([...this.intents.values()].slice(0, Number(query.get('limit') ?? 10)));
      case 'POST payment_intents':
        return this.#create(body);
      case 'GET payment_intents search': {
        const [, name, value] = /^metadata\['(.+)'\]:'(.+)'$/.exec(query.get('query') ?? '') ?? [];
        if (name === undefined) throw invalid('query_invalid', 'The query is not understood');
        const found = [...this.intents.values()].filter(({ metadata }) => metadata[name] === value);
        return { ...list(this.searchIsBehind ? [] : found), object: 'search_result' };
      }
      case 'GET payment_intents id':
        return this.#intent(id!);
      case 'POST payment_intents id capture':
        return this.#capture(this.#intent(id!), body);
      case 'POST payment_intents id cancel':
        return this.#cancel(this.#intent(id!));
      case 'POST refunds':
        return this.#refund(body);
      case 'GET refunds':
        return list([...this.refunds.values()].filter(({ payment_intent: of }) => of === query.get('payment_intent')));
      case 'GET disputes':
        return list([...this.disputes.values()].filter(({ payment_intent: of }) => of === query.get('payment_intent')));
      case 'GET refunds id': {
        const refund = this.refunds.get(id!);
        if (!refund) throw invalid('resource_missing', 'No such refund');
        return refund;
      }
      default:
        throw invalid('url_invalid', `Unrecognized request URL (${method}: ${path})`);
    }
  }

  #intent(id: string): Intent {
    const intent = this.intents.get(id);
    if (!intent) throw invalid('resource_missing', `No such payment_intent: '${id}'`);
    return intent;
  }

  #create(body: URLSearchParams): Intent {
    const amount = Number(body.get('amount'));
    if (!Number.isInteger(amount) || amount < 1 || amount > 99_999_999)
      throw invalid('amount_too_large', 'Invalid amount');
    const script = SCRIPTS[body.get('payment_method') ?? body.get('confirmation_token') ?? ''];
    if (!script) throw invalid('resource_missing', 'No such PaymentMethod');
    const id = `pi_${++this.#number}`;
    const intent: Intent = {
      id,
      object: 'payment_intent',
      amount,
      amount_capturable: 0,
      amount_received: 0,
      capture_method: body.get('capture_method') ?? 'automatic',
      currency: body.get('currency') ?? '',
      status: 'requires_confirmation',
      client_secret: `${id}_secret_${randomBytes(8).toString('hex')}`,
      cancellation_reason: null,
      metadata: metadataIn(body),
      next_action: null,
      last_payment_error: null,
      latest_charge: null,
    };
    this.intents.set(id, intent);
    if (script.status === 'approved') this.#pay(intent);
    if (script.status === 'processing') intent.status = 'processing';
    if (script.status === 'action') {
      intent.status = 'requires_action';
      intent.next_action = { type: 'redirect_to_url', redirect_to_url: { url: 'https://bank.example/3ds' } };
    }
    if (script.status === 'declined') {
      this.#decline(intent, 'generic_decline');
      throw new Refused(402, { ...intent.last_payment_error, message: 'Declined', payment_intent: intent });
    }
    return intent;
  }

  #pay(intent: Intent): void {
    const card = { multicapture: { status: this.multicapture ? 'available' : 'unavailable' } };
    intent.latest_charge = { id: `ch_${intent.id}`, object: 'charge', payment_method_details: { type: 'card', card } };
    const isManual = intent.capture_method === 'manual';
    intent.status = isManual ? 'requires_capture' : 'succeeded';
    if (isManual) intent.amount_capturable = intent.amount;
    else intent.amount_received = intent.amount;
  }

  #decline(intent: Intent, declined: string): void {
    intent.status = 'requires_payment_method';
    intent.last_payment_error = { type: 'card_error', code: 'card_declined', decline_code: declined };
  }

  #capture(intent: Intent, body: URLSearchParams): Intent {
    const amount = Number(body.get('amount_to_capture') ?? intent.amount_capturable);
    const isFinal = body.get('final_capture') !== 'false';
    if (intent.status !== 'requires_capture') throw invalid('payment_intent_unexpected_state', intent.status);
    if (amount > intent.amount_capturable) throw invalid('amount_too_large', 'More than can be captured');
    if (!isFinal && !this.multicapture) throw invalid('parameter_invalid', 'Not available for this card');
    intent.amount_received += amount;
    intent.amount_capturable = isFinal ? 0 : intent.amount_capturable - amount;
    if (intent.amount_capturable === 0) intent.status = 'succeeded';
    Object.assign(intent.metadata, metadataIn(body));
    return intent;
  }

  #cancel(intent: Intent): Intent {
    if (intent.status === 'succeeded' || intent.status === 'canceled')
      throw invalid('payment_intent_unexpected_state', intent.status);
    intent.amount_capturable = 0;
    intent.status = intent.amount_received > 0 ? 'succeeded' : 'canceled';
    return intent;
  }

  #refund(body: URLSearchParams): Refund {
    const intent = this.#intent(body.get('payment_intent') ?? '');
    const given = this.#goneFrom(intent.id);
    const disputed = [...this.disputes.values()].some(
      ({ payment_intent: of, status }) => of === intent.id && status === 'needs_response',
    );
    if (disputed) throw invalid('charge_disputed', 'The charge is disputed');
    const amount = Number(body.get('amount') ?? intent.amount_received - given);
    if (amount > intent.amount_received - given) throw invalid('charge_already_refunded', 'More than was captured');
    const id = `re_${++this.#number}`;
    const metadata = metadataIn(body);
    const refund: Refund = { id, object: 'refund', amount, payment_intent: intent.id, status: 'succeeded', metadata };
    this.refunds.set(id, refund);
    return refund;
  }
}

const list = (data: readonly object[]): object => ({ object: 'list', data, has_more: false, url: '/v1' });

function metadataIn(body: URLSearchParams): Record<string, string> {
  return Object.fromEntries(
    [...body].flatMap(([name, value]) => {
      const [, key] = /^metadata\[(.+)\]$/.exec(name) ?? [];
      return key === undefined ? [] : [[key, value]];
    }),
  );
}
