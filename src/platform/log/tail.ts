import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import type { RecentCommits } from './recent-commits.ts';
import { type LogPosition, LOG_START } from './bus.ts';
import type { OutboxRow } from './outbox.ts';

/**
 * The one way to read the outbox in order; the bus on PostgreSQL and the relay to Kafka share it.
 *
 * Rows become visible in commit order, not in the order of their positions, so a reader that polls
 * `position > last` loses what commits late. The tail reads by (xid8 of the writing transaction, position) and
 * only below `pg_snapshot_xmin(pg_current_snapshot())`: every transaction below that has ended, so nothing can
 * appear behind the cursor.
 */

const BELOW_HORIZON = 'txid < pg_snapshot_xmin(pg_current_snapshot())';
const AFTER_CURSOR = '(txid, position) > ($1::text::xid8, $2::bigint)';
const NEXT_ROWS = `from log.order_outbox where ${AFTER_CURSOR} and ${BELOW_HORIZON} order by order_outbox.txid, position`;

export type TailRow<Row extends Record<string, unknown>> = Row & { txid: number; position: number };

/** Rows after a cursor, oldest first, up to the present horizon. `columns` are further columns to read. */
export function readTail<Row extends Record<string, unknown>>(
  database: Database,
  columns: string,
  after: LogPosition,
  limit: number,
): Promise<TailRow<Row>[]> {
  return database.query<TailRow<Row>>(
    `select txid::text::bigint as txid, position, ${columns} ${NEXT_ROWS} limit ${limit}`,
    [after.txid, after.position],
  );
}

/** What one transaction appended, or the part of it that a limit left. */
interface Transaction {
  readonly txid: number;
  /** Ascending; as many as events. */
  readonly positions: readonly number[];
  /** Id of the event at the first position. */
  readonly first: string;
}

/** The next `limit` rows as {@link readTail} gives them, but only their positions, one row for each transaction. */
async function readTransactions(database: Database, after: LogPosition, limit: number): Promise<Transaction[]> {
  const sets = await database.query<{ txid: number; positions: string; first: string }>(
    `select txid::text::bigint as txid, string_agg(position::text, ',' order by position) as positions, (array_agg(id order by position))[1] as first from (select txid, position, id ${NEXT_ROWS} limit ${limit}) unread group by unread.txid order by unread.txid`,
    [after.txid, after.position],
  );
  return sets.map(({ txid, positions, first }) => ({ txid, positions: positions.split(',').map(Number), first }));
}

export interface TailEntry<Event> {
  readonly cursor: LogPosition;
  readonly event: Event;
}

interface TailReading<Event> {
  readonly limit: number;
  /** What this process wrote, where that is remembered: it is taken from there and not read back. */
  readonly recentCommits: RecentCommits | undefined;
  /** Columns to read of everything else. */
  readonly columns: string;
  readonly ofMemory: (event: Envelope) => Event;
  readonly ofRow: (row: OutboxRow) => Event;
}

/** Entries after a cursor, oldest first, up to the present horizon. Of what is in memory, the log gives only the order. */
export async function readTailEvents<Event>(
  database: Database,
  after: LogPosition,
  { limit, recentCommits, columns, ofMemory, ofRow }: TailReading<Event>,
): Promise<TailEntry<Event>[]> {
  const sets = await readTransactions(database, after, limit);
  const known = sets.map(({ first, positions }) => recentCommits?.take(first, positions.length));
  const unknown = sets.filter((_, index) => known[index] === undefined);
  const loaded = new Map<number, Event>();
  if (unknown.length > 0) {
    const rows = await database.query<OutboxRow & { position: number }>(
      `select position, ${columns} from log.order_outbox where txid >= $1::text::xid8 and txid <= $2::text::xid8 and position = any($3::bigint[])`,
      [unknown[0]!.txid, unknown.at(-1)!.txid, unknown.flatMap(({ positions }) => positions)],
    );
    for (const row of rows) loaded.set(row.position, ofRow(row));
  }
  return sets.flatMap(({ txid, positions }, set) =>
    positions.map((position, index) => {
      const written = known[set]?.[index];
      const event = written ? ofMemory(written) : loaded.get(position);
      if (!event) throw new Error(`The log entry at position ${position} was removed while it was read`);
      return { cursor: { txid, position }, event };
    }),
  );
}

