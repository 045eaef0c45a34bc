import { amountMinor, formatAmount, largestRemainder, parseUnitPrice, part, sumOf } from '#contracts/money.ts';
import type { ChargeLine, OrderItem } from '#contracts/order-events.ts';

/**
 * The tax of an order whose lines name their rates. Each line is taxed on what is left of it after its share of the
 * discounts, and rounded once: by the line, or by the rate, when what the lines of a rate are taxed in all is spread over
 * them. So the taxes of the lines always add up to those of the rates.
 */

/** Where tax is rounded to the minor unit, half up. */
export const TAX_ROUNDINGS = ['line', 'rate'] as const;
export type TaxRounding = (typeof TAX_ROUNDINGS)[number];

/** What a charged line and an item have in common here. */
type Taxable = Pick<OrderItem, 'amount' | 'taxRate' | 'taxExemption'>;

interface Priced {
  readonly currency: string;
  readonly items: readonly OrderItem[];
  readonly shippingLines?: readonly ChargeLine[] | undefined;
  readonly discountLines?: readonly ChargeLine[] | undefined;
  readonly pricesIncludeTax: boolean;
}

/** A percentage is kept in ten-thousandths of a percent. */
const WHOLE = 1_000_000n;

/** Whether any line names its rate: then all have to. */
export function isRated({
  items,
  shippingLines = [],
}: {
  readonly items: readonly Pick<Taxable, 'taxRate'>[];
  readonly shippingLines?: readonly Pick<Taxable, 'taxRate'>[] | undefined;
}): boolean {
  return [...items, ...shippingLines].some(({ taxRate }) => taxRate !== undefined);
}

/** The shares of a discount in goods first, then in shipping, in minor units; `left`: what it exceeds both by. */
export function discountShares(
  discount: bigint,
  goods: readonly bigint[],
  shipping: readonly bigint[],
): { readonly shares: readonly bigint[]; readonly left: bigint } {
  let left = discount;
  const taken = (amounts: readonly bigint[]): bigint[] => {
    const most = amounts.reduce((total, amount) => total + amount, 0n);
    const here = left < most ? left : most;
    left -= here;
    return largestRemainder(here, amounts);
  };
  const shares = [...taken(goods), ...taken(shipping)];
  return { shares, left };
}

/**
 * The lines with their tax and discount, and, where tax is on top, a tax line for every rate. The discounts must not
 * exceed goods and shipping, and every line must name a rate.
 */
export function taxed(
  { currency, items, shippingLines = [], discountLines, pricesIncludeTax }: Priced,
  rounding: TaxRounding,
): { readonly items: OrderItem[]; readonly shippingLines: ChargeLine[]; readonly taxLines: ChargeLine[] } {
  const lines: readonly Taxable[] = [...items, ...shippingLines];
  const minor = ({ amount }: Taxable): bigint => amountMinor(amount, currency);
  const { shares } = discountShares(sumOf(discountLines, currency), items.map(minor), shippingLines.map(minor));
  const bases = lines.map((line, index) => minor(line) - shares[index]!);
  const rates = lines.map(({ taxRate }) => parseUnitPrice(taxRate!)!);
  const taxOf = (base: bigint, rate: bigint): bigint =>
    pricesIncludeTax ? base - part(base, WHOLE, WHOLE + rate) : part(base, rate, WHOLE);

  const taxes = bases.map((base, index) => taxOf(base, rates[index]!));
  const byRate = Map.groupBy(lines.keys(), (index) => rates[index]!);
  if (rounding === 'rate')
    for (const [rate, indexes] of byRate) {
      const weights = indexes.map((index) => bases[index]!);
      const whole = taxOf(
        weights.reduce((sum, base) => sum + base, 0n),
        rate,
      );
      largestRemainder(whole, weights).forEach((share, at) => (taxes[indexes[at]!] = share));
    }

  const withTax = <Line extends Taxable>(line: Line, index: number): Line => ({
    ...line,
    ...(shares[index]! > 0n && { discount: formatAmount(shares[index]!, currency) }),
    tax: formatAmount(taxes[index]!, currency),
  });
  const onTop = [...byRate.values()].map((indexes) => ({
    amount: formatAmount(
      indexes.reduce((sum, index) => sum + taxes[index]!, 0n),
      currency,
    ),
    taxRate: lines[indexes[0]!]!.taxRate!,
  }));
  return {
    items: items.map(withTax),
    shippingLines: shippingLines.map((line, index) => withTax(line, items.length + index)),
    taxLines: pricesIncludeTax ? [] : onTop,
  };
}
