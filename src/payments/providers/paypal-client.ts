import { withTimeout } from '#platform/runtime/timeout.ts';
import { JsonClient, type JsonClientOptions, type JsonReply } from './json-client.ts';
import { ProviderUnreachable } from './port.ts';
import type { ProviderResult } from '../rules/operation.ts';

/** The API of PayPal: its access tokens, the time an operation may take, and what its refusals mean. */

export interface PaypalClientOptions extends JsonClientOptions {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A token is replaced this long before it expires. */
const TOKEN_MARGIN_MS = 60_000;
const UNAUTHORIZED = 401;
/** Answers that leave the operation's outcome open: it may be repeated. */
const NOT_THE_OPERATION = new Set([UNAUTHORIZED, 403, 408, 409, 425, 429]);
/** Something was done under this key or number before; what became of that has to be asked. */
const DONE_BEFORE: ReadonlySet<string> = new Set([
  'PAYPAL_REQUEST_ID_PREVIOUSLY_USED',
  'DUPLICATE_REQUEST_ID',
  'DUPLICATE_INVOICE_ID',
  'ORDER_ALREADY_CAPTURED',
  'ORDER_ALREADY_AUTHORIZED',
  'PREVIOUS_REQUEST_IN_PROGRESS',
]);

/** What PayPal refused; its issue names why. */
export class PaypalRefusal extends Error {
  readonly status: number;
  readonly issue: string;
  constructor(status: number, issue: string) {
    super(issue);
    this.status = status;
    this.issue = issue;
  }

  /** The same as the outcome of the operation that was refused. */
  get result(): ProviderResult {
    const { status, issue } = this;
    if (NOT_THE_OPERATION.has(status)) return { type: 'unknown', reason: `http_${status}` };
    const reason = issue.toLowerCase();
    return { type: DONE_BEFORE.has(issue) ? 'unknown' : 'declined', reason };
  }
}

/** The calls of one operation, which are over when its time is. */
export interface Calls {
  get(path: string): Promise<Body>;
  /** What is sent under an id is done once, and answered alike when it is repeated. */
  post(path: string, requestId: string, body: object): Promise<Body>;
}
export type Body = JsonReply['body'];

export class PaypalClient {
  readonly #client: JsonClient;
  readonly #options: PaypalClientOptions;
  #token: { readonly value: string; readonly untilMs: number } | undefined;
  #renewing: Promise<string> | undefined;

  constructor(options: PaypalClientOptions) {
    this.#options = options;
    this.#client = new JsonClient(options);
  }

  /** Runs an operation within its time, however many calls it takes: after it, none is made any more. */
  async within<Result>(act: (calls: Calls) => Promise<Result>): Promise<Result> {
    const untilMs = performance.now() + this.#options.timeoutMs;
    const call = async (send: (token: string) => Promise<JsonReply>): Promise<Body> => {
      if (performance.now() >= untilMs) throw new ProviderUnreachable('timeout');
      return this.#authorized(send, () => performance.now() < untilMs);
    };
    const calls: Calls = {
      get: (path) => call((token) => this.#client.call({ method: 'GET', path, headers: bearer(token) })),
      post: (path, requestId, body) =>
        call((token) =>
          this.#client.call({
            method: 'POST',
            path,
            headers: [...bearer(token), 'paypal-request-id', requestId, 'prefer', 'return=representation'],
            body: JSON.stringify(body),
          }),
        ),
    };
    return withTimeout(act(calls), this.#options.timeoutMs, () => new ProviderUnreachable('timeout'));
  }

  /** Sends with an access token, and with a new one where that was taken back; throws what was refused. */
  async #authorized(send: (token: string) => Promise<JsonReply>, hasTime: () => boolean): Promise<Body> {
    let token = await this.#accessToken();
    let reply = await send(token);
    // A token may be taken back before its time.
    if (reply.status === UNAUTHORIZED && hasTime()) {
      if (this.#token?.value === token) this.#token = undefined;
      token = await this.#accessToken();
      reply = await send(token);
    }
    const { status, body } = reply;
    if (status < 400) return body;
    const [detail] = Array.isArray(body['details']) ? (body['details'] as { issue?: unknown }[]) : [];
    const issue = detail?.issue ?? body['name'] ?? body['error'];
    // A refusal names its issue; anything else did not come from PayPal.
    if (typeof issue !== 'string') throw new ProviderUnreachable(`http_${status}`);
    throw new PaypalRefusal(status, issue);
  }

  async #accessToken(): Promise<string> {
    if (this.#token && this.#token.untilMs > performance.now()) return this.#token.value;
    this.#renewing ??= this.#renew().finally(() => (this.#renewing = undefined));
    return this.#renewing;
  }

  async #renew(): Promise<string> {
    const { clientId, clientSecret } = this.#options;
    const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    const { status, body } = await this.#client.call({
      method: 'POST',
      path: '/v1/oauth2/token',
      headers: ['authorization', `Basic ${credentials}`, 'content-type', 'application/x-www-form-urlencoded'],
      body: 'grant_type=client_credentials',
    });
    const { access_token: value, expires_in: seconds } = body;
    if (status >= 400)
      throw new PaypalRefusal(UNAUTHORIZED, typeof body['error'] === 'string' ? body['error'] : 'token');
    if (typeof value !== 'string' || typeof seconds !== 'number') throw new ProviderUnreachable('reply_unreadable');
    this.#token = { value, untilMs: performance.now() + seconds * 1000 - TOKEN_MARGIN_MS };
    return value;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

function bearer(token: string): string[] {
  return ['authorization', `Bearer ${token}`];
}
