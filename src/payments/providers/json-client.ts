import { type Dispatcher, Pool } from 'undici';
import { ProviderUnreachable } from './port.ts';

export interface JsonReply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

interface JsonRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly key?: string;
  readonly body?: string;
  readonly traceparent?: string | undefined;
  /** Further ones, as names and values in turn; a content type among them is that of the body. */
  readonly headers?: readonly string[];
}

export interface JsonClientOptions {
  /** Base URL; only its origin is used. */
  readonly url: string;
  readonly timeoutMs: number;
  readonly connections: number;
}

const BODY_BYTES_MAX = 256 * 1024;

/** One call on the wire. Its time limit covers waiting for a connection too; a call that ran out of time there is never sent. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #resolve: (reply: JsonReply) => void;
  readonly #reject: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #bytes = 0;
  #over = false;

  constructor(timeoutMs: number, resolve: (reply: JsonReply) => void, reject: (error: unknown) => void) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#timer = setTimeout(() => this.#fail('timeout', undefined, true), timeoutMs);
  }

  #fail(message: string, cause: unknown, abort: boolean): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#reject(new ProviderUnreachable(message, { cause }));
    if (abort) this.#controller?.abort(new Error(message));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#over) controller.abort(new Error('timeout'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number): void {
    this.#status = status;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > BODY_BYTES_MAX) this.#fail('reply_too_large', undefined, true);
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#over) return;
    if (this.#status >= 500) return this.#fail(`http_${this.#status}`, undefined, false);
    let body: unknown;
    try {
      const [first] = this.#chunks;
      body =
        first === undefined
          ? {}
          : JSON.parse((this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks)).toString());
    } catch (error) {
      return this.#fail('reply_unreadable', error, false);
    }
    this.#over = true;
    clearTimeout(this.#timer);
    this.#resolve({
      status: this.#status,
      body: typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {},
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail('connection_failed', error, false);
  }
}

/** JSON over kept-alive connections, each call within one time limit. Server errors and lost replies throw {@link ProviderUnreachable}. */
export class JsonClient {
  readonly #pool: Pool;
  readonly #timeoutMs: number;

  constructor({ url, connections, timeoutMs }: JsonClientOptions) {
    this.#timeoutMs = timeoutMs;
    this.#pool = new Pool(new URL(url).origin, {
      connections,
      pipelining: 1,
      keepAliveTimeout: 30_000,
      connect: { timeout: timeoutMs },
    });
  }

  call({ method, path, key, body, traceparent, headers: more = [] }: JsonRequest): Promise<JsonReply> {
    const headers = ['accept', 'application/json', ...more];
    if (body !== undefined && !more.includes('content-type')) headers.push('content-type', 'application/json');
    if (key !== undefined) headers.push('idempotency-key', key);
    if (traceparent !== undefined) headers.push('traceparent', traceparent);
    return new Promise((resolve, reject) => {
      this.#pool.dispatch(
        { method, path, headers, body: body ?? null, headersTimeout: 0, bodyTimeout: 0 },
        new Exchange(this.#timeoutMs, resolve, reject),
      );
    });
  }

  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}
