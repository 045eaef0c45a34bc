import { isUuid } from '#contracts/ids.ts';
import { isFormerNumber, readNumber, withoutReturn } from '#contracts/order-number.ts';
import type { Peers } from '#contracts/peers.ts';
import type { Database } from '#platform/database/database.ts';
import { compact, PHONE_TERM, phoneDigits, reversed, skuTerm, WORD_TERM, wordsOf } from '#orders/terms.ts';
import { Binds, conditionsOf, likeText, type OrderFilter, pageOfIds } from './filter.ts';

/**
 * Orders as people look for them: every word counts, each may be the beginning of one, and it may stand in reference,
 * e-mail, name, company, postcode, phone, tracking number, SKU or the name of an article. The rarest word finds the
 * candidates by its index, and those are held against the others one by one. Where every word is in many orders, the
 * newest orders are looked through if they can be expected to fill a page; otherwise the orders of the rarer words are
 * intersected, and held against the words that nearly every order has.
 */

/** One word, or a phone: what finds it, and by what an order is known to have it. */
interface Sought {
  /** Patterns of `like` for terms, by the index. */
  readonly patterns: readonly string[];
  readonly terms: readonly string[];
  /** Patterns of `like` for the text of an order's words. */
  readonly inWords: readonly string[];
  /** Terms of SKUs that are among an order's words: hundreds where an article is called as many others are. */
  readonly skuTerms?: readonly string[];
  /** Orders that another service knows to be meant. */
  readonly ids?: readonly string[];
  /** The beginning of a tracking number, which comes later and is not among the words. */
  readonly tracking?: string;
}

/** What knows which orders documents belong to. */
export type Documents = Pick<Peers, 'ordersOfDocument'>;

interface SearchedBy {
  readonly database: Database;
  readonly peers: Documents;
}

/** The number of an invoice or a credit note: of the series INV and CRN as people write it, of others in full. */
const DOCUMENT = /^((inv|crn)-?\d{1,8}|[a-z][a-z0-9-]{0,30}-\d{8})$/;
const PREFIX_MIN = 3;
const SKUS_MAX = 300;
/** An order is looked at by itself rather than all orders with a word intersected, up to so many. */
const FEW = 5_000;
/** So many of the newest orders at most are looked through where every word is in many; each costs more than an entry of an index. */
const LOOKED_THROUGH = 4_000;
/** So many times the orders that should fill the page, because words come in clusters. */
const LOOKED_FURTHER = 4;
/** Orders of a word are read from the index to be intersected up to so many (about 10 ms); beyond, orders are asked one by one. */
const INTERSECTED = 150_000;

/** Ids of a page of orders that a text finds. */
export async function searchOrders(by: SearchedBy, { text = '', ...filter }: OrderFilter): Promise<string[]> {
  const id = text.trim().toLowerCase();
  if (isUuid(id))
    return pageOfIds(by.database, { ...filter, ids: filter.ids ? filter.ids.filter((one) => one === id) : [id] });
  for (const read of readingsOf(by, text)) {
    const page = await read(filter);
    if (page.length > 0) return page;
    // An empty page behind the last one is the end of what this reading finds, and no reason to read otherwise.
    if (filter.after !== undefined && (await read({ ...filter, after: undefined, limit: 1 })).length > 0) return [];
  }
  return [];
}

type Reading = (filter: OrderFilter) => Promise<string[]>;

/** What a text may mean, the likeliest first; the first that finds anything counts. */
function readingsOf(by: SearchedBy, text: string): Reading[] {
  const { database } = by;
  const readings: Reading[] = [];
  const words = wordsOf(text);
  const ofWords = async (filter: OrderFilter, sought: readonly Sought[]): Promise<string[]> =>
    sought.length === 0 ? [] : findAll(database, filter, sought);
  readings.push(async (filter) => ofWords(filter, await soughtOf(by, words, text)));
  // A reference that looks like a number is found as the word that it is.
  const called = withoutReturn(text).trim();
  const number = readNumber(called) ?? (isFormerNumber(called) ? called : undefined);
  if (number !== undefined)
    readings.push((filter) => pageOfIds(database, { ...filter, numbers: both(filter.numbers, [number]) }));
  const phone = PHONE.exec(text)?.[0];
  if (phone !== undefined && phoneDigits(phone).length >= PHONE_MIN) {
    const rest = text.replace(phone, ' ');
    readings.push(async (filter) =>
      ofWords(filter, [soughtPhone(phone), ...(await soughtOf(by, wordsOf(rest), rest))]),
    );
  }
  // Postcodes and tracking numbers are written with and without spaces.
  const joined = compact(text);
  if (/\d/.test(joined) && joined.length >= PREFIX_MIN && !words.includes(joined))
    readings.push((filter) => ofWords(filter, [soughtWord(joined, [])]));
  return readings;
}

