import type { Allocation, EventData, Shortage, SkuQuantity } from '#contracts/order-events.ts';
import { SOURCES } from '#contracts/order-events.ts';
import { refuse } from '#contracts/errors.ts';
import { ignore, type Ignored, type Outcome, type Rules, type Shared } from '#platform/processor/aggregate.ts';

/**
 * Reservations: all lines of an order or none. A reservation is given back when its order ends before
 * shipment, and turns into shipped goods parcel by parcel.
 */

export interface Reservation {
  readonly status: 'RESERVED' | 'REJECTED' | 'BACKORDERED' | 'RELEASED' | 'SHIPPED';
  /** What the order needs, by SKU. */
  readonly demand: readonly SkuQuantity[];
  /** What is reserved and has not left yet. */
  readonly allocations: readonly Allocation[];
}

export interface Level {
  readonly onHand: number;
  readonly reserved: number;
}

/** Stock of one SKU by location. */
export type StockOfSku = Readonly<Record<string, Level>>;

export type InventoryCommand = { readonly type: 'retryBackorder' };

type Decision = Outcome<Reservation, never, StockOfSku>;
export type InventoryRules = Rules<Reservation, InventoryCommand, never, StockOfSku>;

export const inventoryRules: InventoryRules = {
  source: SOURCES.inventory,
  consumes: ['OrderCreated', 'OrderCancelled', 'OrderPaymentFailed', 'ShipmentDispatched', 'OrderReturnReceived'],

  react(event, reservation, { shared }): Decision | Ignored {
    switch (event.type) {
      case 'OrderCreated':
        return reservation
          ? ignore('the order has a reservation already')
          : reserve(demandOf(event.data), event.data.allowBackorder, shared);
      case 'OrderCancelled':
      case 'OrderPaymentFailed':
        return release(reservation, event.type, shared);
      case 'ShipmentDispatched':
        return ship(reservation, event.data, shared);
      case 'OrderReturnReceived':
        return takeBack(reservation, event.data, shared);
      default:
        return ignore('not an event of interest');
    }
  },

  decide(_command, reservation, { shared }) {
    if (!reservation) return refuse('ORDER_NOT_FOUND', 'The order has no reservation.');
    if (reservation.status !== 'BACKORDERED') return { state: reservation, events: [] };
    const found = allocate(reservation.demand, shared);
    return 'shortages' in found
      ? { state: reservation, events: [] }
      : reserved(reservation.demand, found.allocations, shared);
  },
};

/** Quantities by SKU, sorted, so that equal orders touch stock in the same order everywhere. */
export function demandOf(order: Pick<EventData<'OrderCreated'>, 'items'>): SkuQuantity[] {
  const demand = new Map<string, number>();
  for (const { sku, quantity } of order.items) demand.set(sku, (demand.get(sku) ?? 0) + quantity);
  return [...demand].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

function reserve(demand: readonly SkuQuantity[], allowBackorder: boolean, shared: Shared<StockOfSku>): Decision {
  const found = allocate(demand, shared);
  if (!('shortages' in found)) return reserved(demand, found.allocations, shared);
  const { shortages } = found;
  if (allowBackorder)
    return {
      state: { status: 'BACKORDERED', demand, allocations: [] },
      events: [{ type: 'StockBackordered', data: { shortages } }],
    };
  return {
    state: { status: 'REJECTED', demand: [], allocations: [] },
    events: [{ type: 'StockRejected', data: { shortages } }],
  };
}

function reserved(demand: readonly SkuQuantity[], allocations: Allocation[], shared: Shared<StockOfSku>): Decision {
  return {
    state: { status: 'RESERVED', demand, allocations },
    events: [{ type: 'StockReserved', data: { allocations } }],
    shared: moved(allocations, 0, 1, shared),
  };
}

function available(level: Level | undefined): number {
  return level ? level.onHand - level.reserved : 0;
}

/**
 * Where each SKU comes from: one location that has everything, if there is one (one parcel), else as few
 * locations per SKU as possible, fullest first.
 */
export function allocate(
  demand: readonly SkuQuantity[],
  shared: Shared<StockOfSku>,
): { allocations: Allocation[] } | { shortages: Shortage[] } {
  const shortages: Shortage[] = [];
  const locations = new Set<string>();
  for (const { sku, quantity } of demand) {
    const stock = shared.get(sku) ?? {};
    let total = 0;
    for (const [location, level] of Object.entries(stock)) {
      total += available(level);
      if (available(level) > 0) locations.add(location);
    }
    if (total < quantity) shortages.push({ sku, requested: quantity, available: total });
  }
  if (shortages.length > 0) return { shortages };
  for (const location of [...locations].sort()) {
    if (demand.every(({ sku, quantity }) => available(shared.get(sku)?.[location]) >= quantity)) {
      return { allocations: demand.map(({ sku, quantity }) => ({ sku, location, quantity })) };
    }
  }
  return { allocations: demand.flatMap(({ sku, quantity }) => split(sku, quantity, shared.get(sku) ?? {})) };
}

function split(sku: string, quantity: number, stock: StockOfSku): Allocation[] {
  const fullestFirst = Object.entries(stock)
    .map(([location, level]) => ({ location, free: available(level) }))
    .filter(({ free }) => free > 0)
    .sort((a, b) => b.free - a.free || (a.location < b.location ? -1 : 1));
  const allocations: Allocation[] = [];
  let left = quantity;
  for (const { location, free } of fullestFirst) {
    if (left === 0) break;
    const taken = free < left ? free : left;
    allocations.push({ sku, location, quantity: taken });
    left -= taken;
  }
  return allocations;
}

/** The stock after each allocation has changed it by `onHandSign` and `reservedSign` times its quantity. */
function moved(
  allocations: readonly Allocation[],
  onHandSign: number,
  reservedSign: number,
  shared: Shared<StockOfSku>,
): Map<string, StockOfSku> {
  const after = new Map<string, StockOfSku>();
  for (const { sku, location, quantity } of allocations) {
    const stock = after.get(sku) ?? shared.get(sku) ?? {};
    const level = stock[location] ?? { onHand: 0, reserved: 0 };
    after.set(sku, {
      ...stock,
      [location]: { onHand: level.onHand + onHandSign * quantity, reserved: level.reserved + reservedSign * quantity },
    });
  }
  return after;
}

function release(reservation: Reservation | undefined, reason: string, shared: Shared<StockOfSku>): Decision | Ignored {
  if (!reservation) return ignore('nothing was reserved');
  if (reservation.status === 'BACKORDERED')
    return { state: { status: 'RELEASED', demand: [], allocations: [] }, events: [] };
  if (reservation.status !== 'RESERVED') return ignore(`the reservation is ${reservation.status}`);
  const allocations = [...reservation.allocations];
  return {
    state: { status: 'RELEASED', demand: [], allocations: [] },
    events: [{ type: 'StockReleased', data: { allocations, reason } }],
    shared: moved(allocations, 0, -1, shared),
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
    shared: moved(gone, -1, -1, shared),
  };
}

function takeBack(
  reservation: Reservation | undefined,
  data: EventData<'OrderReturnReceived'>,
  shared: Shared<StockOfSku>,
): Decision | Ignored {
  if (!reservation) throw new Error('Goods came back of an order that never had any');
  const allocations = data.items.map(({ sku, quantity }) => ({ sku, location: data.location, quantity }));
  return {
    state: reservation,
    events: [{ type: 'StockReturned', data: { returnId: data.returnId, allocations } }],
    shared: moved(allocations, 1, 0, shared),
  };
}
