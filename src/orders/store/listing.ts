import { firstIdAt, isUuid } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import { customerColumns, loadOrders, skuTerm, type StoredRow, wordsOf } from '#orders/store.ts';

/** Lists of orders, page by page. */

export interface OrderFilter {
  readonly status?: string;
  readonly paymentStatus?: string;
  readonly fulfillmentStatus?: string;
  readonly customerId?: string;
  readonly channel?: string;
  readonly sku?: string;
  readonly text?: string;
  /** What mails call an order without a reference: the last twelve digits of its id. */
  readonly number?: string;
  /** Milliseconds; the range is closed below and open above. */
  readonly createdFromMs?: number;
  readonly createdToMs?: number;
  readonly oldestFirst: boolean;
  /** Continue after this order id. */
  readonly after?: string;
  readonly limit: number;
}

const SEARCH_WORDS_MAX = 8;

/**
 * One page of order ids by keyset. One table drives, and its (filter, order id) index delivers the page in
 * order: a SKU or word if there is one, else customer or channel, else a status. The created range is a
 * range of ids, because ids are UUIDv7.
 */
export function pageQuery(filter: OrderFilter): { text: string; values: unknown[] } {
  const values: unknown[] = [];
  const bind = (value: unknown): string => `$${values.push(value)}`;
  const soughtId =
    filter.text !== undefined && isUuid(filter.text.toLowerCase()) ? filter.text.toLowerCase() : undefined;
  const terms = filter.sku === undefined ? [] : [skuTerm(filter.sku)];
  if (filter.text !== undefined && soughtId === undefined)
    terms.push(...wordsOf(filter.text).slice(0, SEARCH_WORDS_MAX));
  const onOrder = [
    ...Object.entries(customerColumns(filter.customerId)),
    ...(filter.channel === undefined ? [] : [['channel', filter.channel] as const]),
  ];
  const onState = (
    [
      ['status', filter.status],
      ['payment_status', filter.paymentStatus],
      ['fulfillment_status', filter.fulfillmentStatus],
    ] as const
  ).filter(([, value]) => value !== undefined);
  const driver = terms.length > 0 ? 't0' : onOrder.length > 0 ? 'o' : 's';
  const id = driver === 'o' ? 'o.id' : `${driver}.order_id`;
  const tables: string[] = [{ t0: 'orders.order_terms t0', o: 'orders.orders o', s: 'orders.order_states s' }[driver]];
  if (driver !== 'o' && onOrder.length > 0) tables.push(`join orders.orders o on o.id = ${id}`);
  if (driver !== 's' && onState.length > 0) tables.push(`join orders.order_states s on s.order_id = ${id}`);
  terms
    .slice(1)
    .forEach((_term, index) => tables.push(`join orders.order_terms t${index + 1} on t${index + 1}.order_id = ${id}`));
  const conditions: string[] = terms.map((term, index) => `t${index}.term = ${bind(term)}`);
  for (const [column, value] of onOrder) conditions.push(`o.${column} = ${bind(value)}`);
  for (const [column, value] of onState) conditions.push(`s.${column} = ${bind(value)}`);
  // Looked up apart, so that no plan walks the ids in their order until it meets the one.
  if (filter.number !== undefined)
    conditions.push(
      `${id} = any(array(select id from orders.orders where right(id::text, 12) = ${bind(filter.number.toLowerCase())}))`,
    );
  if (soughtId !== undefined) conditions.push(`${id} = ${bind(soughtId)}`);
  if (filter.createdFromMs !== undefined) conditions.push(`${id} >= ${bind(firstIdAt(filter.createdFromMs))}`);
  if (filter.createdToMs !== undefined) conditions.push(`${id} < ${bind(firstIdAt(filter.createdToMs))}`);
  if (filter.after !== undefined) conditions.push(`${id} ${filter.oldestFirst ? '>' : '<'} ${bind(filter.after)}`);
  const where = conditions.length > 0 ? `where ${conditions.join(' and ')}` : '';
  const text = `select ${id} as id from ${tables.join(' ')} ${where} order by ${id} ${filter.oldestFirst ? 'asc' : 'desc'} limit ${bind(filter.limit)}`;
  return { text, values };
}

/** An order number as people copy it out of a mail. */
const NUMBER = /^[0-9a-f]{12}$/i;

/** A page of orders in the order asked for. What no word finds may be the number of an order. */
export async function listOrders(database: Database, filter: OrderFilter): Promise<StoredRow[]> {
  const find = async (wanted: OrderFilter): Promise<string[]> => {
    const { text, values } = pageQuery(wanted);
    return (await database.queryOnce<{ id: string }>(text, values)).map((row) => row.id);
  };
  let ids = await find(filter);
  const { text, ...others } = filter;
  const number = text?.trim();
  if (ids.length === 0 && filter.after === undefined && number !== undefined && NUMBER.test(number))
    ids = await find({ ...others, number });
  if (ids.length === 0) return [];
  const rows = new Map((await loadOrders(database, ids)).map((row) => [row.id, row]));
  return ids.flatMap((id) => rows.get(id) ?? []);
}