/** Values that are in both, where both say anything. */
function both(some: readonly string[] | undefined, others: readonly string[]): readonly string[] {
  return some ? others.filter((one) => some.includes(one)) : others;
}

const PHONE = /[+(]?\d[\d\s()./-]{4,}\d/;
const PHONE_MIN = 6;
/** A code of a country has so many digits. */
const COUNTRY_CODE_MAX = 3;

/** A phone with the codes that it was typed with, or with more; or, typed with the code of a country, kept without. */
function soughtPhone(phone: string): Sought {
  const digits = phoneDigits(phone);
  const international = /^\s*(\+|00)/.test(phone);
  const national = international
    ? Array.from({ length: COUNTRY_CODE_MAX }, (_, code) => phoneDigits(digits.slice(code + 1))).filter(
        (rest) => rest.length >= PHONE_MIN,
      )
    : [];
  return {
    patterns: [`${PHONE_TERM}${reversed(digits)}%`],
    terms: national.map((rest) => PHONE_TERM + reversed(rest)),
    inWords: [`%${digits} %`, ...national.map((rest) => `% ${rest} %`)],
  };
}

function soughtWord(word: string, skus: readonly string[]): Sought {
  const isPrefix = word.length >= PREFIX_MIN;
  const text = likeText(word);
  return {
    patterns: isPrefix ? [`${WORD_TERM}${text}%`] : [],
    terms: [...(isPrefix ? [] : [WORD_TERM + word]), ...skus.map(skuTerm)],
    inWords: [
      isPrefix ? `% ${text}%` : `% ${text} %`,
      ...skus.filter((sku) => sku.includes(' ')).map((sku) => `% ${likeText(skuTerm(sku))} %`),
    ],
    ...(skus.length > 0 && { skuTerms: skus.filter((sku) => !sku.includes(' ')).map(skuTerm) }),
    tracking: word,
  };
}

/** What each word of a text seeks, with the articles that are called so. */
async function soughtOf({ database, peers }: SearchedBy, words: readonly string[], text: string): Promise<Sought[]> {
  // What begins another word is found with it.
  const begins = (word: string, other: string): boolean => other !== word && other.startsWith(word);
  const different = [...new Set(words)].filter(
    (word) => word.length < PREFIX_MIN || !words.some((other) => begins(word, other)),
  );
  if (different.length === 0) return [];
  const binds = new Binds();
  const parts = different.map((word, place) => {
    const equals = word.length >= PREFIX_MIN ? `like ${binds.to(`${likeText(word)}%`)}` : `= ${binds.to(word)}`;
    return `select ${place} as place, sku from (select distinct sku from orders.product_words where word ${equals} limit ${SKUS_MAX}) named`;
  });
  const rows = await database.queryOnce<{ place: number; sku: string }>(parts.join(' union all '), binds.values);
  const typed = new Map(text.split(/\s+/).map((part) => [part.toLowerCase(), part]));
  const documents = await Promise.all(
    different.map(async (word) => (DOCUMENT.test(word) ? peers.ordersOfDocument({ number: word }) : [])),
  );
  return different.map((word, place) => {
    const skus = rows.filter((row) => row.place === place).map(({ sku }) => sku);
    const sku = typed.get(word);
    const ids = documents[place]!;
    return {
      ...soughtWord(word, sku === undefined ? skus : [...new Set([...skus, sku])]),
      ...(ids.length > 0 && { ids }),
    };
  });
}

/** Ids of all orders that one word finds, more than once where it does so in several ways. */
function foundBy({ patterns, terms, ids }: Sought, bind: Binds['to']): string {
  const parts = patterns.map((pattern) => `select order_id from orders.order_terms where term like ${bind(pattern)}`);
  if (terms.length > 0) parts.push(`select order_id from orders.order_terms where term = any(${bind(terms)}::text[])`);
  if (ids) parts.push(`select unnest(${bind(ids)}::uuid[])`);
  return parts.join(' union all ');
}

/** Whether an order has a word, by its own texts. */
function hasWord({ inWords, skuTerms, tracking, ids }: Sought, bind: Binds['to']): string {
  const ways = [`o.words like any(${bind(inWords)}::text[])`];
  // Looked up in a hash of them, word by word: as patterns, hundreds take longer to be planned than to be found.
  if (skuTerms)
    ways.push(
      `exists (select from unnest(string_to_array(o.words, ' ')) word where word = any(${bind(skuTerms)}::text[]))`,
    );
  if (tracking !== undefined) ways.push(`s.detail::text ilike ${bind(`%"trackingNumber":"${likeText(tracking)}%`)}`);
  if (ids) ways.push(`o.id = any(${bind(ids)}::uuid[])`);
  return `(${ways.join(' or ')})`;
}

async function findAll(database: Database, filter: OrderFilter, sought: readonly Sought[]): Promise<string[]> {
  const counts = await countEach(database, sought);
  const rarest = counts.indexOf(Math.min(...counts));
  if (counts[rarest]! <= FEW) {
    const others = sought.filter((_, place) => place !== rarest);
    return pageAmong(database, filter, others, (bind) => foundBy(sought[rarest]!, bind));
  }
  const { byRarity, share } = await estimateEach(database, sought);
  if (share * LOOKED_THROUGH >= filter.limit) {
    const orders = Math.min(Math.ceil((LOOKED_FURTHER * filter.limit) / share), LOOKED_THROUGH);
    const words = byRarity.map(({ one }) => one);
    const page = await pageAmong(database, filter, words, (bind) => newest(filter, orders, bind));
    if (page.length >= filter.limit) return page;
  }
  const intersected = byRarity.filter(({ orders }, place) => place === 0 || orders <= INTERSECTED);
  const asked = byRarity.slice(intersected.length).map(({ one }) => one);
  return pageAmong(database, filter, asked, (bind) =>
    intersected.map(({ one }) => `select order_id from (${foundBy(one, bind)}) found`).join(' intersect '),
  );
}

interface Estimate {
  readonly byRarity: readonly { readonly one: Sought; readonly orders: number }[];
  /** The share of all orders that have every word, if words have nothing to do with each other. */
  readonly share: number;
}

/** How many orders each word finds by the planner's statistics, the fewest first: counting them takes as long as finding them. */
async function estimateEach(database: Database, sought: readonly Sought[]): Promise<Estimate> {
  const all = estimate(database, 'select from orders.orders', []);
  const byRarity = await Promise.all(
    sought.map(async (one) => {
      const binds = new Binds();
      return { one, orders: await estimate(database, foundBy(one, binds.to), binds.values) };
    }),
  );
  byRarity.sort((a, b) => a.orders - b.orders);
  const total = Math.max(await all, 1);
  return { byRarity, share: byRarity.reduce((share, { orders }) => share * Math.min(orders / total, 1), 1) };
}

/** Rows that the planner expects of a query. */
async function estimate(database: Database, query: string, values: unknown[]): Promise<number> {
  const [row] = await database.queryOnce<{ 'QUERY PLAN': [{ Plan: { 'Plan Rows': number } }] }>(
    `explain (format json) ${query}`,
    values,
  );
  return row!['QUERY PLAN'][0].Plan['Plan Rows'];
}

/** How many orders each word finds, of more than a few only that they are more. */
async function countEach(database: Database, sought: readonly Sought[]): Promise<number[]> {
  const binds = new Binds();
  const counts = sought.map(
    (one, place) => `(select count(*)::int from (${foundBy(one, binds.to)} limit ${FEW + 1}) c${place}) as c${place}`,
  );
  const [row] = await database.queryOnce<Record<string, number>>(`select ${counts.join(', ')}`, binds.values);
  return sought.map((_, place) => row![`c${place}`]!);
}

/** The first orders of the list, whatever they are. */
function newest(
  { after, oldestFirst, createdFromMs, createdToMs }: OrderFilter,
  orders: number,
  bind: Binds['to'],
): string {
  const range = conditionsOf({ after, oldestFirst, createdFromMs, createdToMs, limit: 0 }, bind).o;
  const where = range.length > 0 ? `where ${range.join(' and ')}` : '';
  return `(select o.id as order_id from orders.orders o ${where} order by o.id ${oldestFirst ? 'asc' : 'desc'} limit ${orders})`;
}

/** The page of the candidates that have all of these words and fit the filter, each looked up by its id until the page is full. */
async function pageAmong(
  database: Database,
  filter: OrderFilter,
  sought: readonly Sought[],
  candidates: (bind: Binds['to']) => string,
): Promise<string[]> {
  const binds = new Binds();
  const bind = binds.to;
  const from = candidates(bind);
  const { o, s } = conditionsOf(filter, bind);
  const words = sought.map((one) => hasWord(one, bind));
  const direction = filter.oldestFirst ? 'asc' : 'desc';
  const conditions = ['o.id = f.order_id', ...o, ...s, ...words].join(' and ');
  const { after } = filter;
  const behind = after === undefined ? '' : `where order_id ${filter.oldestFirst ? '>' : '<'} ${bind(after)}::uuid`;
  // One row at most for each candidate, in their order: so the plan is what it says here.
  const text = `select f.order_id as id
    from (select distinct order_id from (${from}) c ${behind} order by order_id ${direction}) f
    cross join lateral (
      select from orders.orders o join orders.order_states s on s.order_id = o.id where ${conditions} limit 1
    ) fits
    order by f.order_id ${direction} limit ${bind(filter.limit)}`;
  return (await database.queryOnce<{ id: string }>(text, binds.values)).map((row) => row.id);
}
