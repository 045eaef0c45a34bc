import type { SkuQuantity } from './order-events.ts';

/** What pieces of an order are named by. */
interface Names {
  readonly sku: string;
  readonly line: number;
}

/** How many pieces there are of each SKU, or of each line, in the order in which they are first named. */
export function piecesBy<Key extends keyof Names>(
  key: Key,
  pieces: Iterable<Pick<Names, Key> & { readonly quantity: number }>,
): Map<Names[Key], number> {
  const sums = new Map<Names[Key], number>();
  for (const piece of pieces) {
    const { [key]: name }: Pick<Names, Key> = piece;
    sums.set(name, (sums.get(name) ?? 0) + piece.quantity);
  }
  return sums;
}

/** Pieces by SKU as a list. */
export function skuQuantities(pieces: ReadonlyMap<string, number>): SkuQuantity[] {
  return [...pieces].map(([sku, quantity]) => ({ sku, quantity }));
}
