import { formatUnitPrice } from '#contracts/money.ts';
import { Problem } from '#client/client.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, type ClientOptions, connect } from '#cli/client.ts';
import { print, printJson, table } from '#cli/output.ts';
import { type CsvRecord, readCsv } from './csv.ts';
import { type DialectChoice, dialectOf } from './dialect.ts';
import { openInput } from './input.ts';
import { UsageError } from './mapping.ts';
import { type DecimalMark, decimalOf, plainText, wholeOf } from './numbers.ts';
import { uuidOf } from './request.ts';
import { concurrently } from './send.ts';

/** Products and stock out of a table: a row each, every row by itself. */

export interface TableOptions extends ClientOptions, DialectChoice {
  readonly decimal?: string;
  readonly source?: string;
  readonly json?: boolean;
}

const CONCURRENCY = 8;
const PATIENCE_MS = 60_000;
const FIRST_SHOWN = 5;

interface TableKind {
  /** By field the columns that may hold it; the first is ours. */
  readonly columns: Readonly<Record<string, readonly string[]>>;
  readonly needed: readonly string[];
  send(
    client: ApiClient,
    row: Readonly<Record<string, string>>,
    decimal: DecimalMark | undefined,
    source: string,
  ): Promise<void>;
}

class RowRefused extends Error {}

const PRODUCTS: TableKind = {
  columns: {
    sku: ['sku', 'SKU', 'Variant SKU', 'seller-sku', 'Internal Reference', 'default_code', 'Item Code'],
    name: ['name', 'Name', 'Title', 'item-name', 'Item Name', 'Product Name'],
    price: ['price', 'Price', 'Variant Price', 'Regular price', 'Sales Price', 'list_price'],
    currency: ['currency', 'Currency'],
  },
  needed: ['sku', 'name'],
  async send(client, { sku, name, price = '', currency = '' }, decimal) {
    const amount = price === '' ? undefined : decimalOf(price, decimal);
    if (price !== '' && amount === undefined)
      throw new RowRefused(`price ${price} is no number, or one that can be read in two ways`);
    const code = currency === '' ? undefined : currency.toUpperCase();
    await client.putProduct(
      { sku: sku! },
      {
        name: name!,
        ...(amount !== undefined && { price: (code && formatUnitPrice(amount, code)) ?? amount }),
        ...(code !== undefined && { currency: code }),
      },
      { patienceMs: PATIENCE_MS },
    );
  },
};

const STOCK: TableKind = {
  columns: {
    sku: ['sku', 'SKU', 'Variant SKU', 'seller-sku', 'Internal Reference', 'Item Code'],
    location: ['location', 'Location', 'Warehouse'],
    quantity: [
      'quantity',
      'Quantity',
      'onHand',
      'On Hand',
      'Stock',
      'Available',
      'Variant Inventory Qty',
      'Actual Qty',
    ],
  },
  needed: ['sku', 'quantity'],
  async send(client, { sku, location = '', quantity = '' }, decimal, source) {
    const onHand = wholeOf(quantity, decimal);
    if (onHand === undefined || onHand < 0) throw new RowRefused(`quantity ${quantity} is no number of pieces`);
    const key = uuidOf(JSON.stringify([sku, location, onHand]));
    await client.adjustStock(
      { sku: sku!, onHand, reason: `count, import of ${source}`, ...(location !== '' && { location }) },
      { idempotencyKey: `${source}:count:${key}`, patienceMs: PATIENCE_MS },
    );
  },
};

/** The tables there are, by what they hold. */
export const TABLES = { products: PRODUCTS, stock: STOCK } as const;

interface Refused {
  readonly line: number;
  readonly reason: string;
}

/** Imports a table; the exit code that says what became of it, as of orders. */
export async function importTable(
  kind: TableKind,
  file: string,
  options: TableOptions,
  env: Environment,
): Promise<number> {
  const { decimal, source = 'import' } = options;
  if (decimal !== undefined && decimal !== '.' && decimal !== ',')
    throw new UsageError(`--decimal ${decimal}: write . or ,`);
  if (!/^[A-Za-z0-9._-]{1,50}$/.test(source))
    throw new UsageError('--source must be 1 to 50 letters, digits, dots, dashes or underscores.');
  const input = await openInput(file).catch((error: Error) => {
    throw new UsageError(error.message);
  });
  let client: ApiClient | undefined;
  try {
    const dialect = await dialectOf(input, options);
    const records = readCsv(input.read(), dialect);
    const header = (await records.next()).value as CsvRecord | undefined;
    if (!header) {
      process.stderr.write(`olms: ${input.name} is empty.\n`);
      return 4;
    }
    const places = placesOf(kind, header.fields);
    client = await connect(options, env, CONCURRENCY);
    await client.listProducts({ limit: 1 }, { patienceMs: PATIENCE_MS }).pages().next();
    let taken = 0;
    let refused = 0;
    const first: Refused[] = [];
    await concurrently(records, CONCURRENCY, async ({ line, fields }) => {
      const row = Object.fromEntries([...places].map(([name, place]) => [name, plainText(fields[place] ?? '')]));
      try {
        const missing = kind.needed.find((name) => row[name] === '');
        if (missing !== undefined) throw new RowRefused(`no ${missing}`);
        await kind.send(client!, row, decimal, source);
        taken++;
      } catch (error) {
        const isRefusal =
          error instanceof RowRefused ||
          (error instanceof Problem && error.status < 500 && error.status !== 401 && error.status !== 403);
        if (!isRefusal) throw error;
        refused++;
        if (first.length < FIRST_SHOWN) first.push({ line, reason: error.message });
      }
    });
    const report = { file: input.name, rows: { taken, refused }, firstRefused: first };
    if (options.json) printJson(report);
    else {
      print(`${input.name}: ${taken} taken, ${refused} refused`);
      if (first.length > 0)
        print(
          table(
            ['line', 'refused because'],
            first.map((one) => [one.line, one.reason]),
          ),
        );
    }
    return taken === 0 ? 4 : refused > 0 ? 3 : 0;
  } finally {
    await client?.close();
    await input.close();
  }
}

function placesOf({ columns, needed }: TableKind, header: readonly string[]): ReadonlyMap<string, number> {
  const names = header.map((name) => name.trim());
  const places = new Map<string, number>();
  for (const [field, alternatives] of Object.entries(columns)) {
    const place = alternatives.map((column) => names.indexOf(column)).find((index) => index >= 0);
    if (place !== undefined) places.set(field, place);
    else if (needed.includes(field))
      throw new UsageError(
        `The file has no column for the ${field} (${alternatives.join(', ')}); its columns are: ${names.join(', ')}.`,
      );
  }
  return places;
}
