import { setTimeout as sleep } from 'node:timers/promises';
import { refuse, type Refusal } from '#contracts/errors.ts';
import { EVENT_MAX_BYTES } from '#contracts/envelope.ts';
import { SOURCES } from '#contracts/order-events.ts';
import type { Peers } from '#contracts/peers.ts';
import type { Cause, Row } from '#platform/processor/aggregate.ts';
import { Batcher } from '#platform/processor/batcher.ts';
import { beginCommit } from '#platform/processor/batch-spans.ts';
import { contextAt, type Clock } from '#platform/runtime/clock.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isMisfit, isTransient, isUniqueViolation, isUnstorable } from '#platform/database/failures.ts';
import { assertSameRequest, type RequestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import { logEvents } from '#platform/telemetry/event-lines.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Tracing } from '#platform/telemetry/tracing.ts';
import type { Bus } from '#platform/log/bus.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { beginning } from './beginning.ts';
import { type Claim, claimOf, type MayRepeat, referenceHolders, referenceKey, referenceTaken } from './references.ts';
import { KnownProducts } from './products.ts';
import type { OrderNumbers } from './numbers.ts';
import { PaymentProviders } from './providers.ts';
import { fold } from './rules/evolve.ts';
import type { Order } from './rules/state.ts';
import {
  type Catalog,
  type OrderRequest,
  payable,
  place,
  type PlacementPolicy,
  type PlacementProblem,
} from './rules/placement.ts';
import { insertOrders, loadOrders, type Placement } from './store.ts';
import { ordersByKey } from './store/lookups.ts';
import type { ArticleWords } from './store/words.ts';

/**
 * Where orders come in. New orders conflict with nothing, so they do not wait in the processor: concurrent
 * requests are committed together, a few batches in flight at a time, one SQL statement each.
 */

const BATCH_MAX = 128;
const WRITERS_MAX = 2;
const UNKNOWN_OUTCOME_TRIES = 5;

export interface Taken {
  readonly row: Row<Order>;
  /** True where the key was used before and this is the order made then. */
  readonly repeated: boolean;
  readonly updatedAt: string;
}

/** An order that is there instead of the one asked for: under its key, with the hash of that request, or with its reference. */
interface Before {
  readonly id: string;
  readonly requestHash?: string;
}

export interface IntakeOptions {
  readonly database: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly tracing?: Tracing | undefined;
  readonly peers: Peers;
  readonly policy: Omit<PlacementPolicy, 'providers'>;
  /** Channels whose orders may share a reference. */
  readonly mayRepeat?: MayRepeat;
  readonly articles: ArticleWords;
  /** Undefined where new orders have no numbers. */
  readonly numbers?: OrderNumbers | undefined;
  readonly queueMax: number;
  /** Why nothing can be taken now, if so. */
  readonly closed: () => string | undefined;
  readonly onTaken: (rows: readonly Row<Order>[]) => void;
  /** Takes the seconds until an order was committed. */
  readonly observe?: (seconds: number) => void;
}

export class Intake {
  readonly #options: IntakeOptions;
  readonly #batcher: Batcher<Placement, Taken | Error>;
  readonly #providers: PaymentProviders;
  readonly #products: KnownProducts;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.#products = new KnownProducts(options.peers);
    this.#providers = new PaymentProviders(options.peers);
    this.#batcher = new Batcher({
      flush: (placements) => this.#flush(placements),
      batchMax: BATCH_MAX,
      writersMax: WRITERS_MAX,
      queueMax: options.queueMax,
    });
  }

  /** Takes an order (`followUp`: one whose id was given out already), or answers with the one this key made before. Throws a {@link Problem} for a request that cannot be taken. */
  async take(
    request: OrderRequest,
    key: RequestKey,
    cause: Cause,
    followUp?: { readonly id: string; readonly replaces: string },
  ): Promise<Taken | Refusal> {
    const refused = this.refusal();
    if (refused) return refused;
    const startedMs = performance.now();
    await this.#products.learn(request.items);
    await this.#providers.learn(request.payment.provider);
    const context = contextAt(this.#options.clock);
    const placed = place(request, this.#products, this.policy, context);
    if ('length' in placed) return this.#unlessTaken(placed, key);
    const { numbers } = this.#options;
    const number = numbers && (numbers.take() ?? (await numbers.next()));
    const data = {
      ...placed,
      ...(number !== undefined && { number }),
      ...(followUp && { replaces: followUp.replaces }),
    };
    assertFits(request, data);
    const id = followUp?.id ?? context.newId();
    const begun = beginning(id, [{ type: 'OrderCreated', data }], cause, context);
    const claim = this.claimOf(begun.row);
    const taken = await this.#batcher.add({ ...begun, key: key.key, requestHash: key.requestHash, claim });
    if (taken instanceof Error) throw taken;
    this.#options.observe?.((performance.now() - startedMs) / 1000);
    return taken;
  }

  /** What cannot be taken now may have been taken before: then this is a repeat, and gets the answer of the first time. */
  async #unlessTaken(problems: readonly PlacementProblem[], key: RequestKey): Promise<Taken> {
    const before = (await ordersByKey(this.#options.database, [key.key])).get(key.key);
    if (!before) throw placementProblem(problems);
    assertSameRequest(before.requestHash, key.requestHash);
    return this.#original(before.id);
  }

  /** What an order over a total (minor units) is paid with; throws the {@link Problem} of what it cannot be. */
  async payable(
    payment: OrderRequest['payment'],
    total: bigint,
  ): Promise<{ readonly provider: string; readonly token: string }> {
    await this.#providers.learn(payment.provider);
    const given = payable(payment, this.policy, total);
    if ('length' in given) throw placementProblem(given);
    return given;
  }

  /** How orders are priced. */
  get policy(): PlacementPolicy {
    return { ...this.#options.policy, providers: this.#providers.known };
  }

  /** The products and providers that orders name, as far as they exist. */
  async learn(orders: readonly Pick<OrderRequest, 'items' | 'payment'>[]): Promise<Catalog> {
    await this.#products.learn(orders.flatMap(({ items }) => items));
    for (const provider of new Set(orders.map(({ payment }) => payment.provider)))
      await this.#providers.learn(provider);
    return this.#products;
  }

  /** Why nothing can be taken now; undefined where it can. */
  refusal(): Refusal | undefined {
    const closed = this.#options.closed();
    if (closed !== undefined) return refuse('OVERLOADED', closed);
    if (this.#batcher.full)
      return refuse('OVERLOADED', 'More new orders are waiting than the database takes at the moment.');
    return undefined;
  }

  /** A number for each of so many new orders; none where they have no numbers. */
  async numbersFor(count: number): Promise<readonly string[]> {
    const { numbers } = this.#options;
    const given: string[] = [];
    if (numbers) while (given.length < count) given.push(await numbers.next());
    return given;
  }

  /** The reference that a new order takes, where its channel may use each only once. */
  claimOf(row: Row<Order>): Claim | undefined {
    return this.#options.mayRepeat?.(row.state!.channel) ? undefined : claimOf(row);
  }

  /** Takes a set of orders that were priced already, in one statement; each answered for itself, as {@link take} would. */
  takeSet(placements: readonly Placement[]): Promise<(Taken | Error)[]> {
    return this.#flush(placements);
  }

  async #flush(placements: readonly Placement[]): Promise<(Taken | Error)[]> {
    const unique = new Map<string, Placement>();
    for (const placement of placements) if (!unique.has(placement.key)) unique.set(placement.key, placement);
    const fresh = [...unique.values()];
    const failed = new Map<string, Error>();
    const before = new Map<string, Before>();
    for (let waiting: readonly Placement[] = fresh; waiting.length > 0;) {
      // Of orders with the same reference the first is tried; the others hear what became of it.
      const references = new Set<string>();
      const later: Placement[] = [];
      const now = waiting.filter((placement) => {
        const reference = placement.claim && referenceKey(placement.claim);
        const first = reference === undefined || !references.has(reference);
        if (reference !== undefined) references.add(reference);
        if (!first) later.push(placement);
        return first;
      });
      for (const [key, found] of await this.#insertApart(now, failed)) before.set(key, found);
      if (later.length > 0) for (const [key, found] of await this.#held(later)) before.set(key, found);
      waiting = later.filter(({ key }) => !before.has(key));
    }
    this.#options.onTaken(
      fresh.filter(({ key }) => !before.has(key) && !failed.has(key)).map((placement) => placement.row),
    );
    return Promise.all(
      placements.map(
        async (placement) =>
          failed.get(placement.key) ?? this.#answer(placement, unique.get(placement.key)!, before.get(placement.key)),
      ),
    );
  }

  /** Which of these cannot be taken because another order holds their reference, by key. */
  async #held(placements: readonly Placement[]): Promise<Map<string, Before>> {
    const claims = placements.flatMap(({ claim }) => claim ?? []);
    const holders = claims.length > 0 ? await referenceHolders(this.#options.database, claims) : new Map();
    const held = new Map<string, Before>();
    for (const { key, claim, row } of placements) {
      const holder = claim && (holders.get(referenceKey(claim)) as string | undefined);
      if (holder !== undefined && holder !== row.id) held.set(key, { id: holder });
    }
    return held;
  }

  /** Inserts a batch. One that the database refuses for its data is halved until the order at fault stands alone: the others must not fail with it. */
  async #insertApart(placements: readonly Placement[], failed: Map<string, Error>): Promise<Map<string, Before>> {
    try {
      return await this.#insert(placements);
    } catch (error) {
      if (isTransient(error) || isMisfit(error)) throw error;
      if (placements.length === 1) {
        failed.set(
          placements[0]!.key,
          isUnstorable(error)
            ? new Problem('VALIDATION_FAILED', 'The order holds text or nesting that cannot be stored.')
            : (error as Error),
        );
        return new Map();
      }
      const half = placements.length >>> 1;
      const first = await this.#insertApart(placements.slice(0, half), failed);
      return new Map([...first, ...(await this.#insertApart(placements.slice(half), failed))]);
    }
  }

  /** One caller's answer out of a batch; a reused key is that caller's problem alone. */
  async #answer(asked: Placement, first: Placement, before: Before | undefined): Promise<Taken | Problem> {
    try {
      assertSameRequest(before?.requestHash ?? first.requestHash, asked.requestHash);
      if (before && before.requestHash === undefined) return takenElsewhere(asked, before.id);
      if (before) return await this.#original(before.id);
      return { row: first.row, repeated: asked !== first, updatedAt: first.event.time };
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  }

  /** The same answer to the same request: the order as it was when it was taken. */
  async #original(orderId: string): Promise<Taken> {
    const [row] = await this.#options.database.query<{
      type: string;
      data: unknown;
      traceparent: string | null;
      time: Date;
    }>(
      "select type, data, traceparent, time from log.order_outbox where subject = $1 and type = 'OrderCreated' and source = $2",
      [orderId, SOURCES.orders],
    );
    if (row)
      return {
        row: {
          id: orderId,
          revision: 1,
          sequence: 1,
          consumed: {},
          state: fold([{ ...row, traceparent: row.traceparent ?? undefined }]),
        },
        repeated: true,
        updatedAt: row.time.toISOString(),
      };
    const [stored] = await loadOrders(this.#options.database, [orderId]);
    if (!stored) throw new Problem('ORDER_NOT_FOUND', 'The order of this key is gone.');
    return { row: stored, repeated: true, updatedAt: stored.updatedAt };
  }

  /**
   * Inserts a batch; returns the orders that exist under some of its keys or references already. After a lost reply nobody
   * knows whether the commit happened: the next attempt finds the keys and compares ids.
   */
  async #insert(placements: readonly Placement[]): Promise<Map<string, Before>> {
    const { database, bus, logger, tracing, articles } = this.#options;
    const before = new Map<string, Before>();
    let remaining = placements;
    for (let attempt = 1; remaining.length > 0; attempt++) {
      const events = remaining.flatMap(({ event, following = [] }) => [event, ...following]);
      const startedMs = performance.now();
      const commit = beginCommit(
        tracing,
        'orders',
        events.map(({ traceparent }) => traceparent),
        events.length,
      );
      try {
        bus.remember(events);
        const orders = remaining.map(({ row }) => row.state!);
        await database.write([...insertOrders(remaining), ...articles.writes(orders), appendEvents(events)]);
        articles.remember(orders);
        commit?.end();
        logEvents(logger, events, performance.now() - startedMs);
        return before;
      } catch (error) {
        commit?.end(error as Error);
        bus.forget(events);
        const retry = isUniqueViolation(error) || error instanceof ConflictError || isTransient(error);
        if (!retry || attempt >= UNKNOWN_OUTCOME_TRIES) throw error;
        if (isTransient(error)) await sleep(100 * attempt);
        const known = await ordersByKey(
          database,
          remaining.map((placement) => placement.key),
        );
        for (const placement of remaining) {
          const stored = known.get(placement.key);
          // Our own id: the commit whose reply was lost did happen, and this is its first answer.
          if (stored && stored.id !== placement.row.id) before.set(placement.key, stored);
        }
        remaining = remaining.filter((placement) => !known.has(placement.key));
        for (const [key, held] of await this.#held(remaining)) before.set(key, held);
        remaining = remaining.filter((placement) => !before.has(placement.key));
      }
    }
    return before;
  }
}

/** Orders of so many lines without metadata are small enough, whatever their texts. */
const SMALL_LINES_MAX = 200;

/** Throws PAYLOAD_TOO_LARGE where the order would make an event that a broker does not take. */
export function assertFits({ items, metadata }: Pick<OrderRequest, 'items' | 'metadata'>, data: unknown): void {
  if (items.length <= SMALL_LINES_MAX && metadata === undefined) return;
  const bytes = Buffer.byteLength(JSON.stringify(data));
  if (bytes > EVENT_MAX_BYTES)
    throw new Problem(
      'PAYLOAD_TOO_LARGE',
      `The order takes ${bytes} bytes, of at most ${EVENT_MAX_BYTES}. Send fewer lines, shorter names, or less metadata.`,
    );
}

function takenElsewhere({ claim }: Placement, orderId: string): Problem {
  return new Problem('REFERENCE_TAKEN', referenceTaken(claim!, orderId), { members: { orderId } });
}

export function placementProblem(problems: readonly PlacementProblem[]): Problem {
  const first = problems[0]!;
  return new Problem(first.code, `${first.pointer} ${first.detail}.`, {
    errors: problems.slice(0, 50).map(({ pointer, detail }) => ({ pointer, detail })),
  });
}
