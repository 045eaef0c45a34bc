import type { CsvRecord } from './csv.ts';
import { type Field, FIELDS, type Layout, type Places } from './layouts.ts';
import { fieldOf, readLine, type SoldLine } from './lines.ts';

/**
 * Groups lines to orders in two readings of the file. The first remembers where each invoice ends; the
 * second holds an invoice only until its last line has come, wherever in the file that is. So memory grows
 * with the number of invoices, not of lines, and a file that cannot be read to its end sends nothing.
 */

export interface RefusedLine {
  readonly line: number;
  readonly invoice: string;
  /** A {@link Reason}, or the code of the system's refusal. */
  readonly reason: string;
}

/** The lines of one invoice, and what it says beside them. */
export interface FileOrder {
  readonly invoice: string;
  readonly lines: readonly SoldLine[];
  readonly refused: readonly RefusedLine[];
  /** The first value of each field that has one: exports often fill in the first line only. */
  readonly values: Readonly<Partial<Record<Field, string>>>;
}

export interface Article {
  readonly sku: string;
  name: string | undefined;
  /** Pieces that all lines of the file sell together. */
  quantity: number;
}

export interface Survey {
  readonly records: number;
  /** Invoice → index of its last record. */
  readonly lastRecords: ReadonlyMap<string, number>;
  readonly articles: ReadonlyMap<string, Article>;
  /** Lines that belong to no order. */
  readonly refused: readonly RefusedLine[];
}

interface Shape {
  readonly layout: Layout;
  readonly places: Places;
  readonly columns: number;
}

const FIELD_NAMES = Object.keys(FIELDS) as Field[];
const LINE_FIELDS = new Set<Field>(['invoice', 'sku', 'name', 'quantity', 'price']);

function isMisshapen(record: CsvRecord, columns: number): boolean {
  return record.fields.length !== columns;
}

/** First reading. */
export async function survey(records: AsyncIterable<CsvRecord>, { layout, places, columns }: Shape): Promise<Survey> {
  const lastRecords = new Map<string, number>();
  const articles = new Map<string, Article>();
  const refused: RefusedLine[] = [];
  let index = 0;
  for await (const record of records) {
    const invoice = fieldOf(record, places, 'invoice');
    if (isMisshapen(record, columns)) refused.push({ line: record.line, invoice, reason: 'column_count' });
    else if (invoice === '') refused.push({ line: record.line, invoice, reason: 'no_invoice' });
    else {
      lastRecords.set(invoice, index);
      const read = readLine(record, places, layout);
      if (typeof read !== 'string') {
        const article = articles.get(read.sku);
        if (!article) articles.set(read.sku, { sku: read.sku, name: read.name, quantity: read.quantity });
        else {
          article.name ??= read.name;
          article.quantity += read.quantity;
        }
      }
    }
    index++;
  }
  return { records: index, lastRecords, articles, refused };
}

/** Second reading: each order as soon as its last line has come. */
export async function* orders(
  records: AsyncIterable<CsvRecord>,
  { layout, places, columns }: Shape,
  { lastRecords, records: expected }: Survey,
): AsyncGenerator<FileOrder> {
  const open = new Map<
    string,
    { lines: SoldLine[]; refused: RefusedLine[]; values: Partial<Record<Field, string>>; invoice: string }
  >();
  let index = 0;
  for await (const record of records) {
    const invoice = fieldOf(record, places, 'invoice');
    const last = lastRecords.get(invoice);
    if (!isMisshapen(record, columns) && invoice !== '') {
      let order = open.get(invoice);
      if (!order) open.set(invoice, (order = { invoice, lines: [], refused: [], values: {} }));
      const read = readLine(record, places, layout);
      if (typeof read === 'string') order.refused.push({ line: record.line, invoice, reason: read });
      else order.lines.push(read);
      for (const field of FIELD_NAMES) {
        if (LINE_FIELDS.has(field) || order.values[field] !== undefined) continue;
        const value = fieldOf(record, places, field);
        if (value !== '') order.values[field] = value;
      }
      if (index === last) {
        open.delete(invoice);
        yield order;
      }
    }
    index++;
  }
  if (index !== expected || open.size > 0) throw new Error('The file changed while it was read; import it again.');
}
