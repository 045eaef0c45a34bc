import { currencyExponent } from './currencies.ts';

export { currencyExponent };

/**
 * Exact money. In code an amount is a bigint of the currency's minor units; on the wire it is a decimal
 * string ("19.90"); in PostgreSQL it is NUMERIC. No amount is ever a float.
 *
 * Unit prices may be finer than the minor unit (retailers sell screws at 0.0375): they carry up to four
 * decimals, and each line is rounded once, half away from zero, to the minor unit. Totals are sums of
 * rounded lines, so they always add up.
 */

/** Decimals of a unit price; finer ones are refused. */
export const UNIT_PRICE_DECIMALS = 4;
const UNIT_PRICE_SCALE = 10n ** BigInt(UNIT_PRICE_DECIMALS);

/** No single amount may exceed this many minor units: it keeps NUMERIC(20,4) columns and sums of many orders safe. */
export const AMOUNT_MINOR_MAX = 10n ** 15n;

const DECIMAL = /^(-?)(\d{1,16})(?:\.(\d{1,18}))?$/;

/** "12.5" at 2 decimals → 1250n; undefined where the text is not a plain decimal or is finer than `decimals`. */
function parseScaled(text: string, decimals: number): bigint | undefined {
  const match = DECIMAL.exec(text);
  if (!match) return undefined;
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if (fraction.length > decimals) return undefined;
  const value = BigInt(match[2]! + fraction.padEnd(decimals, '0'));
  return match[1] ? -value : value;
}

/**
 * Minor units of a decimal string: `parseAmount('19.90', 'EUR')` is `1990n`. Trailing zeros are free
 * ("19.900" is 19.90); undefined for an unknown currency, a malformed number, digits finer than the minor
 * unit, or an amount beyond {@link AMOUNT_MINOR_MAX}.
 */
export function parseAmount(text: string, currency: string): bigint | undefined {
  const exponent = currencyExponent(currency);
  if (exponent === undefined) return undefined;
  const minor = parseScaled(text, exponent);
  return minor === undefined || minor > AMOUNT_MINOR_MAX || minor < -AMOUNT_MINOR_MAX ? undefined : minor;
}

/** The decimal string of minor units: `formatAmount(1990n, 'EUR')` is "19.90", `formatAmount(500n, 'JPY')` is "500". */
export function formatAmount(minor: bigint, currency: string): string {
  const exponent = currencyExponent(currency);
  if (exponent === undefined) throw new Error(`Unknown currency ${currency}`);
  if (exponent === 0) return minor.toString();
  const digits = (minor < 0n ? -minor : minor).toString().padStart(exponent + 1, '0');
  const split = digits.length - exponent;
  return `${minor < 0n ? '-' : ''}${digits.slice(0, split)}.${digits.slice(split)}`;
}

/** Like {@link parseAmount} for text this system wrote itself; throws on anything else, because that is a bug. */
export function amountMinor(text: string, currency: string): bigint {
  const minor = parseAmount(text, currency);
  if (minor === undefined) throw new Error(`Not an amount in ${currency}: ${text}`);
  return minor;
}

/** The sum of amounts that this system wrote itself, in minor units. */
export function sumOf(lines: Iterable<{ readonly amount: string }> | undefined, currency: string): bigint {
  let sum = 0n;
  for (const { amount } of lines ?? []) sum += amountMinor(amount, currency);
  return sum;
}

/** A unit price in ten-thousandths of the major unit, or undefined where malformed, negative, or finer than four decimals. */
export function parseUnitPrice(text: string): bigint | undefined {
  const scaled = parseScaled(text, UNIT_PRICE_DECIMALS);
  return scaled === undefined || scaled < 0n ? undefined : scaled;
}

/**
 * The one spelling of a unit price: no leading zeros, at least the decimals of the currency, and more only where they
 * say something ("0005" EUR is "5.00", "0.0375" stays). Undefined for what {@link parseUnitPrice} does not take.
 */
export function formatUnitPrice(text: string, currency: string): string | undefined {
  const scaled = parseUnitPrice(text);
  if (scaled === undefined) return undefined;
  const digits = scaled.toString().padStart(UNIT_PRICE_DECIMALS + 1, '0');
  const fraction = digits
    .slice(-UNIT_PRICE_DECIMALS)
    .replace(/0+$/, '')
    .padEnd(currencyExponent(currency) ?? 0, '0');
  return `${digits.slice(0, -UNIT_PRICE_DECIMALS)}${fraction === '' ? '' : `.${fraction}`}`;
}

/**
 * A line's amount in minor units: quantity × unit price, rounded once, half away from zero. Undefined where
 * the price or currency is invalid or the amount exceeds {@link AMOUNT_MINOR_MAX}.
 */
export function lineAmount(quantity: number, unitPrice: string, currency: string): bigint | undefined {
  const price = parseUnitPrice(unitPrice);
  const exponent = currencyExponent(currency);
  if (price === undefined || exponent === undefined) return undefined;
  const scaled = BigInt(quantity) * price * 10n ** BigInt(exponent);
  const minor = (scaled + UNIT_PRICE_SCALE / 2n) / UNIT_PRICE_SCALE;
  return minor > AMOUNT_MINOR_MAX ? undefined : minor;
}

/**
 * What `pieces` of `of` equal pieces of an amount are worth, in minor units: `total` × pieces ÷ of, rounded half up.
 * The worth of some pieces more is the difference of two such parts, so that all of them always add up to the total.
 * Takes no negative numbers; no pieces at all (`of` is 0) are worth nothing.
 */
export function part(total: bigint, pieces: bigint | number, of: bigint | number): bigint {
  const whole = BigInt(of);
  return whole === 0n ? 0n : (2n * total * BigInt(pieces) + whole) / (2n * whole);
}

/**
 * Spreads an amount, in minor units and not negative, over weights: integers that add up to it. Each gets its share
 * rounded down, and the units then missing go one by one to the largest remainders, of equal ones to the first. Where
 * all weights are 0, the quantities weigh instead. Throws where there is something to spread and nothing that weighs.
 */
export function largestRemainder(
  amount: bigint,
  weights: readonly bigint[],
  quantities: readonly (bigint | number)[] = [],
): bigint[] {
  if (amount === 0n) return weights.map(() => 0n);
  let sum = 0n;
  for (const weight of weights) sum += weight;
  if (sum === 0n) {
    if (quantities.length === 0) throw new Error(`Nothing weighs, and ${amount} is to be spread`);
    return largestRemainder(
      amount,
      quantities.map((quantity) => BigInt(quantity)),
    );
  }
  const shares: bigint[] = [];
  const remainders: bigint[] = [];
  let missing = amount;
  for (const weight of weights) {
    const share = (amount * weight) / sum;
    shares.push(share);
    remainders.push((amount * weight) % sum);
    missing -= share;
  }
  const byRemainder = remainders.map((_, index) => index);
  byRemainder.sort((a, b) => (remainders[a]! > remainders[b]! ? -1 : remainders[a]! < remainders[b]! ? 1 : a - b));
  for (const index of byRemainder.slice(0, Number(missing))) shares[index]! += 1n;
  return shares;
}
