import type { Allocation, EventData, SkuQuantity } from '#contracts/order-events.ts';
import { inventoryAudit } from '#inventory/audit.ts';
import { ENDED_WITHOUT_SALE, FINAL_STATUSES, ONCE_PROMISED, ONCE_WITH_WAREHOUSE } from '#orders/rules/lifecycle.ts';
import type { Order } from '#orders/rules/state.ts';
import { parcelsThatLeft, shippingAudit } from '#shipping/audit.ts';
import type { Findings } from './findings.ts';
import type { OrderFile } from './pages.ts';

/** Goods: what an order was promised, what is set aside for it, what has left, and what came back. */

/** The order holds nothing any more. */
const OVER = new Set<Order['status']>([...FINAL_STATUSES, 'SHIPPED']);

export function examineGoods(file: OrderFile, order: Order, findings: Findings): void {
  examineStock(file, order, findings);
  examineParcels(file, order, findings);
  examineReturns(file, findings);
}

function examineStock(file: OrderFile, order: Order, findings: Findings): void {
  const reservation = file.rowOf(inventoryAudit);
  if (!reservation) return;
  const held = piecesAt(reservation.allocations);
  const gone = piecesAt(eventsOf(file, 'StockShipped').flatMap(({ allocations }) => allocations));
  if (OVER.has(order.status) && held.size > 0)
    findings.reportAfter(
      'ended-stock',
      `is ${order.status} and holds ${textOf(held)}`,
      'inventory',
      'OrderCancelled',
      'OrderPaymentFailed',
      'OrderChanged',
      'ShipmentDispatched',
    );
  if (!ONCE_PROMISED.has(order.status)) return;
  const kept = summed(held, gone);
  const promised = piecesAt(order.allocations);
  if (!equal(kept, promised))
    findings.reportAfter(
      'set-aside',
      `was promised ${textOf(promised)}; set aside or gone are ${textOf(kept)}`,
      order.cancelled ? 'inventory' : 'orders',
      order.cancelled ? 'OrderChanged' : 'StockReserved',
    );
}

function examineParcels(file: OrderFile, order: Order, findings: Findings): void {
  const shipping = file.rowOf(shippingAudit);
  const left = shipping ? parcelsThatLeft(shipping) : [];
  if (ENDED_WITHOUT_SALE.has(order.status)) {
    const gone = piecesOf(
      left.length > 0
        ? left.flatMap(({ items }) => items)
        : eventsOf(file, 'StockShipped').flatMap(({ allocations }) => allocations),
    );
    if (gone.size > 0) findings.report('ended-goods', `is ${order.status}, and ${textOf(gone)} of it have left`);
  }
  for (const parcel of left) {
    const listed = order.shipments.find(({ shipmentId }) => shipmentId === parcel.id);
    if (!listed || !equal(piecesOf(listed.items), piecesOf(parcel.items)))
      findings.reportAfter(
        'parcels',
        `does not list parcel ${parcel.id}, which left with ${textOf(piecesOf(parcel.items))}`,
        'orders',
        'ShipmentDispatched',
      );
    const shipped = eventsOf(file, 'StockShipped').filter(({ shipmentId }) => shipmentId === parcel.id);
    const taken = piecesAt(shipped.flatMap(({ allocations }) => allocations));
    const carried = piecesAt(parcel.items.map((item) => ({ ...item, location: parcel.location })));
    if (file.has(inventoryAudit) && !equal(taken, carried))
      findings.reportAfter(
        'shipped-stock',
        `parcel ${parcel.id} carries ${textOf(carried)}; ${textOf(taken)} have left the shelves`,
        'inventory',
        'ShipmentDispatched',
      );
  }
  if (!file.has(shippingAudit)) return;
  const elsewhere = new Set(eventsOf(file, 'OrderImported').map(({ shipmentId }) => shipmentId));
  for (const { shipmentId } of order.shipments)
    if (!elsewhere.has(shipmentId) && !left.some(({ id }) => id === shipmentId))
      findings.report('parcels', `lists parcel ${shipmentId}, which has not left`);
  if (!ONCE_WITH_WAREHOUSE.has(order.status)) return;
  const packed = piecesAt(
    (shipping?.shipments ?? [])
      .filter(({ status }) => status !== 'CANCELLED')
      .flatMap(({ items, location }) => items.map((item) => ({ ...item, location }))),
  );
  const promised = piecesAt(order.allocations);
  if (!equal(packed, promised))
    findings.reportAfter(
      'parcels',
      `was promised ${textOf(promised)}; its parcels carry ${textOf(packed)}`,
      'shipping',
      'OrderReadyForShipment',
      'OrderCancellationRequested',
      'OrderChanged',
    );
}

