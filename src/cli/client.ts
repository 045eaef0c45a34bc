import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { processSettings } from '#system/settings.ts';

/** How the commands of `olms` talk to a running system: its HTTP API, with a key, patiently. */

export interface ClientOptions {
  readonly url?: string | undefined;
  readonly key?: string | undefined;
}

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
}

export interface Call {
  readonly body?: unknown;
  readonly idempotencyKey?: string;
  /** How long to go on while the system is overloaded, restarting or unreachable. */
  readonly patienceMs?: number;
}

/** A request that was answered, but not as wished. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly problem: Readonly<Record<string, unknown>>;
  constructor(status: number, problem: Readonly<Record<string, unknown>>) {
    const { code, detail, title } = problem;
    super([detail, title].find((text) => typeof text === 'string') ?? `HTTP ${status}`);
    this.status = status;
    this.code = typeof code === 'string' ? code : `HTTP_${status}`;
    this.problem = problem;
  }
}

/** No answer within the time that was allowed for it. */
export class UnreachableError extends Error {}

const PATIENCE_MS = 10_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
const RETRY_AFTER_MAX_MS = 30_000;
const REQUEST_TIMEOUT_MS = 60_000;
/** Answers that say nothing about the request: it may be sent again. */
const AGAIN = new Set([429, 500, 502, 503, 504]);
/** A fault of ours is tried again, but it is not overload: it does not go away by waiting. */
const FAULT_TRIES = 3;

/** Milliseconds of a `Retry-After`, in seconds or as a date; undefined where it says nothing useful. */
export function retryAfterMs(header: string | string[] | undefined, nowMs: number): number | undefined {
  if (typeof header !== 'string' || header.trim() === '') return undefined;
  const waitMs = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS);
}

export class ApiClient {
  readonly url: string;
  /** Times a call had to be repeated, for reports. */
  repeats = 0;
  readonly #pool: Pool;
  readonly #path: string;
  readonly #key: string;

  constructor(url: string, key: string, connections = 4) {
    const { origin, pathname } = new URL(url);
    this.url = url;
    this.#pool = new Pool(origin, { connections, headersTimeout: REQUEST_TIMEOUT_MS, bodyTimeout: REQUEST_TIMEOUT_MS });
    this.#path = pathname.replace(/\/$/, '');
    this.#key = key;
  }

  async get<Body>(path: string, call: Omit<Call, 'body' | 'idempotencyKey'> = {}): Promise<Body> {
    return (await this.send('GET', path, call)).body as Body;
  }

  async post<Body>(path: string, body: unknown, call: Omit<Call, 'body'> = {}): Promise<Body> {
    return (await this.send('POST', path, { ...call, body })).body as Body;
  }

  /**
   * Sends a request until it is answered. A changing call carries one idempotency key through all attempts,
   * so that an answer lost on the way is no second order. Throws {@link ApiError} for a refusal.
   */
  async send(method: 'GET' | 'POST' | 'PUT' | 'PATCH', path: string, call: Call = {}): Promise<Reply> {
    const { patienceMs = PATIENCE_MS } = call;
    const idempotencyKey = call.idempotencyKey ?? (method === 'GET' ? undefined : randomUUID());
    const body = call.body === undefined ? undefined : JSON.stringify(call.body);
    const untilMs = Date.now() + patienceMs;
    let faults = 0;
    for (let attempt = 1; ; attempt++) {
      let waitMs = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS);
      try {
        const reply = await this.#once(method, path, body, idempotencyKey);
        if (reply.status < 400) return reply;
        const refused = new ApiError(reply.status, problemOf(reply.body));
        if (reply.status === 500) faults++;
        const hopeless = !AGAIN.has(reply.status) || faults >= FAULT_TRIES;
        waitMs = retryAfterMs(reply.headers['retry-after'], Date.now()) ?? waitMs;
        if (hopeless || Date.now() + waitMs > untilMs) throw refused;
      } catch (error) {
        if (error instanceof ApiError) throw error;
        if (Date.now() + waitMs > untilMs) {
          const because = (error as { code?: string }).code ?? (error as Error).message;
          throw new UnreachableError(`${this.url} does not answer (${because}). Is the system running? npm start`, {
            cause: error,
          });
        }
      }
      this.repeats++;
      // Callers that were turned away together should not come back together.
      await sleep(waitMs * (0.75 + Math.random() / 2));
    }
  }

  async #once(
    method: string,
    path: string,
    body: string | undefined,
    idempotencyKey: string | undefined,
  ): Promise<Reply> {
    const response = await this.#pool.request({
      method: method as 'GET',
      path: `${this.#path}${path}`,
      headers: {
        authorization: `Bearer ${this.#key}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      ...(body !== undefined && { body }),
    });
    const text = await response.body.text();
    return { status: response.statusCode, headers: response.headers, body: parsed(text) };
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return { detail: text.slice(0, 500) };
  }
}

function problemOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

/** A client of the system that options and environment name; the key may be the one `npm start` generated. */
export async function connect(options: ClientOptions, env: Environment, connections?: number): Promise<ApiClient> {
  const { port, dataFolder } = readSettings(processSettings, env);
  const url = options.url ?? env['OLMS_URL'] ?? `http://127.0.0.1:${port || processSettings.port.default}`;
  const key = options.key ?? (env['OLMS_API_KEY'] || env['OLMS_BOOTSTRAP_API_KEY'] || (await generatedKey(dataFolder)));
  if (!key) throw new Error('Name an API key with --key or OLMS_API_KEY; `npm start` prints one.');
  return new ApiClient(url, key, connections);
}

async function generatedKey(dataFolder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dataFolder, 'api-key'), 'utf8')).trim();
  } catch {
    return undefined;
  }
}

/** Runs a piece of work with a client and closes it, whatever happens. */
export async function withClient<Result>(
  options: ClientOptions,
  env: Environment,
  work: (client: ApiClient) => Promise<Result>,
): Promise<Result> {
  const client = await connect(options, env);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}
