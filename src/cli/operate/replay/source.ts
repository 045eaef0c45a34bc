import type { Envelope } from '#contracts/envelope.ts';
import { insertRows } from '#platform/database/statement.ts';
import { type LogPosition, isAfter, LOG_START, readOffsets } from '#platform/log/bus.ts';
import { EVENT_COLUMNS, fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import { loadSkipped } from '#platform/log/parked.ts';
import { CannotReplay, rangesBetween } from '#platform/log/rewind.ts';
import type { Projection } from '#platform/processor/projection.ts';
import type { OpenReplay } from './open.ts';
import type { Session } from './session.ts';

/** The events a projection is built from, by order: up to what its consumer has taken, but for what it has put aside. */
export interface EventSource {
  /** Orders after one, in the order of their ids. */
  orders(after: string, limit: number): Promise<string[]>;
  eventsOf(ids: readonly string[]): Promise<Map<string, Envelope[]>>;
  /** Makes known what the consumer has read by now, as the present snapshot sees it. */
  catchUp(): Promise<void>;
  /** The transaction in which it caught up ended; where it was rolled back, what was copied in it is gone. */
  ended(committed: boolean): void;
  close(): Promise<void>;
}

/** Where the log is in the same database, it is read there; a topic is copied beside the tables first. */
export async function openSource(
  opened: OpenReplay,
  projection: Projection,
  session: Session,
  onCopied: (done: number, total: number) => void,
): Promise<EventSource> {
  const stored = await readOffsets(session, opened.replayable.consumer);
  if (stored.size === 0)
    throw new CannotReplay(
      'NOTHING_READ',
      `${opened.replayable.consumer} has read nothing here, so there is nothing to build.${opened.replayable.consumer === 'orders-history' ? ' Where all services share one log, that log is the history, and no copy is kept.' : ''}`,
    );
  const copy =
    opened.kafka && projection.consumes ? await TopicCopy.make(opened, projection, session, onCopied) : undefined;
  return new Source(opened, projection, session, copy);
}

/** How far a consumer has read: where a replay reads again, what it reads again was taken before. */
async function takenUpTo(session: Session, consumer: string): Promise<Map<number, LogPosition>> {
  const stored = await readOffsets(session, consumer);
  return new Map(
    [...stored].map(([partition, { rereadTo, ...read }]) => [
      partition,
      rereadTo && isAfter(rereadTo, read) ? rereadTo : read,
    ]),
  );
}

class Source implements EventSource {
  readonly #opened: OpenReplay;
  readonly #projection: Projection;
  readonly #session: Session;
  readonly #copy: TopicCopy | undefined;

  constructor(opened: OpenReplay, projection: Projection, session: Session, copy: TopicCopy | undefined) {
    this.#opened = opened;
    this.#projection = projection;
    this.#session = session;
    this.#copy = copy;
  }

  async orders(after: string, limit: number): Promise<string[]> {
    const logs = ['log.order_outbox', ...(this.#copy ? [this.#copy.table] : [])];
    const pages = logs.map(
      (log) => `(select distinct subject from ${log} where subject > $1 order by subject limit ${limit})`,
    );
    const rows = await this.#session.query<{ subject: string }>(
      `select subject from (${pages.join(' union ')}) page order by subject limit ${limit}`,
      [after],
    );
    return rows.map((row) => row.subject);
  }

  async eventsOf(ids: readonly string[]): Promise<Map<string, Envelope[]>> {
    const aside = await this.#putAside(ids);
    const rows = [...(this.#copy ? await this.#copied(ids) : []), ...(await this.#logged(ids))];
    const events = rows.map(fromRow).filter(({ id }) => !aside.has(id));
    return Map.groupBy(events, (event) => event.subject);
  }

  /** What this database's log has of the orders: own events, and what the consumer has read where all share the log. */
  async #logged(ids: readonly string[]): Promise<OutboxRow[]> {
    const { own = '', consumes } = this.#projection;
    const read = this.#copy ? undefined : (await takenUpTo(this.#session, this.#opened.replayable.consumer)).get(0);
    const taken =
      consumes && read ? ' or (type = any($3::text[]) and (txid, position) <= ($4::text::xid8, $5::bigint))' : '';
    return this.#session.query<OutboxRow>(
      `select ${OUTBOX_COLUMNS} from log.order_outbox where subject = any($1::uuid[]) and (source = $2${taken}) order by order_outbox.txid, position`,
      [ids, own, ...(taken === '' ? [] : [this.#types, read!.txid, read!.position])],
    );
  }

  #copied(ids: readonly string[]): Promise<OutboxRow[]> {
    return this.#session.query<OutboxRow>(
      `select ${OUTBOX_COLUMNS} from ${this.#copy!.table} where subject = any($1::uuid[]) and source <> $2 order by number`,
      [ids, this.#projection.own ?? ''],
    );
  }

  get #types(): readonly string[] {
    return [...this.#opened.replayable.types, ...(this.#projection.further ?? [])];
  }

  /** Parked, or left out by an operator: the consumer has read past them without taking them. */
  async #putAside(ids: readonly string[]): Promise<ReadonlySet<string>> {
    if (!this.#projection.consumes) return new Set();
    const { consumer } = this.#opened.replayable;
    const parked = await this.#session.query<{ id: string }>(
      "select event->>'id' as id from log.parked_events where consumer = $1 and order_id = any($2::uuid[])",
      [consumer, ids],
    );
    return new Set([...parked.map((row) => row.id), ...(await loadSkipped(this.#session, consumer))]);
  }

  async catchUp(): Promise<void> {
    await this.#copy?.catchUp();
  }

  ended(committed: boolean): void {
    this.#copy?.ended(committed);
  }

  async close(): Promise<void> {
    await this.#copy?.drop();
  }
}

/** A copy of the topic in the service's database, up to where the consumer has read. */
class TopicCopy {
  readonly table: string;
  readonly #opened: OpenReplay;
  readonly #types: readonly string[];
  readonly #session: Session;
  #copied: ReadonlyMap<number, LogPosition>;
  /** Copied and committed. */
  #kept: ReadonlyMap<number, LogPosition>;

  private constructor(
    opened: OpenReplay,
    projection: Projection,
    session: Session,
    starts: ReadonlyMap<number, LogPosition>,
  ) {
    this.table = `${projection.schema}.log_rebuild`;
    this.#opened = opened;
    this.#types = [...opened.replayable.types, ...(projection.further ?? [])];
    this.#session = session;
    this.#copied = starts;
    this.#kept = starts;
  }

  static async make(
    opened: OpenReplay,
    projection: Projection,
    session: Session,
    onCopied: (done: number, total: number) => void,
  ): Promise<TopicCopy> {
    const stored = await readOffsets(session, opened.replayable.consumer);
    const starts = await opened.log.positionsAt({ kind: 'start' }, stored);
    for (const [partition, { position }] of starts)
      if (position > 0)
        throw new CannotReplay(
          'NOT_KEPT',
          `Partition ${partition} of the topic begins at offset ${position}: what stood before was deleted by its retention, so the rows cannot be built from it.`,
        );
    const copy = new TopicCopy(opened, projection, session, starts);
    await session.query(`drop table if exists ${copy.table}`);
    const columns = Object.entries(EVENT_COLUMNS).map(([name, type]) => `${name} ${type}`);
    await session.query(
      `create unlogged table ${copy.table} (number bigint generated always as identity, ${columns.join(', ')}, unique (id))`,
    );
    await session.query(`create index on ${copy.table} (subject, number)`);
    await copy.catchUp(onCopied);
    copy.ended(true);
    return copy;
  }

  async catchUp(onCopied: (done: number, total: number) => void = () => {}): Promise<void> {
    const { log, replayable } = this.#opened;
    const taken = await takenUpTo(this.#session, replayable.consumer);
    const ranges = rangesBetween(this.#copied, taken);
    const total = await log.count(ranges, { types: this.#types });
    let done = 0;
    await log.read(ranges, { types: this.#types }, async (events) => {
      const rows = events as unknown as Record<string, unknown>[];
      // The relay may have published one twice.
      await this.#session.write(
        insertRows('copied', this.table, EVENT_COLUMNS, rows, { onConflict: '(id) do nothing' }),
      );
      done += events.length;
      onCopied(done, Math.max(total, done));
    });
    // A partition that was read from for the first time since begins at its start.
    this.#copied = new Map([
      ...[...taken.keys()].map((partition): [number, LogPosition] => [partition, LOG_START]),
      ...this.#copied,
      ...ranges.map((range): [number, LogPosition] => [range.partition, range.to]),
    ]);
  }

  ended(committed: boolean): void {
    if (committed) this.#kept = this.#copied;
    else this.#copied = this.#kept;
  }

  async drop(): Promise<void> {
    await this.#session.query(`drop table if exists ${this.table}`).catch(() => {});
  }
}
