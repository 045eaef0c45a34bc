import type { Envelope } from '#contracts/envelope.ts';
import { isUuid } from '#contracts/ids.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { RowChange } from '#platform/processor/batch.ts';
import { type Claim, claimOf, claimReferences, type MayRepeat, releaseReferences } from './references.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { followUpWrites } from './store/follow-ups.ts';
import { countryOf, holdsText, parcelTerms, refundStatusOf, searchText, termsOf } from './terms.ts';
import { nextDeadline } from './rules/deadlines.ts';
import type { Status } from './rules/lifecycle.ts';
import type { Order } from './rules/state.ts';

/** SQL of the orders service; what lists ask and counts is in store, and nothing anywhere else. */

/** An order about to be taken: its first row, its first event and what follows at once, and the caller's key. */
export interface Placement {
  readonly row: Row<Order>;
  readonly event: Envelope;
  readonly following?: readonly Envelope[];
  readonly key: string;
  readonly requestHash: string;
  /** The reference that it takes; undefined where it has none, or shares it. */
  readonly claim?: Claim | undefined;
}

/** What may change only by an amendment. */
const CONTENT = [
  'items',
  'taxLines',
  'discountLines',
  'shippingLines',
  'pricesIncludeTax',
  'shippingAddress',
  'billingAddress',
  'locale',
  'contact',
  'payment',
  'metadata',
  'reviewReasons',
  'allowBackorder',
  'origin',
] as const;
/** What the steps of the order's life change, beside the columns. */
const DETAIL = [
  'holds',
  'allocations',
  'shortages',
  'paymentRequested',
  'endReason',
  'cancellation',
  'restWanted',
  'change',
  'placedAmount',
  'claims',
  'shipments',
  'returns',
  'refunds',
  'refundedAmount',
  'capturedAmount',
  'capturedAtProvider',
  'cancelled',
  'credits',
  'disputes',
] as const;
const PAID_AGAIN = [...DETAIL, 'payAgain', 'payment'] as const;

function pick(order: Order, names: readonly (keyof Order)[]): Partial<Order> {
  const picked: Record<string, unknown> = {};
  for (const name of names) if (order[name] !== undefined) picked[name] = order[name];
  return picked as Partial<Order>;
}

export const ORDER_COLUMNS: Columns = {
  id: 'uuid',
  customer_id: 'uuid',
  customer_id_text: 'text',
  channel: 'text',
  reference: 'text',
  currency: 'text',
  total_amount: 'numeric',
  country: 'text',
  words: 'text',
  number: 'text',
  idempotency_key: 'text',
  request_hash: 'text',
  body: 'json',
  trace_id: 'text',
};
export const TERM_COLUMNS: Columns = { term: 'text', order_id: 'uuid' };

export const STATE_COLUMNS: Columns = {
  order_id: 'uuid',
  status: 'text',
  payment_status: 'text',
  fulfillment_status: 'text',
  return_status: 'text',
  holds: 'text',
  refund_status: 'text',
  deadline_at: 'timestamptz',
  updated_at: 'timestamptz',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  detail: 'json',
};
/** An ignored event marks itself as consumed and leaves the time of the last change alone. */
const { updated_at: _, ...SEEN_COLUMNS } = STATE_COLUMNS;

export function stateRow(row: Row<Order>, updatedAt?: string): Record<string, unknown> {
  const order = row.state!;
  const dueAt = nextDeadline(order);
  // What an order is paid with stands with what it was placed with, unless it is paid again.
  const detail = order.payAgain ? PAID_AGAIN : DETAIL;
  return {
    order_id: row.id,
    status: order.status,
    payment_status: order.paymentStatus,
    fulfillment_status: order.fulfillmentStatus,
    return_status: order.returnStatus,
    holds: holdsText(order),
    refund_status: refundStatusOf(order.refunds),
    deadline_at: dueAt,
    updated_at: updatedAt,
    version: row.revision,
    sequence: row.sequence,
    seen: row.consumed,
    // The column says when anything is due; where that is not the waiting of the order itself, that stands here.
    detail:
      dueAt === order.deadlineAt
        ? pick(order, detail)
        : { ...pick(order, detail), waitsUntil: order.deadlineAt ?? null },
  };
}

function contentRow(id: string, order: Order): Record<string, unknown> {
  return {
    id,
    reference: order.reference,
    country: countryOf(order),
    words: searchText(order),
    body: pick(order, CONTENT),
  };
}

/** A customer is kept as a UUID where the channel names them by one, else as text; a guest is neither. */
export function customerColumns(customerId: string | undefined): { customer_id?: string; customer_id_text?: string } {
  if (customerId === undefined) return {};
  return isUuid(customerId) ? { customer_id: customerId } : { customer_id_text: customerId };
}

