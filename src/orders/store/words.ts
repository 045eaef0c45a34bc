import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { Lru } from '#platform/runtime/lru.ts';
import { loadOrders, TERM_COLUMNS } from '#orders/store.ts';
import type { Order } from '#orders/rules/state.ts';
import { countryOf, formerTermsOf, searchText, termsOf, wordsOf } from '#orders/terms.ts';

/** The words of articles, and those of orders that a version without them wrote. */

const KNOWN_MAX = 100_000;
const WORDS_PER_NAME_MAX = 12;

/**
 * Writes which SKUs orders name by which words, in the statement that takes the orders; a process does so once for each
 * SKU and name.
 */
export class ArticleWords {
  readonly #known = new Lru<true>(KNOWN_MAX);

  /** What is new in these orders. Rows in one order, so that two statements at once do not wait for each other in turn. */
  writes(orders: readonly Order[]): Write[] {
    const rows = new Map<string, { word: string; sku: string }>();
    for (const { sku, name } of this.#fresh(orders))
      for (const word of wordsOf(name).slice(0, WORDS_PER_NAME_MAX)) rows.set(`${word}\n${sku}`, { word, sku });
    if (rows.size === 0) return [];
    const sorted = [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
    return [
      insertRows('article_words', 'orders.product_words', { word: 'text', sku: 'text' }, sorted, {
        inOrder: true,
        onConflict: 'do nothing',
      }),
    ];
  }

  /** These orders are committed. */
  remember(orders: readonly Order[]): void {
    for (const { sku, name } of this.#fresh(orders)) this.#known.set(`${sku}\n${name}`, true);
  }

  *#fresh(orders: readonly Order[]): Iterable<{ sku: string; name: string }> {
    for (const { items } of orders)
      for (const { sku, name } of items)
        if (name !== undefined && !this.#known.get(`${sku}\n${name}`)) yield { sku, name };
  }
}

const PER_BATCH = 500;

/**
 * Makes the words of orders that have none, because a version before this one wrote or amended them; as many as one batch
 * holds. What changes meanwhile is left to the next batch. Resolves to how many there were.
 */
export async function catchUpWords(database: Database, articles: ArticleWords): Promise<number> {
  const found = await database.query<{ id: string; seen: string }>(
    'select id, xmin::text as seen from orders.orders where words is null order by id limit $1',
    [PER_BATCH],
  );
  if (found.length === 0) return 0;
  const rows = await loadOrders(
    database,
    found.map(({ id }) => id),
  );
  const orders = new Map(rows.map(({ id, state }) => [id, state!]));
  const known = found.filter(({ id }) => orders.has(id));
  const states = known.map(({ id }) => orders.get(id)!);
  const terms = known.flatMap(({ id }) => [...termsOf(orders.get(id)!)].map((term) => ({ term, order_id: id })));
  const former = known.flatMap(({ id }) => formerTermsOf(orders.get(id)!).map((term) => ({ term, id })));
  await database.write([
    {
      name: 'words',
      sql: `update orders.orders t set words = r.words, country = r.country
        from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as r(id, words, country, seen)
        where t.id = r.id and t.words is null and t.xmin::text = r.seen`,
      params: [
        known.map(({ id }) => id),
        states.map(searchText),
        states.map((order) => countryOf(order) ?? null),
        known.map(({ seen }) => seen),
      ],
    },
    insertRows('terms_come', 'orders.order_terms', TERM_COLUMNS, terms, { onConflict: 'do nothing' }),
    {
      name: 'terms_gone',
      sql: 'delete from orders.order_terms t using unnest($1::text[], $2::uuid[]) as r(term, order_id) where t.term = r.term and t.order_id = r.order_id',
      params: [former.map(({ term }) => term), former.map(({ id }) => id)],
    },
    ...articles.writes(states),
  ]);
  articles.remember(states);
  return found.length;
}
