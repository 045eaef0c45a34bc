import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { type Condition, readKeyset } from '#platform/database/keyset.ts';

/** The ledger of stock, read: every movement there ever was. */

export const MOVEMENT_KINDS = ['adjust', 'reserve', 'release', 'ship', 'return'] as const;

export interface Movement {
  /** Greater than that of every movement before it; there are gaps. */
  readonly number: number;
  readonly at: string;
  readonly sku: string;
  readonly location: string;
  readonly kind: (typeof MOVEMENT_KINDS)[number];
  /** By how many pieces what is on the shelf, and what is set aside, became more. */
  readonly onHand: number;
  readonly reserved: number;
  readonly orderId?: string;
  readonly reason?: string;
}

export interface MovementFilter {
  readonly skus: readonly string[] | undefined;
  readonly locations: readonly string[] | undefined;
  readonly kinds: readonly string[] | undefined;
  /** Milliseconds; the range is closed below and open above. */
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
  /** Continue behind the movement of this number. */
  readonly after: string | undefined;
  readonly limit: number;
}

interface StoredMovement extends Record<string, unknown> {
  number: number;
  at: Date;
  sku: string;
  location: string;
  kind: Movement['kind'];
  on_hand_delta: number;
  reserved_delta: number;
  order_id: string | null;
  reason: string | null;
}

/** A page of movements, the last ones at the beginning. */
export async function listMovements(database: Database, filter: MovementFilter): Promise<Movement[]> {
  const { skus, locations, kinds, fromMs, toMs, after, limit } = filter;
  // Kinds and places are conditions: only SKUs have their movements in order by an index.
  const conditions: Condition[] = [];
  if (kinds) conditions.push({ sql: 't.kind = any($::text[])', value: kinds });
  if (locations) conditions.push({ sql: 't.location = any($::text[])', value: locations });
  if (fromMs !== undefined) conditions.push({ sql: 't.at >= $', value: isoTime(fromMs) });
  if (toMs !== undefined) conditions.push({ sql: 't.at < $', value: isoTime(toMs) });
  const rows = await readKeyset<StoredMovement>(database, {
    columns: 'number, at, sku, location, kind, on_hand_delta, reserved_delta, order_id, reason',
    table: 'inventory.ledger t',
    key: 'number',
    newestFirst: true,
    wanted: [{ column: 'sku', type: 'text', values: skus }],
    conditions,
    after,
    limit,
  });
  return rows.map(({ number, at, sku, location, kind, on_hand_delta, reserved_delta, order_id, reason }) => ({
    number,
    at: at.toISOString(),
    sku,
    location,
    kind,
    onHand: on_hand_delta,
    reserved: reserved_delta,
    ...(order_id !== null && { orderId: order_id }),
    ...(reason !== null && { reason }),
  }));
}
