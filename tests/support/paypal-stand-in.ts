import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { Ajv } from 'ajv';
import type { Certificate } from './certificates.ts';

/**
 * A stand-in for PayPal that keeps books: orders, authorizations, captures and refunds change as they do there, each
 * request id is acted on once, each invoice number is paid once, and requests that PayPal's description of its API does
 * not allow are refused. What it answers is held against that description, too.
 */

interface Money {
  readonly currency_code: string;
  readonly value: string;
}
interface Done {
  readonly id: string;
  status: string;
  readonly amount: Money;
  readonly invoice_id?: string;
  readonly custom_id?: string;
  readonly status_details?: { readonly reason: string };
  readonly final_capture?: boolean;
  readonly links: readonly object[];
}
interface Order {
  readonly id: string;
  readonly intent: string;
  status: string;
  readonly custom_id: string;
  readonly invoice_id: string;
  readonly amount: Money;
  readonly authorizations: Done[];
  readonly captures: Done[];
  readonly refunds: Done[];
}
interface Dispute {
  readonly dispute_id: string;
  status: string;
  readonly reason: string;
  readonly dispute_life_cycle_stage: string;
  readonly dispute_amount: Money;
  readonly disputed_transactions: readonly { seller_transaction_id: string; custom: string | undefined }[];
  dispute_outcome?: { readonly outcome_code: string };
}
interface Answer {
  readonly status: number;
  readonly body: object;
}

/** What becomes of a payment token: `reply`: of the capture. */
interface Script {
  readonly status: 'COMPLETED' | 'DECLINED' | 'PENDING' | 'refused';
  readonly reply?: 'lost' | 'late';
}
const SCRIPTS: Readonly<Record<string, Script>> = {
  ok: { status: 'COMPLETED' },
  declined: { status: 'DECLINED' },
  refused: { status: 'refused' },
  pending: { status: 'PENDING' },
  lost: { status: 'COMPLETED', reply: 'lost' },
  late: { status: 'COMPLETED', reply: 'late' },
};

const { requests, replies } = JSON.parse(
  readFileSync(join(import.meta.dirname, 'paypal-schemas.json'), 'utf8'),
) as Readonly<Record<'requests' | 'replies', Readonly<Record<string, object>>>>;
const ajv = new Ajv({ strict: false, allErrors: true });
const compiled = (schemas: Readonly<Record<string, object>>) =>
  new Map(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));
const REQUESTS = compiled(requests);
const REPLIES = compiled(replies);

class Refused extends Error {
  readonly answer: Answer;
  constructor(status: number, name: string, issue?: string) {
    super(issue ?? name);
    const details = issue === undefined ? {} : { details: [{ issue, description: issue }] };
    this.answer = { status, body: { name, message: name, debug_id: 'd1', ...details } };
  }
}
const unprocessable = (issue: string): Refused => new Refused(422, 'UNPROCESSABLE_ENTITY', issue);

export class PaypalStandIn {
  readonly orders = new Map<string, Order>();
  readonly disputes = new Map<string, Dispute>();
  /** Answers this instead of anything else: a status, or nothing at all. */
  down: number | 'hangs' | undefined;
  lateMs = 2_000;
  /** Access tokens given out; only the last is good. */
  tokens = 0;
  /** Calls of each kind, such as `POST /v2/checkout/orders`. */
  readonly calls = new Map<string, number>();
  readonly #wrong: string[] = [];
  readonly #keys = new Map<string, { readonly content: string; readonly answer: Answer }>();
  readonly #certificate: Certificate;
  readonly #server: Server;
  #number = 0;

