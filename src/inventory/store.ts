import type { Envelope } from '#contracts/envelope.ts';
import type { Allocation, EventType, SkuQuantity } from '#contracts/order-events.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { RowChange, SharedChange } from '#platform/processor/batch.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import { type Reservation, type StockOfSku, wantedOf } from './rules.ts';
import { type Level, NO_STOCK } from './rules/stock.ts';

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

/** Rows of a write, column by column. */
interface Moves {
  readonly skus: string[];
  readonly locations: string[];
  readonly onHand: number[];
  readonly reserved: number[];
  readonly lineMoves: number[];
  readonly lineSeen: (number | null)[];
}

/**
 * Stock moves by differences, so that writers elsewhere are added up, not overwritten; the guard constraints
 * refuse what is not there. Who takes of a SKU must have seen its line as it is: where it has moved since, the save is a
 * conflict. Where a line moves, it does so at all places that are known. Rows are locked in one order (stock by SKU and
 * location, then products by SKU): concurrent batches never deadlock.
 */
function moveStock(changes: readonly SharedChange<StockOfSku>[]): Write[] {
  const moves: Moves = { skus: [], locations: [], onHand: [], reserved: [], lineMoves: [], lineSeen: [] };
  const arrivals: Record<string, unknown>[] = [];
  const lines: LineChange[] = [];
  for (const { key, before = NO_STOCK, after } of changes) {
    const lineMoves = after.lineMoves - before.lineMoves;
    const levels = Object.entries(after.levels).map(([location, level]) => ({
      location,
      level,
      old: before.levels[location],
    }));
    // Also where the same batch gives as much back, or more.
    const takes =
      (after.takes ?? 0) > (before.takes ?? 0) ||
      levels.some(({ level, old }) => level.reserved > (old?.reserved ?? 0));
    for (const { location, level, old } of levels) {
      if (!old) {
        arrivals.push({ sku: key, location, on_hand: level.onHand, reserved: level.reserved });
        continue;
      }
      const onHand = level.onHand - old.onHand;
      const reserved = level.reserved - old.reserved;
      if (onHand === 0 && reserved === 0 && lineMoves === 0 && !takes) continue;
      moves.skus.push(key);
      moves.locations.push(location);
      moves.onHand.push(onHand);
      moves.reserved.push(reserved);
      moves.lineMoves.push(lineMoves);
      moves.lineSeen.push(takes ? (old.line ?? 0) + before.lineMoves : null);
    }
    const waiting = after.waiting - before.waiting;
    const takesArrived = levels.some(({ level, old }) => !old && level.reserved > 0);
    if (lineMoves > 0 || waiting !== 0 || takesArrived)
      lines.push({
        sku: key,
        waiting,
        places: lineMoves > 0 || takesArrived ? Object.keys(before.levels).length : null,
        seen: takesArrived ? before.waiting : null,
      });
  }
  const writes: Write[] = [];
  if (moves.skus.length > 0) writes.push(stockWrite(moves));
  if (lines.length > 0) writes.push(lineWrite(lines));
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

function stockWrite({ skus, locations, onHand, reserved, lineMoves, lineSeen }: Moves): Write {
  return {
    name: 'stock',
    sql: `update inventory.stock t set on_hand = t.on_hand + l.on_hand_delta, reserved = t.reserved + l.reserved_delta, line = t.line + l.line_moves,
        short = greatest(0, least(t.short, t.reserved + l.reserved_delta - t.on_hand - l.on_hand_delta))
      from (select s.sku, s.location, r.on_hand_delta, r.reserved_delta, r.line_moves
            from unnest($1::text[], $2::text[], $3::integer[], $4::integer[], $5::integer[], $6::bigint[]) as r(sku, location, on_hand_delta, reserved_delta, line_moves, line_seen)
            join inventory.stock s on s.sku = r.sku and s.location = r.location and (r.line_seen is null or s.line = r.line_seen)
            order by s.sku, s.location for update of s) l
      where t.sku = l.sku and t.location = l.location`,
    params: [skus, locations, onHand, reserved, lineMoves, lineSeen],
    expect: skus.length,
  };
}

/** How the line of a SKU changes: by so many pieces, where there are so many places and, where that matters, the line wants so much. */
interface LineChange {
  readonly sku: string;
  readonly waiting: number;
  readonly places: number | null;
  readonly seen: number | null;
}

function lineWrite(lines: readonly LineChange[]): Write {
  return {
    name: 'lines',
    sql: `update inventory.products t set waiting = t.waiting + l.waiting
      from (select p.sku, r.waiting
            from unnest($1::text[], $2::bigint[], $3::integer[], $4::bigint[]) as r(sku, waiting, places, seen)
            join inventory.products p on p.sku = r.sku and (r.places is null or p.places = r.places) and (r.seen is null or p.waiting = r.seen)
            order by p.sku for update of p) l
      where t.sku = l.sku`,
    params: [
      lines.map(({ sku }) => sku),
      lines.map(({ waiting }) => waiting),
      lines.map(({ places }) => places),
      lines.map(({ seen }) => seen),
    ],
    expect: lines.length,
  };
}

/** Backorders that join a line, and those that leave one. */
function waitingWrites(changes: readonly RowChange<Reservation>[]): Write[] {
  const come: Record<string, unknown>[] = [];
  const gone: { readonly sku: string; readonly orderId: string }[] = [];
  const less: { readonly sku: string; readonly orderId: string; readonly quantity: number }[] = [];
  for (const { before, after } of changes) {
    const was = linesOf(before.state);
    const is = linesOf(after.state);
    if (was.length === 0 && is.length === 0) continue;
    const orderId = after.id;
    for (const { sku, quantity } of is)
      if (!was.some((line) => line.sku === sku)) come.push({ sku, order_id: orderId, quantity });
    for (const { sku, quantity } of was) {
      const now = is.find((line) => line.sku === sku);
      if (!now) gone.push({ sku, orderId });
      else if (now.quantity !== quantity) less.push({ sku, orderId, quantity: now.quantity });
    }
  }
  const writes: Write[] = [];
  if (come.length > 0)
    writes.push(
      insertRows('joined', 'inventory.waiting', { sku: 'text', order_id: 'uuid', quantity: 'integer' }, come),
    );
  if (gone.length > 0)
    writes.push({
      name: 'left_line',
      sql: 'delete from inventory.waiting t using unnest($1::text[], $2::uuid[]) as r(sku, order_id) where t.sku = r.sku and t.order_id = r.order_id',
      params: [gone.map(({ sku }) => sku), gone.map(({ orderId }) => orderId)],
    });
  if (less.length > 0)
    writes.push({
      name: 'waits_for_less',
      sql: 'update inventory.waiting t set quantity = r.quantity from unnest($1::text[], $2::uuid[], $3::integer[]) as r(sku, order_id, quantity) where t.sku = r.sku and t.order_id = r.order_id',
      params: [less.map(({ sku }) => sku), less.map(({ orderId }) => orderId), less.map(({ quantity }) => quantity)],
    });
  return writes;
}

/** What orders are reported to be short of, as their rows say it. */
function shortageWrites(changes: readonly RowChange<Reservation>[]): Write[] {
  const come: Record<string, unknown>[] = [];
  const gone: { readonly id: string; readonly sku: string; readonly location: string }[] = [];
  for (const { before, after } of changes) {
    const was = before.state?.short ?? [];
    const is = after.state!.short ?? [];
    if (was === is) continue;
    for (const missing of is) come.push({ ...missing, order_id: after.id });
    for (const { sku, location } of was)
      if (!is.some((one) => one.sku === sku && one.location === location)) gone.push({ id: after.id, sku, location });
  }
  const writes: Write[] = [];
  if (come.length > 0)
    writes.push(
      insertRows(
        'short',
        'inventory.shortages',
        { sku: 'text', location: 'text', order_id: 'uuid', quantity: 'integer' },
        come,
        { onConflict: '(sku, location, order_id) do update set quantity = excluded.quantity' },
      ),
    );
  if (gone.length > 0)
    writes.push({
      name: 'no_longer_short',
      sql: 'delete from inventory.shortages t using unnest($1::uuid[], $2::text[], $3::text[]) as r(order_id, sku, location) where t.order_id = r.order_id and t.sku = r.sku and t.location = r.location',
      params: [gone.map(({ id }) => id), gone.map(({ sku }) => sku), gone.map(({ location }) => location)],
    });
  return writes;
}

function linesOf(reservation: Reservation | undefined): readonly SkuQuantity[] {
  return reservation?.status === 'BACKORDERED' ? wantedOf(reservation) : [];
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
    const rows = await database.query<{
      sku: string;
      waiting: number;
      losses: number;
      location: string | null;
      on_hand: number;
      reserved: number;
      line: number;
    }>(
      `select p.sku, p.waiting, p.losses, s.location, s.on_hand, s.reserved, s.line
       from inventory.products p left join inventory.stock s on s.sku = p.sku where p.sku = any($1::text[])`,
      [skus],
    );
    const stock = new Map<string, StockOfSku & { levels: Record<string, Level> }>();
    for (const { sku, waiting, losses, location, on_hand: onHand, reserved, line } of rows) {
      let value = stock.get(sku);
      if (!value) stock.set(sku, (value = { levels: {}, waiting, losses, lineMoves: 0 }));
      if (location !== null) value.levels[location] = { onHand, reserved, line };
    }
    return stock;
  },

  save(changes, shared, events) {
    const writes = [...moveStock(shared), ...waitingWrites(changes), ...shortageWrites(changes)];
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
      detail: {
        demand: state!.demand,
        allocations: state!.allocations,
        waitsFor: state!.waitsFor,
        short: state!.short,
      },
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
