/** Pieces of products in a line of text: `2 × MUG-1, 1 × TOWEL-3`. */
export function piecesText(pieces: readonly { readonly sku: string; readonly quantity: number }[]): string {
  return pieces.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', ');
}
