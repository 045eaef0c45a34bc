import { Agent, request } from 'undici';
import { UNSENT_CODES } from '#platform/http/unsent.ts';
import type { SendOutcome } from './port.ts';

/** HTTP calls of channels: kept-alive connections, a time limit for each call, and a bound on what is read of an answer. */

const CONNECT_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 15_000;
const BODY_BYTES_MAX = 64 * 1024;
const RETRY_AFTER_MAX_S = 3_600;

export interface Reply {
  readonly status: number;
  readonly body: string;
  /** What `Retry-After` asks for, in milliseconds, an hour at most. */
  readonly retryAfterMs: number | undefined;
}

export interface Call {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** A reply, or what becomes of a message whose call failed. */
export type Called = { readonly reply: Reply } | { readonly failed: SendOutcome };

export class HttpCaller {
  readonly #agent: Agent;

  constructor(connections: number) {
    this.#agent = new Agent({ connections, pipelining: 1, connect: { timeout: CONNECT_TIMEOUT_MS } });
  }

  async call({ method, url, headers, body }: Call): Promise<Called> {
    try {
      const response = await request(url, {
        method,
        headers,
        body: body ?? null,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(CALL_TIMEOUT_MS),
      });
      const chunks: Buffer[] = [];
      let bytes = 0;
      for await (const chunk of response.body as AsyncIterable<Buffer>) {
        bytes += chunk.length;
        // What is beyond is left unread, with the connection.
        if (bytes > BODY_BYTES_MAX) break;
        chunks.push(chunk);
      }
      const seconds = Number(response.headers['retry-after']);
      return {
        reply: {
          status: response.statusCode,
          body: Buffer.concat(chunks).toString(),
          retryAfterMs: seconds > 0 ? Math.min(seconds, RETRY_AFTER_MAX_S) * 1000 : undefined,
        },
      };
    } catch (error) {
      const { code, name } = error as { code?: string; name?: string };
      const reason =
        code !== undefined && typeof code === 'string'
          ? code
          : name === 'TimeoutError'
            ? 'timeout'
            : 'connection_failed';
      return { failed: { type: UNSENT_CODES.has(reason) ? 'unreachable' : 'again', reason } };
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}
