import { SOURCES } from '#contracts/order-events.ts';
import { type AuditContext, counted, type CountedRow, rowsByOrder, type ServiceAudit } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';

/** What is set aside for an order. */
export interface ReservationRow extends CountedRow {
  readonly status: string;
  readonly allocations: readonly { readonly sku: string; readonly location: string; readonly quantity: number }[];
}

/** Stock is what its ledger and the live reservations say. */
export const inventoryAudit = {
  checks: {
    reserved: 'reserved stock is what live reservations hold, per article and location',
    ledger: 'stock is the sum of its ledger, per article and location',
    available: 'nothing is sold that is not there',
    line: 'whoever waits for stock stands in line for it, and the line of an article wants what they want',
  },
  tables: ['inventory.reservations'],
  state: {
    of: 'stock',
    rows: [
      `select concat_ws('|', sku, location, on_hand, reserved, short) as row from inventory.stock
       order by sku collate "C", location collate "C"`,
      "select concat_ws('|', order_id, status, detail->'allocations') as row from inventory.reservations order by order_id",
    ],
  },
  sums: [
    {
      of: 'stock',
      meaning: 'Stock by location',
      query: `select location, sum(on_hand)::text as "onHand", sum(reserved)::text as reserved,
          (sum(on_hand) - sum(reserved))::text as available
        from inventory.stock group by location order by location`,
    },
  ],
  orders: {
    source: SOURCES.inventory,
    read: (database, ids) =>
      rowsByOrder<ReservationRow>(
        database,
        'inventory.reservations',
        ['status', "detail->'allocations' as allocations"],
        ids,
      ),
    ...counted<ReservationRow>(),
  },
  run: auditStock,
} as const satisfies ServiceAudit<ReservationRow>;

interface Level extends Record<string, unknown> {
  readonly sku: string;
  readonly location: string;
  readonly on_hand: number;
  readonly reserved: number;
  /** How much less a count found than is reserved. */
  readonly short: number;
  readonly ledger_on_hand: number;
  readonly ledger_reserved: number;
}

async function auditStock(context: AuditContext): Promise<void> {
  const held = await heldByReservations(context.database);
  let done = 0;
  for await (const levels of levelsByPage(context.database)) {
    for (const level of levels.rows) {
      const key = keyOf(level.sku, level.location);
      examineLevel(context, level, held.get(key) ?? 0);
      held.delete(key);
    }
    done += levels.articles;
    context.progress('articles', done);
  }
  await auditLines(context);
  for (const [key, pieces] of held) {
    const [sku, location] = JSON.parse(key) as [string, string];
    context.violation('reserved', `${sku} at ${location}`, `live reservations hold ${pieces}, there is no such stock`);
  }
}

const keyOf = (sku: string, location: string): string => JSON.stringify([sku, location]);

/** Pieces held by live reservations, by article and location. */
async function heldByReservations(database: Database): Promise<Map<string, number>> {
  const rows = await database.query<{ sku: string; location: string; quantity: number }>(
    `select a->>'sku' as sku, a->>'location' as location, sum((a->>'quantity')::bigint)::bigint as quantity
     from inventory.reservations r, json_array_elements(r.detail->'allocations') a
     where r.status = 'RESERVED' group by 1, 2`,
  );
  return new Map(rows.map(({ sku, location, quantity }) => [keyOf(sku, location), quantity]));
}

/** Who waits, by article and order: as the lines say, and as the backorders do. One of both is missing where they disagree. */
async function auditLines({ database, examined, violation }: AuditContext): Promise<void> {
  const rows = await database.query<{ sku: string; order_id: string; in_line: number | null; wanted: number | null }>(
    `select sku, order_id, w.quantity as in_line, r.quantity as wanted from inventory.waiting w
     full join (select d->>'sku' as sku, r.order_id, (d->>'quantity')::integer as quantity
                from inventory.reservations r, json_array_elements(r.detail->'demand') d
                where r.status = 'BACKORDERED' and d->>'sku' in (select json_array_elements_text(r.detail->'waitsFor'))) r
     using (sku, order_id)`,
  );
  const pieces = new Map<string, number>();
  examined('line');
  for (const { sku, order_id, in_line, wanted } of rows) {
    pieces.set(sku, (pieces.get(sku) ?? 0) + (in_line ?? 0));
    examined('line');
    if (in_line !== wanted)
      violation('line', order_id, `waits for ${wanted ?? 0} ${sku}, its place in the line says ${in_line ?? 0}`);
  }
  const lines = await database.query<{ sku: string; waiting: number }>(
    'select sku, waiting from inventory.products where waiting <> 0 or sku = any($1::text[])',
    [[...pieces.keys()]],
  );
  for (const { sku, waiting } of lines)
    if (waiting !== (pieces.get(sku) ?? 0))
      violation('line', sku, `${waiting} are waited for, those in line want ${pieces.get(sku) ?? 0}`);
}

const PAGE = 200;

async function* levelsByPage(database: Database): AsyncGenerator<{ articles: number; rows: readonly Level[] }> {
  for (let after = ''; ;) {
    const skus = (
      await database.query<{ sku: string }>(
        `select sku from inventory.products where sku > $1 order by sku limit ${PAGE}`,
        [after],
      )
    ).map((row) => row.sku);
    if (skus.length === 0) return;
    const rows = await database.query<Level>(
      `select sku, location, coalesce(s.on_hand, 0) as on_hand, coalesce(s.reserved, 0) as reserved, coalesce(s.short, 0) as short,
         coalesce(l.on_hand, 0)::bigint as ledger_on_hand, coalesce(l.reserved, 0)::bigint as ledger_reserved
       from (select * from inventory.stock where sku = any($1::text[])) s
       full join (select sku, location, sum(on_hand_delta) as on_hand, sum(reserved_delta) as reserved
                  from inventory.ledger where sku = any($1::text[]) group by sku, location) l using (sku, location)`,
      [skus],
    );
    yield { articles: skus.length, rows };
    after = skus.at(-1)!;
  }
}

function examineLevel(context: AuditContext, level: Level, held: number): void {
  const { sku, location, on_hand: onHand, reserved } = level;
  const subject = `${sku} at ${location}`;
  for (const check of ['reserved', 'ledger', 'available']) context.examined(check);
  if (held !== reserved)
    context.violation('reserved', subject, `${reserved} are reserved, live reservations hold ${held}`);
  if (onHand !== level.ledger_on_hand || reserved !== level.ledger_reserved)
    context.violation(
      'ledger',
      subject,
      `stored ${onHand} on hand and ${reserved} reserved, the ledger says ${level.ledger_on_hand} and ${level.ledger_reserved}`,
    );
  if (onHand + level.short < reserved || reserved < 0)
    context.violation('available', subject, `${onHand} on hand, ${reserved} reserved`);
}
