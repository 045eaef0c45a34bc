import type { Allocation, SkuQuantity } from './order-events.ts';
import { piecesBy } from './pieces.ts';

/**
 * Which of the goods set aside for an order are given back when pieces are taken off it. Orders decides it and says so;
 * only where a cancellation and a reservation pass each other, orders and inventory each work it out, and agree.
 */

/**
 * Goods for these pieces, of the smallest allocation of a SKU first, so that a whole parcel falls away where one can.
 * Taking some and then more releases what taking all at once does.
 */
export function releasedFor(pieces: readonly SkuQuantity[], from: readonly Allocation[]): Allocation[] {
  const released: Allocation[] = [];
  for (const [sku, quantity] of piecesBy('sku', pieces)) {
    let wanted = quantity;
    const smallestFirst = from
      .filter((one) => one.sku === sku)
      .sort((a, b) => a.quantity - b.quantity || (a.location < b.location ? -1 : 1));
    for (const { location, quantity: set } of smallestFirst) {
      if (wanted <= 0) break;
      const taken = set < wanted ? set : wanted;
      released.push({ sku, location, quantity: taken });
      wanted -= taken;
    }
  }
  return released;
}

/** Allocations less what was released of them. */
export function withoutReleased(allocations: readonly Allocation[], released: readonly Allocation[]): Allocation[] {
  const left: Allocation[] = [];
  for (const one of allocations) {
    let { quantity } = one;
    for (const { sku, location, quantity: given } of released)
      if (sku === one.sku && location === one.location) quantity -= given;
    if (quantity > 0) left.push({ ...one, quantity });
  }
  return left;
}
