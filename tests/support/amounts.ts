import type { BookEntry } from './provider.ts';

/** Decimal text in ten-thousandths, exact. */
export function units(amount: string): bigint {
  const [whole = '0', fraction = ''] = amount.split('.');
  if (!/^-?\d+$/.test(whole) || !/^\d{0,4}$/.test(fraction)) throw new Error(`Not an amount: ${amount}`);
  const value = BigInt(whole.replace('-', '') + fraction.padEnd(4, '0'));
  return whole.startsWith('-') ? -value : value;
}

/** What a customer's card is burdened with by these charges: taken and not given back, or still blocked. */
export function burden(entries: readonly BookEntry[]): bigint {
  let sum = 0n;
  for (const { authorized, voided, refunded } of entries) sum += units(authorized) - units(voided) - units(refunded);
  return sum;
}
