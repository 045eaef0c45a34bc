import type { Database } from '#platform/database/database.ts';
import type { View } from '#platform/http/schemas.ts';
import type { StockView } from '#inventory/schemas.ts';

/** SQL of stock as it is read: in all and per place, of one product or of those that a filter finds. */

interface StockRow extends Record<string, unknown> {
  sku: string;
  name: string;
  location: string | null;
  on_hand: number | null;
  reserved: number | null;
  waiting: number;
}

/** Stock of one product, in all and per location. */
export type Stock = View<typeof StockView>;

function stockViews(rows: readonly StockRow[]): Stock[] {
  const views = new Map<string, Stock>();
  for (const { sku, name, location, on_hand, reserved, waiting } of rows) {
    const view = views.get(sku) ?? {
      sku,
      name,
      onHand: 0,
      reserved: 0,
      available: 0,
      short: 0,
      waiting,
      locations: [],
    };
    if (location === null) {
      views.set(sku, view);
      continue;
    }
    const [onHand, taken] = [on_hand!, reserved!];
    const available = Math.max(0, onHand - taken);
    const short = Math.min(taken, Math.max(0, taken - onHand));
    views.set(sku, {
      sku,
      name,
      onHand: view.onHand + onHand,
      reserved: view.reserved + taken,
      available: view.available + available,
      short: view.short + short,
      waiting,
      locations: [...view.locations, { location, onHand, reserved: taken, available, short }],
    });
  }
  return [...views.values()];
}

export interface StockFilter {
  readonly skus: readonly string[] | undefined;
  /** Products of which anything is, or was, at one of these. */
  readonly locations: readonly string[] | undefined;
  /** How the SKU begins, or words of the name from their beginnings. */
  readonly text: string | undefined;
  /** Counts found less than is reserved. */
  readonly short: boolean;
  /** Backordered orders wait for it. */
  readonly waiting: boolean;
  /** At most so many pieces are available; at the locations asked for, else in all. */
  readonly availableMax: number | undefined;
  /** Continue behind this SKU. */
  readonly after: string;
  readonly limit: number;
}

const WORDS_MAX = 10;

/** The words of a text as a query for names that have all of them, each from its beginning; undefined where it has none. */
function wordsQuery(text: string): string | undefined {
  const words = text.split(/[^\p{L}\p{N}]+/u).filter((word) => word !== '');
  return words.length === 0
    ? undefined
    : words
        .slice(0, WORDS_MAX)
        .map((word) => `'${word}':*`)
        .join(' & ');
}

const likeText = (text: string): string => text.replace(/[\\%_]/g, '\\$&');

/** The statement of {@link listStock}. */
export function stockQuery(filter: StockFilter): { readonly text: string; readonly values: unknown[] } {
  const { skus, locations, text, short, waiting, availableMax, after, limit } = filter;
  const values: unknown[] = [after, limit];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const where = ['p.sku > $1'];
  if (skus) where.push(`p.sku = any(${bind(skus)}::text[])`);
  const place = locations && `s.location = any(${bind(locations)}::text[])`;
  if (place !== undefined) where.push(`p.sku in (select s.sku from inventory.stock s where ${place})`);
  if (text !== undefined) {
    const ways = [`upper(p.sku) like upper(${bind(likeText(text))}) || '%'`];
    const words = wordsQuery(text);
    if (words !== undefined)
      ways.push(`to_tsvector('simple'::regconfig, p.name) @@ to_tsquery('simple'::regconfig, ${bind(words)})`);
    where.push(`(${ways.join(' or ')})`);
  }
  const there = place === undefined ? '' : ` and ${place}`;
  if (short) where.push(`p.sku in (select s.sku from inventory.stock s where s.short > 0 and s.reserved > 0${there})`);
  if (waiting) where.push('p.waiting > 0');
  if (availableMax !== undefined)
    where.push(
      `coalesce((select sum(greatest(s.on_hand - s.reserved, 0)) from inventory.stock s where s.sku = p.sku${there}), 0) <= ${bind(availableMax)}`,
    );
  return {
    text: `select p.sku, p.name, s.location, s.on_hand, s.reserved, p.waiting from (
        select p.sku, p.name, p.waiting from inventory.products p where ${where.join(' and ')} order by p.sku limit $2) p
      left join inventory.stock s on s.sku = p.sku order by p.sku, s.location`,
    values,
  };
}

/** Stock of the products that a filter finds, in SKU order, in all and per location. */
export async function listStock(database: Database, filter: StockFilter): Promise<Stock[]> {
  const { text, values } = stockQuery(filter);
  return stockViews(await database.queryOnce<StockRow>(text, values));
}

/** Stock of one product, or undefined for an unknown SKU. */
export async function stockOf(database: Database, sku: string): Promise<Stock | undefined> {
  const rows = await database.query<StockRow>(
    'select p.sku, p.name, s.location, s.on_hand, s.reserved, p.waiting from inventory.products p left join inventory.stock s on s.sku = p.sku where p.sku = $1 order by s.location',
    [sku],
  );
  return stockViews(rows)[0];
}
