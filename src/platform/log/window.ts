import type { Envelope } from '#contracts/envelope.ts';
import { isAfter, LOG_START, type LogPosition } from './bus.ts';
import type { TailEntry } from './tail.ts';

export type LogEntry = TailEntry<Envelope>;

/** Recent events kept in memory for consumers; one that falls further behind reads the table itself. */
const ENTRIES_MAX = 20_000;
/** So many more are let in before the oldest are dropped: dropping copies what stays. */
const SLACK = 5_000;

/** The end of the log in memory. Entries have numbers, counted since the start of the process. */
export class LogWindow {
  /** Everything at or before this position was read before the window began. */
  start: LogPosition = LOG_START;
  #entries: LogEntry[] = [];
  /** Number of the first entry. */
  #base = 0;

  add(entries: readonly LogEntry[]): void {
    for (const entry of entries) this.#entries.push(entry);
    if (this.#entries.length > ENTRIES_MAX + SLACK) this.#trim(this.#entries.length - ENTRIES_MAX);
  }

  #trim(count: number): void {
    this.start = this.#entries[count - 1]!.cursor;
    this.#entries = this.#entries.slice(count);
    this.#base += count;
  }

  /** The number of the first entry after a position, or undefined where the window starts later. */
  numberAfter(position: LogPosition): number | undefined {
    if (isAfter(this.start, position)) return undefined;
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAfter(this.#entries[middle]!.cursor, position)) high = middle;
      else low = middle + 1;
    }
    return this.#base + low;
  }

  /** The entry of a number, undefined past the end, null where it was dropped. */
  entry(number: number): LogEntry | undefined | null {
    return number < this.#base ? null : this.#entries[number - this.#base];
  }

  /** The number that the next entry will have. */
  get end(): number {
    return this.#base + this.#entries.length;
  }
}