/** What an order was placed with, but for the caller's key. */
export function placedRow(id: string, order: Order): Record<string, unknown> {
  return {
    ...contentRow(id, order),
    ...customerColumns(order.customerId),
    channel: order.channel,
    currency: order.currency,
    total_amount: order.totalAmount,
    number: order.number,
    trace_id: order.traceId,
  };
}

/** Writes of new orders. A key that was used before, or a reference that another order holds, refuses the whole batch. */
export function insertOrders(placements: readonly Placement[]): Write[] {
  const orders: Record<string, unknown>[] = [];
  const terms: Record<string, unknown>[] = [];
  const states: Record<string, unknown>[] = [];
  const claims: Claim[] = [];
  for (const { row, event, key, requestHash, claim } of placements) {
    const order = row.state!;
    orders.push({ ...placedRow(row.id, order), idempotency_key: key, request_hash: requestHash });
    for (const term of termsOf(order)) terms.push({ term, order_id: row.id });
    states.push(stateRow(row, event.time));
    if (claim) claims.push(claim);
  }
  return [
    insertRows('new_orders', 'orders.orders', ORDER_COLUMNS, orders),
    insertRows('new_terms', 'orders.order_terms', TERM_COLUMNS, terms),
    insertRows('new_states', 'orders.order_states', STATE_COLUMNS, states),
    ...(claims.length > 0 ? [claimReferences('new_references', claims)] : []),
  ];
}

interface StoredOrder extends Record<string, unknown> {
  id: string;
  customer_id: string | null;
  customer_id_text: string | null;
  channel: string;
  reference: string | null;
  currency: string;
  total_amount: string;
  number: string | null;
  body: Partial<Order>;
  trace_id: string | null;
  status: Status;
  payment_status: Order['paymentStatus'];
  fulfillment_status: Order['fulfillmentStatus'];
  return_status: Order['returnStatus'];
  deadline_at: Date | null;
  updated_at: Date;
  version: number;
  sequence: number;
  seen: Record<string, number>;
  detail: Partial<Order> & { waitsUntil?: string | null };
}

/** A row with the time of its last change. */
export interface StoredRow extends Row<Order> {
  readonly updatedAt: string;
}

const ROW_COLUMNS =
  'o.id, o.customer_id, o.customer_id_text, o.channel, o.reference, o.currency, trim_scale(o.total_amount)::text as total_amount, o.number, o.body, o.trace_id, s.status, s.payment_status, s.fulfillment_status, s.return_status, s.deadline_at, s.updated_at, s.version, s.sequence, s.seen, s.detail';

function fromStored(stored: StoredOrder): StoredRow {
  const { waitsUntil, ...detail } = stored.detail;
  const refunded = detail.refundedAmount!;
  // NUMERIC drops what the currency's scale adds ("19.9"); the refunded amount always carries the full scale.
  const decimals = refunded.includes('.') ? refunded.length - refunded.indexOf('.') - 1 : 0;
  const [whole, fraction = ''] = stored.total_amount.split('.');
  const customerId = stored.customer_id ?? stored.customer_id_text;
  const state = {
    ...stored.body,
    ...detail,
    ...(customerId === null ? {} : { customerId }),
    channel: stored.channel,
    ...(stored.reference === null ? {} : { reference: stored.reference }),
    ...(stored.number === null ? {} : { number: stored.number }),
    currency: stored.currency,
    ...(stored.trace_id === null ? {} : { traceId: stored.trace_id }),
    totalAmount: decimals === 0 ? whole! : `${whole}.${fraction.padEnd(decimals, '0')}`,
    status: stored.status,
    paymentStatus: stored.payment_status,
    fulfillmentStatus: stored.fulfillment_status,
    returnStatus: stored.return_status,
    deadlineAt: waitsUntil === undefined ? stored.deadline_at?.toISOString() : (waitsUntil ?? undefined),
  } as Order;
  return {
    id: stored.id,
    revision: stored.version,
    sequence: stored.sequence,
    consumed: stored.seen,
    state,
    updatedAt: stored.updated_at.toISOString(),
  };
}

/** Orders by id, in no particular order; unknown ids are missing. */
export async function loadOrders(database: Database, ids: readonly string[]): Promise<StoredRow[]> {
  const rows = await database.query<StoredOrder>(
    `select ${ROW_COLUMNS} from orders.orders o join orders.order_states s on s.order_id = o.id where o.id = any($1::uuid[])`,
    [ids],
  );
  return rows.map(fromStored);
}

const AMENDED_COLUMNS: Columns = {
  id: 'uuid',
  reference: 'text',
  country: 'text',
  words: 'text',
  total_amount: 'numeric',
  body: 'json',
};

