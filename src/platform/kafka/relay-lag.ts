import { idTimeMs } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import type { Lag, LogPosition } from '#platform/log/bus.ts';
import { tailLength } from '#platform/log/tail.ts';

const COUNT_MAX = 100_000;
const COUNT_EVERY_MS = 2_000;

/** How far a relay is behind: what it read last says so, and while there is more than it reads at once, it is counted now and then. */
export class RelayLag {
  current: Lag = { events: 0, ageMs: 0 };
  #countedMs = 0;

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
      waiting = Math.max(events, this.current.events);
      if (Date.now() - this.#countedMs > COUNT_EVERY_MS) {
        this.#countedMs = Date.now();
        waiting = (await tailLength(database, after, COUNT_MAX)).rows;
      }
    }
    this.current = {
      events: waiting,
      ageMs: oldest === undefined ? 0 : Math.max(0, Date.now() - idTimeMs(oldest)),
    };
  }
}
