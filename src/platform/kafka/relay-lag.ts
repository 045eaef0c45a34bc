import { idTimeMs } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import type { Lag, LogPosition } from '#platform/log/bus.ts';
import { tailLength } from '#platform/log/tail.ts';

const COUNT_MAX = 100_000;
const COUNT_EVERY_MS = 2_000;

/** How far a relay is behind: what it read last says so, and while there is more than it reads at once, it is counted now and then. */
export class RelayLag {
  #events = 0;
  #oldestMs: number | undefined;
  #countedMs = 0;

  /** As it is now: what waits for brokers that take nothing grows older. */
  get current(): Lag {
    return { events: this.#events, ageMs: this.#oldestMs === undefined ? 0 : Math.max(0, Date.now() - this.#oldestMs) };
  }

  /**
   * @param oldest id of the first event that was read, where one was
   * @param events how many were read
   * @param isFull whether more may be waiting
   * @param after the position they were read from
   */
  async measure(
    database: Database,
    oldest: string | undefined,
    events: number,
    isFull: boolean,
    after: LogPosition,
  ): Promise<void> {
    let waiting = events;
    if (isFull) {
      waiting = Math.max(events, this.#events);
      if (Date.now() - this.#countedMs > COUNT_EVERY_MS) {
        this.#countedMs = Date.now();
        waiting = (await tailLength(database, after, COUNT_MAX)).rows;
      }
    }
    this.#events = waiting;
    this.#oldestMs = oldest === undefined ? undefined : idTimeMs(oldest);
  }
}
