import type { Order } from './rules/state.ts';

/**
 * What an order is found by, as people type it. Words are kept folded: small letters, without accents, in one Unicode form.
 * A term is what the index holds of an order: `s:` and a SKU, `w:` and a word of reference, e-mail, name, company,
 * postcode, phone or tracking number, `p:` and the digits of a phone from its end, because a number is written with or
 * without the codes of country and area.
 */

const WORD_MAX = 80;
const WORDS_MAX = 32;
export const WORD_TERM = 'w:';
export const PHONE_TERM = 'p:';
const SKU_TERM = 's:';

const PLAIN = /^[\x20-\x7e]*$/;
const MARKS = /[\u0300-\u036f]/g;
const APOSTROPHES = /['’‘`´ʼ]/g;
/** Letters that no Unicode form takes apart. */
const SPELLED: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  œ: 'oe',
  ø: 'o',
  đ: 'd',
  ð: 'd',
  ħ: 'h',
  ı: 'i',
  ł: 'l',
  þ: 'th',
};
const SPELLED_LETTERS = new RegExp(`[${Object.keys(SPELLED).join('')}]`, 'g');
const AROUND = /^[()[\]{}"«»„“”<>.:!?]+|[()[\]{}"«»„“”<>.:!?]+$/g;
const SPACES = /[\s,;]+/;

/** A text as it is compared. */
export function folded(text: string): string {
  const small = text.toLowerCase();
  if (PLAIN.test(small)) return small.includes("'") || small.includes('`') ? small.replace(APOSTROPHES, '') : small;
  return small
    .normalize('NFKD')
    .replace(MARKS, '')
    .replace(SPELLED_LETTERS, (letter) => SPELLED[letter]!)
    .replace(APOSTROPHES, '');
}

/** The words of a text, folded. */
export function wordsOf(text: string | undefined): string[] {
  if (text === undefined) return [];
  const words: string[] = [];
  for (const part of folded(text).split(SPACES)) {
    const word = part.replace(AROUND, '');
    if (word !== '') words.push(word.slice(0, WORD_MAX));
  }
  return words;
}

/** A text of several parts as one word, as postcodes and tracking numbers are written too. */
export function compact(text: string): string {
  return folded(text)
    .replace(/[\s-]+/g, '')
    .slice(0, WORD_MAX);
}

/** Digits of a phone without what stands before the code of the country or the area, and without an extension. */
export function phoneDigits(phone: string): string {
  return phone
    .replace(/(?:ext|x|#|;|durchwahl).*$/i, '')
    .replace('(0)', '')
    .replace(/\D/g, '')
    .replace(/^0+/, '')
    .slice(0, WORD_MAX);
}

export const reversed = (digits: string): string => digits.split('').reverse().join('');
export const skuTerm = (sku: string): string => `${SKU_TERM}${sku}`;

/** Words of what an order says of itself; what an amendment can change. */
export function contentWords({ reference, contact, shippingAddress }: Order): Set<string> {
  const words = new Set<string>();
  const add = (word: string): void => {
    if (word !== '' && words.size < WORDS_MAX) words.add(word);
  };
  wordsOf(reference).forEach(add);
  wordsOf(contact?.email).forEach(add);
  for (const word of [...wordsOf(shippingAddress?.name), ...wordsOf(shippingAddress?.company)]) {
    add(word);
    // The first part is found as the beginning of the whole.
    if (word.includes('-') || word.includes('.')) word.split(/[-.]+/).slice(1).forEach(add);
  }
  const postcode = wordsOf(shippingAddress?.postalCode);
  postcode.forEach(add);
  if (postcode.length > 1) add(compact(shippingAddress!.postalCode!));
  if (contact?.phone !== undefined) add(phoneDigits(contact.phone));
  return words;
}

/** The words and SKUs of an order in one text, each between spaces; see `src/orders/store/search.ts`. */
export function searchText(order: Order): string {
  const skus = new Set(order.items.map(({ sku }) => skuTerm(sku)));
  return ` ${[...contentWords(order), ...skus].join(' ')} `;
}

/** Every term of an order. */
export function termsOf(order: Order): Set<string> {
  const terms = new Set<string>();
  for (const word of contentWords(order)) terms.add(WORD_TERM + word);
  const { phone } = order.contact ?? {};
  const digits = phone === undefined ? '' : phoneDigits(phone);
  if (digits !== '') terms.add(PHONE_TERM + reversed(digits));
  for (const { sku } of order.items) terms.add(skuTerm(sku));
  for (const term of parcelTerms(order)) terms.add(term);
  return terms;
}

/** Terms of the parcels that have left: the only ones that come with the life of an order. */
export function parcelTerms({ shipments }: Pick<Order, 'shipments'>): string[] {
  return shipments.flatMap(({ trackingNumber }) => {
    const word = compact(trackingNumber);
    return word === '' ? [] : [WORD_TERM + word];
  });
}

/** Terms that versions before the folding kept, where they are none now. */
export function formerTermsOf(order: Order): string[] {
  const now = termsOf(order);
  const words = [order.reference, order.contact?.email, order.contact?.phone, order.shippingAddress?.name]
    .flatMap((text) => text?.toLowerCase().split(/\s+/) ?? [])
    .filter((word) => word !== '');
  return [...new Set(words.map((word) => WORD_TERM + word.slice(0, WORD_MAX)))].filter((term) => !now.has(term));
}

/** The country that an order goes to, as it is compared; undefined where none is given. */
export function countryOf({ shippingAddress }: Order): string | undefined {
  return countryWord(shippingAddress?.country);
}

export function countryWord(country: string | undefined): string | undefined {
  const word = country === undefined ? '' : folded(country).trim().replace(/\s+/g, ' ');
  return word === '' ? undefined : word;
}

/** The names of an order's holds in one text, each between commas; null where it has none. */
export function holdsText({ holds }: Pick<Order, 'holds'>): string | null {
  return holds.length === 0 ? null : `,${holds.map(({ type }) => type).join(',')},`;
}

/** How far the refunds of an order are, as the column has it. */
export function refundStatusOf(refunds: Order['refunds']): Order['refunds'][number]['status'] | null {
  if (refunds.length === 0) return null;
  for (const status of ['FAILED', 'REQUESTED'] as const)
    if (refunds.some((refund) => refund.status === status)) return status;
  return 'DONE';
}
