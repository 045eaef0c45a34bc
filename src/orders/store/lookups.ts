import type { Database } from '#platform/database/database.ts';

/** Small questions to the tables of orders. */

/** Which of these orders have a later event than the sequence given for each. */
export async function sequencesBeyond(database: Database, known: ReadonlyMap<string, number>): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    `select s.order_id from unnest($1::uuid[], $2::int[]) as known(id, sequence)
     join orders.order_states s on s.order_id = known.id where s.sequence > known.sequence`,
    [[...known.keys()], [...known.values()]],
  );
  return rows.map((row) => row.order_id);
}

/** Orders taken before under these keys. */
export async function ordersByKey(
  database: Database,
  keys: readonly string[],
): Promise<Map<string, { id: string; requestHash: string }>> {
  const rows = await database.query<{ id: string; idempotency_key: string; request_hash: string }>(
    'select id, idempotency_key, request_hash from orders.orders where idempotency_key = any($1::text[])',
    [keys],
  );
  return new Map(rows.map((row) => [row.idempotency_key, { id: row.id, requestHash: row.request_hash }]));
}

/** Ids of orders whose deadline has passed, the longest overdue first. */
export async function overdueOrders(database: Database, nowMs: number, limit: number): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    'select order_id from orders.order_states where deadline_at <= $1 order by deadline_at limit $2',
    [new Date(nowMs), limit],
  );
  return rows.map((row) => row.order_id);
}

/** The `customerId` of each of these orders by its id, null for that of a guest. */
export async function customersOf(database: Database, ids: readonly string[]): Promise<Record<string, string | null>> {
  const rows = await database.query<{ id: string; customer: string | null }>(
    'select id, coalesce(customer_id::text, customer_id_text) as customer from orders.orders where id = any($1::uuid[])',
    [ids],
  );
  return Object.fromEntries(rows.map(({ id, customer }) => [id, customer]));
}
