import {
  BrokenCircuitError,
  CircuitState,
  ConsecutiveBreaker,
  ExponentialBackoff,
  circuitBreaker,
  handleType,
} from 'cockatiel';
import { type Dispatcher, Pool } from 'undici';
import type { Health } from '#platform/runtime/health.ts';
import { DRAINING_HEADER } from '#platform/http/drain.ts';
import { Problem } from '#platform/http/problems.ts';
import { httpMetrics } from '#platform/http/metrics.ts';
import { UNSENT_CODES } from '#platform/http/unsent.ts';
import type { Principal } from '#platform/http/server.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { IDENTITY_HEADER, type Identities } from './identity.ts';

/**
 * Calls to a service that runs in other processes. Its replicas take turns; one that cannot be reached is left out
 * for a while. A call is repeated only where that cannot do anything twice. When nothing answers, a circuit breaker
 * answers at once instead, and lets one call through now and then to find out.
 */

export const ANSWER_TIMEOUT_MS = 15_000;
/** An answer that takes longer makes its replica suspect: does it live at all? */
const SUSPECT_MS = 1_500;
const CONNECT_TIMEOUT_MS = 2_000;
const PROBE_TIMEOUT_MS = 1_000;
const CONNECTIONS_MAX = 512;
const FAILURES_TO_OPEN = 5;
const OPEN_MS = { initialDelay: 500, maxDelay: 5_000 } as const;
/** A replica that is about to stop is asked last for so long; until then it is gone, or back. */
const DRAINING_MS = 5_000;
const EJECT_MS = { first: 500, longest: 10_000 } as const;
/** Answers up to this size are read whole: cheaper than a stream, and one that breaks off can be asked for again. */
const WHOLE_BYTES_MAX = 64 * 1024;

/** Nothing came back: the caller of the breaker may know no more than that. */
class Unreachable extends Error {
  /** True where the request cannot have had an effect, because it was never sent. */
  readonly unsent: boolean;
  constructor(cause: unknown) {
    super(reasonOf(cause), { cause });
    this.unsent = isUnsent(cause);
  }
}

export interface Call {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string | undefined;
  readonly timeoutMs?: number;
  /** Changes nothing, whatever its method says. */
  readonly repeatable?: boolean;
}

const READINESS_TIMEOUT_MS = 3_000;
/** Whoever asks more often gets the same answer: each question is one to every replica and its database. */
const READINESS_EVERY_MS = 500;
const READINESS: Call = { method: 'GET', path: '/health/readiness', headers: {}, timeoutMs: READINESS_TIMEOUT_MS };
const LIVENESS: Call = { method: 'GET', path: '/health/liveness', headers: {}, timeoutMs: PROBE_TIMEOUT_MS };

/** How a service in other processes is; `ok` where every replica is ready and has nothing to report. */
export interface RemoteReadiness extends Health {
  /** Some replica can do its work now. */
  readonly ready: boolean;
  /** Some replica could, at least once since this process began. */
  readonly wasReady: boolean;
}

export interface Answer {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer | Dispatcher.ResponseData['body'];
}

interface Replica {
  readonly url: string;
  readonly pool: Pool;
  failures: number;
  /** Left out until then. */
  ejectedUntilMs: number;
  /** Somebody is finding out whether it lives. */
  suspected: boolean;
}

