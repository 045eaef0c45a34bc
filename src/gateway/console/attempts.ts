import { Problem } from '#platform/http/problems.ts';
import { backoffMs } from '#platform/runtime/backoff.ts';
import { Lru } from '#platform/runtime/lru.ts';

/**
 * Who keeps failing to sign in has to wait longer each time: counted by name and by network, so that neither one name nor
 * many names can be tried out quickly. Each process counts by itself.
 */

const REMEMBERED_MAX = 20_000;
/** Failures that cost nothing: somebody mistyping. */
const FREE = { name: 5, network: 20 } as const;
const WAIT = { firstMs: 2_000, longestMs: 300_000 } as const;
/** Failures are forgotten when there was none for so long. */
const WINDOW_MS = 900_000;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
  readonly untilMs: number;
}

export class Attempts {
  readonly #failures = new Lru<Failures>(REMEMBERED_MAX);
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** Throws RATE_LIMITED while this name, or this network, has to wait. Without a name (a link, a passkey) the network alone counts. */
  check(name: string | undefined, network: string): void {
    const nowMs = this.#nowMs();
    const waitMs = Math.max(...keysOf(name, network).map(([key]) => (this.#failures.get(key)?.untilMs ?? 0) - nowMs));
    if (waitMs <= 0) return;
    const waitS = Math.ceil(waitMs / 1000);
    throw new Problem('RATE_LIMITED', `Too many sign-ins failed. Try again in ${waitS} s.`, {
      headers: { 'retry-after': String(waitS) },
    });
  }

  failed(name: string | undefined, network: string): void {
    const nowMs = this.#nowMs();
    for (const [key, free] of keysOf(name, network)) {
      const before = this.#failures.get(key);
      const count = before && nowMs - before.lastMs < WINDOW_MS ? before.count + 1 : 1;
      const over = count - free;
      const waitMs = over < 0 ? 0 : backoffMs(over, WAIT);
      this.#failures.set(key, { count, lastMs: nowMs, untilMs: nowMs + waitMs });
    }
  }

  /** The right password was given: what was mistyped before counts no more against the name. */
  succeeded(name: string): void {
    this.#failures.delete(`name ${name}`);
  }
}

function keysOf(name: string | undefined, network: string): readonly (readonly [key: string, free: number])[] {
  return [...(name === undefined ? [] : [[`name ${name}`, FREE.name] as const]), [`network ${network}`, FREE.network]];
}
