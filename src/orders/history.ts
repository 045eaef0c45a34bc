import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#contracts/error-text.ts';
import type { Envelope } from '#contracts/envelope.ts';
import { ORDER_EVENTS, SOURCES } from '#contracts/order-events.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isMisfit, isTransient, misfitReason } from '#platform/database/failures.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';
import { type Bus, type Delivery, type Lag, moveOffsets } from '#platform/log/bus.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import { decoded, encoded, type EncodedEvent } from '#platform/log/encoded.ts';
import { DATABASE_RETRY, Follower, UPKEEP_EVERY_MS } from '#platform/log/follower.ts';
import { EVENT_COLUMNS, fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import type { Parked, UnparkChange } from '#platform/log/parked.ts';
import type { Replayable } from '#platform/processor/preview.ts';
import { backoffMs } from '#platform/runtime/backoff.ts';
import type { Health } from '#platform/runtime/health.ts';
import type { Logger } from '#platform/telemetry/logger.ts';

/**
 * The history of orders where services write to logs of their own: what orders emitted, from their log, and a copy of
 * what others emitted, from the bus, kept for good. Where all share one log, that log is the history and nothing here runs.
 */

export const HISTORY_CONSUMER = 'orders-history';
/** What other services emit. */
const TYPES = Object.entries(ORDER_EVENTS)
  .filter(([, { source }]) => source !== SOURCES.orders)
  .map(([type]) => type);
const EVENTS_PER_BATCH = 2_000;
/** More events than any order has; a bound, not a page. */
const HISTORY_MAX = 10_000;
/** How long a reader waits for the mirror to have what the order has consumed. */
const CATCH_UP_MS = 1_000;
const CATCH_UP_POLL_MS = 25;

/** Copies the events of other services from the bus into `orders.event_mirror`, each once. */
export class HistoryMirror implements Consumer {
  readonly #database: Database;
  readonly #logger: Logger;
  readonly #follower: Follower;
  readonly #committed = new Set<() => void>();
  #running: Promise<void> | undefined;
  #ready = false;
  #upkeep: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(database: Database, bus: Bus, logger: Logger) {
    this.#database = database;
    this.#logger = logger;
    this.#follower = new Follower({
      consumer: HISTORY_CONSUMER,
      types: TYPES,
      encoded: true,
      database,
      bus,
      logger,
      onReady: () => this.#schedule(),
    });
  }

  async start(): Promise<void> {
    await this.#follower.start();
    this.#upkeep = setInterval(() => this.#schedule(), UPKEEP_EVERY_MS);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#upkeep);
    this.#follower.stop();
    await this.#running;
    await this.#follower.close();
  }

  /** Everything known about an order, causes before their effects, and otherwise in the order of their times. */
  async read(orderId: string): Promise<Envelope[]> {
    const deadlineMs = Date.now() + CATCH_UP_MS;
    for (;;) {
      const { own, others, behind } = await readLogs(this.#database, orderId);
      if (!behind || Date.now() >= deadlineMs) return inOrder(own, others);
      await this.#nextCommit(CATCH_UP_POLL_MS);
    }
  }

  lag(): Lag {
    return this.#follower.lag();
  }

  lagByPartition(): ReadonlyMap<number, number> {
    return this.#follower.lagByPartition();
  }

  healthy(): Health {
    return this.#follower.healthy();
  }

  get parkedCount(): number {
    return this.#follower.parking.parked.size;
  }

  async settled(): Promise<void> {
    while (!this.#stopping && (this.#running || this.lag().events > 0)) await this.#nextCommit(CATCH_UP_POLL_MS);
  }

  async unpark(orderId: string, change: UnparkChange): Promise<number> {
    const { parking } = this.#follower;
    const queue = await parking.open(orderId, change);
    if (!queue) {
      parking.forget(orderId);
      return 0;
    }
    const writes = parking.release(queue, []);
    if (queue.events.length > 0) writes.push(mirror(queue.events.map(encoded)));
    await this.#database.write(writes);
    parking.released(queue, []);
    return queue.stored.length;
  }

  #schedule(): void {
    this.#ready = true;
    if (this.#running || this.#stopping) return;
    this.#running = this.#run()
      .catch((error: unknown) => this.#logger.error({ err: error }, 'the order history stands still'))
      .finally(() => {
        this.#running = undefined;
        if (this.#ready && !this.#stopping) setImmediate(() => this.#schedule());
      });
  }

  async #run(): Promise<void> {
    while (this.#ready && !this.#stopping) {
      this.#ready = false;
      const delivery = this.#follower.take(EVENTS_PER_BATCH);
      if (delivery) {
        this.#ready = true;
        await this.#save(delivery);
      } else if (this.#follower.needsUpkeep) await this.#follower.upkeep();
      for (const notify of this.#committed) notify();
    }
  }

  /** Saves a delivery with its offsets; waits for a database that is away, and parks what the database cannot hold. */
  async #save({ events, moves }: Delivery): Promise<void> {
    const follower = this.#follower;
    const { parking } = follower;
    const wanted = (events as readonly EncodedEvent[]).filter(({ id }) => !parking.skipped.has(id));
    const behind = wanted.filter(({ subject }) => parking.parked.has(subject));
    let parked = behind.map((event): Parked => ({ event: decoded(event), reason: null }));
    let stored = behind.length === 0 ? wanted : wanted.filter(({ subject }) => !parking.parked.has(subject));
    for (let attempt = 0; !this.#stopping; attempt++) {
      const writes = [moveOffsets(HISTORY_CONSUMER, moves)];
      if (stored.length > 0) writes.push(mirror(stored));
      if (parked.length > 0) writes.push(parking.park(parked));
      try {
        await this.#database.write(writes);
        follower.saved(moves);
        parking.add(parked);
        follower.failure = undefined;
        return;
      } catch (error) {
        if (error instanceof ConflictError) return await follower.reset();
        if (isTransient(error) || isMisfit(error)) {
          follower.failure = isMisfit(error) ? misfitReason(error) : messageOf(error);
          await sleep(backoffMs(attempt, DATABASE_RETRY));
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
      if (isTransient(error) || isMisfit(error)) throw error;
      return messageOf(error);
    }
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

/** Reading again: what the mirror has, it has taken. */
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
 * What the order emitted and what others emitted about it, each in its order. `behind`: the order has consumed more
 * than the mirror has; the two are consumers of their own.
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
  const mirrored: Record<string, number> = {};
  for (const row of rows) {
    (row.source === SOURCES.orders ? own : others).push(fromRow(row));
    mirrored[row.source] = Math.max(mirrored[row.source] ?? 0, row.sequence);
  }
  const consumed = Object.entries(rows[0]?.seen ?? {});
  return { own, others, behind: consumed.some(([source, sequence]) => (mirrored[source] ?? 0) < sequence) };
}

/**
 * Joins logs to one: no effect stands before its cause, each source keeps its order, and everything else goes by its time.
 * Others than ours came by Kafka, where what two of them said can change places when it is published again.
 */
export function inOrder(own: readonly Envelope[], others: readonly Envelope[]): Envelope[] {
  const waiting = new Set([...own, ...others].map(({ id }) => id));
  const logs = [own, ...Map.groupBy(others, ({ source }) => source).values()].map((log) => ({ log, at: 0 }));
  const events: Envelope[] = [];
  while (waiting.size > 0) {
    let first: (typeof logs)[number] | undefined;
    for (const entry of logs) {
      const next = entry.log[entry.at];
      if (next && (!first || precedes(next, first.log[first.at]!, waiting))) first = entry;
    }
    const event = first!.log[first!.at++]!;
    waiting.delete(event.id);
    events.push(event);
  }
  return events;
}

function precedes(a: Envelope, b: Envelope, waiting: ReadonlySet<string>): boolean {
  const [aWaits, bWaits] = [waiting.has(a.causationid), waiting.has(b.causationid)];
  return aWaits === bWaits ? a.time < b.time : bWaits;
}
