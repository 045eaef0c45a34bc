import type { Allocation } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';

/** SQL of goods that are reserved and not there. */

/** A place of a SKU, and how much of it is reserved there and missing. */
export interface ShortPlace extends Record<string, unknown> {
  readonly sku: string;
  readonly location: string;
  readonly short: number;
}

/** An order that is short of a SKU, by so many pieces. */
export interface ShortOrder {
  readonly orderId: string;
  readonly quantity: number;
}

const PLACES_MAX = 10_000;
const LEDGER_PAGE = 1_000;

/** Places where something is missing. */
export async function shortPlaces(database: Database): Promise<ShortPlace[]> {
  return database.query<ShortPlace>(
    'select sku, location, least(short, reserved) as short from inventory.stock where short > 0 and reserved > 0 order by sku, location limit $1',
    [PLACES_MAX],
  );
}

/** On hand and reserved at a place; undefined where that SKU never was there. */
export async function levelAt(
  database: Database,
  sku: string,
  location: string,
): Promise<{ readonly onHand: number; readonly reserved: number } | undefined> {
  const [row] = await database.query<{ on_hand: number; reserved: number }>(
    'select on_hand, reserved from inventory.stock where sku = $1 and location = $2',
    [sku, location],
  );
  return row && { onHand: row.on_hand, reserved: row.reserved };
}

/**
 * Whom so many missing pieces are missing to: those that were given theirs last, so that who came first is served. Reads
 * the ledger of the SKU backwards, only as far as it takes.
 */
export async function shortOrders(database: Database, { sku, location, short }: ShortPlace): Promise<ShortOrder[]> {
  const held = new Map<string, number>();
  const found: ShortOrder[] = [];
  let left = short;
  for (let before = Number.MAX_SAFE_INTEGER; left > 0;) {
    const rows = await database.query<{
      number: number;
      location: string;
      order_id: string | null;
      kind: string;
      reserved_delta: number;
    }>(
      'select number, location, order_id, kind, reserved_delta from inventory.ledger where sku = $1 and number < $2 order by number desc limit $3',
      [sku, before, LEDGER_PAGE],
    );
    for (const { location: place, order_id: orderId, kind, reserved_delta: delta } of rows) {
      if (place !== location || orderId === null || left <= 0) continue;
      // What came later was seen first: with its reservation, all that became of it is known.
      const pieces = (held.get(orderId) ?? 0) + delta;
      held.set(orderId, pieces);
      if (kind !== 'reserve' || pieces <= 0) continue;
      const quantity = Math.min(pieces, left);
      found.push({ orderId, quantity });
      left -= quantity;
    }
    if (rows.length < LEDGER_PAGE) break;
    before = rows.at(-1)!.number;
  }
  return found;
}

/** What orders were reported to be short of, by order. */
export async function reportedShortages(database: Database): Promise<Map<string, Allocation[]>> {
  const rows = await database.query<{ sku: string; location: string; order_id: string; quantity: number }>(
    'select sku, location, order_id, quantity from inventory.shortages',
  );
  const reported = new Map<string, Allocation[]>();
  for (const { order_id: orderId, ...missing } of rows)
    reported.set(orderId, [...(reported.get(orderId) ?? []), missing]);
  return reported;
}

/** Orders that were reported to be short of a SKU, at most so many. */
export async function reportedShortOf(database: Database, sku: string, limit: number): Promise<ShortOrder[]> {
  const rows = await database.query<{ order_id: string; quantity: number }>(
    'select order_id, sum(quantity)::integer as quantity from inventory.shortages where sku = $1 group by order_id order by order_id limit $2',
    [sku, limit],
  );
  return rows.map(({ order_id: orderId, quantity }) => ({ orderId, quantity }));
}