export interface RemoteServiceOptions {
  readonly name: string;
  /** Base URLs of its replicas. */
  readonly urls: readonly string[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly identities: Identities;
}

export class RemoteService {
  readonly name: string;
  readonly #replicas: readonly Replica[];
  readonly #identities: Identities;
  readonly #breaker = circuitBreaker(handleType(Unreachable), {
    halfOpenAfter: new ExponentialBackoff(OPEN_MS),
    breaker: new ConsecutiveBreaker(FAILURES_TO_OPEN),
  });
  #turn = 0;
  #readiness: Promise<RemoteReadiness> | undefined;
  #readinessMs = Number.NEGATIVE_INFINITY;
  #wasReady = false;

  constructor(options: RemoteServiceOptions) {
    this.name = options.name;
    this.#identities = options.identities;
    this.#replicas = options.urls.map((url): Replica => {
      const { origin, pathname, search } = new URL(url);
      if (pathname !== '/' || search !== '')
        throw new Error(`Configuration: ${options.name.toUpperCase()}_URL must have no path: ${url}`);
      const pool = new Pool(origin, {
        connections: CONNECTIONS_MAX,
        pipelining: 1,
        connect: { timeout: CONNECT_TIMEOUT_MS },
      });
      return { url: origin, pool, failures: 0, ejectedUntilMs: 0, suspected: false };
    });
    const gauge = httpMetrics(options.metrics).breakerOpen.labels(options.name);
    gauge.set(0);
    this.#breaker.onStateChange((state) => {
      gauge.set(state === CircuitState.Closed ? 0 : 1);
      options.logger.warn(
        { remote: options.name, breaker: CircuitState[state] },
        'circuit breaker of a service changed',
      );
    });
  }

  /** Sends a call as this principal. Throws a {@link Problem} (UNAVAILABLE) where no replica answers. */
  async send(call: Call, principal: Principal): Promise<Answer> {
    const headers = { ...call.headers, [IDENTITY_HEADER]: this.#identities.sign(principal, this.name) };
    try {
      return await this.#breaker.execute(() => this.#attempts({ ...call, headers }));
    } catch (error) {
      if (error instanceof BrokenCircuitError || error instanceof Unreachable) throw unavailable(this.name);
      throw error;
    }
  }

  /** Reading may be repeated whatever happened; anything else only where nothing was sent. */
  async #attempts(call: Call): Promise<Answer> {
    const reading = call.repeatable || call.method === 'GET' || call.method === 'HEAD';
    const tries = Math.max(2, this.#replicas.length);
    for (let attempt = 1; ; attempt++) {
      const replica = this.#next();
      const late = setTimeout(() => void this.#suspect(replica), SUSPECT_MS);
      try {
        const answer = await ask(replica.pool, call);
        replica.failures = 0;
        replica.ejectedUntilMs = answer.headers[DRAINING_HEADER] === undefined ? 0 : Date.now() + DRAINING_MS;
        return answer;
      } catch (error) {
        const failure = new Unreachable(error);
        this.#eject(replica);
        if (attempt >= tries || !(reading ? !isTimeout(error) : failure.unsent)) throw failure;
      } finally {
        clearTimeout(late);
      }
    }
  }

  /** The replicas in turn, those that failed lately last. */
  #next(): Replica {
    const nowMs = Date.now();
    let best: Replica | undefined;
    for (let i = 0; i < this.#replicas.length; i++) {
      const replica = this.#replicas[(this.#turn + i) % this.#replicas.length]!;
      if (replica.ejectedUntilMs <= nowMs) {
        best = replica;
        this.#turn = (this.#turn + i + 1) % this.#replicas.length;
        break;
      }
      if (!best || replica.ejectedUntilMs < best.ejectedUntilMs) best = replica;
    }
    return best!;
  }

  /** A process that hangs takes connections as ever; whoever waits for it waits, but nobody else should. */
  async #suspect(replica: Replica): Promise<void> {
    if (replica.suspected || this.#replicas.length === 1) return;
    replica.suspected = true;
    try {
      await ask(replica.pool, LIVENESS);
    } catch {
      this.#eject(replica);
    } finally {
      replica.suspected = false;
    }
  }

  #eject(replica: Replica): void {
    const forMs = Math.min(EJECT_MS.first * 2 ** replica.failures, EJECT_MS.longest);
    replica.failures++;
    replica.ejectedUntilMs = Date.now() + forMs;
  }

  /** How many replicas answer now; asked beside the breaker, because it changes nothing. */
  async reachable(): Promise<Health> {
    const dead: string[] = [];
    await Promise.all(
      this.#replicas.map(async ({ url, pool }) => {
        try {
          const { statusCode } = await ask(pool, LIVENESS);
          if (statusCode !== 200) dead.push(`${url} answers ${statusCode}`);
        } catch (error) {
          dead.push(`${url}: ${reasonOf(error)}`);
        }
      }),
    );
    const alive = this.#replicas.length - dead.length;
    return { ok: alive > 0, detail: [`${alive} of ${this.#replicas.length} replicas answer`, ...dead].join('; ') };
  }

  /** What the readiness of its replicas says, asked beside the breaker. */
  async readiness(): Promise<RemoteReadiness> {
    const nowMs = performance.now();
    if (nowMs - this.#readinessMs > READINESS_EVERY_MS) {
      this.#readinessMs = nowMs;
      this.#readiness = this.#askReadiness();
    }
    return this.#readiness!;
  }

  async #askReadiness(): Promise<RemoteReadiness> {
    const problems: string[] = [];
    let ready = 0;
    await Promise.all(
      this.#replicas.map(async (replica) => {
        const { url, pool } = replica;
        try {
          const { statusCode, headers, body } = await ask(pool, READINESS);
          if (headers[DRAINING_HEADER] !== undefined) replica.ejectedUntilMs = Date.now() + DRAINING_MS;
          if (statusCode === 200) ready++;
          const text = Buffer.isBuffer(body) ? body.toString() : await body.text();
          problems.push(...failuresIn(text).map((failure) => `${url}: ${failure}`));
          if (statusCode !== 200 && problems.length === 0) problems.push(`${url} answers ${statusCode}`);
        } catch (error) {
          problems.push(`${url}: ${reasonOf(error)}`);
        }
      }),
    );
    if (ready > 0) this.#wasReady = true;
    const count = `${ready} of ${this.#replicas.length} replicas are ready`;
    const began = this.#wasReady ? [] : ['it has not been ready since this process began'];
    return {
      ok: problems.length === 0 && ready > 0,
      detail: [count, ...began, ...problems].join('; '),
      ready: ready > 0,
      wasReady: this.#wasReady,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#replicas.map(({ pool }) => pool.destroy()));
  }
}

