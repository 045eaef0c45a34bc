import { currencyExponent } from '#contracts/currencies.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';

/** Currencies that PayPal takes: https://developer.paypal.com/api/rest/reference/currency-codes/ */
const CURRENCIES: ReadonlySet<string> = new Set(
  'AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD'.split(' '),
);
/** Those of them that it takes without decimals, though ISO 4217 gives them two. */
const WHOLE: ReadonlySet<string> = new Set(['HUF', 'TWD']);

/** An amount in minor units as PayPal writes it; undefined where it takes no such amount, or not the currency. */
export function paypalAmount(minor: bigint, currency: string): string | undefined {
  if (!CURRENCIES.has(currency)) return undefined;
  if (!WHOLE.has(currency)) return formatAmount(minor, currency);
  const unit = 10n ** BigInt(currencyExponent(currency) ?? 0);
  return minor % unit === 0n ? String(minor / unit) : undefined;
}

/** An amount in minor units, ours or PayPal's. */
export function minorOf({ amount, currency }: { readonly amount: string; readonly currency: string }): bigint {
  return amountMinor(amount, currency);
}
