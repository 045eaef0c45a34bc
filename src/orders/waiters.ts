import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Order } from './rules/state.ts';
import type { OrderCommand } from './rules/commands.ts';
import { loadOrders, type StoredRow } from './store.ts';

/** With several processes another one may save the change: the row is read at this interval. */
const REREAD_MS = 250;

/** Callers that wait for an order to reach a condition. */
export class Waiters {
  readonly #database: Database;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(database: Database, processor: Processor<Order, OrderCommand>) {
    this.#database = database;
    processor.onChange((row: Row<Order>) => {
      for (const notify of this.#waiting.get(row.id) ?? []) notify();
    });
  }

  /** The order once the condition holds, or as it is when the time is over; undefined where it is unknown. */
  async waitFor(
    orderId: string,
    timeoutMs: number,
    condition: (order: Order) => boolean,
  ): Promise<{ row: StoredRow; updatedAt: string } | undefined> {
    const deadlineMs = Date.now() + timeoutMs;
    for (;;) {
      const changed = this.#change(orderId, Math.min(REREAD_MS, Math.max(1, deadlineMs - Date.now())));
      const [row] = await loadOrders(this.#database, [orderId]);
      if (!row || condition(row.state!) || Date.now() >= deadlineMs) {
        changed.cancel();
        return row && { row, updatedAt: row.updatedAt };
      }
      await changed.promise;
    }
  }

  #change(orderId: string, timeoutMs: number): { promise: Promise<void>; cancel: () => void } {
    let notify = (): void => {};
    const promise = new Promise<void>((resolve) => (notify = resolve));
    const waiting = this.#waiting.get(orderId) ?? new Set();
    this.#waiting.set(orderId, waiting);
    const done = (): void => {
      clearTimeout(timer);
      waiting.delete(done);
      if (waiting.size === 0) this.#waiting.delete(orderId);
      notify();
    };
    const timer = setTimeout(done, timeoutMs);
    waiting.add(done);
    return { promise, cancel: done };
  }
}
