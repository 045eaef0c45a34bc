import type { Places } from './places.ts';

/** What people count, as the audit counts it: {@link sumsOf}. */
export interface Sums {
  readonly meaning: string;
  /** As many as are shown; texts by the names of the columns. */
  readonly rows: readonly Readonly<Record<string, string>>[];
  /** There are further rows. */
  readonly more: boolean;
}

/** Of refunds there may be as many reasons as people have thought of. */
const ROWS_MAX = 10_000;

/**
 * Sums of what each service stores, by what they are of (`revenue`, `refunds`, `stock`). To be called in the snapshots of
 * the audit, so that they belong together.
 */
export async function sumsOf({ all }: Pick<Places, 'all'>): Promise<Record<string, Sums>> {
  const found: Record<string, Sums> = {};
  for (const { database, services } of all)
    for (const { audit } of services)
      for (const { of, meaning, query } of audit.sums ?? []) {
        const rows = await database.queryOnce<Record<string, string>>(
          `select * from (${query}) counted limit ${ROWS_MAX + 1}`,
        );
        found[of] = { meaning, rows: rows.slice(0, ROWS_MAX), more: rows.length > ROWS_MAX };
      }
  return found;
}
