import type { Database } from '#platform/database/database.ts';
import { loadOrders, type StoredRow } from '#orders/store.ts';
import { type OrderFilter, pageOfIds } from './filter.ts';
import { type Documents, searchOrders } from './search.ts';

/** Lists of orders, page by page. */

/** The ids of a page, in the order asked for. */
export async function listOrderIds(database: Database, filter: OrderFilter, peers: Documents): Promise<string[]> {
  return [
    ...(filter.text === undefined
      ? await pageOfIds(database, filter)
      : await searchOrders({ database, peers }, filter)),
  ];
}

/** A page of orders in the order asked for. */
export async function listOrders(database: Database, filter: OrderFilter, peers: Documents): Promise<StoredRow[]> {
  const ids = await listOrderIds(database, filter, peers);
  if (ids.length === 0) return [];
  const rows = new Map((await loadOrders(database, ids)).map((row) => [row.id, row]));
  return ids.flatMap((id) => rows.get(id) ?? []);
}
