import type { Database } from '#platform/database/database.ts';
import type { Turn } from '#inventory/rules.ts';

/** SQL of the lines in which backorders wait. */

const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** SKUs after another one that somebody waits for, by SKU. */
export async function skusWaitedFor(database: Database, after: string, limit: number): Promise<string[]> {
  const rows = await database.query<{ sku: string }>(
    'select sku from inventory.products where waiting > 0 and sku > $1 order by sku limit $2',
    [after, limit],
  );
  return rows.map((row) => row.sku);
}

/** One of those in the first part of a line for whom and all before whom enough is there. */
export interface Candidate extends Record<string, unknown> {
  readonly sku: string;
  readonly order_id: string;
}

/** Among the first `reach` in the line of each SKU, those for whom enough is there, by the order's id. */
export async function candidates(database: Database, skus: readonly string[], reach: number): Promise<Candidate[]> {
  return database.query<Candidate>(
    `select k.sku, w.order_id from unnest($1::text[]) as k(sku)
     cross join lateral (select coalesce(sum(greatest(s.on_hand - s.reserved, 0)), 0) as available from inventory.stock s where s.sku = k.sku) a
     cross join lateral (
       select h.order_id, sum(h.quantity) over (order by h.order_id) as upto
       from (select order_id, quantity from inventory.waiting where sku = k.sku and a.available > 0 order by order_id limit $2) h) w
     where w.upto <= a.available order by w.order_id`,
    [skus, reach],
  );
}

/** A backorder whose turn has come in every line in which it stands. */
export interface Ready {
  readonly orderId: string;
  readonly turns: readonly Turn[];
}

/** Those of these orders whose turn has come in all of their lines, by id. Once it has come it stays, until they are served or goods are lost. */
export async function turnsOf(database: Database, orderIds: readonly string[]): Promise<Ready[]> {
  const rows = await database.query<{ order_id: string; turns: Turn[] }>(
    `select w.order_id, json_agg(json_build_object('sku', w.sku, 'losses', p.losses)) as turns
     from inventory.waiting w join inventory.products p on p.sku = w.sku
     where w.order_id = any($1::uuid[]) group by w.order_id
     having bool_and(
       (select sum(b.quantity) from inventory.waiting b where b.sku = w.sku and b.order_id <= w.order_id)
       <= (select coalesce(sum(greatest(s.on_hand - s.reserved, 0)), 0) from inventory.stock s where s.sku = w.sku))
     order by w.order_id`,
    [orderIds],
  );
  return rows.map(({ order_id: orderId, turns }) => ({ orderId, turns }));
}

/** Backorders of a version that knew no lines, first come first served. */
export async function outsideOfLines(database: Database, limit: number): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    "select order_id from inventory.reservations where status = 'BACKORDERED' and detail->'waitsFor' is null and order_id > $1 order by order_id limit $2",
    [FIRST_ID, limit],
  );
  return rows.map((row) => row.order_id);
}
