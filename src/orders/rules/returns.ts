import { isRefusal, type Refusal, refuse } from '#contracts/errors.ts';
import { amountMinor, formatAmount, sumOf } from '#contracts/money.ts';
import type { ReturnedLine, SkuQuantity } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import type { OrderCommand, ReturnedItem } from './commands.ts';
import { givenParts, marksOf, returnablePieces } from './ruler.ts';
import { capturesOnDispatch, mostToRefund } from './settle.ts';
import { isDisputed, type Order } from './state.ts';

/** How much of an order may come back: goods that were shipped, money that was captured. */

type RequestRefund = Extract<OrderCommand, { type: 'requestRefund' }>;
type RequestReturn = Extract<OrderCommand, { type: 'requestReturn' }>;

/** What may still be refunded, in minor units: captured less refunds done or under way. */
export function refundable(order: Order): bigint {
  return mostToRefund(order, undefined);
}

/** Quantities shipped and not yet coming back, by SKU. */
export function returnable(order: Order, rulers = marksOf(order)): SkuQuantity[] {
  const left = new Map<string, number>();
  for (const shipment of order.shipments) for (const { sku } of shipment.items) left.set(sku, 0);
  for (const ruler of rulers)
    if (ruler.sku !== undefined) left.set(ruler.sku, (left.get(ruler.sku) ?? 0) + returnablePieces(ruler));
  return skuQuantities(left).filter(({ quantity }) => quantity > 0);
}

/** The pieces of a return by line: a SKU fills the lines that have pieces of it with the customer, in ascending order. */
export function byLine(order: Order, items: readonly ReturnedItem[]): ReturnedLine[] {
  const lines: ReturnedLine[] = [];
  const rulers = marksOf(order).map((ruler) => ({ ...ruler, left: returnablePieces(ruler) }));
  for (const { sku, quantity, reasonCode } of items) {
    let wanted = quantity;
    for (const ruler of rulers) {
      const taken = ruler.sku !== sku ? 0 : wanted < ruler.left ? wanted : ruler.left;
      if (taken === 0) continue;
      lines.push({ line: ruler.line!, quantity: taken, ...(reasonCode !== undefined && { reasonCode }) });
      ruler.left -= taken;
      wanted -= taken;
    }
  }
  return lines;
}

/** What a request to send goods back means, by SKU and by line. */
export function returnOf(
  order: Order,
  { items, lines, reasonCode }: RequestReturn,
): { items: SkuQuantity[]; lines: ReturnedLine[] } {
  const coded = (line: ReturnedLine): ReturnedLine => (reasonCode === undefined ? line : { reasonCode, ...line });
  if (!lines) {
    const wanted = items ?? returnable(order);
    return {
      items: wanted.map(({ sku, quantity }) => ({ sku, quantity })),
      lines: byLine(order, wanted).map(coded),
    };
  }
  const pieces = lines.map(({ line, quantity }) => ({
    sku: order.items.find((item) => item.line === line)!.sku,
    quantity,
  }));
  return { items: skuQuantities(piecesBy('sku', pieces)), lines: lines.map(coded) };
}

/** Refuses a refund that a person asks for, where it is more than may be given. */
export function refundWithinCaptured(
  order: Order,
  { amount: named, lines, kind: wanted }: Pick<RequestRefund, 'amount' | 'lines' | 'kind'> = {},
): Refusal | undefined {
  if (isDisputed(order))
    return refuse(
      'PAYMENT_DISPUTED',
      'The customer disputes the payment with their bank: nothing is refunded until that is decided.',
    );
  const parts = lines && givenParts(order, lines, capturesOnDispatch(order));
  if (parts && isRefusal(parts)) return parts;
  const kind = parts ? 'goodwill' : wanted;
  const amount = parts
    ? sumOf(parts, order.currency)
    : named === undefined
      ? undefined
      : amountMinor(named, order.currency);
  const most = mostToRefund(order, kind);
  if (most <= 0n || (amount !== undefined && (amount > most || amount <= 0n))) {
    const can = kind === 'owed' ? 'is owed and left to a person' : 'can be refunded';
    return refuse('REFUND_EXCEEDS_CAPTURED', `At most ${formatAmount(most, order.currency)} ${order.currency} ${can}.`);
  }
  return undefined;
}

/** Refuses a return of more than was shipped and is not coming back already. */
export function returnWithinShipped(
  order: Order,
  { items, lines }: Pick<RequestReturn, 'items' | 'lines'>,
): Refusal | undefined {
  const exceeds = (what: string, most: number): Refusal =>
    refuse('RETURN_EXCEEDS_SHIPPED', `Of ${what} at most ${most} can be returned.`);
  const left = new Map<string | number, number>();
  const rulers = marksOf(order);
  const all = returnable(order, rulers);
  for (const ruler of rulers) if (ruler.line !== undefined) left.set(ruler.line, returnablePieces(ruler));
  for (const { sku, quantity } of all) left.set(sku, quantity);
  const wanted = lines
    ? lines.map(({ line, quantity }) => [line, quantity] as const)
    : (items ?? all).map(({ sku, quantity }) => [sku, quantity] as const);
  if (wanted.length === 0) return refuse('RETURN_EXCEEDS_SHIPPED', 'Nothing is left to return.');
  for (const [what, quantity] of wanted) {
    const most = left.get(what) ?? 0;
    if (quantity > most) return exceeds(typeof what === 'number' ? `line ${what}` : what, most);
    left.set(what, most - quantity);
  }
  return undefined;
}
