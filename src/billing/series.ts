import { countryCodeOf } from '#contracts/countries.ts';
import type { Address } from '#contracts/order-events.ts';

/**
 * Series of numbers of documents: what stands before the number names the series, and each has a counter of its own. A
 * series may be one for each year (of the day of issue, in UTC) or country (that the goods go to).
 */

export type Kind = 'invoice' | 'credit-note';
/** What stands before the number, with `{year}` and `{country}`, by the kind of document. */
export type Series = Readonly<Record<Kind, string>>;

export const SERIES: Series = { invoice: 'INV-', 'credit-note': 'CRN-' };
/** Counters of the series that there have always been. */
const COUNTERS: Readonly<Record<string, string>> = { 'INV-': 'invoice', 'CRN-': 'credit-note' };
/** The same in SQL: the series of a number, and of the key of a counter. */
export const SERIES_OF_NUMBER = "regexp_replace(number, '[0-9]+$', '')";
export const SERIES_OF_COUNTER = "case key when 'invoice' then 'INV-' when 'credit-note' then 'CRN-' else key end";

const NUMBER_DIGITS = 8;
const TEMPLATE = /^[A-Z](?:[A-Z0-9-]|\{year\}|\{country\}){0,16}-$/;
const FORMER = /^(INV|CRN)-?(\d{1,8})$/;
const NUMBER = /^[A-Z][A-Z0-9-]{0,30}-\d{8}$/;
/** Of goods that go nowhere that is known. */
const NO_COUNTRY = 'XX';

/** What is wrong with a setting; undefined where nothing is. */
export function seriesProblem(template: string): string | undefined {
  return TEMPLATE.test(template)
    ? undefined
    : 'must be capital letters, digits, hyphens, {year} and {country}, begin with a letter and end with a hyphen';
}

/** What decides about the series of a document beside the time. */
export interface SoldTo {
  readonly shippingAddress?: Address | undefined;
  readonly billingAddress?: Address | undefined;
}

/** What stands before the number of a document that is issued at a time. Never throws: a broken event is parked by its rules. */
export function prefixFor(template: string, soldTo: SoldTo | null | undefined, nowMs: number): string {
  const country: unknown = (soldTo?.shippingAddress ?? soldTo?.billingAddress)?.country;
  return template
    .replaceAll('{year}', () => String(new Date(nowMs).getUTCFullYear()))
    .replaceAll('{country}', () => (typeof country === 'string' ? countryCodeOf(country) : undefined) ?? NO_COUNTRY);
}

/** The key of the counter of a series. */
export function counterOf(prefix: string): string {
  return COUNTERS[prefix] ?? prefix;
}

export function numberIn(prefix: string, n: number): string {
  return `${prefix}${String(n).padStart(NUMBER_DIGITS, '0')}`;
}

/** The series of a number, and which one it is there. */
export function partsOfNumber(number: string): { readonly prefix: string; readonly n: number } {
  const digits = /\d+$/.exec(number)![0];
  return { prefix: number.slice(0, -digits.length), n: Number(digits) };
}

/** A number as people write it, as it is kept; undefined for what is none. Of the series INV and CRN, hyphen and zeros may be missing. */
export function readDocumentNumber(text: string): string | undefined {
  const given = text.toUpperCase();
  const [, kind, digits] = FORMER.exec(given) ?? [];
  if (kind !== undefined) return `${kind}-${digits!.padStart(NUMBER_DIGITS, '0')}`;
  return NUMBER.test(given) ? given : undefined;
}
