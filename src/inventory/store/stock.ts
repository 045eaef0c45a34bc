import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import type { Write } from '#platform/database/statement.ts';

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
