import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import type { Write } from '#platform/database/statement.ts';
import type { View } from '#platform/http/schemas.ts';
import type { StockView } from '#inventory/schemas.ts';

/** SQL of what lies where, as people count and read it. */

/** So many pieces of a product can be counted at one place; the function `inventory.adjust` refuses more. */
export const STOCK_MAX = 2_000_000_000;

export interface Adjustment {
  readonly sku: string;
  readonly location: string;
  readonly delta?: number;
  readonly onHand?: number;
  readonly reason: string;
}

/**
 * Writes of an adjustment: by a difference, or to a counted quantity. The ledger gets the difference that
 * was really applied, read from the row under its lock.
 */
export function adjustStock(adjustment: Adjustment, at: string, by: AuditedBy): Write[] {
  const { sku, location, delta, onHand, reason } = adjustment;
  return [
    {
      name: 'adjusted',
      sql: `insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta, reason)
        select $1::timestamptz, $2::text, $3::text, 'adjust', inventory.adjust($2::text, $3::text, $4::integer, $5::integer), 0, $6::text`,
      params: [at, sku, location, delta ?? null, onHand ?? null, reason],
    },
    auditWrite(adjustment, by),
  ];
}

/** Who changed stock from what to what. */
function auditWrite({ sku, location, delta, onHand, reason }: Adjustment, by: AuditedBy): Write {
  return {
    name: 'audited',
    sql: `insert into log.audit_entries (actor, actor_kind, action, subject, before, after, correlationid)
        select $1::text, $8::text, 'stock.adjusted', $2::text, json_build_object('location', $3::text, 'onHand', had.on_hand),
          json_build_object('location', $3::text, 'onHand', coalesce($5::bigint, had.on_hand + $4::bigint), 'reason', $6::text), $7::text
        from (select coalesce((select on_hand from inventory.stock where sku = $2 and location = $3), 0)::bigint as on_hand) had`,
    params: [by.actor, sku, location, delta ?? null, onHand ?? null, reason, by.correlationId, by.actorKind],
  };
}

/** Writes of a count below what is reserved; a conflict where not so much is reserved any more. */
export function countShort(
  adjustment: Adjustment & { readonly onHand: number },
  reserved: number,
  at: string,
  by: AuditedBy,
): Write[] {
  const { sku, location, onHand, reason } = adjustment;
  return [
    {
      name: 'adjusted',
      sql: `insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta, reason)
        select $1::timestamptz, $2::text, $3::text, 'adjust', inventory.count_short($2::text, $3::text, $4::integer, $5::integer), 0, $6::text`,
      params: [at, sku, location, onHand, reserved, reason],
    },
    auditWrite(adjustment, by),
  ];
}

/** Whether there is such a product, and such a place. */
export async function known(
  database: Database,
  { sku, location }: Pick<Adjustment, 'sku' | 'location'>,
): Promise<{ readonly sku: boolean; readonly location: boolean }> {
  const [row] = await database.query<{ sku: boolean; location: boolean }>(
    'select exists (select from inventory.products where sku = $1) as sku, exists (select from inventory.locations where name = $2) as location',
    [sku, location],
  );
  return row!;
}

interface StockRow extends Record<string, unknown> {
  sku: string;
  location: string | null;
  on_hand: number | null;
  reserved: number | null;
  waiting: number;
}

/** Stock of one product, in all and per location. */
export type Stock = View<typeof StockView>;

function stockViews(rows: readonly StockRow[]): Stock[] {
  const views = new Map<string, Stock>();
  for (const { sku, location, on_hand, reserved, waiting } of rows) {
    const view = views.get(sku) ?? { sku, onHand: 0, reserved: 0, available: 0, short: 0, waiting, locations: [] };
    if (location === null) {
      views.set(sku, view);
      continue;
    }
    const [onHand, taken] = [on_hand!, reserved!];
    const available = Math.max(0, onHand - taken);
    const short = Math.min(taken, Math.max(0, taken - onHand));
    views.set(sku, {
      sku,
      onHand: view.onHand + onHand,
      reserved: view.reserved + taken,
      available: view.available + available,
      short: view.short + short,
      waiting,
      locations: [...view.locations, { location, onHand, reserved: taken, available, short }],
    });
  }
  return [...views.values()];
}

/** Stock of products after a SKU, in SKU order, in all and per location. */
export async function listStock(database: Database, after: string, limit: number): Promise<Stock[]> {
  return stockViews(
    await database.query<StockRow>(
      `select p.sku, s.location, s.on_hand, s.reserved, p.waiting from (select sku, waiting from inventory.products where sku > $1 order by sku limit $2) p
       left join inventory.stock s on s.sku = p.sku order by p.sku, s.location`,
      [after, limit],
    ),
  );
}

/** Stock of one product, or undefined for an unknown SKU. */
export async function stockOf(database: Database, sku: string): Promise<Stock | undefined> {
  const rows = await database.query<StockRow>(
    'select p.sku, s.location, s.on_hand, s.reserved, p.waiting from inventory.products p left join inventory.stock s on s.sku = p.sku where p.sku = $1 order by s.location',
    [sku],
  );
  return stockViews(rows)[0];
}
