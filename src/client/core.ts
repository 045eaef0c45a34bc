/**
 * What every call of the client does: it carries the key, finds its way, waits where the system is busy, and
 * throws a {@link Problem} for a refusal. Written for any runtime with `fetch`; it imports nothing.
 */

/** As much of `fetch` as is needed, so that another transport can take its place. */
export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: string;
    readonly signal: AbortSignal;
  },
) => Promise<FetchAnswer>;

export interface FetchAnswer {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}

export interface ClientSettings {
  /** Base URL of the API, with a path where it is below one. */
  readonly url: string;
  /** API key. */
  readonly key?: string | undefined;
  /** How long to go on while the system is overloaded, restarting or unreachable; 10,000 by default. */
  readonly patienceMs?: number;
  /** How often a call is sent at most; 20 by default. */
  readonly attempts?: number;
  /** How long one attempt may take; 60,000 by default. */
  readonly timeoutMs?: number;
  readonly fetch?: Fetch;
}

/** What may be said of one call; `Header` names the headers that its operation takes. */
export interface CallOptions<Header extends string = never> {
  readonly patienceMs?: number;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Partial<Record<Header, string>>>;
  /** Hears the status and headers of the answer, for example `etag` or `idempotency-replayed`. */
  readonly onAnswer?: (answer: FetchAnswer) => void;
}

/** Of a call that changes something. */
export interface ChangeOptions<Header extends string = never> extends CallOptions<Header> {
  /** A value per intent, the same one for every repetition of it; by default one is made for each call. */
  readonly idempotencyKey?: string;
}

/** An operation with what one call of it says. */
export interface Call {
  readonly method: string;
  /** With `{name}` where a parameter stands. */
  readonly path: string;
  /** Those that the path does not name go into the query. */
  readonly parameters?: object | undefined;
  readonly body?: unknown;
  /** Whether the operation takes an idempotency key. */
  readonly keyed?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: FetchAnswer['headers'];
  /** Read from JSON; the text where it is none, and undefined where there is nothing. */
  readonly body: unknown;
}

interface ProblemMembers {
  readonly title?: string;
  readonly detail?: string;
  readonly code?: string;
  readonly correlationId?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
}

/** A request that was answered, but not as wished (RFC 9457). Programs decide by its code. */
export class Problem<Code extends string = string> extends Error {
  override readonly name = 'Problem';
  readonly status: number;
  /** Stable; `HTTP_502` and the like where the answer is none of the API. */
  readonly code: Code | `HTTP_${number}`;
  readonly title: string | undefined;
  /** What was wrong, and what to do. */
  readonly detail: string | undefined;
  /** Every field that is wrong, by JSON pointer. */
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[];
  readonly correlationId: string | undefined;
  /** Everything that was answered. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(status: number, body: unknown) {
    const problem =
      typeof body === 'object' && body !== null ? body : typeof body === 'string' ? { detail: body.slice(0, 500) } : {};
    const { title, detail, code, correlationId, errors = [] } = problem as ProblemMembers;
    super(detail ?? title ?? `HTTP ${status}`);
    this.status = status;
    this.code = (code as Code | undefined) ?? `HTTP_${status}`;
    this.title = title;
    this.detail = detail;
    this.errors = errors;
    this.correlationId = correlationId;
    this.problem = problem as Readonly<Record<string, unknown>>;
  }
}

/** No answer within the time and attempts that were allowed for it. Whether the request took effect is not known. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/**
 * A list: `for await (const item of list)` reads it to its end, page by page as it goes; `await list` is the
 * first page alone.
 */
export class Pages<Item> implements AsyncIterable<Item>, PromiseLike<Page<Item>> {
  readonly #read: (cursor: string | undefined) => Promise<Page<Item>>;

  constructor(read: (cursor: string | undefined) => Promise<Page<Item>>) {
    this.#read = read;
  }

  // oxlint-disable-next-line unicorn/no-thenable -- a list that is awaited is its first page
  then<Read = Page<Item>, Failed = never>(
    read?: ((page: Page<Item>) => Read | PromiseLike<Read>) | null,
    failed?: ((reason: unknown) => Failed | PromiseLike<Failed>) | null,
  ): Promise<Read | Failed> {
    return this.#read(undefined).then(read, failed);
  }

  async *pages(): AsyncGenerator<Page<Item>, void> {
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page: Page<Item> = await this.#read(cursor);
      yield page;
      cursor = page.nextCursor;
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item, void> {
    for await (const page of this.pages()) yield* page.items;
  }
}

const PATIENCE_MS = 10_000;
const ATTEMPTS = 20;
const TIMEOUT_MS = 60_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 5_000;
const RETRY_AFTER_MAX_MS = 30_000;
/** Answers that say nothing about the request: it may be sent again. */
const RETRIED = new Set([429, 500, 502, 503, 504]);
/** A fault of the system is tried again, but it is not overload: it does not go away by waiting. */
const FAULT_TRIES = 3;
const SAFE_METHODS = new Set(['GET', 'PUT', 'DELETE']);

/** Milliseconds of a `Retry-After`, in seconds or as a date; undefined where it says nothing useful. */
export function retryAfterMs(header: string | null | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (text === '') return undefined;
  const waitMs = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? undefined : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MAX_MS);
}

/** The part of the client that is not generated. */
export class ClientCore {
  readonly url: string;
  /** How many times calls had to be repeated, for reports. */
  repeats = 0;
  readonly #settings: ClientSettings;

