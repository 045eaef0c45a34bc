import type { Envelope } from '#contracts/envelope.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Order } from './rules/state.ts';
import type { OrderCommand } from './rules/commands.ts';
import { loadOrders } from './store.ts';
import { sequencesBeyond } from './store/lookups.ts';

/** With several processes another one may save the change: orders without news are looked up at this interval, all in one query. */
const LOOKUP_EVERY_MS = 250;
/** Orders in one lookup; where more wait, the others come next. */
const LOOKUP_MAX = 2_000;

/** An order as its waiting caller knows it. */
export interface Known {
  readonly row: Row<Order>;
  /** Time of the order's last own event (RFC 3339). */
  readonly updatedAt: string;
}

interface Waiting {
  known: Known;
  readonly condition: (order: Order) => boolean;
  /** When the caller last had news, in milliseconds of `performance.now()`. */
  newsMs: number;
  readonly resolve: (known: Known) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Callers that wait for an order to reach a condition. The row that a batch has just saved is in hand, so no waiting
 * caller reads the database for it; what other processes saved is looked up for all callers together.
 */
export class Waiters {
  readonly #database: Database;
  readonly #waiting = new Map<string, Set<Waiting>>();
  #lookingUp = false;
  #closed = false;

  constructor(database: Database, processor: Pick<Processor<Order, OrderCommand>, 'onChange'>) {
    this.#database = database;
    processor.onChange((row, events) => {
      const waiting = this.#waiting.get(row.id);
      if (waiting) this.#news(waiting, row, () => timeOfLast(events, row.id));
    });
  }

  /** The order once the condition holds, or as it is known when the time is over. `known` is where the waiting begins. */
  waitFor(known: Known, timeoutMs: number, condition: (order: Order) => boolean): Promise<Known> {
    const { id } = known.row;
    if (this.#closed || condition(known.row.state!)) return Promise.resolve(known);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(id, waiting), timeoutMs);
      const waiting: Waiting = { known, condition, newsMs: performance.now(), resolve, timer };
      const others = this.#waiting.get(id);
      if (others) others.add(waiting);
      else this.#waiting.set(id, new Set([waiting]));
      if (!this.#lookingUp) this.#lookUpLater();
    });
  }

  #news(waiting: ReadonlySet<Waiting>, row: Row<Order>, updatedAt: () => string | undefined): void {
    for (const one of waiting) {
      if (row.sequence < one.known.row.sequence) continue;
      one.known = { row, updatedAt: updatedAt() ?? one.known.updatedAt };
      one.newsMs = performance.now();
      if (one.condition(row.state!)) this.#end(row.id, one);
    }
  }

  #end(id: string, waiting: Waiting): void {
    clearTimeout(waiting.timer);
    const others = this.#waiting.get(id);
    others?.delete(waiting);
    if (others?.size === 0) this.#waiting.delete(id);
    waiting.resolve(waiting.known);
  }

  /** Answers everybody with what is known, and later ones at once. */
  close(): void {
    this.#closed = true;
    for (const [id, waiting] of this.#waiting) for (const one of waiting) this.#end(id, one);
  }

  #lookUpLater(): void {
    this.#lookingUp = true;
    setTimeout(() => void this.#lookUp(), LOOKUP_EVERY_MS);
  }

  /** Asks the database about the orders without news for a while; a failure is left to the next lookup, and to the caller's timeout. */
  async #lookUp(): Promise<void> {
    const since = performance.now() - LOOKUP_EVERY_MS;
    const known = new Map<string, number>();
    for (const [id, waiting] of this.#waiting) {
      if (known.size === LOOKUP_MAX) break;
      for (const one of waiting) {
        if (one.newsMs > since) continue;
        one.newsMs = performance.now();
        known.set(id, Math.min(one.known.row.sequence, known.get(id) ?? one.known.row.sequence));
      }
    }
    try {
      const moved = known.size === 0 ? [] : await sequencesBeyond(this.#database, known);
      if (moved.length > 0) {
        for (const row of await loadOrders(this.#database, moved))
          this.#news(this.#waiting.get(row.id) ?? new Set(), row, () => row.updatedAt);
      }
    } catch {
      // The next lookup asks again.
    }
    if (this.#waiting.size > 0) this.#lookUpLater();
    else this.#lookingUp = false;
  }
}

function timeOfLast(events: readonly Envelope[], orderId: string): string | undefined {
  return events.findLast((event) => event.subject === orderId)?.time;
}
