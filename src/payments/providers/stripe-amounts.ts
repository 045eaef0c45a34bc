import { currencyExponent } from '#contracts/currencies.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';

/** Currencies whose amounts Stripe takes with another number of decimals than ISO 4217 gives them. */
const STRIPE_DECIMALS: Readonly<Record<string, number>> = { ISK: 2, UGX: 2, MGA: 0 };

/** What Stripe counted, as an amount. */
export function amountOfStripe(count: number, currency: string): string {
  const decimals = STRIPE_DECIMALS[currency];
  const more = decimals === undefined ? 0 : decimals - (currencyExponent(currency) ?? decimals);
  const minor = more >= 0 ? BigInt(count) / 10n ** BigInt(more) : BigInt(count) * 10n ** BigInt(-more);
  return formatAmount(minor, currency);
}

/** An amount in the unit that Stripe counts in; undefined where it has none so fine, or so large. */
export function stripeAmount(amount: string, currency: string): number | undefined {
  let minor = amountMinor(amount, currency);
  const wanted = STRIPE_DECIMALS[currency];
  if (wanted !== undefined) {
    const more = wanted - (currencyExponent(currency) ?? wanted);
    if (more >= 0) minor *= 10n ** BigInt(more);
    else if (minor % 10n ** BigInt(-more) === 0n) minor /= 10n ** BigInt(-more);
    else return undefined;
  }
  return minor <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(minor) : undefined;
}