  constructor(certificate: Certificate) {
    this.#certificate = certificate;
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

  /** What the books say of one of our orders, in minor units of a currency with two decimals. */
  of(orderId: string): { payments: number; captured: number; refunded: number; held: number } {
    const orders = [...this.orders.values()].filter((order) => order.custom_id === orderId);
    const sum = (list: Done[]): number => list.filter(counts).reduce((total, { amount }) => total + cents(amount), 0);
    return {
      payments: orders.filter(({ captures, authorizations }) => [...captures, ...authorizations].some(counts)).length,
      captured: sum(orders.flatMap(({ captures }) => captures)),
      refunded: sum(orders.flatMap(({ refunds }) => refunds)),
      held: orders.reduce((total, order) => total + heldOf(order), 0),
    };
  }

  /** Throws where something that was asked or answered is not as PayPal describes it. */
  asDescribed(): void {
    const wrong = this.#wrong.splice(0);
    if (wrong.length > 0) throw new Error(`Not as PayPal describes its API: ${wrong.join('; ')}`);
  }

  /** The customer approves on PayPal's page. */
  approve(id: string): void {
    const order = this.#order(id);
    if (order.status !== 'PAYER_ACTION_REQUIRED') throw new Error(`${id} is ${order.status}`);
    order.status = 'APPROVED';
  }

  /** What was pending is decided. */
  decide(id: string, status: string): void {
    for (const done of this.#order(id).captures) if (done.status === 'PENDING') done.status = status;
  }

  /** Somebody gives money back in the books of PayPal; its number there is that of what was captured. */
  refundByHand(id: string, amount: Money): Done {
    const { captures, refunds, custom_id } = this.#order(id);
    const { id: capture, invoice_id } = captures[0]!;
    this.#refund(capture, { amount, invoice_id: `by-hand-${++this.#number}`, custom_id });
    const done = { ...refunds.pop()!, invoice_id: invoice_id! };
    refunds.push(done);
    return done;
  }

  /** A customer disputes what was captured. */
  dispute(id: string, value: string, change: Partial<Dispute> = {}): Dispute {
    const capture = this.#order(id).captures[0]!;
    const dispute: Dispute = {
      dispute_id: `PP-${++this.#number}`,
      status: 'OPEN',
      reason: 'MERCHANDISE_OR_SERVICE_NOT_RECEIVED',
      dispute_life_cycle_stage: 'CHARGEBACK',
      dispute_amount: { currency_code: capture.amount.currency_code, value },
      disputed_transactions: [{ seller_transaction_id: capture.id, custom: capture.custom_id }],
      ...change,
    };
    this.disputes.set(dispute.dispute_id, dispute);
    return dispute;
  }

  /** An event as PayPal sends it. */
  webhook(event: object, webhookId: string, nowMs: number, certUrl = `${this.url}/certs/1`): Webhook {
    const body = Buffer.from(JSON.stringify(event));
    const time = new Date(nowMs).toISOString();
    const signed = createSign('RSA-SHA256').update(`t-1|${time}|${webhookId}|${crc32(body)}`);
    return {
      headers: {
        'paypal-transmission-id': 't-1',
        'paypal-transmission-time': time,
        'paypal-transmission-sig': signed.sign(readFileSync(this.#certificate.keyFile), 'base64'),
        'paypal-cert-url': certUrl,
        'paypal-auth-algo': 'SHA256withRSA',
      },
      body,
    };
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (this.down === 'hangs') return;
    const path = request.url ?? '';
    if (path.startsWith('/certs/')) return void response.end(readFileSync(this.#certificate.certFile));
    const text = Buffer.concat(chunks).toString();
    const answer = this.down === undefined ? this.#answer(request, path, text) : { status: this.down, body: {} };
    const vaulted = /"vault_id":"(\w+)"/.exec(text)?.[1];
    const reply = path.endsWith('/capture') ? SCRIPTS[vaulted ?? '']?.reply : undefined;
    const asked = this.calls.get(path) ?? 0;
    this.calls.set(path, asked + 1);
    if (reply === 'lost' && asked === 0) return void response.destroy();
    if (reply === 'late' && asked === 0) await sleep(this.lateMs);
    response.writeHead(answer.status, { 'content-type': 'application/json' });
    response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body));
  }

  #answer({ method = '', headers }: IncomingMessage, path: string, text: string): Answer {
    if (path === '/v1/oauth2/token') return this.#token(headers, text);
    if (headers.authorization !== `Bearer token-${this.tokens}`)
      return {
        status: 401,
        body: { error: 'invalid_token', error_description: 'Token signature verification failed' },
      };
    const key = headers['paypal-request-id'];
    const content = `${method} ${path} ${text}`;
    const before = typeof key === 'string' ? this.#keys.get(key) : undefined;
    if (before && before.content !== content) return unprocessable('PAYPAL_REQUEST_ID_PREVIOUSLY_USED').answer;
    if (before) return before.answer;
    let answer: Answer;
    try {
      answer = this.#act(method, path, text === '' ? {} : (JSON.parse(text) as never));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      answer = error.answer;
    }
    // What was refused is decided again when it is repeated.
    if (typeof key === 'string' && answer.status < 300)
      this.#keys.set(key, { content, answer: structuredClone(answer) });
    return answer;
  }

  #token(headers: IncomingHttpHeaders, text: string): Answer {
    const credentials = Buffer.from('client:secret').toString('base64');
    if (headers.authorization !== `Basic ${credentials}` || text !== 'grant_type=client_credentials')
      return { status: 401, body: { error: 'invalid_client' } };
    this.tokens++;
    return { status: 200, body: { access_token: `token-${this.tokens}`, token_type: 'Bearer', expires_in: 32_400 } };
  }

  #act(method: string, path: string, body: Record<string, never>): Answer {
    if (path.startsWith('/v1/customer/disputes')) return this.#disputed(path);
    const [, , kind, first, id, third] = path.split('/');
    const action = kind === 'checkout' ? third : `${first} ${third}`;
    const call = `${method} ${id === undefined ? path : path.replace(`/${id}`, '/{id}')}`;
    const check = REQUESTS.get(call);
    if (check && !check(body)) {
      this.#wrong.push(`${call}: ${ajv.errorsText(check.errors)}`);
      throw new Refused(400, 'INVALID_REQUEST', 'INVALID_PARAMETER_SYNTAX');
    }
    if (kind === 'checkout' && id === undefined && method === 'POST') return this.#create(body as never);
    if (kind === 'checkout' && action === undefined && method === 'GET') return this.#shown(200, this.#order(id!));
    if (kind === 'checkout' && (action === 'capture' || action === 'authorize'))
      return this.#take(this.#order(id!), action, body as never);
    if (action === 'authorizations capture') return this.#capture(id!, body as never);
    if (action === 'authorizations void') return this.#void(id!);
    if (action === 'captures refund') return this.#refund(id!, body as never);
    throw new Refused(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID');
  }

  #order(id: string): Order {
    const order = this.orders.get(id);
    if (!order) throw new Refused(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID');
    return order;
  }

  #create(body: {
    intent: string;
    purchase_units: [{ amount: Money; custom_id: string; invoice_id: string }];
    payment_source?: object;
  }): Answer {
    const [{ amount, custom_id, invoice_id }] = body.purchase_units;
    checkAmount(amount);
    const order: Order = {
      id: `ORDER${++this.#number}`,
      intent: body.intent,
      status: body.payment_source ? 'PAYER_ACTION_REQUIRED' : 'CREATED',
      custom_id,
      invoice_id,
      amount,
      authorizations: [],
      captures: [],
      refunds: [],
    };
    this.orders.set(order.id, order);
    return this.#shown(body.payment_source ? 200 : 201, order);
  }

