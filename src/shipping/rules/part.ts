import { type Refusal, refuse } from '#contracts/errors.ts';
import type { SkuQuantity } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import { type Shipment, type Step, type Shipping, replaced } from './model.ts';

/** A parcel of which only a part leaves: what stays is a parcel of its own, scheduled at the same place. */

/** What a parcel holds less these pieces; a refusal where it does not hold them. */
function restOf({ items }: Shipment, leaving: readonly SkuQuantity[]): readonly SkuQuantity[] | Refusal {
  const left = new Map(items.map(({ sku, quantity }) => [sku, quantity]));
  for (const [sku, quantity] of piecesBy('sku', leaving)) {
    const there = left.get(sku) ?? 0;
    if (quantity > there)
      return refuse(
        'ITEMS_NOT_IN_SHIPMENT',
        there === 0 ? `The shipment holds no ${sku}.` : `The shipment holds ${there} of ${sku}, not ${quantity}.`,
      );
    left.set(sku, there - quantity);
  }
  return [...left].flatMap(([sku, quantity]) => (quantity > 0 ? [{ sku, quantity }] : []));
}

/** The parcel with these pieces alone, and the rest in another one; as it is where nothing stays. */
export function parted(
  shipping: Shipping,
  shipment: Shipment,
  leaving: readonly SkuQuantity[],
  newId: () => string,
): (Step & { readonly shipment: Shipment }) | Refusal {
  const rest = restOf(shipment, leaving);
  if (!Array.isArray(rest)) return rest as Refusal;
  if (rest.length === 0) return { shipping, events: [], shipment };
  const parcel: Shipment = { ...shipment, items: skuQuantities(piecesBy('sku', leaving)) };
  const stays: Shipment = { ...shipment, id: newId(), items: rest };
  const now = replaced(shipping, parcel);
  return {
    shipping: { ...now, shipments: [...now.shipments, stays] },
    shipment: parcel,
    events: [{ type: 'ShipmentScheduled', data: { shipmentId: stays.id, location: stays.location, items: [...rest] } }],
  };
}