export function cursorOf(row: { txid: number; position: number }): LogPosition {
  return { txid: row.txid, position: row.position };
}

/** The last position that can be read now. */
export async function tailEnd(database: Database): Promise<LogPosition> {
  return lastWhere(database, BELOW_HORIZON);
}

/** The last position that was committed, be it readable by now or hidden behind somebody's open transaction. */
export async function lastCommitted(database: Database): Promise<LogPosition> {
  return lastWhere(database, 'true');
}

async function lastWhere(database: Database, condition: string): Promise<LogPosition> {
  const [last] = await database.query<{ txid: number; position: number }>(
    `select txid::text::bigint as txid, position from log.order_outbox where ${condition} order by order_outbox.txid desc, position desc limit 1`,
  );
  return last ? cursorOf(last) : LOG_START;
}

/** How many rows wait after a cursor, counted up to a bound, and the time of the first. */
export async function tailLength(
  database: Database,
  after: LogPosition,
  bound: number,
): Promise<{ rows: number; oldest: Date | undefined }> {
  const [answer] = await database.query<{ rows: number; oldest: Date | null }>(
    `select count(*)::int as rows, min(time) as oldest from (select time from log.order_outbox where ${AFTER_CURSOR} and ${BELOW_HORIZON} limit ${bound}) unread`,
    [after.txid, after.position],
  );
  return { rows: answer?.rows ?? 0, oldest: answer?.oldest ?? undefined };
}

/** A part of the log that was read before: after one position, up to another. */
export interface ReadBefore {
  readonly from: LogPosition;
  readonly to: LogPosition;
}

const BETWEEN = '(txid, position) > ($1::text::xid8, $2::bigint) and (txid, position) <= ($3::text::xid8, $4::bigint)';
const WANTED = 'type = any($5::text[]) and ($6::uuid[] is null or subject = any($6::uuid[]))';

interface Wanted {
  readonly types: readonly string[];
  readonly orders?: readonly string[] | undefined;
}

function rangeValues({ from, to }: ReadBefore, { types, orders }: Wanted): unknown[] {
  return [from.txid, from.position, to.txid, to.position, types, orders ?? null];
}

/** Rows of a part that somebody has read before, so that it lies below every horizon; oldest first. */
export function readRange<Row extends Record<string, unknown>>(
  database: Database,
  columns: string,
  range: ReadBefore,
  wanted: Wanted,
  limit: number,
): Promise<TailRow<Row>[]> {
  return database.queryOnce<TailRow<Row>>(
    `select txid::text::bigint as txid, position, ${columns} from log.order_outbox where ${BETWEEN} and ${WANTED} order by order_outbox.txid, position limit ${limit}`,
    rangeValues(range, wanted),
  );
}

export async function countRange(database: Database, range: ReadBefore, wanted: Wanted): Promise<number> {
  const [answer] = await database.queryOnce<{ rows: number }>(
    `select count(*)::int as rows from log.order_outbox where ${BETWEEN} and ${WANTED}`,
    rangeValues(range, wanted),
  );
  return answer!.rows;
}

/** The position before the first event of a time: nothing of that time or later stands before it. */
export async function positionBefore(database: Database, time: Date): Promise<LogPosition> {
  const [first] = await database.queryOnce<{ txid: number; position: number }>(
    'select txid::text::bigint as txid, position from log.order_outbox where time >= $1 order by order_outbox.txid, position limit 1',
    [time],
  );
  if (!first) return tailEnd(database);
  return { txid: first.txid, position: first.position - 1 };
}
