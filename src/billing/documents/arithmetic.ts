import { amountMinor, parseUnitPrice, part } from '#contracts/money.ts';
import type { Document, Taxed } from './document.ts';

/** The rules of EN 16931 about sums and taxes (BR-CO-10 to 17, BR-S, BR-Z, BR-E), computed from what a document says. */

const key = ({ category, rate }: Taxed): string => `${category} ${rate}`;

/** What breaks a rule, as `BR-CO-10: …`. Empty: nothing does. */
export function brokenRules(document: Document): string[] {
  const { currency, lines, allowances, charges, taxes, totals } = document;
  const minor = (amount: string): bigint => amountMinor(amount, currency);
  const sum = (some: readonly { readonly amount: string }[]): bigint =>
    some.reduce((all, { amount }) => all + minor(amount), 0n);
  const broken: string[] = [];
  const same = (rule: string, said: string, right: bigint): void => {
    if (minor(said) !== right) broken.push(`${rule}: ${said} is said, ${right} minor units are right`);
  };
  same('BR-CO-10', totals.lines, sum(lines));
  same('BR-CO-11', totals.allowances, sum(allowances));
  same('BR-CO-12', totals.charges, sum(charges));
  same('BR-CO-13', totals.net, minor(totals.lines) - minor(totals.allowances) + minor(totals.charges));
  same(
    'BR-CO-14',
    totals.tax,
    taxes.reduce((all, { tax }) => all + minor(tax), 0n),
  );
  same('BR-CO-15', totals.total, minor(totals.net) + minor(totals.tax));
  same('BR-CO-16', totals.due, minor(totals.total) - minor(totals.paid));
  if (lines.length === 0) broken.push('BR-16: there is no line');

  const bases = new Map<string, bigint>();
  const add = (some: readonly (Taxed & { readonly amount: string })[], sign: bigint): void => {
    for (const one of some) bases.set(key(one), (bases.get(key(one)) ?? 0n) + sign * minor(one.amount));
  };
  add(lines, 1n);
  add(allowances, -1n);
  add(charges, 1n);
  for (const one of taxes) {
    const { category, rate, base, tax, exemption } = one;
    same(`BR-${category}-08`, base, bases.get(key(one)) ?? 0n);
    bases.delete(key(one));
    if (category === 'S') {
      if (rate === '0') broken.push('BR-S-05: the rate is zero');
      // Where taxes were rounded by the line, their sum is off by less than a unit for each: the rule allows a whole unit of the currency.
      const exact = part(minor(base), parseUnitPrice(rate)!, 1_000_000n);
      const off = exact > minor(tax) ? exact - minor(tax) : minor(tax) - exact;
      const entries = BigInt(lines.length + allowances.length + charges.length);
      // A percentage that was found from the amounts is exact to its fourth decimal alone.
      const found = (rate.split('.')[1]?.length ?? 0) === 4 ? part(minor(base), 1n, 2_000_000n) : 0n;
      if (off > entries + 1n + found) broken.push(`BR-CO-17: ${tax} on ${base} at ${rate} %`);
    } else {
      if (rate !== '0' || minor(tax) !== 0n) broken.push(`BR-${category}-09: ${tax} at ${rate} %`);
      if (category === 'E' && !exemption) broken.push('BR-E-10: no reason');
      if (category === 'Z' && exemption !== undefined) broken.push('BR-Z-10: a reason');
    }
  }
  for (const left of bases.keys()) broken.push(`BR-CO-18: nothing says what is taxed at ${left}`);
  for (const { price } of lines) if (price.startsWith('-')) broken.push('BR-27: a price is negative');
  return broken;
}