export function unavailable(service: string, reason = 'try again shortly'): Problem {
  return new Problem('UNAVAILABLE', `The ${service} service is not reachable: ${reason}.`, { members: { service } });
}

/** What a readiness document reports as wrong; nothing where it is none. */
function failuresIn(text: string): string[] {
  try {
    const { checks = {} } = JSON.parse(text) as { checks?: Record<string, { ok?: boolean; detail?: string }> };
    return Object.entries(checks).flatMap(([name, { ok, detail }]) => (ok === false ? `${name}: ${detail}` : []));
  } catch {
    return [];
  }
}

async function ask(pool: Pool, call: Call): Promise<Answer> {
  const { method, path, headers, body, timeoutMs = ANSWER_TIMEOUT_MS } = call;
  const response = await pool.request({
    method: method as Dispatcher.HttpMethod,
    path,
    headers,
    body: body === undefined ? null : body,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
    // Undici's own clock is coarse.
    ...(timeoutMs < ANSWER_TIMEOUT_MS && { signal: AbortSignal.timeout(timeoutMs) }),
  });
  const length = response.headers['content-length'];
  const empty = method === 'HEAD' || response.statusCode === 204 || response.statusCode === 304;
  const whole = empty || (typeof length === 'string' && Number(length) <= WHOLE_BYTES_MAX);
  return {
    statusCode: response.statusCode,
    headers: response.headers,
    body: whole ? Buffer.from(await response.body.arrayBuffer()) : response.body,
  };
}

const TIMEOUTS = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function codeOf(error: unknown): string | undefined {
  const { code, errors } = error as { code?: unknown; errors?: unknown[] };
  // One host name with several addresses fails with all of their errors at once.
  if (typeof code === 'string') return code;
  return Array.isArray(errors) ? codeOf(errors[0]) : undefined;
}

function isUnsent(error: unknown): boolean {
  return UNSENT_CODES.has(codeOf(error) ?? '');
}

function isTimeout(error: unknown): boolean {
  return TIMEOUTS.has(codeOf(error) ?? '') || (error as Error).name === 'TimeoutError';
}

function reasonOf(error: unknown): string {
  return codeOf(error) ?? (error as Error).message;
}
