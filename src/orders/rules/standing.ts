import { amountMinor, formatAmount, largestRemainder, part } from '#contracts/money.ts';
import type { ChargeLine, OrderItem } from '#contracts/order-events.ts';
import { marksOf, type MarkedRuler } from './ruler.ts';
import type { Order } from './state.ts';

/** What an order is over now: its lines and charges less what was cancelled, which is what its invoice is over. */

type Content = Pick<Order, 'items' | 'taxLines' | 'discountLines' | 'shippingLines'>;

/**
 * The content of an order without its cancelled pieces. Lines, taxes and shipping less discounts add up to the total
 * that stands. A line that lost all its pieces is left out, unless money was given for it before.
 */
export function standingContent(order: Order): Content {
  const { items, taxLines, discountLines, shippingLines, currency } = order;
  if (!order.cancelled?.length) return { items, taxLines, discountLines, shippingLines };
  const rulers = marksOf(order);
  let tax = 0n;
  let discount = 0n;
  const standing: OrderItem[] = [];
  for (const ruler of rulers) {
    const kept = { tax: keptOf(ruler, ruler.tax), discount: keptOf(ruler, ruler.discount) };
    tax += kept.tax;
    discount += kept.discount;
    const item = items.find(({ line }) => line === ruler.line);
    const quantity = ruler.pieces - ruler.cancelled;
    if (!item || (quantity === 0 && ruler.cancelMark === 0n)) continue;
    const amount = formatAmount(ruler.cancelMark - kept.tax + kept.discount, currency);
    standing.push(ruler.cancelled === 0 ? item : { ...item, quantity: quantity > 0 ? quantity : 1, amount });
  }
  const spread = (lines: readonly ChargeLine[] | undefined, amount: bigint): ChargeLine[] | undefined => {
    const shares =
      lines &&
      largestRemainder(
        amount,
        lines.map((line) => amountMinor(line.amount, currency)),
      );
    return lines?.map((line, index) => ({ ...line, amount: formatAmount(shares![index]!, currency) }));
  };
  return {
    items: standing,
    taxLines: spread(taxLines, tax),
    discountLines: spread(discountLines, discount),
    shippingLines,
  };
}

/** How much of a line's tax or discount stands with it; of a line that is worth nothing, by its pieces. */
function keptOf({ total, cancelMark, pieces, cancelled }: MarkedRuler, amount: bigint): bigint {
  return total > 0n ? part(amount, cancelMark, total) : part(amount, pieces - cancelled, pieces);
}
