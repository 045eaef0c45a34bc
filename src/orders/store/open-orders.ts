import type { Database } from '#platform/database/database.ts';
import { isoTime } from '#contracts/time.ts';

/** So many orders of one status are counted, and no more: who has more of them knows enough. */
const COUNT_MAX = 100_000;
const LATE_MAX = 10_000;
/** The timer runs every second; what it has not taken up by then is late. */
const LATE_MS = 10_000;

export interface OpenOrders {
  readonly statuses: readonly { readonly status: string; readonly count: number; readonly seconds: number }[];
  /** Orders whose deadline passed a while ago. */
  readonly late: number;
}

/**
 * How many orders are in each of these statuses, and for how long the one that waits longest. Both by indexes: it reads
 * the orders that are open, however many have ended. Statuses must be open ones.
 */
export const OPEN_ORDERS = `select s.status, o.count::int as count, coalesce(extract(epoch from $2::timestamptz - o.since), 0)::float8 as seconds
  from unnest($1::text[]) as s(status)
  cross join lateral (
    select count(*) as count, min(since) as since from (
      select coalesce(status_since, updated_at) as since from orders.order_states where status = s.status order by order_id limit ${COUNT_MAX}
    ) counted
  ) o`;
export const LATE_ORDERS = `select count(*)::int as late from (select from orders.order_states where deadline_at < $1 limit ${LATE_MAX}) late`;

/** See {@link OPEN_ORDERS}. `nowMs`: of the clock by which deadlines pass. */
export async function openOrders(database: Database, statuses: readonly string[], nowMs: number): Promise<OpenOrders> {
  const rows = await database.query<{ status: string; count: number; seconds: number }>(OPEN_ORDERS, [
    statuses,
    isoTime(nowMs),
  ]);
  const [row] = await database.query<{ late: number }>(LATE_ORDERS, [isoTime(nowMs - LATE_MS)]);
  return {
    statuses: rows.map(({ status, count, seconds }) => ({ status, count, seconds: Math.max(0, seconds) })),
    late: row!.late,
  };
}
