import { firstIdAt, idTimeMs } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
import type { Order } from '#orders/rules/state.ts';
import { loadOrders, type StoredRow } from '#orders/store.ts';

/** Lists of what orders have several of, returns and refunds: in the order of the orders, and in each as they came. */

type Return = Order['returns'][number];
type Refund = Order['refunds'][number];

/** `CLOSED`: nothing more is expected, whatever has come. */
export const RETURN_STATUSES = ['REQUESTED', 'RECEIVED', 'CLOSED'] as const;
export const REFUND_STATUSES = ['REQUESTED', 'DONE', 'FAILED'] as const;

export function returnStatusOf({ received, closed }: Return): (typeof RETURN_STATUSES)[number] {
  if (closed) return 'CLOSED';
  return received ? 'RECEIVED' : 'REQUESTED';
}

/** What is listed: where its orders are found, and what of them. */
export interface PartsList<Part> {
  readonly column: 'return_status' | 'refund_status';
  /** What the column holds of orders that have a part of this status; by default of those with any. */
  readonly columnValues: Readonly<Record<string, readonly string[]>>;
  readonly all: readonly string[];
  parts(order: Order): readonly Part[];
  idOf(part: Part): string;
  statusOf(part: Part): string;
}

export const RETURNS: PartsList<Return> = {
  column: 'return_status',
  // An order with one return that is awaited and another one that came back is waiting.
  columnValues: { REQUESTED: ['REQUESTED'] },
  all: ['REQUESTED', 'RECEIVED'],
  parts: ({ returns }) => returns,
  idOf: ({ returnId }) => returnId,
  statusOf: returnStatusOf,
};

export const REFUNDS: PartsList<Refund> = {
  column: 'refund_status',
  columnValues: { FAILED: ['FAILED'], REQUESTED: ['FAILED', 'REQUESTED'] },
  all: ['FAILED', 'REQUESTED', 'DONE'],
  parts: ({ refunds }) => refunds,
  idOf: ({ refundId }) => refundId,
  statusOf: ({ status }) => status,
};

export interface PartsFilter {
  readonly orderIds?: readonly string[] | undefined;
  readonly statuses?: readonly string[] | undefined;
  readonly currencies?: readonly string[] | undefined;
  /** Milliseconds of the request, which is in the id of a part; closed below and open above. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly newestFirst: boolean;
  /** Continue behind this part of this order. */
  readonly after?: Place | undefined;
  readonly limit: number;
}

/** Where a list goes on. */
export interface Place {
  readonly orderId: string;
  readonly partId: string;
}

export interface FoundPart<Part> {
  readonly row: StoredRow;
  readonly part: Part;
}

const ORDERS_AT_ONCE = 200;
/** So many orders are looked at for one page; a page that is not full then goes on behind the last of them. */
const LOOKS_MAX = 10;

export interface PartsPage<Part> {
  readonly found: readonly FoundPart<Part>[];
  /** Where the next page begins; undefined after the last. */
  readonly next: Place | undefined;
}

const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** A page of returns or refunds. */
export async function listParts<Part>(
  database: Database,
  list: PartsList<Part>,
  filter: PartsFilter,
): Promise<PartsPage<Part>> {
  const { orderIds, statuses, newestFirst, limit, after } = filter;
  const values = [...new Set((statuses ?? []).flatMap((status) => list.columnValues[status] ?? list.all))];
  const direction = newestFirst ? -1 : 1;
  const found: FoundPart<Part>[] = [];
  const positionOf = ({ row, part }: FoundPart<Part>): Place => ({ orderId: row.id, partId: list.idOf(part) });
  // The order in which the page before ended may have more.
  let ids: readonly string[] = after ? [after.orderId] : [];
  let behind = after?.orderId;
  for (let look = 0; look <= LOOKS_MAX; look++) {
    const rows = ids.length === 0 ? [] : await loadOrders(database, ids);
    for (const row of rows.toSorted((a, b) => (a.id < b.id ? -direction : direction))) {
      if (orderIds && !orderIds.includes(row.id)) continue;
      for (const part of sorted(list, row.state!, direction)) {
        const id = list.idOf(part);
        const isSeen = after?.orderId === row.id && (newestFirst ? id >= after.partId : id <= after.partId);
        if (!isSeen && fits(list, part, row.state!, filter)) found.push({ row, part });
      }
    }
    if (found.length > limit) return { found: found.slice(0, limit), next: positionOf(found[limit - 1]!) };
    const keys = await readKeyset<{ order_id: string }>(database, {
      columns: 'order_id',
      table: 'orders.order_states t',
      key: 'order_id',
      newestFirst,
      wanted: [
        { column: 'order_id', type: 'uuid', values: orderIds },
        { column: list.column, type: 'text', values: values.length > 0 ? values : list.all },
      ],
      // Nothing of an order is older than the order.
      conditions: filter.toMs === undefined ? [] : [{ sql: 't.order_id < $', value: firstIdAt(filter.toMs) }],
      after: behind,
      limit: ORDERS_AT_ONCE,
    });
    if (keys.length === 0) return { found, next: undefined };
    ids = keys.map(({ order_id }) => order_id);
    behind = ids.at(-1);
  }
  return { found, next: { orderId: behind!, partId: newestFirst ? FIRST_ID : LAST_ID } };
}

function sorted<Part>(list: PartsList<Part>, order: Order, direction: number): readonly Part[] {
  return list.parts(order).toSorted((a, b) => (list.idOf(a) < list.idOf(b) ? -direction : direction));
}

function fits<Part>(
  list: PartsList<Part>,
  part: Part,
  order: Order,
  { statuses, currencies, fromMs, toMs }: PartsFilter,
): boolean {
  const atMs = idTimeMs(list.idOf(part));
  return (
    (statuses?.includes(list.statusOf(part)) ?? true) &&
    (currencies?.includes(order.currency) ?? true) &&
    (fromMs === undefined || atMs >= fromMs) &&
    (toMs === undefined || atMs < toMs)
  );
}