  constructor(settings: ClientSettings) {
    this.url = settings.url;
    this.#settings = settings;
  }

  /**
   * Sends a call until it is answered. A change carries one idempotency key through all attempts, so that an
   * answer lost on the way is no second order. Throws {@link Problem} and {@link UnreachableError}.
   */
  async send(call: Call, options: ChangeOptions<string> = {}): Promise<Answer> {
    const { patienceMs = this.#settings.patienceMs ?? PATIENCE_MS, signal } = options;
    const { attempts = ATTEMPTS } = this.#settings;
    const url = `${this.url.replace(/\/$/, '')}${pathOf(call)}`;
    const headers = this.#headersOf(call, options);
    const repeatable = SAFE_METHODS.has(call.method) || headers['idempotency-key'] !== undefined;
    const untilMs = Date.now() + patienceMs;
    let faults = 0;
    for (let attempt = 1; ; attempt++) {
      let waitMs = Math.min(FIRST_WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS);
      const isLast = (): boolean => !repeatable || attempt >= attempts || Date.now() + waitMs > untilMs;
      try {
        const answer = await this.#attempt(url, call, headers, options);
        if (answer.status < 400) return answer;
        if (answer.status === 500) faults++;
        waitMs = retryAfterMs(answer.headers.get('retry-after'), Date.now()) ?? waitMs;
        if (!RETRIED.has(answer.status) || faults >= FAULT_TRIES || isLast())
          throw new Problem(answer.status, answer.body);
      } catch (error) {
        if (error instanceof Problem || signal?.aborted) throw error;
        if (isLast()) throw new UnreachableError(`${this.url} does not answer (${reasonOf(error)})`, { cause: error });
      }
      this.repeats++;
      // Callers that were turned away together should not come back together.
      await pause(waitMs * (0.75 + Math.random() / 2), signal);
    }
  }

  /** The body of the answer to a call. */
  protected async read<Body>(call: Call, options?: ChangeOptions<string>): Promise<Body> {
    return (await this.send(call, options)).body as Body;
  }

  /** A list, page by page. */
  protected list<Item>(call: Call, options?: ChangeOptions<string>): Pages<Item> {
    return new Pages((cursor) =>
      this.read({ ...call, parameters: { ...call.parameters, ...(cursor !== undefined && { cursor }) } }, options),
    );
  }

  #headersOf({ body, keyed }: Call, options: ChangeOptions<string>): Readonly<Record<string, string>> {
    const { key } = this.#settings;
    const idempotencyKey = keyed ? (options.idempotencyKey ?? crypto.randomUUID()) : undefined;
    return {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      ...(options.headers as Readonly<Record<string, string>> | undefined),
    };
  }

  async #attempt(
    url: string,
    { method, body }: Call,
    headers: Readonly<Record<string, string>>,
    { timeoutMs = this.#settings.timeoutMs ?? TIMEOUT_MS, signal, onAnswer }: ChangeOptions<string>,
  ): Promise<Answer> {
    const timeout = AbortSignal.timeout(timeoutMs);
    const send: Fetch = this.#settings.fetch ?? fetch;
    const answer = await send(url, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    });
    const text = await answer.text();
    onAnswer?.(answer);
    return { status: answer.status, headers: answer.headers, body: bodyOf(text, answer.headers.get('content-type')) };
  }
}

function pathOf({ path, parameters = {} }: Call): string {
  const query = new URLSearchParams();
  let filled = path;
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (path.includes(`{${name}}`)) filled = filled.replace(`{${name}}`, encodeURIComponent(String(value)));
    else for (const one of [value].flat()) query.append(name, String(one));
  }
  return query.size === 0 ? filled : `${filled}?${query}`;
}

function bodyOf(text: string, mediaType: string | null): unknown {
  if (text === '') return undefined;
  // A file of JSON lines is no JSON, also where it has one line.
  if (mediaType?.startsWith('text/') || mediaType?.startsWith('application/jsonl')) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function reasonOf(error: unknown): string {
  const { code, cause, message } = error as { code?: unknown; cause?: { code?: unknown }; message?: string };
  // A DOMException has a number there, which says nothing.
  const named = [code, cause?.code].find((text) => typeof text === 'string');
  return named ?? message ?? String(error);
}

function pause(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, waitMs);
    signal?.addEventListener('abort', stopped, { once: true });
    function done(): void {
      signal?.removeEventListener('abort', stopped);
      resolve();
    }
    function stopped(): void {
      clearTimeout(timer);
      reject(signal!.reason as Error);
    }
  });
}
