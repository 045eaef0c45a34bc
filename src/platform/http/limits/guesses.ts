import { setTimeout as sleep } from 'node:timers/promises';
import { Lru } from '#platform/runtime/lru.ts';
import type { Logger } from '#platform/telemetry/logger.ts';

/**
 * Who offers keys that open nothing is noted in the program's log, and answered later the more often it happens. Of
 * other callers at the same address, those whose key is known notice nothing.
 */

/** So many in a minute are answered at once: a program with an old key, or somebody mistyping. */
export const FREE_REFUSALS = 150;
const WINDOW_MS = 60_000;
const STEP_MS = 20;
const LONGEST_MS = 2_000;
const LOG_EVERY_MS = 10_000;
const ADDRESSES_MAX = 10_000;

/** How our own keys begin, and four characters more, which say whose old key it may be and open nothing. */
const KEY_PREFIX = /^bearer +(olms_(?:live_|test_)?[\w-]{4})[\w-]{8}/i;

/** The beginning of a key of ours that was offered; undefined for anything else, which may be a secret of another system. */
export function keyPrefix(authorization: string | undefined): string | undefined {
  return KEY_PREFIX.exec(authorization ?? '')?.[1];
}

interface Guesser {
  count: number;
  sinceMs: number;
  /** Since the last line in the log. */
  unlogged: number;
  loggedMs: number;
}

export class Guesses {
  readonly #byAddress = new Lru<Guesser>(ADDRESSES_MAX);
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Notes that an address was refused; undefined, or resolves when it may be answered. */
  refused(address: string, about: Readonly<Record<string, unknown>>): undefined | Promise<void> {
    const nowMs = Date.now();
    let guesser = this.#byAddress.get(address);
    if (!guesser) {
      guesser = { count: 0, sinceMs: nowMs, unlogged: 0, loggedMs: 0 };
      this.#byAddress.set(address, guesser);
    }
    if (nowMs - guesser.sinceMs > WINDOW_MS) {
      guesser.count = 0;
      guesser.sinceMs = nowMs;
    }
    guesser.count++;
    guesser.unlogged++;
    if (nowMs - guesser.loggedMs >= LOG_EVERY_MS) {
      this.#logger.warn({ ...about, remoteAddress: address, refused: guesser.unlogged }, 'authentication refused');
      guesser.unlogged = 0;
      guesser.loggedMs = nowMs;
    }
    const over = guesser.count - FREE_REFUSALS;
    return over <= 0 ? undefined : sleep(Math.min(over * STEP_MS, LONGEST_MS));
  }
}
