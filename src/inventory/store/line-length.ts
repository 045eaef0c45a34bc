import type { Database } from '#platform/database/database.ts';

const COUNT_MAX = 10_000;

/** How many orders wait for goods, counted up to a bound. */
export async function waitingInLine(database: Database): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    `select count(*)::int as count from (select from inventory.reservations where status = 'BACKORDERED' limit ${COUNT_MAX}) waiting`,
  );
  return row!.count;
}
