import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { isUuid } from '#contracts/ids.ts';
import { parseAmount } from '#contracts/money.ts';
import { listenError, urlOf } from '#platform/runtime/listen.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Provider } from './provider.ts';
import { actionOf, challengePage, clientSecretOf, isSecretOf } from './challenge.ts';
import { type ChangeKind, type Charge, scriptOf, type StoredChange } from './rules.ts';

/** The HTTP API of the sandbox provider: plain node:http, because at full load every order calls it. */

export interface SandboxServerOptions {
  readonly provider: Provider;
  readonly host: string;
  readonly port: number;
  readonly slowMs: number;
  readonly outage: boolean;
  readonly logger: Logger;
  /** What the secrets of customers are made with; empty: one of this process. */
  readonly secret: string;
  /** A charge has a time at which it goes on. */
  readonly onDue: (charge: Charge) => void;
}

const BODY_BYTES_MAX = 64 * 1024;
const BOOKS_LIMIT_MAX = 1_000;
const FLAKY_KEYS_MAX = 10_000;
const LOWEST_ID = '00000000-0000-0000-0000-000000000000';
const ACTION_PATH = /^\/v1\/charges\/([^/]+)\/(confirm|cancel)$/;
const CHALLENGE_PATH = /^\/challenges\/([^/]+)$/;
const CHANGE_PATH = /^\/v1\/charges\/([^/]+)\/(capture|void|refund)$/;

type Body = Readonly<Record<string, unknown>>;

/** The facts of a charge or of a change to it, the same document in replies, lookups and webhooks. */
export function documentOf(charge: Charge, change?: StoredChange): Record<string, unknown> {
  const { id, reference, currency, authorized, captured, voided, refunded } = charge;
  const known = { id, reference, currency, authorized, captured, voided, refunded };
  if (change)
    return {
      ...known,
      key: change.key,
      kind: change.kind,
      amount: change.amount,
      status: change.reason === null ? 'approved' : 'declined',
      reason: change.reason ?? undefined,
    };
  return {
    ...known,
    key: charge.key,
    kind: charge.capture ? 'charge' : 'authorize',
    amount: charge.amount,
    status: charge.status,
    reason: charge.reason ?? undefined,
  };
}

class Refused extends Error {
  readonly status: number;
  constructor(status: number, code: string) {
    super(code);
    this.status = status;
  }
}

function readBody(request: IncomingMessage): Promise<Body> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) reject(new Refused(413, 'body_too_large'));
      else chunks.push(chunk);
    });
    request.on('error', reject);
    request.on('end', () => {
      const body = bytes === 0 ? {} : parsed((chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)).toString());
      if (typeof body === 'object' && body !== null) resolve(body as Body);
      else reject(new Refused(400, 'invalid_json'));
    });
  });
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function keyOf(request: IncomingMessage): string {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || key.length === 0 || key.length > 200)
    throw new Refused(400, 'idempotency_key_required');
  return key;
}

function text(body: Body, name: string): string {
  const value = body[name];
  if (typeof value !== 'string' || value === '' || value.length > 500) throw new Refused(400, `invalid_${name}`);
  return value;
}

export class SandboxServer {
  readonly #options: SandboxServerOptions;
  readonly #server: Server;
  /** How often a flaky key was refused. Forgotten at a restart, as a real provider's bad moment would be. */
  readonly #failures = new Map<string, number>();
  readonly #secret: string;
  readonly #closing = new AbortController();
  #down: boolean;

