import type { Database } from '#platform/database/database.ts';

/** Number of orders in each status, and the age of the oldest open one. */
export async function countByStatus(
  database: Database,
): Promise<{ status: string; count: number; oldest: string | null }[]> {
  return database.query<{ status: string; count: number; oldest: string | null }>(
    'select status, count(*)::int as count, min(order_id::text) as oldest from orders.order_states group by status',
  );
}

/** Of orders placed between each two neighbors of `bounds` (ids, ascending): how many, whose money came, and whose did not. */
export async function countByMinute(
  database: Database,
  bounds: readonly string[],
): Promise<{ placed: number; paid: number; failed: number }[]> {
  return database.query<{ placed: number; paid: number; failed: number }>(
    `select count(s.order_id)::int as placed,
       count(*) filter (where s.payment_status in ('AUTHORIZED', 'CAPTURED', 'PARTIALLY_REFUNDED', 'REFUNDED'))::int as paid,
       count(*) filter (where s.payment_status = 'FAILED')::int as failed
     from unnest($1::uuid[], $2::uuid[]) with ordinality as bounds (low, high, place)
     left join orders.order_states s on s.order_id >= bounds.low and s.order_id < bounds.high
     group by bounds.place order by bounds.place`,
    [bounds.slice(0, -1), bounds.slice(1)],
  );
}
