import { firstIdAt, idTimeMs } from '#contracts/ids.ts';
import { isoTime } from '#contracts/time.ts';
import type { Cause, Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { type Condition, readKeyset } from '#platform/database/keyset.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import { nextDueMs, type Shipment, type Shipping } from './rules/model.ts';

/** SQL of the shipping service; nowhere else. */

const COLUMNS: Columns = {
  order_id: 'uuid',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  body: 'json',
  carrier_due_at: 'timestamptz',
};

const SHIPMENT_COLUMNS: Columns = {
  id: 'uuid',
  order_id: 'uuid',
  location: 'text',
  status: 'text',
  carrier: 'text',
  tracking_number: 'text',
  tracking: 'text',
};
const { order_id: _order, ...MOVED_COLUMNS } = SHIPMENT_COLUMNS;

function shipmentRow(orderId: string, shipment: Shipment): Record<string, unknown> {
  const { id, location, status, carrier, trackingNumber, tracking } = shipment;
  return {
    id,
    order_id: orderId,
    location,
    status,
    carrier,
    tracking_number: trackingNumber,
    tracking: tracking?.status,
  };
}

/** Whether something has changed by which a shipment is listed or found. */
function isMoved(before: Shipment | undefined, after: Shipment): boolean {
  return (
    before?.status !== after.status ||
    before.trackingNumber !== after.trackingNumber ||
    before.carrier !== after.carrier ||
    before.tracking?.status !== after.tracking?.status
  );
}

function rowOf({ id, revision: version, sequence, consumed: seen, state }: Row<Shipping>): Record<string, unknown> {
  const dueMs = nextDueMs(state!);
  return {
    order_id: id,
    version,
    sequence,
    seen,
    body: state,
    carrier_due_at: dueMs === undefined ? null : isoTime(dueMs),
  };
}

interface StoredOrder extends Record<string, unknown> {
  order_id: string;
  version: number;
  sequence: number;
  seen: Record<string, number>;
  body: Shipping;
}

export const shippingStore: ProcessorStore<Shipping, never> = {
  async load(database, ids) {
    const rows = await database.query<StoredOrder>(
      'select order_id, version, sequence, seen, body from shipping.orders where order_id = any($1::uuid[])',
      [ids],
    );
    return new Map(
      rows.map((row) => [
        row.order_id,
        { id: row.order_id, revision: row.version, sequence: row.sequence, consumed: row.seen, state: row.body },
      ]),
    );
  },

  save(changes) {
    const { added, changed } = splitChanges(changes, rowOf);
    const scheduled: Record<string, unknown>[] = [];
    const moved: Record<string, unknown>[] = [];
    for (const { before, after } of changes) {
      const known = before.state?.shipments ?? [];
      for (const [place, shipment] of after.state!.shipments.entries()) {
        if (!known[place]) scheduled.push(shipmentRow(after.id, shipment));
        else if (isMoved(known[place], shipment)) moved.push(shipmentRow(after.id, shipment));
      }
    }
    const writes: Write[] = [];
    // A row that another process inserted meanwhile makes the batch a conflict, to be decided on what is stored then, not an error.
    if (added.length > 0)
      writes.push({
        ...insertRows('added', 'shipping.orders', COLUMNS, added, { onConflict: 'do nothing' }),
        expect: added.length,
      });
    if (changed.length > 0)
      writes.push(updateRows('changed', 'shipping.orders', ['order_id'], COLUMNS, changed, { revision: 'version' }));
    if (scheduled.length > 0) writes.push(insertRows('scheduled', 'shipping.shipments', SHIPMENT_COLUMNS, scheduled));
    if (moved.length > 0) writes.push(updateRows('moved', 'shipping.shipments', ['id'], MOVED_COLUMNS, moved));
    return writes;
  },
};

/** The order a shipment belongs to. */
export async function orderOfShipment(database: Database, shipmentId: string): Promise<string | undefined> {
  const [row] = await database.query<{ order_id: string }>('select order_id from shipping.shipments where id = $1', [
    shipmentId,
  ]);
  return row?.order_id;
}

export async function loadShipping(database: Database, orderId: string): Promise<Shipping | undefined> {
  return (await shippingStore.load(database, [orderId])).get(orderId)?.state;
}

export interface DueOrder {
  readonly orderId: string;
  readonly dueMs: number;
  readonly cause: Pick<Cause, 'causationid' | 'correlationid'> | undefined;
}

/** Orders that are due for the sandbox carrier, the most urgent first, those not yet due included. */
export async function nextDueOrders(database: Database, limit: number): Promise<DueOrder[]> {
  const rows = await database.query<{ order_id: string; carrier_due_at: Date; cause: DueOrder['cause'] | null }>(
    "select order_id, carrier_due_at, body->'cause' as cause from shipping.orders where carrier_due_at is not null order by carrier_due_at limit $1",
    [limit],
  );
  return rows.map((row) => ({
    orderId: row.order_id,
    dueMs: row.carrier_due_at.getTime(),
    cause: row.cause ?? undefined,
  }));
}

/** A shipment with what shipping knows of its order. */
export interface FoundShipment {
  readonly orderId: string;
  readonly shipping: Shipping;
  readonly shipment: Shipment;
}

const WAITING = 'SCHEDULED';
/** Parcels that wait and are counted; of more, those that have waited longest. */
export const COUNTED_MAX = 20_000;

/** What waits at a place. */
export interface WaitingAt {
  readonly location: string;
  /** Parcels that may leave now. */
  readonly ready: number;
  /** Parcels that a hold or a change keeps here. */
  readonly paused: number;
  /** When the one that has waited longest, of those that may leave, was scheduled. */
  readonly oldestAt?: string;
}

/** The statement of {@link waitingByLocation}; $1: how many parcels are looked at. */
export const WAITING_SQL = `select location, count(*) filter (where not held)::integer as ready, count(*) filter (where held)::integer as paused,
    (min(id::text) filter (where not held)) as oldest
  from (select t.id, t.location, json_array_length(o.body->'holds') > 0 as held
    from (select id, order_id, location from shipping.shipments where status = '${WAITING}' order by id limit $1) t
    join shipping.orders o on o.order_id = t.order_id) waiting
  group by location order by location`;

/** How much waits at each place, counted up to {@link COUNTED_MAX}. */
export async function waitingByLocation(database: Database): Promise<WaitingAt[]> {
  const rows = await database.query<{ location: string; ready: number; paused: number; oldest: string | null }>(
    WAITING_SQL,
    [COUNTED_MAX],
  );
  return rows.map(({ oldest, ...at }) => ({ ...at, ...(oldest !== null && { oldestAt: isoTime(idTimeMs(oldest)) }) }));
}

export interface ShipmentFilter {
  readonly orderIds: readonly string[] | undefined;
  readonly statuses: readonly string[] | undefined;
  readonly locations: readonly string[] | undefined;
  readonly carriers: readonly string[] | undefined;
  /** Statuses that carriers gave. */
  readonly tracking: readonly string[] | undefined;
  /** Milliseconds; the range is closed below and open above. */
  readonly scheduledFromMs: number | undefined;
  readonly scheduledToMs: number | undefined;
  /** Only what may leave now: it waits, and no hold keeps it. */
  readonly ready: boolean;
  readonly newestFirst: boolean;
  /** Continue behind this shipment. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of shipments by when they were scheduled. The age of a shipment is in its id, a UUIDv7. */
export async function listShipments(database: Database, filter: ShipmentFilter): Promise<readonly FoundShipment[]> {
  const { orderIds, locations, carriers, tracking, ready, newestFirst, after, limit } = filter;
  const statuses = ready ? [WAITING] : filter.statuses;
  const found = orderIds ? await shipmentsOf(database, orderIds) : undefined;
  const ages: Condition[] = [];
  if (filter.scheduledFromMs !== undefined) ages.push({ sql: 't.id >= $', value: firstIdAt(filter.scheduledFromMs) });
  if (filter.scheduledToMs !== undefined) ages.push({ sql: 't.id < $', value: firstIdAt(filter.scheduledToMs) });
  if (ready)
    ages.push({
      sql: "not exists (select from shipping.orders o where o.order_id = t.order_id and json_array_length(o.body->'holds') > $)",
      value: 0,
    });
  const keys = await readKeyset<{ id: string; order_id: string }>(database, {
    columns: 'id, order_id',
    table: 'shipping.shipments t',
    key: 'id',
    newestFirst,
    wanted: [
      { column: 'id', type: 'uuid', values: found?.map(({ shipment }) => shipment.id) },
      { column: 'status', type: 'text', values: statuses },
      { column: 'location', type: 'text', values: locations },
      { column: 'carrier', type: 'text', values: carriers },
      { column: 'tracking', type: 'text', values: tracking },
    ],
    conditions: ages,
    after,
    limit,
  });
  const all = found ?? (await shipmentsOf(database, [...new Set(keys.map(({ order_id }) => order_id))]));
  const byId = new Map(all.map((one) => [one.shipment.id, one]));
  return keys.flatMap(({ id }) => byId.get(id) ?? []);
}

/** All shipments of these orders. */
async function shipmentsOf(database: Database, orderIds: readonly string[]): Promise<readonly FoundShipment[]> {
  if (orderIds.length === 0) return [];
  const orders = await shippingStore.load(database, orderIds);
  return [...orders.values()].flatMap(({ id: orderId, state }) =>
    state!.shipments.map((shipment) => ({ orderId, shipping: state!, shipment })),
  );
}

export const FILLED_PER_RUN = 500;

/** Fills in shipments that a version scheduled which did not list them; resolves to how many there were, of so many at most. */
export async function fillShipments(database: Database): Promise<number> {
  const rows = await database.query<{ order_id: string }>(
    'select order_id from shipping.shipments where status is null order by id limit $1',
    [FILLED_PER_RUN],
  );
  if (rows.length === 0) return 0;
  const found = await shipmentsOf(database, [...new Set(rows.map(({ order_id }) => order_id))]);
  const missing = found.map(({ orderId, shipment }) => shipmentRow(orderId, shipment));
  await database.write([updateRows('filled', 'shipping.shipments', ['id'], MOVED_COLUMNS, missing)]);
  return rows.length;
}
