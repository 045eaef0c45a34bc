import { formatAmount, parseAmount } from '#contracts/money.ts';

/** Amounts and dates as people write them, in their language. */

const CACHED_MAX = 500;
const currencies = new Map<string, Intl.NumberFormat>();
const dates = new Map<string, Intl.DateTimeFormat>();

/** Callers name locales and currencies: what is remembered of them has a bound. */
function remembered<T>(cache: Map<string, T>, key: string, make: () => T): T {
  let value = cache.get(key);
  if (value === undefined) {
    if (cache.size >= CACHED_MAX) cache.clear();
    value = make();
    cache.set(key, value);
  }
  return value;
}

/**
 * `1234.5` EUR as `€1,234.50` or `1.234,50 €`, exactly, whatever its size: in the scale of the currency, however it was
 * written. What is no amount stays as it is.
 */
export function moneyText(amount: string, currency: string | undefined, locale: string): string {
  if (currency === undefined) return amount;
  const minor = parseAmount(amount, currency);
  if (minor === undefined) return `${amount} ${currency}`;
  const format = remembered(
    currencies,
    `${locale} ${currency}`,
    () => new Intl.NumberFormat(locale, { style: 'currency', currency }),
  );
  return format.format(formatAmount(minor, currency) as `${number}`);
}

/** A day, such as `28 November 2026`, of a moment as in RFC 3339. */
export function dayText(time: string, locale: string, timeZone: string): string {
  const format = remembered(
    dates,
    `${locale} ${timeZone}`,
    () => new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone }),
  );
  return format.format(Date.parse(time));
}
