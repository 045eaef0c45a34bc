import { setTimeout as sleep } from 'node:timers/promises';
import type { Cache } from '#platform/cache/cache.ts';
import type { Database } from '#platform/database/database.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { parkedOf } from './parked.ts';
import type { StoredRow } from './store.ts';
import { orderView } from './view.ts';

/**
 * Orders as `GET /orders/{id}` shows them, kept where all processes of the service find them. There is none without
 * Redis: a single process reads an order from its PostgreSQL in a fraction of a millisecond, and another copy in its
 * own memory would have to be notified of every change by every other process.
 *
 * Nobody is shown an order older than a change that was acknowledged:
 *
 * - A change is acknowledged after the cache has forgotten the order. Forgetting also takes back the lease of a reader
 *   that is looking the order up, so what was read before the change cannot be remembered after it.
 * - A process that cannot reach the cache to make it forget switches it off for all, in the database they share, and
 *   acknowledges once every process must have noticed: a reader trusts the cache for {@link TRUST_MS} and then asks the
 *   switch once more, with one question for all reads of that time. The switch stays off until all that could be remembered by
 *   then has expired.
 *
 * A process that dies between its commit and the forgetting has acknowledged nothing; what it changed may be shown as
 * it was for {@link KEEP_MS}.
 */

const KEEP_MS = 10_000;
const TRUST_MS = 250;
/** Longer than what is kept, the lease before it, and some more: the switch is renewed only when half of it is over. */
const OFF_MS = 30_000;
const OFF_LEAST_MS = 15_000;
const RETRY_MS = 100;
/** With cache and database away at once an answer waits so long for the switch, and the switch as long as it takes. */
const PATIENCE_MS = 5_000;

const IS_OFF = 'select off_until > clock_timestamp() as off from orders.cache_switch';
const SWITCH_OFF =
  "update orders.cache_switch set off_until = greatest(off_until, clock_timestamp() + $1 * interval '1 millisecond')";

export interface ShownOrder {
  /** The order's version for callers, its ETag. */
  readonly sequence: number;
  /** JSON. */
  readonly body: string;
  /** Something of it is parked: the version alone does not say how it is shown. */
  readonly parked?: true;
}

export interface OrderCacheOptions {
  readonly cache: Cache;
  readonly database: Database;
  readonly logger: Logger;
  /** The order as it is stored now. */
  readonly load: (orderId: string) => Promise<StoredRow | undefined>;
}

export class OrderCache {
  readonly #options: OrderCacheOptions;
  /** Orders that the cache is being made to forget, and by how many batches: this process does not read them from it. */
  readonly #forgetting = new Map<string, number>();
  #batch: { readonly ids: Set<string>; readonly forgotten: Promise<void> } | undefined;
  #checked: { readonly atMs: number; readonly trusted: Promise<boolean> } | undefined;
  #offUntilMs = 0;
  #closed = false;

  constructor(options: OrderCacheOptions) {
    this.#options = options;
  }

  /** The order as it is shown now; undefined where there is none. */
  async read(orderId: string): Promise<ShownOrder | undefined> {
    const { cache, database, load } = this.#options;
    const ask = !this.#forgetting.has(orderId) && (await this.#trusted());
    const found = ask ? await cache.getVersioned(keyOf(orderId)) : { lease: undefined };
    if (found.value !== undefined) return decode(found.value);
    const row = await load(orderId);
    if (!row) return undefined;
    const parked = (await parkedOf(database, [orderId])).get(orderId);
    const shown = { sequence: row.sequence, body: JSON.stringify(orderView(row, row.updatedAt, parked)) };
    // What waits for a person may be released at any moment, and no change of the order says so.
    if (parked) return { ...shown, parked: true };
    // Nobody waits for this; the version is a second line behind the lease.
    if (found.lease !== undefined)
      void cache.putVersioned(keyOf(orderId), row.revision, encode(shown), KEEP_MS, found.lease);
    return shown;
  }

  /** To be called after a change is committed, and awaited before it is acknowledged. Never fails. */
  changed(orderId: string): Promise<void> {
    if (!this.#batch) {
      const ids = new Set<string>();
      // What one batch of the processor changed is forgotten by one command.
      const forgotten = Promise.resolve().then(() => {
        this.#batch = undefined;
        return this.#forget([...ids]);
      });
      this.#batch = { ids, forgotten };
    }
    const { ids, forgotten } = this.#batch;
    if (!ids.has(orderId)) {
      ids.add(orderId);
      this.#forgetting.set(orderId, (this.#forgetting.get(orderId) ?? 0) + 1);
    }
    return forgotten;
  }

  async #forget(ids: readonly string[]): Promise<void> {
    const done = this.#forgetOrSwitchOff(ids).finally(() => {
      for (const id of ids) {
        const others = this.#forgetting.get(id)! - 1;
        if (others > 0) this.#forgetting.set(id, others);
        else this.#forgetting.delete(id);
      }
    });
    await done;
  }

  async #forgetOrSwitchOff(ids: readonly string[]): Promise<void> {
    const { cache, database, logger } = this.#options;
    if (await cache.forget(ids.map(keyOf))) return;
    if (this.#offUntilMs - performance.now() > OFF_LEAST_MS) return;
    const switchOff = async (): Promise<void> => {
      for (let attempt = 0; !this.#closed; attempt++) {
        try {
          const startMs = performance.now();
          await database.query(SWITCH_OFF, [OFF_MS]);
          const wasOff = this.#offUntilMs > performance.now();
          this.#offUntilMs = startMs + OFF_MS;
          if (!wasOff) await sleep(TRUST_MS);
          return;
        } catch (error) {
          if (attempt === 0) logger.warn({ err: error }, 'the cache of orders cannot be switched off; trying on');
          await sleep(RETRY_MS);
        }
      }
    };
    const patience = new AbortController();
    await Promise.race([switchOff(), sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
    patience.abort();
  }

  /** Whether the cache may be believed; asked once for all who ask within a short time. */
  #trusted(): Promise<boolean> {
    const atMs = performance.now();
    if (!this.#options.cache.healthy().ok) return Promise.resolve(false);
    if (!this.#checked || atMs - this.#checked.atMs > TRUST_MS) {
      const trusted = this.#options.database.query<{ off: boolean }>(IS_OFF).then(
        (rows) => rows[0]?.off === false,
        () => false,
      );
      this.#checked = { atMs, trusted };
    }
    return this.#checked.trusted;
  }

  close(): void {
    this.#closed = true;
  }
}

function keyOf(orderId: string): string {
  return `order:${orderId}`;
}

function encode({ sequence, body }: ShownOrder): string {
  return `${sequence} ${body}`;
}

function decode(text: string): ShownOrder {
  const space = text.indexOf(' ');
  return { sequence: Number(text.slice(0, space)), body: text.slice(space + 1) };
}
