import { firstIdAt, isUuid } from '#contracts/ids.ts';
import { isFormerNumber } from '#contracts/order-number.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { skuTerm } from '#orders/terms.ts';

/** What is asked of a list of orders, and the statements that follow from it. */

type Values = readonly string[] | undefined;

export interface OrderFilter {
  readonly ids?: Values;
  readonly statuses?: Values;
  readonly paymentStatuses?: Values;
  readonly fulfillmentStatuses?: Values;
  readonly returnStatuses?: Values;
  /** Types of holds, of which an order has at least one. */
  readonly holds?: Values;
  readonly overdue?: boolean | undefined;
  readonly customerIds?: Values;
  readonly channels?: Values;
  /** As `countryWord` makes them. */
  readonly countries?: Values;
  readonly skus?: Values;
  /** As `readNumber` reads them, or ends of ids. */
  readonly numbers?: Values;
  readonly currencies?: Values;
  readonly text?: string | undefined;
  /** Milliseconds; ranges are closed below and open above. */
  readonly createdFromMs?: number | undefined;
  readonly createdToMs?: number | undefined;
  readonly updatedFromMs?: number | undefined;
  readonly updatedToMs?: number | undefined;
  /** Decimal amounts, both included. */
  readonly totalMin?: string | undefined;
  readonly totalMax?: string | undefined;
  readonly oldestFirst: boolean;
  /** Continue after this order id. */
  readonly after?: string | undefined;
  readonly limit: number;
}

/** Parameters of a statement that is being written. */
export class Binds {
  readonly values: unknown[] = [];

  /** The name of a parameter with this value. */
  readonly to = (value: unknown): string => `$${this.values.push(value)}`;
}

/** Conditions of a filter, by the table whose row decides them: `o` the content of an order, `s` where it stands. */
export interface Conditions {
  readonly o: string[];
  readonly s: string[];
}

/** What is asked of a column; the first with several values is read value by value. */
interface Asked {
  readonly table: 't' | 'o' | 's';
  readonly column: string;
  readonly type: 'text' | 'uuid';
  readonly values: readonly string[];
}

function askedOf(filter: OrderFilter): Asked[] {
  const { customerIds = [] } = filter;
  // A customer is kept as a UUID or as a text; where both kinds are asked for, the condition below holds either.
  const known = customerIds.filter(isUuid);
  const customers: Asked[] =
    known.length > 0 && known.length < customerIds.length
      ? []
      : [
          {
            table: 'o',
            column: known.length > 0 ? 'customer_id' : 'customer_id_text',
            type: known.length > 0 ? 'uuid' : 'text',
            values: customerIds,
          },
        ];
  const rows: [Asked['table'], string, Values][] = [
    ['s', 'status', filter.statuses],
    ['s', 'return_status', filter.returnStatuses],
    ['s', 'payment_status', filter.paymentStatuses],
    ['s', 'fulfillment_status', filter.fulfillmentStatuses],
    ['o', 'country', filter.countries],
    ['o', 'channel', filter.channels],
  ];
  return [
    { table: 't' as const, column: 'term', type: 'text' as const, values: (filter.skus ?? []).map(skuTerm) },
    ...customers,
    ...rows.map(([table, column, values = []]): Asked => ({ table, column, type: 'text', values })),
  ].filter(({ values }) => values.length > 0);
}

/** Conditions that say nothing about the order in which rows are read. */
function further(filter: OrderFilter, bind: Binds['to'], id: string): Conditions & { readonly id: string[] } {
  const { ids, numbers, holds, overdue, currencies, customerIds = [] } = filter;
  const conditions = { id: [] as string[], o: [] as string[], s: [] as string[] };
  if (ids) conditions.id.push(`${id} = any(${bind(ids)}::uuid[])`);
  // Looked up apart, so that no plan walks the ids in their order until it meets the one.
  if (numbers) {
    const former = numbers.filter(isFormerNumber).map((number) => number.toLowerCase());
    const found = `select id from orders.orders where number = any(${bind(numbers)}::text[])`;
    const all =
      former.length === 0
        ? found
        : `${found} union all select id from orders.orders where right(id::text, 12) = any(${bind(former)}::text[])`;
    conditions.id.push(`${id} = any(array(${all}))`);
  }
  const known = customerIds.filter(isUuid);
  if (known.length > 0 && known.length < customerIds.length)
    conditions.o.push(
      `(o.customer_id = any(${bind(known)}::uuid[]) or o.customer_id_text = any(${bind(customerIds)}::text[]))`,
    );
  if (currencies) conditions.o.push(`o.currency = any(${bind(currencies)}::text[])`);
  if (filter.totalMin !== undefined) conditions.o.push(`o.total_amount >= ${bind(filter.totalMin)}::numeric`);
  if (filter.totalMax !== undefined) conditions.o.push(`o.total_amount <= ${bind(filter.totalMax)}::numeric`);
  if (holds) conditions.s.push(`s.holds is not null and s.holds like any(${bind(holds.map(heldBy))}::text[])`);
  if (overdue === true) conditions.s.push(`s.holds is not null and s.holds like ${bind(heldBy('overdue'))}`);
  if (overdue === false) conditions.s.push(`(s.holds is null or s.holds not like ${bind(heldBy('overdue'))})`);
  if (filter.updatedFromMs !== undefined) conditions.s.push(`s.updated_at >= ${bind(isoTime(filter.updatedFromMs))}`);
  if (filter.updatedToMs !== undefined) conditions.s.push(`s.updated_at < ${bind(isoTime(filter.updatedToMs))}`);
  if (filter.createdFromMs !== undefined) conditions.id.push(`${id} >= ${bind(firstIdAt(filter.createdFromMs))}`);
  if (filter.createdToMs !== undefined) conditions.id.push(`${id} < ${bind(firstIdAt(filter.createdToMs))}`);
  if (filter.after !== undefined) conditions.id.push(`${id} ${filter.oldestFirst ? '>' : '<'} ${bind(filter.after)}`);
  return conditions;
}