  #take(order: Order, action: string, body: { payment_source?: { paypal: { vault_id: string } } }): Answer {
    if ((order.intent === 'CAPTURE') !== (action === 'capture')) throw unprocessable('ACTION_DOES_NOT_MATCH_INTENT');
    if (order.status === 'COMPLETED')
      throw unprocessable(action === 'capture' ? 'ORDER_ALREADY_CAPTURED' : 'ORDER_ALREADY_AUTHORIZED');
    const vaulted = body.payment_source?.paypal.vault_id;
    if (vaulted === undefined && order.status !== 'APPROVED') throw unprocessable('ORDER_NOT_APPROVED');
    const { status } = SCRIPTS[vaulted ?? 'ok'] ?? { status: 'refused' };
    if (status === 'refused') throw unprocessable('INSTRUMENT_DECLINED');
    const { amount, invoice_id, custom_id } = order;
    this.#checkInvoice(invoice_id);
    const details = status === 'COMPLETED' ? {} : { status_details: { reason: 'OTHER' } };
    const done = { id: this.#id(), amount, invoice_id, custom_id, ...details, links: [] };
    if (action === 'capture') order.captures.push({ ...done, status, final_capture: true });
    else
      order.authorizations.push({
        ...done,
        status: { COMPLETED: 'CREATED', DECLINED: 'DENIED', PENDING: 'PENDING' }[status],
      });
    order.status = 'COMPLETED';
    return this.#shown(201, order);
  }

