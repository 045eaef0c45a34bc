import type { Database } from '../database/database.ts';
import { type Cursor, LOG_START } from './bus.ts';

/**
 * The one way to read the outbox in order; the embedded bus and the relay to Kafka share it.
 *
 * Rows become visible in commit order, not in the order of their positions, so a reader that polls
 * `position > last` loses what commits late. The tail reads by (xid8 of the writing transaction, position) and
 * only below `pg_snapshot_xmin(pg_current_snapshot())`: every transaction below that has ended, so nothing can
 * appear behind the cursor.
 */

const BELOW_HORIZON = 'txid < pg_snapshot_xmin(pg_current_snapshot())';
const AFTER_CURSOR = '(txid, position) > ($1::text::xid8, $2::bigint)';

export type TailRow<Row extends Record<string, unknown>> = Row & { txid: number; position: number };

/** Rows after a cursor, oldest first, up to the present horizon. `columns` are further columns to read. */
export function readTail<Row extends Record<string, unknown>>(
  database: Database,
  columns: string,
  after: Cursor,
  limit: number,
): Promise<TailRow<Row>[]> {
  return database.query<TailRow<Row>>(
    `select txid::text::bigint as txid, position, ${columns} from log.order_outbox where ${AFTER_CURSOR} and ${BELOW_HORIZON} order by order_outbox.txid, position limit ${limit}`,
    [after.txid, after.position],
  );
}

export function cursorOf(row: { txid: number; position: number }): Cursor {
  return { txid: row.txid, position: row.position };
}

/** The last place that can be read now. */
export async function tailEnd(database: Database): Promise<Cursor> {
  const [last] = await database.query<{ txid: number; position: number }>(
    `select txid::text::bigint as txid, position from log.order_outbox where ${BELOW_HORIZON} order by order_outbox.txid desc, position desc limit 1`,
  );
  return last ? cursorOf(last) : LOG_START;
}

/** How many rows wait after a cursor, counted up to a bound, and the time of the first. */
export async function tailLength(
  database: Database,
  after: Cursor,
  bound: number,
): Promise<{ rows: number; oldest: Date | undefined }> {
  const [answer] = await database.query<{ rows: number; oldest: Date | null }>(
    `select count(*)::int as rows, min(time) as oldest from (select time from log.order_outbox where ${AFTER_CURSOR} and ${BELOW_HORIZON} limit ${bound}) unread`,
    [after.txid, after.position],
  );
  return { rows: answer?.rows ?? 0, oldest: answer?.oldest ?? undefined };
}
