import type { Place, Places } from './places.ts';
import { EXAMPLES_MAX, type Tallies } from './tallies.ts';

const PAGE = 1_000;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** Rows of services that belong to no order. */
export async function auditOrphans({ all }: Places, tallies: Tallies): Promise<void> {
  const orders = all.at(-1)!;
  await besideOrders(orders, 'log.order_outbox', 'subject', "t.type in ('OrderCreated', 'OrderImported')", tallies);
  for (const place of all) {
    for (const { audit } of place.services) {
      for (const table of audit.tables)
        await (place === orders
          ? besideOrders(place, table, 'order_id', 'true', tallies)
          : elsewhere(place, table, orders, tallies));
    }
  }
}

function report(tallies: Tallies, table: string, ids: readonly string[]): void {
  for (const id of ids) tallies.violation('orphans', id, `is in ${table}, and no such order is stored`);
}

async function besideOrders(
  { database }: Place,
  table: string,
  id: string,
  condition: string,
  tallies: Tallies,
): Promise<void> {
  const rows = await database.query<{ id: string; count: number }>(
    `select t.${id} as id, count(*) over ()::int as count from ${table} t where ${condition} and not exists (select 1 from orders.orders o where o.id = t.${id}) limit ${EXAMPLES_MAX}`,
  );
  report(
    tallies,
    table,
    rows.map((row) => row.id),
  );
  tallies.more('orphans', Math.max((rows[0]?.count ?? 0) - rows.length, 0));
  tallies.examined('orphans');
}

/** Page by page, where a join reaches no further than a database. */
async function elsewhere({ database }: Place, table: string, orders: Place, tallies: Tallies): Promise<void> {
  for (let after = FIRST_ID; ;) {
    const page = await database.query<{ id: string }>(
      `select distinct order_id as id from ${table} where order_id > $1 order by order_id limit ${PAGE}`,
      [after],
    );
    if (page.length === 0) break;
    const ids = page.map((row) => row.id);
    const known = await orders.database.query<{ id: string }>(
      'select id from orders.orders where id = any($1::uuid[])',
      [ids],
    );
    const present = new Set(known.map((row) => row.id));
    report(
      tallies,
      table,
      ids.filter((id) => !present.has(id)),
    );
    after = ids.at(-1)!;
  }
  tallies.examined('orphans');
}