  #capture(id: string, body: { amount: Money; invoice_id: string; final_capture: boolean }): Answer {
    const [order, authorization] = this.#find(id, 'authorizations');
    checkAmount(body.amount);
    if (authorization.status === 'VOIDED') throw unprocessable('AUTHORIZATION_VOIDED');
    if (authorization.status === 'CAPTURED') throw unprocessable('AUTHORIZATION_ALREADY_CAPTURED');
    if (cents(body.amount) > heldOf(order)) throw unprocessable('MAX_CAPTURE_AMOUNT_EXCEEDED');
    this.#checkInvoice(body.invoice_id);
    const { amount, invoice_id, final_capture } = body;
    const done = {
      id: this.#id(),
      status: 'COMPLETED',
      amount,
      invoice_id,
      custom_id: order.custom_id,
      final_capture,
      links: [],
    };
    order.captures.push(done);
    authorization.status = final_capture ? 'CAPTURED' : 'PARTIALLY_CAPTURED';
    return this.#answered(201, 'capture', done);
  }

  #void(id: string): Answer {
    const [, authorization] = this.#find(id, 'authorizations');
    if (authorization.status === 'VOIDED') throw unprocessable('PREVIOUSLY_VOIDED');
    if (authorization.status === 'CAPTURED') throw unprocessable('PREVIOUSLY_CAPTURED');
    authorization.status = 'VOIDED';
    return { status: 204, body: {} };
  }

  #refund(id: string, body: { amount: Money; invoice_id: string; custom_id: string }): Answer {
    const [order, capture] = this.#find(id, 'captures');
    checkAmount(body.amount);
    const up = { rel: 'up', href: `${this.url}/v2/payments/captures/${id}`, method: 'GET' };
    const given = order.refunds
      .filter(({ links }) => (links as { href: string }[]).some(({ href }) => href === up.href))
      .reduce((total, { amount }) => total + cents(amount), 0);
    if (given === cents(capture.amount)) throw unprocessable('CAPTURE_FULLY_REFUNDED');
    if (given + cents(body.amount) > cents(capture.amount)) throw unprocessable('REFUND_AMOUNT_EXCEEDED');
    this.#checkInvoice(body.invoice_id);
    const done = { id: this.#id(), status: 'COMPLETED', ...body, links: [up] };
    order.refunds.push(done);
    capture.status = given + cents(body.amount) === cents(capture.amount) ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
    return this.#answered(201, 'refund', done);
  }

  /** A list of disputes, which does not say how they ended, or one of them, which does. */
  #disputed(path: string): Answer {
    const { pathname, searchParams } = new URL(path, this.url);
    const [, , , , id] = pathname.split('/');
    if (id !== undefined) return { status: 200, body: this.disputes.get(id)! };
    const of = searchParams.get('disputed_transaction_id');
    const items = [...this.disputes.values()]
      .filter(({ disputed_transactions: list }) => list.some((one) => one.seller_transaction_id === of))
      .map(({ dispute_outcome: _o, disputed_transactions: _t, ...listed }) => listed);
    return { status: 200, body: items.length === 0 ? {} : { items } };
  }

  #find(id: string, kind: 'authorizations' | 'captures'): [Order, Done] {
    for (const order of this.orders.values()) {
      const done = order[kind].find((one) => one.id === id);
      if (done) return [order, done];
    }
    throw new Refused(404, 'RESOURCE_NOT_FOUND', 'INVALID_RESOURCE_ID');
  }

  /** Each invoice number is used once: PayPal blocks accidental payments. */
  #checkInvoice(invoice: string): void {
    for (const { captures, refunds } of this.orders.values())
      if ([...captures, ...refunds].some((done) => counts(done) && done.invoice_id === invoice))
        throw unprocessable('DUPLICATE_INVOICE_ID');
  }

  #id(): string {
    return `T${++this.#number}`;
  }

  #shown(status: number, order: Order): Answer {
    const { id, intent, status: stands, custom_id, invoice_id, amount, authorizations, captures, refunds } = order;
    const payments = { authorizations, captures, refunds };
    const href = `https://www.sandbox.paypal.com/checkoutnow?token=${id}`;
    const links = stands === 'PAYER_ACTION_REQUIRED' ? [{ rel: 'payer-action', href, method: 'GET' }] : [];
    const unit = { reference_id: 'default', custom_id, invoice_id, amount, payments };
    return this.#answered(status, 'order', { id, intent, status: stands, purchase_units: [unit], links });
  }

  #answered(status: number, kind: string, body: object): Answer {
    const check = REPLIES.get(kind)!;
    if (!check(body)) this.#wrong.push(`${kind}: ${ajv.errorsText(check.errors)}`);
    return { status, body: structuredClone(body) };
  }
}

export interface Webhook {
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const cents = ({ value }: Money): number => Math.round(Number(value) * 100);
const counts = ({ status }: Done): boolean => !['DECLINED', 'DENIED', 'FAILED'].includes(status);
const heldOf = ({ authorizations, captures }: Order): number => {
  const [authorization] = authorizations;
  if (!authorization || !['CREATED', 'PARTIALLY_CAPTURED', 'PENDING'].includes(authorization.status)) return 0;
  return captures.filter(counts).reduce((left, { amount }) => left - cents(amount), cents(authorization.amount));
};

/** Currencies without decimals are refused with some, and none has more than two. */
function checkAmount({ currency_code: currency, value }: Money): void {
  const decimals = ['HUF', 'JPY', 'TWD'].includes(currency) ? 0 : 2;
  if ((value.split('.')[1]?.length ?? 0) > decimals) throw unprocessable('DECIMAL_PRECISION');
  if (!(Number(value) > 0)) throw unprocessable('CANNOT_BE_ZERO_OR_NEGATIVE');
}
