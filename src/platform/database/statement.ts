import { binaryArray, binaryTexts, isFixedType } from './binary-array.ts';

/**
 * Set-based writes. A service saves a whole batch with **one SQL statement**: each table's write is a CTE,
 * and the last SELECT checks the row counts. One statement is one transaction and one round trip, and it
 * gets its transaction id only when it writes, after everything was read (design.md §3, second trap).
 */

/** One table's part of a save. `sql` numbers its parameters from $1; they are renumbered when parts are joined. */
export interface Write {
  /** Unique within a save; also the CTE's name. */
  readonly name: string;
  readonly sql: string;
  readonly params: readonly unknown[];
  /** Rows this write must touch. Another count means somebody else was faster: the whole save is refused as a conflict. */
  readonly expect?: number;
}

export interface Statement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}

type ColumnType =
  | 'uuid'
  | 'text'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'timestamptz'
  | 'boolean'
  | 'json'
  | 'encoded json'
  | 'jsonb'
  | 'text[]';
export type Columns = Readonly<Record<string, ColumnType>>;

const textCache = new Map<string, { name: string; text: string }>();

function shiftParameters(sql: string, by: number): string {
  return by === 0 ? sql : sql.replace(/\$(\d+)/g, (_, n: string) => `$${Number(n) + by}`);
}

/** Joins writes to one statement. Equal shapes give equal text, so PostgreSQL prepares each shape once per connection. */
export function joinWrites(writes: readonly Write[]): Statement {
  let shape = '';
  for (const write of writes) shape += `${write.name}|${write.sql}|${write.expect === undefined ? '' : 'e'};`;
  const values: unknown[] = [];
  for (const write of writes) values.push(...write.params);
  for (const write of writes) if (write.expect !== undefined) values.push(write.expect);
  let cached = textCache.get(shape);
  if (!cached) {
    let shift = 0;
    const parts: string[] = [];
    for (const write of writes) {
      parts.push(`${write.name} as (${shiftParameters(write.sql, shift)} returning 1)`);
      shift += write.params.length;
    }
    const checks: string[] = [];
    for (const write of writes) {
      if (write.expect !== undefined)
        checks.push(`log.expect((select count(*) from ${write.name}), $${++shift}, '${write.name}')`);
    }
    cached = { name: `w${textCache.size}`, text: `with ${parts.join(',\n')}\nselect ${checks.join(', ') || '1'}` };
    textCache.set(shape, cached);
  }
  return { name: cached.name, text: cached.text, values };
}

const NEEDS_QUOTES = /[\s,{}"\\]|^$|^null$/i;

function arrayElement(value: unknown): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean') return String(value);
  const text = value as string;
  return NEEDS_QUOTES.test(text) ? `"${text.replace(/[\\"]/g, '\\$&')}"` : text;
}

/** A PostgreSQL array literal of scalars. */
export function arrayLiteral(values: readonly unknown[]): string {
  let out = '{';
  for (let i = 0; i < values.length; i++) out += i === 0 ? arrayElement(values[i]) : `,${arrayElement(values[i])}`;
  return `${out}}`;
}

interface RowSource {
  readonly from: string;
  readonly params: unknown[];
}

type SourceRow = Readonly<Record<string, unknown>>;

/** The column `name` of the rows as the array parameter of {@link arrayType}. */
function arrayParameter(name: string, type: ColumnType, rows: readonly SourceRow[]): unknown {
  if (isFixedType(type)) return binaryArray(type, rows, name);
  if (type === 'numeric') return arrayLiteral(rows.map((row) => row[name]));
  if (type === 'text')
    return binaryTexts(
      'text',
      rows.map((row) => textOf(row[name])),
    );
  return binaryTexts(
    'json',
    rows.map((row) => (type === 'encoded json' ? (row[name] as string) : JSON.stringify(row[name] ?? null))),
  );
}

function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? null : String(value as number);
}

