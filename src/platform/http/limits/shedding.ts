import type { FastifyRequest } from 'fastify';
import type { Counter } from 'prom-client';
import { isOperator } from '#platform/http/principal.ts';
import { PROCESS_PATHS } from '#platform/http/process-paths.ts';
import { Problem } from '#platform/http/problems.ts';

/**
 * Who is refused when a process gets more than it can do, so that those who are let in are still served in time. Lists,
 * which are large and can wait, are refused first, then what customers ask, then what programs and people ask; never
 * what operators, other processes and health checks ask. One late moment sheds nothing: it is what stays late that does.
 */

/** What is shed, first to last. Each is shed when requests wait so many times as long as the setting allows. */
export const SHEDDABLE = { lists: 1, customers: 2, clients: 4 } as const;
export type Sheddable = keyof typeof SHEDDABLE;

const KINDS = Object.keys(SHEDDABLE) as Sheddable[];
const SAMPLE_MS = 100;
/** Of the requests of one kind, what more is shed, or let in again, with each second. */
const MORE_PER_SECOND = 1;
const LESS_PER_SECOND = 0.4;
/** A process that slept for longer has not been asked meanwhile. */
const STEP_MAX_S = 1;

export interface SheddingOptions {
  /** Requests that wait for longer than this are late, in milliseconds; 0: nothing is ever shed. */
  readonly lateMs: number;
  /** How long the first request that waits for the database has done so, in milliseconds. */
  readonly waitedMs: () => number;
  readonly shed: Counter<'what'>;
}

export class Shedding {
  readonly #options: SheddingOptions;
  /** How much of what is shed, from 0 (nothing) to 3 (all of the three kinds): each whole number is one kind more. */
  #pressure = 0;
  #wasLate = false;
  readonly #due: Record<Sheddable, number> = { lists: 0, customers: 0, clients: 0 };
  #sampledMs = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SheddingOptions) {
    this.#options = options;
  }

  /** Begins to look how late the process is. */
  start(): void {
    if (this.#options.lateMs <= 0) return;
    this.#sampledMs = performance.now();
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      const sinceMs = nowMs - this.#sampledMs;
      this.#sampledMs = nowMs;
      // A timer that comes late has waited for the event loop, like every request.
      this.sample(Math.max(sinceMs - SAMPLE_MS, this.#options.waitedMs()), sinceMs / 1000);
    }, SAMPLE_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Notes how long requests wait at this moment, `afterS` seconds after the last time. */
  sample(waitedMs: number, afterS: number): void {
    const { lateMs } = this.#options;
    const most = KINDS.filter((kind) => waitedMs >= SHEDDABLE[kind] * lateMs).length;
    const stepS = Math.min(afterS, STEP_MAX_S);
    if (most > this.#pressure) {
      // The second time in a row: the first may be a pause of the process itself.
      if (this.#wasLate) this.#pressure = Math.min(most, this.#pressure + MORE_PER_SECOND * stepS);
    } else this.#pressure = Math.max(most, this.#pressure - LESS_PER_SECOND * stepS);
    this.#wasLate = most > 0;
  }

  /** Throws OVERLOADED where a request is one of those to be refused. */
  check(request: FastifyRequest): void {
    if (this.#pressure === 0) return;
    const kind = kindOf(request);
    if (!kind) return;
    const share = Math.min(1, this.#pressure - KINDS.indexOf(kind));
    if (share <= 0 || (this.#due[kind] += share) < 1) return;
    this.#due[kind] -= 1;
    this.#options.shed.labels(kind).inc();
    throw new Problem('OVERLOADED', OVERLOADED[kind]);
  }
}

const OVERLOADED: Readonly<Record<Sheddable, string>> = {
  lists:
    'There is more to do than can be done in time, and lists wait first. Try again shortly, less often or for less.',
  customers: 'There is more to do than can be done in time. Nothing was done; try again shortly.',
  clients: 'There is more to do than can be done in time. Nothing was done; try again shortly.',
};

/** What a request counts as; undefined where it is never shed. */
function kindOf({
  method,
  routeOptions: { url = '', config },
  principal,
  inside,
}: FastifyRequest): Sheddable | undefined {
  if (PROCESS_PATHS.has(url)) return undefined;
  const caller = inside ?? (principal as typeof principal | undefined);
  if (caller && (caller.role === 'service' || isOperator(caller))) return undefined;
  const reading = method === 'GET' || method === 'HEAD';
  // One thing has a place for its id in its path; what is handed on to another process has one for anything.
  if (reading && !url.includes(':') && !url.endsWith('*')) return 'lists';
  // A document is more than a list: those in it are asked for inside.
  if (caller) return caller.customer === undefined ? 'clients' : 'customers';
  // What a payment provider reports comes without a key, and does not come again for a while.
  return config?.public && !reading ? 'clients' : 'customers';
}
