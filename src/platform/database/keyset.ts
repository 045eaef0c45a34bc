import type { Database } from './database.ts';

/**
 * Pages of a table in the order of a unique key, each read by an index however long the table is. Where several values of
 * a column are wanted, the (column, key) index is read once for each of them, a page at most, and the pages are merged:
 * one condition for all values would read and sort every row that has any of them.
 */

/** A column and the values that are wanted of it; no condition where these are undefined. */
export interface Wanted {
  readonly column: string;
  readonly type: 'text' | 'uuid';
  readonly values: readonly unknown[] | undefined;
}

/** A condition as SQL; `$` stands for the value, where it has one. */
export interface Condition {
  readonly sql: string;
  readonly value?: unknown;
}

export interface Keyset {
  /** What is read of a row, without aliases of the table. */
  readonly columns: string;
  /** The table, by the alias `t`, with what is joined to it. */
  readonly table: string;
  readonly key: string;
  readonly newestFirst: boolean;
  /** The first that asks for anything says by which index the page is read. */
  readonly wanted: readonly Wanted[];
  readonly conditions?: readonly Condition[];
  /** Continue behind this key. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** The statement of a page. */
export function keysetQuery(page: Keyset): { text: string; values: unknown[] } {
  const { columns, table, key, newestFirst, wanted, conditions = [], after, limit } = page;
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const asked = wanted.filter((one) => one.values !== undefined);
  const [first] = asked;
  // Of a value of the key itself there is one row at most.
  const merged = first !== undefined && first.values!.length > 1 && first.column !== key;
  const source = merged ? `unnest(${bind(first.values)}::${first.type}[]) as w(value)` : '';
  const where = asked.map((one) => {
    if (merged && one === first) return `t.${one.column} = w.value`;
    if (one.values!.length === 1) return `t.${one.column} = ${bind(one.values![0])}::${one.type}`;
    return `t.${one.column} = any(${bind(one.values)}::${one.type}[])`;
  });
  for (const { sql, value } of conditions) where.push(sql.replaceAll('$', () => bind(value)));
  if (after !== undefined) where.push(`t.${key} ${newestFirst ? '<' : '>'} ${bind(after)}`);
  const order = `${key} ${newestFirst ? 'desc' : 'asc'} limit ${bind(limit)}`;
  const rows = `select ${columns} from ${table}${where.length > 0 ? ` where ${where.join(' and ')}` : ''} order by t.${order}`;
  return {
    text: merged ? `select p.* from ${source} cross join lateral (${rows}) p order by p.${order}` : rows,
    values,
  };
}

/** The rows of a page. Planned each time, because what is wanted decides by which index it is read, unless that is the key's. */
export function readKeyset<Row extends Record<string, unknown>>(database: Database, page: Keyset): Promise<Row[]> {
  const { text, values } = keysetQuery(page);
  const byKey = page.wanted.find((one) => one.values !== undefined)?.column === page.key;
  return byKey ? database.query<Row>(text, values) : database.queryOnce<Row>(text, values);
}
