import { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { can, type Permission } from '#contracts/permissions.ts';
import { answer, type Answer } from './description/openapi.ts';
import { forbidden } from './principal.ts';
import { Problem } from './problems.ts';
import { Several } from './several.ts';

/**
 * Lists as files: rows as CSV or JSON lines, read page by page and sent as fast as they are taken, so that a million of
 * them need no more memory than a page.
 */

export interface Column<Item> {
  readonly name: string;
  readonly of: (item: Item) => string | number | undefined;
  /** What a caller needs to be given it. */
  readonly permission?: Permission;
}

const FORMATS = { csv: 'text/csv', jsonl: 'application/jsonl' } as const;
type Format = keyof typeof FORMATS;

/** Beside the filters of the list. */
export const exportParameters = {
  format: Type.Optional(
    Type.String({
      enum: Object.keys(FORMATS),
      description: 'Comma-separated values (default), or a JSON object a line',
    }),
  ),
  columns: Type.Optional(
    Several(
      Type.String({ pattern: '^[a-zA-Z]{1,40}$' }),
      'Only these columns, in this order; all of them by default. Those that the caller may not read are left out',
    ),
  ),
};

/** What a route that exports answers with. */
export const exportAnswer = (what: string): Answer =>
  answer(
    `${what}, a row a line. An answer that breaks off is not whole: its connection ends without its end`,
    Type.String(),
    {
      media: Object.values(FORMATS),
    },
  );

/** Each keeps a page in memory, and asks for the next as long as somebody reads. */
const AT_ONCE_MAX = 8;
let underWay = 0;

export interface Exported<Item> {
  /** Of the file, without its ending. */
  readonly name: string;
  /** To read the list that is exported, beside that for exports. */
  readonly permission: Permission;
  readonly columns: readonly Column<Item>[];
  /** Pages of rows; the first is read before anything is sent. */
  readonly pages: AsyncIterable<readonly Item[]>;
}

/**
 * What a route that exports returns. Throws FORBIDDEN where the caller may not read the list itself, VALIDATION_FAILED where
 * a column is asked for that there is not, OVERLOADED where this process is busy with others, and whatever the first page
 * throws.
 */
export async function exportOf<Item>(
  { query, principal }: FastifyRequest,
  reply: FastifyReply,
  { name, permission, columns, pages }: Exported<Item>,
): Promise<Readable> {
  if (!can(principal, permission)) throw forbidden(principal, permission);
  if (underWay >= AT_ONCE_MAX)
    throw new Problem('OVERLOADED', `${AT_ONCE_MAX} exports are under way here; try again when one has ended.`);
  const { format = 'csv', columns: names } = query as {
    readonly format?: Format;
    readonly columns?: readonly string[];
  };
  const shown = chosen(columns, names).filter(
    (column) => column.permission === undefined || can(principal, column.permission),
  );
  const iterator = pages[Symbol.asyncIterator]();
  underWay++;
  let first: IteratorResult<readonly Item[]>;
  try {
    first = await iterator.next();
  } catch (error) {
    underWay--;
    throw error;
  }
  const stream = Readable.from(textOf(format, shown, first, iterator), { objectMode: false });
  stream.once('close', () => underWay--);
  void reply
    .header('content-disposition', `attachment; filename="${name}.${format}"`)
    .type(`${FORMATS[format]}; charset=utf-8`);
  return stream;
}

function chosen<Item>(columns: readonly Column<Item>[], names: readonly string[] | undefined): readonly Column<Item>[] {
  if (!names) return columns;
  const unknown = names.find((name) => !columns.some((column) => column.name === name));
  if (unknown !== undefined)
    throw new Problem('VALIDATION_FAILED', `There are the columns ${columns.map(({ name }) => name).join(', ')}.`, {
      errors: [{ pointer: '/columns', detail: `${unknown} is none of the columns` }],
    });
  return [...new Set(names)].map((name) => columns.find((column) => column.name === name)!);
}

async function* textOf<Item>(
  format: Format,
  columns: readonly Column<Item>[],
  first: IteratorResult<readonly Item[]>,
  iterator: AsyncIterator<readonly Item[]>,
): AsyncGenerator<string> {
  if (format === 'csv') yield csvLine(columns.map(({ name }) => name));
  for (let page = first; !page.done; page = await iterator.next()) {
    const text = page.value.map((item) => lineOf(format, columns, item)).join('');
    if (text !== '') yield text;
  }
}

function lineOf<Item>(format: Format, columns: readonly Column<Item>[], item: Item): string {
  if (format === 'csv') return csvLine(columns.map(({ of }) => of(item)));
  return `${JSON.stringify(Object.fromEntries(columns.map(({ name, of }) => [name, of(item)])))}\n`;
}

/** A line as RFC 4180 has it. */
export function csvLine(values: readonly (string | number | undefined)[]): string {
  return `${values.map(csvValue).join(',')}\r\n`;
}

/** What a spreadsheet would take for a formula, which could run whatever a customer typed. */
const FORMULA = /^[=+\-@\t\r]/;

function csvValue(value: string | number | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'number') return String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const PAGE = 500;

/** Pages of a list by its key: `read` is asked for what stands behind the last row of the page before. */
export async function* pagesBy<Item>(
  read: (page: { readonly after: string | undefined; readonly limit: number }) => Promise<readonly Item[]>,
  keyOf: (item: Item) => string,
): AsyncGenerator<readonly Item[]> {
  for (let after: string | undefined; ;) {
    const items = await read({ after, limit: PAGE });
    yield items;
    if (items.length < PAGE) return;
    after = keyOf(items.at(-1)!);
  }
}

/** Rows of which one item has several. */
export async function* rowsOf<Item, Row>(
  pages: AsyncIterable<readonly Item[]>,
  rows: (item: Item) => readonly Row[],
): AsyncGenerator<readonly Row[]> {
  for await (const page of pages) yield page.flatMap(rows);
}
