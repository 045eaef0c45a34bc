import type { Order } from '#client';

/** Amounts of an order, added and compared without rounding; amounts are decimal texts in the currency of the order. */

const minor = (amount: string): bigint => BigInt(amount.replace('.', ''));

/** `a` less `b`, both with as many decimals as `a`. */
export function less(a: string, b: string): string {
  return format(minor(a) - minor(b), a);
}

export function sum(amounts: readonly string[], like: string): string {
  return format(
    amounts.reduce((total, amount) => total + minor(amount), 0n),
    like,
  );
}

export function isPositive(amount: string): boolean {
  return minor(amount) > 0n;
}

function format(value: bigint, like: string): string {
  const decimals = like.split('.')[1]?.length ?? 0;
  const sign = value < 0n ? '-' : '';
  const digits = (value < 0n ? -value : value).toString().padStart(decimals + 1, '0');
  return decimals === 0 ? sign + digits : `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}

/** What was captured, less all refunds that were done or are under way. */
export function refundable({ capturedAmount, refunds }: Order): string {
  const given = refunds.filter(({ status }) => status !== 'FAILED').map(({ amount }) => amount);
  return less(capturedAmount, sum(given, capturedAmount));
}
