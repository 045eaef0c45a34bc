import type { Envelope } from '#contracts/envelope.ts';

/** More than a process commits until its log is read; what is dropped is read from the table. */
const EVENTS_MAX = 20_000;

/**
 * Events that this process commits, until the log's reader has met them: the log then gives only their order, and
 * their content need not be read back. A transaction appends one batch, so its first event's id finds it whole.
 * Nothing depends on it; where another process reads, the oldest batches make room.
 */
export class RecentCommits {
  readonly #batches = new Map<string, readonly Envelope[]>();
  #events = 0;

  add(events: readonly Envelope[]): void {
    const [first] = events;
    if (!first) return;
    this.#batches.set(first.id, events);
    this.#events += events.length;
    for (const id of this.#batches.keys()) {
      if (this.#events <= EVENTS_MAX || id === first.id) break;
      this.#delete(id);
    }
  }

  /** These were not committed, or nobody knows. */
  remove(events: readonly Envelope[]): void {
    if (events.length > 0) this.#delete(events[0]!.id);
  }

  /** The `count` events of a transaction from this one on; what is left of its batch stays. Undefined where it is not known. */
  take(firstId: string, count: number): readonly Envelope[] | undefined {
    const events = this.#delete(firstId);
    if (!events || events.length < count) return undefined;
    if (events.length === count) return events;
    this.add(events.slice(count));
    return events.slice(0, count);
  }

  get isEmpty(): boolean {
    return this.#batches.size === 0;
  }

  #delete(firstId: string): readonly Envelope[] | undefined {
    const events = this.#batches.get(firstId);
    if (events) {
      this.#batches.delete(firstId);
      this.#events -= events.length;
    }
    return events;
  }
}
