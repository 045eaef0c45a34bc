import {
  amountMinor,
  currencyExponent,
  formatUnitPrice,
  largestRemainder,
  parseUnitPrice,
  part,
  sumOf,
} from '#contracts/money.ts';
import type { ChargeLine, OrderItem } from '#contracts/order-events.ts';
import type { Taxed } from './document.ts';

/** The tax of every line of a sale, whichever way the order said it. Amounts are minor units. */

/** An item or a shipping line, taxed. */
export interface TaxedLine extends Taxed {
  readonly line: OrderItem | ChargeLine;
  readonly isShipping: boolean;
  /** As the order has it, its discount not yet taken off. */
  readonly amount: bigint;
  readonly discount: bigint;
  readonly tax: bigint;
  readonly exemption?: string;
}

export interface Sold {
  readonly items: readonly OrderItem[];
  readonly taxLines?: readonly ChargeLine[] | undefined;
  readonly discountLines?: readonly ChargeLine[] | undefined;
  readonly shippingLines?: readonly ChargeLine[] | undefined;
  readonly pricesIncludeTax?: boolean | undefined;
}

/** A percentage is kept in ten-thousandths of a percent. */
export const WHOLE = 1_000_000n;

/** A percentage without needless zeros, as `19` or `5.5`; zero for what is no percentage. */
export function plainRate(rate: string): string {
  return (formatUnitPrice(rate, 'JPY') ?? '0').replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, '');
}

/** The lines of a sale. `exemption`: why there is no tax in an order that says nothing of tax. */
export function taxedLines(sold: Sold, currency: string, exemption: string): TaxedLine[] {
  const { items, shippingLines = [] } = sold;
  const lines = [
    ...items.map((line) => ({ line, isShipping: false })),
    ...shippingLines.map((line) => ({ line, isShipping: true })),
  ];
  const minor = (amount: string | undefined): bigint => (amount === undefined ? 0n : amountMinor(amount, currency));
  if (lines.some(({ line }) => line.taxRate !== undefined))
    return lines.map(({ line, isShipping }) => {
      const rate = plainRate(line.taxRate ?? '0');
      const isTaxed = rate !== '0';
      return {
        line,
        isShipping,
        amount: minor(line.amount),
        discount: minor(line.discount),
        tax: minor(line.tax),
        rate,
        category: isTaxed ? 'S' : line.taxExemption === undefined ? 'Z' : 'E',
        ...(line.taxExemption !== undefined && !isTaxed && { exemption: line.taxExemption }),
      };
    });

  // Tax and discounts are amounts over all: they lie on the lines as the order lays them when parts of it are given back.
  const amounts = lines.map(({ line }) => minor(line.amount));
  let discount = sumOf(sold.discountLines, currency);
  const taken = (some: readonly bigint[]): bigint[] => {
    const most = some.reduce((total, amount) => total + amount, 0n);
    const here = discount < most ? discount : most;
    discount -= here;
    return largestRemainder(here, some);
  };
  const discounts = [...taken(amounts.slice(0, items.length)), ...taken(amounts.slice(items.length))];
  const bases = amounts.map((amount, index) => amount - discounts[index]!);
  const tax = sumOf(sold.taxLines, currency) - discount;
  const pieces = [...items.map(({ quantity }) => quantity), ...shippingLines.map(() => 1)];
  const taxes = largestRemainder(tax > 0n ? tax : 0n, bases, pieces);
  const base = bases.reduce((total, amount) => total + amount, 0n);
  const rate = tax > 0n ? effectiveRate(base, tax) : '0';
  return lines.map(({ line, isShipping }, index) => ({
    line,
    isShipping,
    amount: amounts[index]!,
    discount: discounts[index]!,
    tax: rate === undefined ? 0n : taxes[index]!,
    rate: rate ?? '0',
    ...(rate === undefined || rate === '0' ? { category: 'E', exemption } : { category: 'S' }),
  }));
}

/** What of the tax of a sale lies on no line, because it is beyond any rate: discounts have taken what it was over. */
export function taxBeyondRates(lines: readonly TaxedLine[], sold: Sold, currency: string): bigint {
  if (lines.some(({ line }) => line.taxRate !== undefined)) return 0n;
  const given = sumOf(sold.taxLines, currency);
  const discounts = lines.reduce((sum, { discount }) => sum + discount, 0n);
  const left = given - (sumOf(sold.discountLines, currency) - discounts);
  return left - lines.reduce((sum, { tax }) => sum + tax, 0n);
}

/**
 * The percentage that a tax is of what it is over, where only the amounts are known: the one with the fewest decimals
 * that explains the tax to a unit. Undefined where none up to 100 does.
 */
export function effectiveRate(base: bigint, tax: bigint): string | undefined {
  if (base <= 0n || tax > base) return undefined;
  for (let decimals = 0; decimals <= 4; decimals++) {
    const step = 10n ** BigInt(4 - decimals);
    const rate = part(part(tax, WHOLE, base), 1n, step) * step;
    const explained = part(base, rate, WHOLE);
    const off = explained > tax ? explained - tax : tax - explained;
    if (rate > 0n && (off <= 1n || decimals === 4)) return plainRate(scaled(rate));
  }
  return undefined;
}

function scaled(rate: bigint): string {
  const digits = rate.toString().padStart(5, '0');
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`;
}

/** Whether a unit price, multiplied, is the amount of a line. */
export function isPriceOf(unitPrice: string, quantity: number, amount: bigint, currency: string): boolean {
  const price = parseUnitPrice(unitPrice);
  return (
    price !== undefined &&
    part(price * BigInt(quantity), 10n ** BigInt(currencyExponent(currency)!), 10_000n) === amount
  );
}
