import { Problem } from '#platform/http/problems.ts';
import { Lru } from '#platform/runtime/lru.ts';

/**
 * Large answers cost the whole process: while one is written as JSON, nothing else happens. So each caller has an
 * allowance of them by size, which grows back with time; ordinary answers cost nothing.
 */

/** What of an answer is free. */
export const FREE_BYTES = 16 * 1024;
/** Grows back in a second, and is there at most. */
export const LARGE_BYTES_PER_SECOND = 4 * 1024 * 1024;
const CALLERS_MAX = 10_000;

interface Account {
  /** Below 0 where more was taken than there was. */
  bytes: number;
  atMs: number;
}

export class LargeAnswers {
  readonly #accounts = new Lru<Account>(CALLERS_MAX);
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Throws RATE_LIMITED where a caller has used up its allowance. */
  check(caller: string): void {
    const account = this.#accounts.get(caller);
    if (!account || account.bytes >= 0) return;
    this.#grow(account);
    if (account.bytes >= 0) return;
    const waitS = Math.ceil(-account.bytes / LARGE_BYTES_PER_SECOND);
    throw new Problem(
      'RATE_LIMITED',
      `This caller has read more than ${LARGE_BYTES_PER_SECOND / 1024 / 1024} MiB of large answers a second. Try again in ${waitS} s, with smaller pages.`,
      { headers: { 'retry-after': String(waitS) } },
    );
  }

  /** A caller got an answer of this size. */
  took(caller: string, bytes: number): void {
    if (bytes <= FREE_BYTES) return;
    const account = this.#accounts.get(caller) ?? { bytes: LARGE_BYTES_PER_SECOND, atMs: this.#nowMs() };
    this.#grow(account);
    account.bytes -= bytes - FREE_BYTES;
    this.#accounts.set(caller, account);
  }

  #grow(account: Account): void {
    const nowMs = this.#nowMs();
    const grown = ((nowMs - account.atMs) * LARGE_BYTES_PER_SECOND) / 1000;
    account.bytes = Math.min(LARGE_BYTES_PER_SECOND, account.bytes + grown);
    account.atMs = nowMs;
  }
}
