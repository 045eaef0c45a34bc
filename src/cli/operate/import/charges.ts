import { formatAmount, parseAmount } from '#contracts/money.ts';
import { type FileOrder, valueOf } from './group.ts';
import type { ReadLine } from './items.ts';
import type { Mapping } from './mapping.ts';
import { decimalOf, plainText } from './numbers.ts';
import type { Field } from './presets.ts';

/**
 * Tax, shipping and discount of an order, and how they make its total. Files say them once, once per line, or repeated on
 * every line, and their prices hold the tax or do not: the order's own total shows which. All amounts are minor units.
 */

export interface Charges {
  readonly tax: bigint;
  /** The prices hold the tax already. */
  readonly included: boolean;
  readonly shipping: bigint;
  readonly discount: bigint;
  readonly total: bigint;
}

export type ChargesRefusal = {
  readonly reason: 'charge_malformed' | 'total_mismatch';
  readonly value: string;
  /** What the file says the order is over, where it says so. */
  readonly total?: bigint | undefined;
};

/** The amounts of a field, one per row that has one; columns of one field are added. Undefined where one is malformed. */
function amountsOf(order: FileOrder, field: Field, mapping: Mapping, currency: string): bigint[] | undefined {
  const places = mapping.places.get(field);
  const amounts: bigint[] = [];
  if (!places) return amounts;
  for (const { fields } of order.rows) {
    let sum: bigint | undefined;
    for (const place of places) {
      const cell = plainText(fields[place] ?? '');
      if (cell === '') continue;
      const text = decimalOf(cell, mapping.decimal);
      const minor = text === undefined ? undefined : parseAmount(text, currency);
      if (minor === undefined) return undefined;
      sum = (sum ?? 0n) + minor;
    }
    if (sum !== undefined) amounts.push(sum);
  }
  return amounts;
}

const absolute = (amount: bigint): bigint => (amount < 0n ? -amount : amount);
const summed = (amounts: readonly bigint[]): bigint => amounts.reduce((sum, amount) => sum + amount, 0n);

/** What a field may come to: the sum of its lines, or, where all of them repeat one amount, that amount once. */
function candidates(amounts: readonly bigint[], rows: number): bigint[] {
  if (amounts.length === 0) return [0n];
  const repeated = rows > 1 && amounts.length === rows && amounts.every((amount) => amount === amounts[0]);
  return repeated ? [summed(amounts), amounts[0]!] : [summed(amounts)];
}

/** The one amount of a field of the order: the first that is there. */
export function orderAmount(order: FileOrder, field: Field, mapping: Mapping, currency: string): bigint | undefined {
  return amountsOf(order, field, mapping, currency)?.[0];
}

/** The charges with which the lines come to the order's total, or why they cannot. */
export function chargesOf(
  order: FileOrder,
  lines: readonly ReadLine[],
  mapping: Mapping,
  currency: string,
): Charges | ChargesRefusal {
  const read = (field: Field): bigint[] | undefined => amountsOf(order, field, mapping, currency);
  const totals = read('total');
  const total = totals?.[0];
  for (const field of ['total', 'tax', 'shipping', 'discount'] as const) {
    const amounts = read(field);
    if (!amounts || (field !== 'discount' && amounts.some((amount) => amount < 0n))) {
      const cells = order.rows.map((row) => valueOf(row, mapping.places, field)).filter((cell) => cell !== '');
      return { reason: 'charge_malformed', value: `${field} ${cells.join(', ').slice(0, 80)}`, total };
    }
  }
  const goods = summed(lines.map(({ amount }) => amount));
  const rows = order.rows.length;
  const known = total !== undefined;
  const ofLines = summed(lines.map(({ discount }) => discount));
  const ofOrder = candidates(read('discount')!.map(absolute), rows);
  const discounts = ofOrder.map((discount) => discount + ofLines);
  // Amounts of lines may be reduced already; only the total can say so.
  if (known) discounts.push(...ofOrder, ofLines, 0n);
  const inclusions =
    mapping.prices === undefined ? (known ? [false, true] : [false]) : [mapping.prices === 'include-tax'];
  let first: Charges | undefined;
  for (const included of inclusions) {
    for (const tax of candidates(read('tax')!, rows)) {
      for (const shipping of candidates(read('shipping')!, rows)) {
        for (const discount of discounts) {
          const sum = goods + shipping - discount + (included ? 0n : tax);
          const charges: Charges = { tax, included, shipping, discount, total: sum };
          first ??= charges;
          if (sum >= 0n && (!known || sum === total)) return charges;
        }
      }
    }
  }
  const text = (amount: bigint): string => formatAmount(amount, currency);
  return {
    reason: 'total_mismatch',
    value: known
      ? `the total is ${text(total)}, the lines add up to ${text(first!.total)}`
      : `the lines add up to ${text(first!.total)}`,
    total,
  };
}
