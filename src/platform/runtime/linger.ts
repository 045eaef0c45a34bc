/**
 * When to wait for company. A set costs much the same whether it holds one event or fifty, so where many come, fewer
 * and larger sets leave more of the machine for the events themselves. Where few come, nobody waits.
 */

/** What came longer ago counts for little. */
const MEMORY_MS = 250;

export class Linger {
  readonly #busyPerSecond: number;
  readonly #waitMs: number;
  readonly #longestMs: number;
  #perSecond = 0;
  #lastMs = Number.NEGATIVE_INFINITY;

  /** From `busyPerSecond` events a second on, batches begin `waitMs` apart; where more come, as much longer, up to `longestMs`. */
  constructor(busyPerSecond: number, waitMs: number, longestMs = waitMs) {
    this.#busyPerSecond = busyPerSecond;
    this.#waitMs = waitMs;
    this.#longestMs = longestMs;
  }

  /** Counts the events of a batch, and returns how many milliseconds after it the next one begins. */
  after(events: number, nowMs: number): number {
    const faded = Math.exp((this.#lastMs - nowMs) / MEMORY_MS);
    this.#perSecond = this.#perSecond * faded + (events * 1_000) / MEMORY_MS;
    this.#lastMs = nowMs;
    if (this.#perSecond < this.#busyPerSecond) return 0;
    return Math.min((this.#waitMs * this.#perSecond) / this.#busyPerSecond, this.#longestMs);
  }
}