  constructor(options: SandboxServerOptions) {
    this.#options = options;
    this.#down = options.outage;
    this.#secret = options.secret || randomBytes(32).toString('hex');
    this.#server = createServer(
      { keepAliveTimeout: 65_000, requestTimeout: 30_000 },
      (request, response) => void this.#answer(request, response),
    );
  }

  async start(): Promise<number> {
    const { host, port, logger } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) =>
        reject(
          listenError(error, {
            host,
            port,
            portSetting: 'SANDBOX_PROVIDER_PORT',
            hostSetting: 'SANDBOX_PROVIDER_HOST',
          }) as Error,
        ),
      );
      this.#server.listen(port, host, () => {
        this.#server.removeAllListeners('error');
        resolve();
      });
    });
    const address = this.#server.address() as { port: number };
    logger.info({ url: urlOf(host, address.port) }, 'sandbox payment provider listens');
    return address.port;
  }

  async stop(): Promise<void> {
    this.#closing.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#route(request, response);
    } catch (error) {
      if (response.headersSent || response.destroyed) return;
      if (error instanceof Refused) return send(response, error.status, { code: error.message });
      this.#options.logger.error({ err: error }, 'the sandbox provider failed');
      send(response, 500, { code: 'internal_error' });
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = request.url ?? '/';
    const mark = url.indexOf('?');
    const path = mark < 0 ? url : url.slice(0, mark);
    const { provider } = this.#options;
    if (path === '/v1/outage' && request.method === 'POST') {
      this.#down = (await readBody(request))['down'] === true;
      return send(response, 200, { down: this.#down });
    }
    if (path === '/v1/books' && request.method === 'GET') {
      const query = new URLSearchParams(url.slice(mark + 1));
      const after = mark < 0 ? null : query.get('after');
      const asked = Number(query.get('limit') ?? BOOKS_LIMIT_MAX);
      const limit = Number.isInteger(asked) && asked >= 1 && asked <= BOOKS_LIMIT_MAX ? asked : BOOKS_LIMIT_MAX;
      if (after !== null && !isUuid(after)) throw new Refused(400, 'invalid_after');
      const items = (await provider.books(after ?? LOWEST_ID, limit)).map((charge) => documentOf(charge));
      return send(response, 200, { items, next: items.length === limit ? items.at(-1)!['id'] : null });
    }
    if (this.#down) {
      request.resume();
      return send(response, 503, { code: 'out_of_order' });
    }
    if (path === '/v1/charges' && request.method === 'POST') return this.#charge(request, response);
    if (path === '/v1/charges' && request.method === 'GET') {
      const found = await provider.find(new URLSearchParams(url.slice(mark + 1)).get('key') ?? '');
      return found
        ? send(response, 200, this.#shown(request, found.charge, found.change))
        : send(response, 404, { code: 'key_not_found' });
    }
    const [, acting, action] = (request.method === 'POST' && ACTION_PATH.exec(path)) || [];
    if (acting !== undefined) return this.#act(request, response, acting, action as 'confirm' | 'cancel');
    const [, challenged] = CHALLENGE_PATH.exec(path) ?? [];
    if (challenged !== undefined) return this.#challenge(request, response, challenged);
    const [, chargeId, kind] = (request.method === 'POST' && CHANGE_PATH.exec(path)) || [];
    if (chargeId === undefined) throw new Refused(404, 'not_found');
    return this.#change(request, response, chargeId, kind as ChangeKind);
  }

  async #charge(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = keyOf(request);
    const body = await readBody(request);
    const amount = text(body, 'amount');
    const currency = text(body, 'currency');
    const token = text(body, 'token');
    if ((parseAmount(amount, currency) ?? 0n) <= 0n) throw new Refused(422, 'invalid_amount');
    const script = scriptOf(token);
    if (script.failures !== undefined && this.#fails(key, script.failures)) throw new Refused(503, 'try_again');
    const answer = await this.#options.provider.charge({
      key,
      amount,
      currency,
      token,
      capture: body['capture'] !== false,
      reference: text(body, 'reference'),
    });
    if ('conflict' in answer) throw new Refused(422, 'idempotency_key_reused');
    const { charge, created } = answer;
    if (created && charge.wakeAt !== null) this.#options.onDue(charge);
    if (created && script.reply === 'lost') return void request.socket.destroy();
    // Ends early with the server; the caller is long gone.
    if (created && script.reply === 'late')
      await sleep(this.#options.slowMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
    if (response.destroyed) return;
    if (charge.status === 'declined') return send(response, 402, { code: charge.reason, ...documentOf(charge) });
    send(response, charge.status === 'pending' ? 202 : created ? 201 : 200, this.#shown(request, charge));
  }

  /** A charge as the shop is shown it: with what its customer has to do. */
  #shown(request: IncomingMessage, charge: Charge, change?: StoredChange): Record<string, unknown> {
    const action = change ? undefined : actionOf(charge, this.#secret, `http://${request.headers.host ?? ''}`);
    return { ...documentOf(charge, change), ...(action && { action }) };
  }

  /** The shop gives a charge up that waits for its customer, or confirms it with the secret, as a script in the browser does. */
  async #act(
    request: IncomingMessage,
    response: ServerResponse,
    chargeId: string,
    action: 'confirm' | 'cancel',
  ): Promise<void> {
    const body = await readBody(request);
    if (!isUuid(chargeId)) throw new Refused(404, 'charge_not_found');
    if (action === 'confirm' && !isSecretOf(chargeId, this.#secret, body['clientSecret']))
      throw new Refused(403, 'wrong_secret');
    const outcome = action === 'cancel' ? 'canceled' : body['outcome'] === 'failed' ? 'failed' : 'succeeded';
    const charge = await this.#options.provider.act(chargeId, outcome);
    if (!charge) throw new Refused(404, 'charge_not_found');
    if (charge.wakeAt !== null) this.#options.onDue(charge);
    send(response, 200, documentOf(charge));
  }

  /** The page of the bank: asked for with the secret, and acted on by its buttons. */
  async #challenge(request: IncomingMessage, response: ServerResponse, chargeId: string): Promise<void> {
    const query = new URL(request.url ?? '/', 'http://sandbox').searchParams;
    const { provider } = this.#options;
    if (!isUuid(chargeId) || !isSecretOf(chargeId, this.#secret, query.get('secret')))
      throw new Refused(404, 'not_found');
    const outcome = query.get('outcome');
    const acts = request.method === 'POST' && (outcome === 'succeeded' || outcome === 'failed');
    const charge = await (acts ? provider.act(chargeId, outcome) : provider.read(chargeId));
    if (!charge) throw new Refused(404, 'not_found');
    if (charge.wakeAt !== null) this.#options.onDue(charge);
    const page = challengePage(charge, clientSecretOf(chargeId, this.#secret));
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(page);
  }

  #fails(key: string, times: number): boolean {
    const failures = this.#failures.get(key) ?? 0;
    if (failures >= times) return false;
    if (this.#failures.size >= FLAKY_KEYS_MAX) this.#failures.clear();
    this.#failures.set(key, failures + 1);
    return true;
  }

  async #change(request: IncomingMessage, response: ServerResponse, chargeId: string, kind: ChangeKind): Promise<void> {
    const key = keyOf(request);
    const body = await readBody(request);
    const amount = body['amount'] === undefined ? undefined : text(body, 'amount');
    if (!isUuid(chargeId)) throw new Refused(404, 'charge_not_found');
    const answer = await this.#options.provider.change({ key, chargeId, kind, amount });
    if ('unknownCharge' in answer) throw new Refused(404, 'charge_not_found');
    if ('conflict' in answer) throw new Refused(422, 'idempotency_key_reused');
    const { charge, change } = answer;
    if (change.reason !== null) return send(response, 422, { code: change.reason, ...documentOf(charge, change) });
    send(response, 200, documentOf(charge, change));
  }
}
