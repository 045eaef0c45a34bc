import type { Envelope } from '#contracts/envelope.ts';
import { ORDER_EVENTS, SOURCES } from '#contracts/order-events.ts';
import { ConflictError, type Database, isTransient } from '#platform/database/database.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import { type Bus, type Delivery, type Lag, moveOffsets, type Subscription } from '#platform/log/bus.ts';
import { decoded, encoded, type EncodedEvent } from '#platform/log/encoded.ts';
import { EVENT_COLUMNS, fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import {
  deleteParked,
  loadParked,
  loadParkedOrders,
  loadSkipped,
  type Parked,
  parkEvents,
} from '#platform/log/parked.ts';
import type { Replayable } from '#platform/processor/preview.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Logger } from '#platform/telemetry/logger.ts';

/**
 * The history of orders where services write to logs of their own: what orders said, from their log, and a copy of
 * what others told on the bus, kept for good. Where all share one log, that log is the history and nothing here runs.
 */

export const HISTORY_CONSUMER = 'orders-history';
/** What others tell. */
const TYPES = Object.entries(ORDER_EVENTS)
  .filter(([, { source }]) => source !== SOURCES.orders)
  .map(([type]) => type);
const EVENTS_PER_SET = 2_000;
const TICK_MS = 1_000;
/** How many quiet ticks until the offset is saved, and until the stored one is looked at: a replay may have moved it. */
const IDLE_TICKS = 5;
const LOOK_TICKS = 2;
const RETRY_MS = [20, 50, 100, 250, 500, 1_000, 2_000];
/** More events than any order has; a bound, not a page. */
const HISTORY_MAX = 10_000;
/** How long a reader waits for the mirror to have what the order has seen. */
const CATCH_UP_MS = 1_000;
const LOOK_AGAIN_MS = 25;

/** Copies the events of other services from the bus into `orders.event_mirror`, each once. */
export class HistoryMirror implements Consumer {
  readonly #database: Database;
  readonly #bus: Bus;
  readonly #logger: Logger;
  readonly #parkedOrders = new Set<string>();
  /** Events that an operator left out. */
  readonly #skipped = new Set<string>();
  readonly #committed = new Set<() => void>();
  #subscription: Subscription | undefined;
  #running: Promise<void> | undefined;
  #ready = false;
  #tick: NodeJS.Timeout | undefined;
  #idleTicks = 0;
  #quietTicks = 0;
  #failure: string | undefined;
  #stopping = false;

  constructor(database: Database, bus: Bus, logger: Logger) {
    this.#database = database;
    this.#bus = bus;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    await this.#refreshParked();
    this.#subscription = await this.#bus.subscribe({
      consumer: HISTORY_CONSUMER,
      types: new Set(TYPES),
      encoded: true,
      database: this.#database,
      onReady: () => this.#wake(),
      onGained: () => this.#refreshParked(),
    });
    this.#tick = setInterval(() => {
      this.#idleTicks++;
      this.#quietTicks++;
      this.#wake();
    }, TICK_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#tick);
    await this.#running;
    await this.#subscription?.close();
  }

  /** Everything known about an order, causes before their effects, and otherwise in the order of their times. */
  async read(orderId: string): Promise<Envelope[]> {
    const deadlineMs = Date.now() + CATCH_UP_MS;
    for (;;) {
      const { own, others, behind } = await readLogs(this.#database, orderId);
      if (!behind || Date.now() >= deadlineMs) return inOrder(own, others);
      await this.#nextCommit(LOOK_AGAIN_MS);
    }
  }

  lag(): Lag {
    return this.#subscription?.lag() ?? { events: 0, ageMs: 0 };
  }

  healthy(): { ok: boolean; detail: string } {
    if (this.#failure !== undefined) return { ok: false, detail: this.#failure };
    return { ok: true, detail: `lag ${this.lag().events} events, ${this.#parkedOrders.size} orders parked` };
  }

  get parkedCount(): number {
    return this.#parkedOrders.size;
  }

  async settled(): Promise<void> {
    while (!this.#stopping && (this.#running || this.lag().events > 0)) await this.#nextCommit(LOOK_AGAIN_MS);
  }

  async unpark(orderId: string, change: UnparkChange): Promise<number> {
    const parked = await loadParked(this.#database, HISTORY_CONSUMER, orderId);
    const [first, ...behind] = parked;
    if (first) {
      const head =
        change.action === 'skip'
          ? []
          : [change.data === undefined ? first.event : { ...first.event, data: change.data }];
      const events = [...head, ...behind.map(({ event }) => event)];
      const writes = deleteParked(HISTORY_CONSUMER, orderId, parked, change.actor, change.action);
      if (events.length > 0) writes.push(mirror(events.map(encoded)));
      await this.#database.write(writes);
      if (change.action === 'skip') this.#skipped.add(first.event.id);
    }
    this.#parkedOrders.delete(orderId);
    return parked.length;
  }

  #wake(): void {
    this.#ready = true;
    if (this.#running || this.#stopping) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#logger.error({ err: error }, 'the order history stands still'))
      .finally(() => {
        this.#running = undefined;
        if (this.#ready && !this.#stopping) setImmediate(() => this.#wake());
      });
  }

  async #run(): Promise<void> {
    while (this.#ready && !this.#stopping) {
      this.#ready = false;
      const delivery = this.#subscription?.take(EVENTS_PER_SET);
      if (delivery) {
        this.#ready = true;
        await this.#save(delivery);
      } else if (this.#quietTicks >= LOOK_TICKS) {
        this.#quietTicks = 0;
        this.#ready = await this.#lookForReplay();
      } else if (this.#idleTicks >= IDLE_TICKS) {
        this.#idleTicks = 0;
        const moves = this.#subscription?.idleMoves() ?? [];
        if (moves.length > 0) await this.#save({ events: [], moves });
      }
      for (const told of this.#committed) told();
    }
  }

  /** Nothing is under way here, so stored offsets that differ from the known ones were moved by somebody else. */
  async #lookForReplay(): Promise<boolean> {
    // A database that is away is met by the next look.
    if (!(await this.#subscription?.moved().catch(() => false))) return false;
    this.#logger.info('the stored offsets of the history were moved from outside; reading on from there');
    await this.#reset();
    return true;
  }

  /** Saves a delivery with its offsets; waits for a database that is away, and parks what the database cannot hold. */
  async #save({ events, moves }: Delivery): Promise<void> {
    const wanted = (events as readonly EncodedEvent[]).filter(({ id }) => !this.#skipped.has(id));
    const behind = wanted.filter(({ subject }) => this.#parkedOrders.has(subject));
    let parked = behind.map((event): Parked => ({ event: decoded(event), reason: null }));
    let stored = behind.length === 0 ? wanted : wanted.filter(({ subject }) => !this.#parkedOrders.has(subject));
    for (let attempt = 0; !this.#stopping; attempt++) {
      const writes = [moveOffsets(HISTORY_CONSUMER, moves)];
      if (stored.length > 0) writes.push(mirror(stored));
      if (parked.length > 0) writes.push(parkEvents(HISTORY_CONSUMER, parked, { again: true }));
      try {
        await this.#database.write(writes);
        this.#subscription?.saved(moves);
        this.#quietTicks = 0;
        for (const { event } of parked) this.#parkedOrders.add(event.subject);
        this.#failure = undefined;
        return;
      } catch (error) {
        if (error instanceof ConflictError) return void (await this.#reset());
        if (isTransient(error)) {
          this.#failure = (error as Error).message;
          await wait(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!);
        } else {
          const sorted = await this.#sortOut(stored);
          stored = sorted.stored;
          parked = [...parked, ...sorted.parked];
        }
      }
    }
  }

  /** Finds the events the database refuses, by asking without keeping the answer. */
  async #sortOut(events: readonly EncodedEvent[]): Promise<{ stored: EncodedEvent[]; parked: Parked[] }> {
    const stored: EncodedEvent[] = [];
    const parked: Parked[] = [];
    const refused = new Set<string>();
    for (const event of events) {
      const reason = refused.has(event.subject) ? null : await this.#refusal(event);
      if (reason === undefined) {
        stored.push(event);
        continue;
      }
      if (reason !== null)
        this.#logger.error({ orderId: event.subject, eventType: event.type, reason }, 'event parked');
      refused.add(event.subject);
      parked.push({ event: decoded(event), reason });
    }
    return { stored, parked };
  }

  async #refusal(event: EncodedEvent): Promise<string | undefined> {
    try {
      await this.#database.write([mirror([event])]);
      return undefined;
    } catch (error) {
      if (isTransient(error)) throw error;
      return (error as Error).message;
    }
  }

  async #reset(): Promise<void> {
    for (let attempt = 0; !this.#stopping; attempt++) {
      try {
        await this.#refreshParked();
        await this.#subscription?.reset();
        return;
      } catch (error) {
        if (!isTransient(error)) throw error;
        await wait(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!);
      }
    }
  }

  async #refreshParked(): Promise<void> {
    const orders = await loadParkedOrders(this.#database, HISTORY_CONSUMER);
    this.#parkedOrders.clear();
    for (const order of orders) this.#parkedOrders.add(order);
    for (const id of await loadSkipped(this.#database, HISTORY_CONSUMER)) this.#skipped.add(id);
  }

  /** Resolves with the next commit of this process, or after a time: another process may be the one that reads. */
  async #nextCommit(timeoutMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#committed.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#committed.add(done);
    });
  }
}

/** The mirror as a replay sees it: what it has, it has taken. */
export const historyReplay: Replayable = {
  consumer: HISTORY_CONSUMER,
  types: TYPES,
  preview: () => ({
    async judge(database, events) {
      const rows = await database.query<{ id: string }>(
        'select id from orders.event_mirror where id = any($1::uuid[])',
        [events.map((event) => event.id)],
      );
      const known = new Set(rows.map((row) => row.id));
      return events.map(({ id }) => ({ kind: known.has(id) ? 'taken' : 'acts' }));
    },
  }),
  rebuild: {
    schema: 'orders',
    consumes: true,
    tables: [
      {
        name: 'orders.event_mirror',
        order: 'subject',
        key: ['id'],
        columns: EVENT_COLUMNS,
        compared: Object.keys(EVENT_COLUMNS).filter((column) => column !== 'id'),
        ordered: 'number',
      },
    ],
    build: (_, events) => ({ 'orders.event_mirror': events as unknown as Record<string, unknown>[] }),
  },
};

const MIRROR_COLUMNS: Columns = { ...EVENT_COLUMNS, data: 'encoded json' };

function mirror(events: readonly EncodedEvent[]): Write {
  const rows = events as unknown as Record<string, unknown>[];
  return insertRows('mirror', 'orders.event_mirror', MIRROR_COLUMNS, rows, { onConflict: '(id) do nothing' });
}

interface LogRow extends OutboxRow {
  seen: Record<string, number>;
}

/**
 * What the order said and what others told about it, each in its order. `behind`: the order has seen more than the
 * mirror has; the two are consumers of their own.
 */
async function readLogs(
  database: Database,
  orderId: string,
): Promise<{ own: Envelope[]; others: Envelope[]; behind: boolean }> {
  const rows = await database.query<LogRow>(
    `select seen, e.* from (
       select number, 0 as txid, ${OUTBOX_COLUMNS} from orders.event_mirror where subject = $1 and source <> $2
       union all
       select position, txid::text::bigint, ${OUTBOX_COLUMNS} from log.order_outbox where subject = $1 and source = $2
     ) e left join orders.order_states s on s.order_id = e.subject
     order by txid, number limit ${HISTORY_MAX}`,
    [orderId, SOURCES.orders],
  );
  const [own, others] = [[], []] as [Envelope[], Envelope[]];
  const told: Record<string, number> = {};
  for (const row of rows) {
    (row.source === SOURCES.orders ? own : others).push(fromRow(row));
    told[row.source] = Math.max(told[row.source] ?? 0, row.sequence);
  }
  const seen = Object.entries(rows[0]?.seen ?? {});
  return { own, others, behind: seen.some(([source, sequence]) => (told[source] ?? 0) < sequence) };
}

/** Joins two logs to one: no effect stands before its cause, and what has none in the other log goes by its time. */
export function inOrder(own: readonly Envelope[], others: readonly Envelope[]): Envelope[] {
  const [placeOfOwn, placeOfOther] = [places(own), places(others)];
  const events: Envelope[] = [];
  for (let i = 0, j = 0; i < own.length || j < others.length;) {
    const [mine, other] = [own[i], others[j]];
    const mineWaits = mine !== undefined && (placeOfOther.get(mine.causationid) ?? -1) >= j;
    const otherWaits = other !== undefined && (placeOfOwn.get(other.causationid) ?? -1) >= i;
    const isMineNext =
      mineWaits === otherWaits ? mine !== undefined && (!other || mine.time <= other.time) : otherWaits;
    if (isMineNext || !other) events.push(own[i++]!);
    else events.push(others[j++]!);
  }
  return events;
}

function places(events: readonly Envelope[]): Map<string, number> {
  return new Map(events.map(({ id }, place) => [id, place]));
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
