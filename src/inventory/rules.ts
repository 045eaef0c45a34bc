import { releasedFor, withoutReleased } from '#contracts/allocations.ts';
import type { Allocation, EventData, SkuQuantity } from '#contracts/order-events.ts';
import { SOURCES } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import { refuse } from '#contracts/errors.ts';
import { ignore, type Ignored, type Outcome, type Rules, type Shared } from '#platform/processor/aggregate.ts';
import { type MarkShort, withShortages } from './rules/shortages.ts';
import { allocate, availableOf, freeOf, StockChange, type StockOfSku } from './rules/stock.ts';

export type { StockOfSku } from './rules/stock.ts';

/**
 * Reservations: all lines of an order or none. A reservation is given back when its order ends before
 * shipment, and turns into shipped goods parcel by parcel.
 *
 * A backorder stands in line for every SKU that was short when it asked, at the place its order's id gives it: what
 * lies there is kept for those in line, as much as each wants, and only what is beyond that is free for others. It
 * keeps its places until it gets everything; what it did not lack it does not keep, and where that is short later it
 * joins that line, too.
 */

export interface Reservation {
  readonly status: 'RESERVED' | 'REJECTED' | 'BACKORDERED' | 'RELEASED' | 'SHIPPED';
  /** What the order needs, by SKU. */
  readonly demand: readonly SkuQuantity[];
  /** What is reserved and has not left yet. */
  readonly allocations: readonly Allocation[];
  /** SKUs that a backorder stands in line for. */
  readonly waitsFor?: readonly string[] | undefined;
  /** What of the allocations is gone, as the order was reported. */
  readonly short?: readonly Allocation[] | undefined;
}

/** An order's turn in the line of a SKU has come: enough was there for it and all before it, after so many losses. */
export interface Turn {
  readonly sku: string;
  readonly losses: number;
}

export interface RetryBackorder {
  readonly type: 'retryBackorder';
  readonly turns: readonly Turn[];
}

export type InventoryCommand = RetryBackorder | MarkShort;

type Decision = Outcome<Reservation, never, StockOfSku>;
export type ReservationRules = Rules<Reservation, RetryBackorder, never, StockOfSku>;
export type InventoryRules = Rules<Reservation, InventoryCommand, never, StockOfSku>;

const reservationRules: ReservationRules = {
  source: SOURCES.inventory,
  consumes: [
    'OrderCreated',
    'OrderCancelled',
    'OrderPaymentFailed',
    'OrderChanged',
    'ShipmentDispatched',
    'ShipmentFailed',
    'OrderReturnReceived',
  ],

  react(event, reservation, { shared }): Decision | Ignored {
    switch (event.type) {
      case 'OrderCreated':
        return reservation
          ? ignore('the order has a reservation already')
          : reserve(demandOf(event.data), event.data.allowBackorder, shared);
      case 'OrderCancelled':
      case 'OrderPaymentFailed':
        return release(reservation, event.type, shared);
      case 'OrderChanged':
        return change(reservation, event.data, shared);
      case 'ShipmentDispatched':
        return ship(reservation, event.data, shared);
      case 'ShipmentFailed': {
        const { shipmentId, restocked = [] } = event.data;
        if (restocked.length === 0) return ignore('nothing of the parcel came back to its shelf');
        return takeBack(reservation, shipmentId, restocked, shared);
      }
      case 'OrderReturnReceived': {
        const { returnId, items, location, shelved, elsewhere } = event.data;
        return takeBack(
          reservation ?? (elsewhere ? SHIPPED_ELSEWHERE : undefined),
          returnId,
          shelved ?? items.map(({ sku, quantity }) => ({ sku, location, quantity })),
          shared,
        );
      }
      default:
        return ignore('not an event of interest');
    }
  },

  decide(command, reservation, { shared }) {
    if (!reservation) return refuse('ORDER_NOT_FOUND', 'The order has no reservation.');
    return reservation.status === 'BACKORDERED'
      ? retry(reservation, command, shared)
      : { state: reservation, events: [] };
  },
};

