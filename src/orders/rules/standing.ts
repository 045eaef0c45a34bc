import { amountMinor, formatAmount, largestRemainder, part, sumOf } from '#contracts/money.ts';
import type { ChargeLine, EventData, OrderItem } from '#contracts/order-events.ts';
import { marksOf, type MarkedRuler } from './ruler.ts';
import type { Order } from './state.ts';
import { capturedOf } from './settle.ts';
import { isRated } from './taxes.ts';

/** What an invoice of an order is over: what stands of it, or what left with one parcel. */

type Content = Pick<Order, 'items' | 'taxLines' | 'discountLines' | 'shippingLines'>;

/** A stretch of a ruler, as amounts and as pieces. */
interface Stretch {
  readonly from: bigint;
  readonly to: bigint;
  readonly piecesFrom: number;
  readonly piecesTo: number;
}

/**
 * The content of an order without its cancelled pieces. Lines, taxes and shipping less discounts add up to the total
 * that stands. A line that lost all its pieces is left out, unless money was given for it before.
 */
export function standingContent(order: Order): Content {
  const { items, taxLines, discountLines, shippingLines } = order;
  if (!order.cancelled?.length) return { items, taxLines, discountLines, shippingLines };
  return contentOf(order, ({ pieces, cancelled, cancelMark }) => ({
    from: 0n,
    to: cancelMark,
    piecesFrom: 0,
    piecesTo: pieces - cancelled,
  }));
}

/** The content of what left since the order stood as `before`; undefined where nothing of worth did. */
export function shippedContent(order: Order, before: Order): Content | undefined {
  const earlier = marksOf(before);
  const later = marksOf(order);
  if (
    later.every(
      ({ shipMark, shipped }, index) => shipMark === earlier[index]!.shipMark && shipped === earlier[index]!.shipped,
    )
  )
    return undefined;
  return contentOf(order, ({ shipMark, shipped }, index) => ({
    from: earlier[index]!.shipMark,
    to: shipMark,
    piecesFrom: earlier[index]!.shipped,
    piecesTo: shipped,
  }));
}

/** What stands and never left, but was paid: money was given for it before it was cancelled. Undefined: nothing. */
export function unshippedContent(order: Order): Content | undefined {
  if (marksOf(order).every(({ shipMark, cancelMark }) => shipMark === cancelMark)) return undefined;
  return contentOf(order, ({ shipMark, cancelMark, shipped }) => ({
    from: shipMark,
    to: cancelMark,
    piecesFrom: shipped,
    piecesTo: shipped,
  }));
}

function contentOf(order: Order, stretchOf: (ruler: MarkedRuler, index: number) => Stretch): Content {
  const { currency } = order;
  let tax = 0n;
  let discount = 0n;
  const byRate = new Map<string, bigint>();
  const items: OrderItem[] = [];
  const shippingLines: ChargeLine[] = [];
  marksOf(order).forEach((ruler, index) => {
    const stretch = stretchOf(ruler, index);
    const quantity = stretch.piecesTo - stretch.piecesFrom;
    if (quantity === 0 && stretch.from === stretch.to) return;
    const taxHere = shareOf(ruler, ruler.tax, stretch);
    const discountHere = shareOf(ruler, ruler.discount, stretch);
    tax += taxHere;
    discount += discountHere;
    const onTop = order.pricesIncludeTax ? 0n : taxHere;
    const amount = formatAmount(stretch.to - stretch.from - onTop + discountHere, currency);
    const item = order.items[index];
    const line = item ?? order.shippingLines![index - order.items.length]!;
    if (line.taxRate !== undefined) byRate.set(line.taxRate, (byRate.get(line.taxRate) ?? 0n) + taxHere);
    const own = {
      amount,
      ...(line.tax !== undefined && { tax: formatAmount(taxHere, currency) }),
      ...(line.discount !== undefined && { discount: formatAmount(discountHere, currency) }),
    };
    if (item) items.push({ ...item, quantity: quantity > 0 ? quantity : 1, ...own });
    else shippingLines.push({ ...line, ...own });
  });
  return {
    items,
    taxLines: isRated(order)
      ? order.taxLines?.map((line) => ({ ...line, amount: formatAmount(byRate.get(line.taxRate!) ?? 0n, currency) }))
      : spread(order.taxLines, tax, currency),
    discountLines: spread(order.discountLines, discount, currency),
    shippingLines: order.shippingLines && shippingLines,
  };
}

/** How much of a line's tax or discount lies on a stretch of it; on a line that is worth nothing, by its pieces. */
function shareOf({ total, pieces }: MarkedRuler, amount: bigint, { from, to, piecesFrom, piecesTo }: Stretch): bigint {
  return total > 0n
    ? part(amount, to, total) - part(amount, from, total)
    : part(amount, piecesTo, pieces) - part(amount, piecesFrom, pieces);
}

function spread(lines: readonly ChargeLine[] | undefined, amount: bigint, currency: string): ChargeLine[] | undefined {
  if (!lines) return undefined;
  const weights = lines.map((line) => amountMinor(line.amount, currency));
  const shares = largestRemainder(amount, weights);
  return lines.map((line, index) => ({ ...line, amount: formatAmount(shares[index]!, currency) }));
}

/** What an invoice says: this content of the order, for whom, and what of it was refunded before. */
export function saleOf(
  order: Order,
  { items, taxLines, discountLines, shippingLines }: Content,
  totalAmount: string,
): EventData<'OrderCompleted'> {
  const { customerId, currency, reference, shippingAddress, number, locale, pricesIncludeTax } = order;
  const billingAddress = order.billingAddress ?? shippingAddress;
  const refunds = order.refunds.filter(({ status, uninvoiced }) => status === 'DONE' && !uninvoiced);
  return {
    ...(customerId !== undefined && { customerId }),
    currency,
    items: [...items],
    ...(taxLines && { taxLines: [...taxLines] }),
    ...(discountLines && { discountLines: [...discountLines] }),
    ...(shippingLines && { shippingLines: [...shippingLines] }),
    ...(pricesIncludeTax && { pricesIncludeTax }),
    totalAmount,
    ...(refunds.length > 0 && {
      refunds: refunds.map(({ refundId, amount, lines }) => ({
        refundId,
        amount,
        ...(lines && { lines: [...lines] }),
      })),
    }),
    ...(reference === undefined ? {} : { reference }),
    ...(number !== undefined && { number }),
    ...(billingAddress && { billingAddress }),
    ...(shippingAddress && { shippingAddress }),
    ...(locale !== undefined && { locale }),
    payment: { provider: order.payment.provider, paidAmount: formatAmount(capturedOf(order), currency) },
  };
}

/** The sum of a content: lines, taxes and shipping less discounts. */
export function totalOf({ items, taxLines, discountLines, shippingLines }: Content, currency: string): string {
  const sum = (lines: readonly ChargeLine[] | undefined): bigint => sumOf(lines, currency);
  return formatAmount(sum(items) + sum(taxLines) + sum(shippingLines) - sum(discountLines), currency);
}
