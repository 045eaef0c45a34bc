import type { Allocation, EventData, SkuQuantity } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import { cancelled, hasLeft, isWaiting, type Shipment, type Shipping } from './model.ts';

/**
 * A change of an order that is with the warehouse: while it is decided nothing is dispatched, and what is taken away
 * then is in no parcel any more. What had left before the freeze has left.
 */

/** The hold under which parcels wait while a change of their order is decided. */
export const CHANGE = 'change';

/** Nothing is dispatched any more, and what has left and what is still here is known for certain. */
export function frozen(
  shipping: Shipping,
  changeId: string,
): { readonly shipping: Shipping; readonly answer: EventData<'ShipmentsFrozen'> } {
  const holds = shipping.holds.includes(CHANGE) ? shipping.holds : [...shipping.holds, CHANGE];
  const gone = skuQuantities(
    piecesBy(
      'sku',
      shipping.shipments.filter(hasLeft).flatMap(({ items }) => items),
    ),
  );
  const here = shipping.shipments
    .filter(isWaiting)
    .flatMap(({ items, location }) => items.map(({ sku, quantity }) => ({ sku, location, quantity })));
  return { shipping: { ...shipping, holds }, answer: { changeId, gone, here } };
}

/** The change is decided: what it released is taken out of its parcels, and the rest may go. */
export function thawed(shipping: Shipping, released: readonly Allocation[]): Shipping {
  return {
    ...shipping,
    holds: shipping.holds.filter((hold) => hold !== CHANGE),
    shipments: released.length === 0 ? shipping.shipments : shipping.shipments.map((one) => without(one, released)),
  };
}

/** A waiting parcel without what was released at its location; one that nothing is left of is not packed at all. */
function without(shipment: Shipment, released: readonly Allocation[]): Shipment {
  if (!isWaiting(shipment)) return shipment;
  const items: SkuQuantity[] = [];
  for (const { sku, quantity } of shipment.items) {
    let left = quantity;
    for (const one of released) if (one.sku === sku && one.location === shipment.location) left -= one.quantity;
    if (left > 0) items.push({ sku, quantity: left });
  }
  return items.length === 0 ? cancelled(shipment) : { ...shipment, items };
}
