import type { Envelope } from '#contracts/envelope.ts';

/** More than a process commits while its relay is on its way; what is dropped is read from the log. */
const EVENTS_MAX = 20_000;

/**
 * Events that this process commits, until its relay has published them: the log then gives only their order, and their
 * content need not be read back. Nothing depends on it; where another process relays, the oldest make room.
 */
export class Announced {
  readonly #events = new Map<string, Envelope>();

  add(events: readonly Envelope[]): void {
    for (const event of events) this.#events.set(event.id, event);
    for (const id of this.#events.keys()) {
      if (this.#events.size <= EVENTS_MAX) break;
      this.#events.delete(id);
    }
  }

  remove(events: readonly { readonly id: string }[]): void {
    for (const { id } of events) this.#events.delete(id);
  }

  get(id: string): Envelope | undefined {
    return this.#events.get(id);
  }
}
