import type { Database } from '#platform/database/database.ts';

/** Number of orders in each status, and the age of the oldest open one. */
export async function countByStatus(
  database: Database,
): Promise<{ status: string; count: number; oldest: string | null }[]> {
  return database.query<{ status: string; count: number; oldest: string | null }>(
    'select status, count(*)::int as count, min(order_id::text) as oldest from orders.order_states group by status',
  );
}
