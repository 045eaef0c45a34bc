import { numberOf } from '#contracts/order-number.ts';
import type { Database } from '#platform/database/database.ts';

/** As many as the sequence moves by, see 0014-search.sql. */
const BLOCK = 1_000;

/**
 * Numbers for new orders. A process takes a thousand at a time, so that an order costs no statement for its number; what
 * is left of them when it ends is never given.
 */
export class OrderNumbers {
  readonly #database: Database;
  #next = 0n;
  #left = 0;
  #taking: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The next number; undefined where a block must be taken first, see {@link ready}. */
  take(): string | undefined {
    if (this.#left === 0) return undefined;
    this.#left--;
    return numberOf(this.#next++);
  }

  /** Resolves when there is a number to take, unless somebody else was faster. */
  ready(): Promise<void> {
    return (this.#taking ??= this.#block());
  }

  /** The next number, whenever there is one. */
  async next(): Promise<string> {
    for (;;) {
      const number = this.take();
      if (number !== undefined) return number;
      await this.ready();
    }
  }

  async #block(): Promise<void> {
    try {
      const [row] = await this.#database.query<{ first: string }>(
        "select nextval('orders.order_numbers')::text as first",
      );
      this.#next = BigInt(row!.first);
      this.#left = BLOCK;
    } finally {
      this.#taking = undefined;
    }
  }
}