/** New content and total, and the terms that came and went with it. */
function amendmentWrites(amended: readonly RowChange<Order>[], mayRepeat: MayRepeat): Write[] {
  const contents = amended.map(({ after }) => ({
    ...contentRow(after.id, after.state!),
    total_amount: after.state!.totalAmount,
  }));
  const writes = [updateRows('amended', 'orders.orders', ['id'], AMENDED_COLUMNS, contents)];
  const gone: { term: string; id: string }[] = [];
  const come: Record<string, unknown>[] = [];
  for (const { before, after } of amended) {
    const old = termsOf(before.state!);
    const now = termsOf(after.state!);
    for (const term of old) if (!now.has(term)) gone.push({ term, id: after.id });
    for (const term of now) if (!old.has(term)) come.push({ term, order_id: after.id });
  }
  if (gone.length > 0) {
    const sql =
      'delete from orders.order_terms t using unnest($1::text[], $2::uuid[]) as r(term, order_id) where t.term = r.term and t.order_id = r.order_id';
    writes.push({ name: 'terms_gone', sql, params: [gone.map((entry) => entry.term), gone.map((entry) => entry.id)] });
  }
  if (come.length > 0) writes.push(insertRows('terms_come', 'orders.order_terms', TERM_COLUMNS, come));
  const renamed = amended.filter(({ before, after }) => before.state!.reference !== after.state!.reference);
  const released = renamed.flatMap(({ before }) => claimOf(before) ?? []);
  const claims = renamed.flatMap(({ after }) => (mayRepeat(after.state!.channel) ? [] : (claimOf(after) ?? [])));
  if (released.length > 0) writes.push(releaseReferences('references_gone', released));
  if (claims.length > 0) writes.push(claimReferences('references_come', claims));
  return writes;
}

/** Terms of parcels that have left. */
function parcelWrites(changed: readonly RowChange<Order>[]): Write[] {
  const left: Record<string, unknown>[] = [];
  for (const { before, after } of changed) {
    const { shipments } = after.state!;
    const known = before.state?.shipments.length ?? 0;
    if (shipments.length <= known) continue;
    for (const term of parcelTerms({ shipments: shipments.slice(known) })) left.push({ term, order_id: after.id });
  }
  if (left.length === 0) return [];
  return [insertRows('parcel_terms', 'orders.order_terms', TERM_COLUMNS, left, { onConflict: 'do nothing' })];
}

/** Since when the order is in its status, wherever an event comes with the time of the change. */
const STATUS_SINCE =
  'status_since = case when t.status = r.status then coalesce(t.status_since, t.updated_at) else r.updated_at end';

/** What changes more of an order than where it stands. */
const AMENDING: ReadonlySet<string> = new Set(['OrderAmended', 'OrderChanged', 'OrderTrackingCorrected']);

/** `mayRepeat`: the channels whose orders hold no reference. */
export const orderStore = (mayRepeat: MayRepeat): ProcessorStore<Order, never> => ({
  async load(database, ids) {
    return new Map((await loadOrders(database, ids)).map((row) => [row.id, row]));
  },

  save(changes, _shared, events) {
    const times = new Map<string, string>();
    const amended: RowChange<Order>[] = [];
    for (const event of events) times.set(event.subject, event.time);
    const changed = changes.filter((change) => times.has(change.after.id));
    const marked = changes.filter((change) => !times.has(change.after.id));
    const reworded = events.filter((event) => AMENDING.has(event.type));
    if (reworded.length > 0) {
      const ids = new Set(reworded.map((event) => event.subject));
      amended.push(...changes.filter((change) => ids.has(change.after.id)));
    }
    const writes: Write[] = [];
    const rows = (list: readonly RowChange<Order>[]): Record<string, unknown>[] =>
      list.map(({ after }) => stateRow(after, times.get(after.id)));
    if (changed.length > 0)
      writes.push(
        updateRows('states', 'orders.order_states', ['order_id'], STATE_COLUMNS, rows(changed), {
          revision: 'version',
          set: [STATUS_SINCE],
        }),
      );
    if (marked.length > 0)
      writes.push(
        updateRows('marks', 'orders.order_states', ['order_id'], SEEN_COLUMNS, rows(marked), { revision: 'version' }),
      );
    if (amended.length > 0) writes.push(...amendmentWrites(amended, mayRepeat));
    // What was amended has its terms of parcels with all others.
    const whole = new Set(amended.map(({ after }) => after.id));
    writes.push(...parcelWrites(changed.filter(({ after }) => !whole.has(after.id))), ...followUpWrites(events));
    return writes;
  },
});