/** The pattern of {@link holdsText} with this hold in it. */
const heldBy = (type: string): string => `%,${likeText(type)},%`;

/** A text as it stands in a pattern of `like`. */
export function likeText(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&');
}

/** All conditions of a filter but its text, on an order `o` and its state `s`. */
export function conditionsOf(filter: OrderFilter, bind: Binds['to']): Conditions {
  const { id, o, s } = further(filter, bind, 'o.id');
  o.push(...id);
  for (const { table, column, type, values } of askedOf(filter)) {
    if (table === 't')
      o.push(
        `exists (select from orders.order_terms t where t.order_id = o.id and t.term = any(${bind(values)}::text[]))`,
      );
    else (table === 'o' ? o : s).push(`${table}.${column} = any(${bind(values)}::${type}[])`);
  }
  return { o, s };
}

/**
 * One page of order ids by keyset. One table drives, and its (filter, order id) index delivers the page in order: a SKU
 * if there is one, else customer, country or channel, else a status. Where several values of one are wanted, each is read
 * by itself and the pages are merged, because no index has them in order together. The created range is a range of ids,
 * because ids are UUIDv7.
 */
export function pageQuery(filter: OrderFilter): { text: string; values: unknown[] } {
  const binds = new Binds();
  const bind = binds.to;
  const asked = askedOf(filter);
  const merged = asked.find(({ values }) => values.length > 1);
  const source = merged && `unnest(${bind(merged.values)}::${merged.type}[]) as w(value)`;
  const has = (table: Asked['table']): boolean => asked.some((one) => one.table === table);
  const driver = has('t') ? 't' : has('o') ? 'o' : 's';
  const id = driver === 'o' ? 'o.id' : `${driver}.order_id`;
  const conditions = further(filter, bind, id);
  for (const one of asked) {
    const value = one === merged ? 'w.value' : bind(one.values.length > 1 ? one.values : one.values[0]);
    const equals = one === merged || one.values.length === 1 ? `= ${value}` : `= any(${value}::${one.type}[])`;
    (one.table === 't' ? conditions.id : conditions[one.table]).push(`${one.table}.${one.column} ${equals}`);
  }
  const tables: string[] = [{ t: 'orders.order_terms t', o: 'orders.orders o', s: 'orders.order_states s' }[driver]];
  if (driver !== 'o' && conditions.o.length > 0) tables.push(`join orders.orders o on o.id = ${id}`);
  if (driver !== 's' && conditions.s.length > 0) tables.push(`join orders.order_states s on s.order_id = ${id}`);
  const all = [...conditions.id, ...conditions.o, ...conditions.s];
  const direction = filter.oldestFirst ? 'asc' : 'desc';
  const limit = bind(filter.limit);
  const where = all.length > 0 ? `where ${all.join(' and ')}` : '';
  const rows = `select ${id} as id from ${tables.join(' ')} ${where} order by ${id} ${direction} limit ${limit}`;
  const text = source
    ? `select distinct p.id from ${source} cross join lateral (${rows}) p order by p.id ${direction} limit ${limit}`
    : rows;
  return { text, values: binds.values };
}

/** Ids of a page of orders, whatever text is asked for. */
export async function pageOfIds(database: Database, filter: OrderFilter): Promise<string[]> {
  const { text, values } = pageQuery(filter);
  return (await database.queryOnce<{ id: string }>(text, values)).map((row) => row.id);
}
