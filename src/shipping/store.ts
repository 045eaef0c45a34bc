import { isoTime } from '#contracts/time.ts';
import type { Cause, Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
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
    const shipments: Record<string, unknown>[] = [];
    for (const { before, after } of changes) {
      if (after.state!.shipments.length > 0 && !before.state?.shipments.length) {
        for (const { id } of after.state!.shipments) shipments.push({ id, order_id: after.id });
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
    if (shipments.length > 0)
      writes.push(insertRows('shipments', 'shipping.shipments', { id: 'uuid', order_id: 'uuid' }, shipments));
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

export interface ShipmentFilter {
  readonly orderIds: readonly string[] | undefined;
  /** Continue behind this shipment. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of shipments, those scheduled first at the beginning. */
export async function listShipments(
  database: Database,
  { orderIds, after, limit }: ShipmentFilter,
): Promise<readonly FoundShipment[]> {
  const keys =
    orderIds === undefined
      ? await readKeyset<{ id: string; order_id: string }>(database, {
          columns: 'id, order_id',
          table: 'shipping.shipments t',
          key: 'id',
          newestFirst: false,
          wanted: [],
          after,
          limit,
        })
      : undefined;
  const orders = await shippingStore.load(database, orderIds ?? [...new Set(keys!.map(({ order_id }) => order_id))]);
  const wanted = keys && new Set(keys.map(({ id }) => id));
  return [...orders.values()]
    .flatMap(({ id: orderId, state }) => state!.shipments.map((shipment) => ({ orderId, shipping: state!, shipment })))
    .filter(({ shipment: { id } }) => (wanted ? wanted.has(id) : after === undefined || id > after))
    .toSorted((a, b) => (a.shipment.id < b.shipment.id ? -1 : 1))
    .slice(0, limit);
}
