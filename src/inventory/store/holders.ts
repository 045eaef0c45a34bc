import { firstIdAt, idTimeMs } from '#contracts/ids.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';

/** SQL of who holds a SKU, and who waits for it. */

/** Goods that are set aside at a place for an order. */
export interface Holder {
  /** Of the movement that set them aside; greater than that of every one before it. */
  readonly number: number;
  readonly orderId: string;
  readonly location: string;
  /** Pieces. */
  readonly quantity: number;
  /** How many of them are not there. */
  readonly short: number;
  /** When they were set aside. */
  readonly since: string;
}

export interface HoldersPage {
  readonly sku: string;
  readonly locations: readonly string[] | undefined;
  /** Continue behind the movement of this number. */
  readonly after: string | undefined;
  readonly limit: number;
}

/**
 * How many movements of a SKU are looked through, from the last one back, one step after another until all that is
 * reserved is found. The last step bounds the work where an order has waited through more than a million of them.
 */
const REACH = [2_000, 50_000, 1_250_000] as const;

/** Whose of these movements is still set aside: $1 the SKU, $2 how many are looked through. */
export const HOLDERS_SQL = `select order_id, location, sum(reserved_delta)::integer as quantity,
    max(number) filter (where kind = 'reserve') as number, max(at) filter (where kind = 'reserve') as since
  from inventory.ledger where sku = $1 and order_id is not null
    and number > coalesce((select number from inventory.ledger where sku = $1 order by number desc offset $2 limit 1), 0)
  group by order_id, location having sum(reserved_delta) > 0`;

/** A page of those for whom a SKU is set aside, who was first at the beginning. */
export async function holdersOf(database: Database, page: HoldersPage): Promise<Holder[]> {
  const { sku, locations, after, limit } = page;
  for (const reach of REACH) {
    const rows = await database.queryOnce<{
      complete: boolean;
      order_id: string | null;
      location: string;
      quantity: number;
      number: number;
      since: Date;
      short: number;
    }>(
      `with held as materialized (${HOLDERS_SQL}), found as (
         select coalesce((select sum(quantity) from held), 0) >=
           coalesce((select sum(reserved) from inventory.stock where sku = $1), 0) as complete
       )
       select f.complete, h.*, coalesce(s.quantity, 0) as short from found f
       left join lateral (
         select * from held where number > $3 and ($4::text[] is null or location = any($4)) order by number limit $5
       ) h on true
       left join inventory.shortages s on s.sku = $1 and s.location = h.location and s.order_id = h.order_id
       order by h.number`,
      [sku, reach, after ?? 0, locations ?? null, limit],
    );
    if (!rows[0]!.complete && reach !== REACH.at(-1)) continue;
    return rows.flatMap(({ order_id: orderId, location, quantity, number, since, short }) =>
      orderId === null ? [] : [{ number, orderId, location, quantity, short, since: since.toISOString() }],
    );
  }
  return [];
}

/** An order that stands in the line of a SKU. */
export interface Waiter {
  readonly orderId: string;
  /** Pieces that it waits for. */
  readonly quantity: number;
  /** Pieces that those before it wait for. */
  readonly ahead: number;
  readonly since: string;
}

/** A page of the line of a SKU: whose turn is next at the beginning. */
export async function waitersOf(
  database: Database,
  { sku, after, limit }: { readonly sku: string; readonly after: string | undefined; readonly limit: number },
): Promise<Waiter[]> {
  const behind = after ?? firstIdAt(0);
  const rows = await database.query<{ order_id: string; quantity: number; upto: number }>(
    `select order_id, quantity, (sum(quantity) over (order by order_id))::bigint
       + coalesce((select sum(quantity) from inventory.waiting where sku = $1 and order_id <= $2), 0)::bigint as upto
     from (select order_id, quantity from inventory.waiting where sku = $1 and order_id > $2 order by order_id limit $3) line
     order by order_id`,
    [sku, behind, limit],
  );
  return rows.map(({ order_id: orderId, quantity, upto }) => ({
    orderId,
    quantity,
    ahead: upto - quantity,
    since: isoTime(idTimeMs(orderId)),
  }));
}