export const inventoryRules = withShortages(reservationRules);

/** Quantities by SKU, sorted, so that equal orders touch stock in the same order everywhere. */
export function demandOf(order: Pick<EventData<'OrderCreated'>, 'items'>): SkuQuantity[] {
  return skuQuantities(piecesBy('sku', order.items)).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

function reserve(demand: readonly SkuQuantity[], allowBackorder: boolean, shared: Shared<StockOfSku>): Decision {
  const found = allocate(demand, shared, (sku) => freeOf(shared.get(sku)));
  if ('allocations' in found) {
    const change = new StockChange(shared).pass(demand);
    return reserved(demand, found.allocations, change);
  }
  const { shortages } = found;
  // Nobody waits for what is no product: it would be for ever.
  if (!allowBackorder || !demand.every(({ sku }) => shared.get(sku)))
    return {
      state: { status: 'REJECTED', demand: [], allocations: [] },
      events: [{ type: 'StockRejected', data: { shortages } }],
    };
  const waitsFor = shortages.map(({ sku }) => sku);
  return {
    state: { status: 'BACKORDERED', demand, allocations: [], waitsFor },
    events: [{ type: 'StockBackordered', data: { shortages } }],
    shared: new StockChange(shared).join(wantedOf({ demand, waitsFor })).after,
  };
}

/** A backorder asks once more: it gets all, or waits on, perhaps for one SKU more. */
function retry(reservation: Reservation, { turns }: RetryBackorder, shared: Shared<StockOfSku>): Decision {
  const { demand, waitsFor = [] } = reservation;
  const found = allocate(demand, shared, (sku) => {
    const stock = shared.get(sku);
    if (!waitsFor.includes(sku)) return freeOf(stock);
    return turns.some((turn) => turn.sku === sku && turn.losses === stock?.losses) ? availableOf(stock) : 0;
  });
  const change = new StockChange(shared);
  if ('allocations' in found)
    return reserved(demand, found.allocations, change.pass(demand).leave(wantedOf(reservation)));
  const joined = found.shortages.map(({ sku }) => sku).filter((sku) => !waitsFor.includes(sku));
  if (joined.length === 0) return { state: reservation, events: [] };
  return {
    state: { ...reservation, waitsFor: [...waitsFor, ...joined].sort() },
    events: [],
    shared: change.join(wantedOf({ demand, waitsFor: joined })).after,
  };
}

/** What a backorder stands in line for. */
export function wantedOf({ demand, waitsFor = [] }: Pick<Reservation, 'demand' | 'waitsFor'>): SkuQuantity[] {
  return demand.filter(({ sku }) => waitsFor.includes(sku));
}

function reserved(demand: readonly SkuQuantity[], allocations: Allocation[], change: StockChange): Decision {
  return {
    state: { status: 'RESERVED', demand, allocations },
    events: [{ type: 'StockReserved', data: { allocations } }],
    shared: change.move(allocations, 0, 1).after,
  };
}

function release(reservation: Reservation | undefined, reason: string, shared: Shared<StockOfSku>): Decision | Ignored {
  if (!reservation) return ignore('nothing was reserved');
  const { status, demand } = reservation;
  if (status === 'BACKORDERED')
    // What it wanted stays with it: those behind it are asked for that.
    return {
      state: { status: 'RELEASED', demand, allocations: [] },
      events: [],
      shared: new StockChange(shared).leave(wantedOf(reservation)).after,
    };
  if (status !== 'RESERVED') return ignore(`the reservation is ${status}`);
  const allocations = [...reservation.allocations];
  return {
    state: { status: 'RELEASED', demand: [], allocations: [] },
    events: [{ type: 'StockReleased', data: { allocations, reason } }],
    shared: new StockChange(shared).move(allocations, 0, -1).after,
  };
}

function ship(
  reservation: Reservation | undefined,
  parcel: EventData<'ShipmentDispatched'>,
  shared: Shared<StockOfSku>,
): Decision | Ignored {
  if (reservation?.status !== 'RESERVED')
    throw new Error(`A parcel left without a reservation (${reservation?.status ?? 'none'})`);
  const leaving = new Map(parcel.items.map((item) => [item.sku, item.quantity]));
  const gone: Allocation[] = [];
  const allocations: Allocation[] = [];
  for (const allocation of reservation.allocations) {
    // What is reserved elsewhere stays there, and takes nothing of what this parcel carries.
    const carried = allocation.location === parcel.location ? (leaving.get(allocation.sku) ?? 0) : 0;
    const taken = carried < allocation.quantity ? carried : allocation.quantity;
    if (taken > 0) {
      gone.push({ ...allocation, quantity: taken });
      leaving.set(allocation.sku, carried - taken);
    }
    if (taken < allocation.quantity) allocations.push({ ...allocation, quantity: allocation.quantity - taken });
  }
  const status = allocations.length === 0 ? 'SHIPPED' : 'RESERVED';
  return {
    state: { status, demand: [], allocations },
    events: [{ type: 'StockShipped', data: { shipmentId: parcel.shipmentId, allocations: gone } }],
    shared: new StockChange(shared).move(gone, -1, -1).after,
  };
}

/** Pieces were taken off the order: those that were set aside are given back, those that it waits for it needs no more. */
function change(
  reservation: Reservation | undefined,
  { removed, released: named }: EventData<'OrderChanged'>,
  shared: Shared<StockOfSku>,
): Decision | Ignored {
  if (reservation?.status === 'BACKORDERED') {
    const demand = less(reservation.demand, removed);
    const waitsFor = reservation.waitsFor?.filter((sku) => demand.some((one) => one.sku === sku));
    const after: Reservation = { ...reservation, demand, ...(waitsFor && { waitsFor }) };
    const lines = new StockChange(shared).leave(wantedOf(reservation)).join(wantedOf(after));
    return { state: after, events: [], shared: lines.after };
  }
  if (reservation?.status !== 'RESERVED') return ignore(`the reservation is ${reservation?.status ?? 'missing'}`);
  // An order that waited, as far as it knew, could not name what has been set aside meanwhile.
  const released = named.length > 0 ? named : releasedFor(removed, reservation.allocations);
  const allocations = withoutReleased(reservation.allocations, released);
  const status = allocations.length > 0 ? 'RESERVED' : 'SHIPPED';
  return {
    state: { status, demand: less(reservation.demand, removed), allocations },
    events: [{ type: 'StockReleased', data: { allocations: [...released], reason: 'OrderChanged' } }],
    shared: new StockChange(shared).move(released, 0, -1).after,
  };
}

/** A demand less these pieces. */
function less(demand: readonly SkuQuantity[], gone: readonly SkuQuantity[]): SkuQuantity[] {
  return demand.flatMap(({ sku, quantity }) => {
    let left = quantity;
    for (const one of gone) if (one.sku === sku) left -= one.quantity;
    return left > 0 ? [{ sku, quantity: left }] : [];
  });
}

/** Of an order that ended in another system: its goods were never here. */
const SHIPPED_ELSEWHERE: Reservation = { status: 'SHIPPED', demand: [], allocations: [] };

/** Goods are on their shelves again: of a return, or of a parcel that came back undelivered. */
function takeBack(
  reservation: Reservation | undefined,
  returnId: string,
  allocations: Allocation[],
  shared: Shared<StockOfSku>,
): Decision | Ignored {
  if (!reservation) throw new Error('Goods came back of an order that never had any');
  if (allocations.length === 0) return ignore('nothing goes back into stock');
  return {
    state: reservation,
    events: [{ type: 'StockReturned', data: { returnId, allocations } }],
    shared: new StockChange(shared).move(allocations, 1, 0).after,
  };
}
