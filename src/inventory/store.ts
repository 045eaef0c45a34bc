import type { Envelope } from '#contracts/envelope.ts';
import type { Allocation, EventType } from '#contracts/order-events.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { SharedChange } from '#platform/processor/batch.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import type { Reservation, StockOfSku } from './rules.ts';

/** SQL of reservations and of the stock that they move; that of products, places and counts stands in the folder `store`. */

const RESERVATION_COLUMNS: Columns = {
  order_id: 'uuid',
  status: 'text',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  detail: 'json',
};
const LEDGER_COLUMNS: Columns = {
  at: 'timestamptz',
  sku: 'text',
  location: 'text',
  kind: 'text',
  on_hand_delta: 'integer',
  reserved_delta: 'integer',
  order_id: 'uuid',
  reason: 'text',
};

/** The ledger follows inventory's own events: each moves stock by these signs. */
const MOVEMENTS: Partial<Record<EventType, { kind: string; onHand: number; reserved: number }>> = {
  StockReserved: { kind: 'reserve', onHand: 0, reserved: 1 },
  StockReleased: { kind: 'release', onHand: 0, reserved: -1 },
  StockShipped: { kind: 'ship', onHand: -1, reserved: -1 },
  StockReturned: { kind: 'return', onHand: 1, reserved: 0 },
};

function ledgerRows(events: readonly Envelope[]): Record<string, unknown>[] {
  return events.flatMap((event) => {
    const movement = MOVEMENTS[event.type as EventType];
    if (!movement) return [];
    return (event.data as { allocations: Allocation[] }).allocations.map(({ sku, location, quantity }) => ({
      at: event.time,
      sku,
      location,
      kind: movement.kind,
      on_hand_delta: movement.onHand * quantity,
      reserved_delta: movement.reserved * quantity,
      order_id: event.subject,
    }));
  });
}

/**
 * Stock moves by differences, so that writers elsewhere are added up, not overwritten; the guard constraints
 * refuse what is not there. Rows are locked in one order (SKU, location): concurrent batches never deadlock.
 */
function moveStock(changes: readonly SharedChange<StockOfSku>[]): Write[] {
  const skus: string[] = [];
  const locations: string[] = [];
  const onHand: number[] = [];
  const reserved: number[] = [];
  const arrivals: Record<string, unknown>[] = [];
  for (const { key, before, after } of changes) {
    for (const [location, level] of Object.entries(after)) {
      const old = before?.[location];
      if (!old) {
        arrivals.push({ sku: key, location, on_hand: level.onHand, reserved: level.reserved });
        continue;
      }
      if (old === level || (old.onHand === level.onHand && old.reserved === level.reserved)) continue;
      skus.push(key);
      locations.push(location);
      onHand.push(level.onHand - old.onHand);
      reserved.push(level.reserved - old.reserved);
    }
  }
  const writes: Write[] = [];
  if (skus.length > 0) {
    writes.push({
      name: 'stock',
      sql: `update inventory.stock t set on_hand = t.on_hand + l.on_hand_delta, reserved = t.reserved + l.reserved_delta
        from (select s.sku, s.location, r.on_hand_delta, r.reserved_delta
              from unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) as r(sku, location, on_hand_delta, reserved_delta)
              join inventory.stock s on s.sku = r.sku and s.location = r.location
              order by s.sku, s.location for update of s) l
        where t.sku = l.sku and t.location = l.location`,
      params: [skus, locations, onHand, reserved],
      expect: skus.length,
    });
  }
  if (arrivals.length > 0) {
    // Returned goods at a location that never had this SKU; the same batch may reserve some of them.
    writes.push(
      insertRows(
        'arrivals',
        'inventory.stock',
        { sku: 'text', location: 'text', on_hand: 'integer', reserved: 'integer' },
        arrivals,
        {
          onConflict:
            '(sku, location) do update set on_hand = stock.on_hand + excluded.on_hand, reserved = stock.reserved + excluded.reserved',
        },
      ),
    );
  }
  return writes;
}

export const inventoryStore: ProcessorStore<Reservation, StockOfSku> = {
  async load(database, ids) {
    const rows = await database.query<{
      order_id: string;
      status: Reservation['status'];
      version: number;
      sequence: number;
      seen: Record<string, number>;
      detail: Omit<Reservation, 'status'>;
    }>(
      'select order_id, status, version, sequence, seen, detail from inventory.reservations where order_id = any($1::uuid[])',
      [ids],
    );
    return new Map(
      rows.map((row): [string, Row<Reservation>] => [
        row.order_id,
        {
          id: row.order_id,
          revision: row.version,
          sequence: row.sequence,
          consumed: row.seen,
          state: { status: row.status, ...row.detail },
        },
      ]),
    );
  },

  async loadShared(database, skus) {
    const rows = await database.query<{ sku: string; location: string; on_hand: number; reserved: number }>(
      'select sku, location, on_hand, reserved from inventory.stock where sku = any($1::text[])',
      [skus],
    );
    const stock = new Map<string, Record<string, { onHand: number; reserved: number }>>(skus.map((sku) => [sku, {}]));
    for (const row of rows) stock.get(row.sku)![row.location] = { onHand: row.on_hand, reserved: row.reserved };
    return stock;
  },

  save(changes, shared, events) {
    const writes = moveStock(shared);
    const toRow = ({
      id,
      revision: version,
      sequence,
      consumed: seen,
      state,
    }: Row<Reservation>): Record<string, unknown> => ({
      order_id: id,
      status: state!.status,
      version,
      sequence,
      seen,
      detail: { demand: state!.demand, allocations: state!.allocations },
    });
    const { added, changed } = splitChanges(changes, toRow);
    if (added.length > 0)
      writes.push(insertRows('new_reservations', 'inventory.reservations', RESERVATION_COLUMNS, added));
    if (changed.length > 0)
      writes.push(
        updateRows('reservations', 'inventory.reservations', ['order_id'], RESERVATION_COLUMNS, changed, {
          revision: 'version',
        }),
      );
    const ledger = ledgerRows(events);
    if (ledger.length > 0) writes.push(insertRows('ledger', 'inventory.ledger', LEDGER_COLUMNS, ledger));
    return writes;
  },
};

/** Orders after another one that wait for stock of these SKUs (of any, where none are named), first come first served. */
export async function backorderedFor(
  database: Database,
  skus: readonly string[],
  after: string,
  limit: number,
): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    `select order_id from inventory.reservations where status = 'BACKORDERED'
       and (cardinality($1::text[]) = 0 or exists (select 1 from json_array_elements(detail->'demand') d where d->>'sku' = any($1::text[])))
       and order_id > $2 order by order_id limit $3`,
    [skus, after, limit],
  );
  return rows.map((row) => row.order_id);
}