const JSON_TYPES: readonly ColumnType[] = ['json', 'encoded json', 'jsonb', 'text[]'];

/** An array of arrays would have to be a rectangle: text[] travels as JSON, and jsonb is made of it. */
function arrayType(type: ColumnType): string {
  return JSON_TYPES.includes(type) ? 'json[]' : `${type}[]`;
}

/**
 * `rows from (unnest($1::uuid[]), …) as r(a, …)`: a row set out of JavaScript rows; `numbered` adds the column `place`,
 * which counts them.
 */
function rowSource(columns: Columns, rows: readonly SourceRow[], numbered = false): RowSource {
  const entries = Object.entries(columns);
  const sources = entries.map(([, type], index) => `unnest($${index + 1}::${arrayType(type)})`);
  const names = numbered ? [...Object.keys(columns), 'place'] : Object.keys(columns);
  return {
    from: `rows from (${sources.join(', ')})${numbered ? ' with ordinality' : ''} as r(${names.join(', ')})`,
    params: entries.map(([name, type]) => arrayParameter(name, type, rows)),
  };
}

function columnValue(name: string, type: ColumnType): string {
  if (type === 'jsonb') return `r.${name}::jsonb`;
  if (type === 'text[]') return `array(select json_array_elements_text(r.${name}))`;
  return `r.${name}`;
}

export interface InsertOptions {
  /** What follows `on conflict`, such as `(id) do nothing`. Without it a row that exists already breaks its constraint. */
  readonly onConflict?: string;
  /** Only rows for which this holds, as SQL on the given row `r`. */
  readonly where?: string;
  /** Insert in the order given, so that generated numbers follow it: with `where`, rows may be joined in any order. */
  readonly inOrder?: boolean;
}

/** Insert rows into a table. */
export function insertRows(
  name: string,
  table: string,
  columns: Columns,
  rows: readonly SourceRow[],
  { onConflict, where, inOrder = false }: InsertOptions = {},
): Write {
  const source = rowSource(columns, rows, inOrder);
  const values = Object.entries(columns).map(([column, type]) => columnValue(column, type));
  let sql = `insert into ${table} (${Object.keys(columns).join(', ')}) select ${values.join(', ')} from ${source.from}`;
  if (where !== undefined) sql += ` where ${where}`;
  if (inOrder) sql += ' order by r.place';
  if (onConflict !== undefined) sql += ` on conflict ${onConflict}`;
  return { name, sql, params: source.params };
}

export interface UpdateOptions {
  /** The column that counts saves: each row carries its new count and is written only over the one before it. */
  readonly revision?: string;
  /** Compare-and-set: what a column of the table must hold, by the column of the given rows that says so and is not itself set. */
  readonly expected?: Readonly<Record<string, string>>;
  /** Further assignments as SQL, the same for all rows. */
  readonly set?: readonly string[];
}

/**
 * Update rows by `keys`. All of them must be there, with what `revision` and `expected` ask for; otherwise the save
 * is a conflict.
 */
export function updateRows(
  name: string,
  table: string,
  keys: readonly string[],
  columns: Columns,
  rows: readonly SourceRow[],
  { revision, expected = {}, set = [] }: UpdateOptions = {},
): Write {
  const source = rowSource(columns, rows);
  const unset = [...keys, ...Object.values(expected)];
  const sets = Object.entries(columns)
    .filter(([column]) => !unset.includes(column))
    .map(([column, type]) => `${column} = ${columnValue(column, type)}`);
  const match = keys.map((key) => `t.${key} = r.${key}`);
  for (const [column, given] of Object.entries(expected)) match.push(`t.${column} = r.${given}`);
  if (revision !== undefined) match.push(`t.${revision} = r.${revision} - 1`);
  return {
    name,
    sql: `update ${table} t set ${[...sets, ...set].join(', ')} from ${source.from} where ${match.join(' and ')}`,
    params: source.params,
    expect: rows.length,
  };
}