function examineReturns(file: OrderFile, findings: Findings): void {
  if (!file.has(inventoryAudit)) return;
  const back = summedBy(
    [
      ...eventsOf(file, 'OrderReturnReceived'),
      ...eventsOf(file, 'ShipmentFailed').map(({ shipmentId, restocked }) => ({
        returnId: shipmentId,
        items: restocked ?? [],
      })),
    ].flatMap(({ returnId, items }) => items.map((item) => [returnId, item] as const)),
  );
  const booked = summedBy(
    eventsOf(file, 'StockReturned').flatMap(({ returnId, allocations }) =>
      allocations.map((item) => [returnId, item] as const),
    ),
  );
  for (const returnId of new Set([...back.keys(), ...booked.keys()])) {
    const [came, shelved] = [back.get(returnId) ?? NO_PIECES, booked.get(returnId) ?? NO_PIECES];
    if (!equal(came, shelved))
      findings.reportAfter(
        'returned-stock',
        `of return ${returnId} ${textOf(came)} came back; ${textOf(shelved)} are on a shelf again`,
        'inventory',
        'OrderReturnReceived',
        'ShipmentFailed',
      );
  }
}

/** The data of all events of a type. */
export function eventsOf<
  Type extends 'StockShipped' | 'StockReturned' | 'OrderReturnReceived' | 'OrderImported' | 'ShipmentFailed',
>({ events }: OrderFile, type: Type): readonly EventData<Type>[] {
  return events.filter((event) => event.type === type).map(({ data }) => data as EventData<Type>);
}

/** Pieces by what they are, and where they are where that matters; nothing of which there are none. */
type Pieces = ReadonlyMap<string, number>;
const NO_PIECES: Pieces = new Map();

function counted(entries: Iterable<readonly [name: string, quantity: number]>): Pieces {
  const pieces = new Map<string, number>();
  for (const [name, quantity] of entries) pieces.set(name, (pieces.get(name) ?? 0) + quantity);
  for (const [name, quantity] of pieces) if (quantity === 0) pieces.delete(name);
  return pieces;
}

const piecesOf = (items: readonly SkuQuantity[]): Pieces =>
  counted(items.map(({ sku, quantity }) => [sku, quantity] as const));

const piecesAt = (items: readonly Allocation[]): Pieces =>
  counted(items.map(({ sku, location, quantity }) => [`${sku} at ${location}`, quantity] as const));

const summed = (...all: readonly Pieces[]): Pieces => counted(all.flatMap((pieces) => [...pieces]));

function summedBy(items: readonly (readonly [id: string, item: SkuQuantity])[]): ReadonlyMap<string, Pieces> {
  const byId = Map.groupBy(items, ([id]) => id);
  return new Map([...byId].map(([id, entries]) => [id, piecesOf(entries.map(([, item]) => item))]));
}

function equal(one: Pieces, other: Pieces): boolean {
  return one.size === other.size && [...one].every(([name, quantity]) => other.get(name) === quantity);
}

function textOf(pieces: Pieces): string {
  return pieces.size === 0 ? 'nothing' : [...pieces].map(([name, quantity]) => `${quantity} × ${name}`).join(', ');
}
