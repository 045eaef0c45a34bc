import { CODES_BY_DECIMALS } from './currency-list.ts';

/**
 * Which currencies there are, after ISO 4217. New orders and prices take those of the present list; what was
 * stored in one that was withdrawn since stays readable for good.
 */

/** Withdrawn while orders in it may be stored: how many decimals it had, and what is paid with instead. */
const WITHDRAWN = new Map([
  ['ANG', { decimals: 2, successor: 'XCG' }],
  ['BGN', { decimals: 2, successor: 'EUR' }],
]);

const PRESENT: ReadonlyMap<string, number> = new Map(
  Object.entries(CODES_BY_DECIMALS).flatMap(([decimals, codes]) =>
    codes.split(' ').map((code): [string, number] => [code, Number(decimals)]),
  ),
);

const KNOWN: ReadonlyMap<string, number> = new Map([
  ...[...WITHDRAWN].map(([code, { decimals }]): [string, number] => [code, decimals]),
  ...PRESENT,
]);

/** Decimals of a currency's minor unit (EUR 2, JPY 0, KWD 3), withdrawn ones included; undefined for what is none. */
export function currencyExponent(currency: string): number | undefined {
  return KNOWN.get(currency);
}

/** Why no new amount can be in this currency, as the end of a sentence; undefined where one can. */
export function currencyProblem(currency: string): string | undefined {
  if (PRESENT.has(currency)) return undefined;
  const withdrawn = WITHDRAWN.get(currency);
  if (withdrawn === undefined) return 'is not an ISO 4217 code';
  return `was withdrawn from ISO 4217; use ${withdrawn.successor}`;
}
