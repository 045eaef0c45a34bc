/**
 * Whose a tracking number is, where its form says so for certain. What several carriers use alike (twelve digits and the
 * like) is left to whoever chose the carrier.
 */

const FORMS: readonly (readonly [RegExp, string])[] = [
  [/^1Z[0-9A-Z]{16}$/, 'UPS'],
  [/^(JJD|JD|JVGL)\d{10,20}$/, 'DHL'],
  [/^00340\d{15}$/, 'DHL'],
  [/^3S[0-9A-Z]{11,13}$/, 'PostNL'],
  [/^9[2-5]\d{20}$/, 'USPS'],
];

/** Who takes what another country's post calls so (UPU S10): by the letters of the country at the end. */
const POSTS: Readonly<Record<string, string>> = {
  AT: 'Österreichische Post',
  AU: 'Australia Post',
  BE: 'bpost',
  CA: 'Canada Post',
  CH: 'Swiss Post',
  DE: 'DHL',
  ES: 'Correos',
  FR: 'La Poste',
  GB: 'Royal Mail',
  IT: 'Poste Italiane',
  NL: 'PostNL',
  US: 'USPS',
};
const S10 = /^[A-Z]{2}(\d{8})(\d)([A-Z]{2})$/;
const WEIGHTS = [8, 6, 4, 2, 3, 5, 9, 7];

/** The check digit of a number by UPU S10. */
function checkDigit(digits: string): number {
  const sum = WEIGHTS.reduce((total, weight, place) => total + weight * Number(digits[place]), 0);
  const rest = 11 - (sum % 11);
  return rest === 10 ? 0 : rest === 11 ? 5 : rest;
}

/** Names that can be chosen; others can be typed. */
export const CARRIERS: readonly string[] = [
  ...new Set([...FORMS.map(([, name]) => name), ...Object.values(POSTS), 'DPD', 'FedEx', 'GLS', 'Hermes']),
].toSorted();

/** The carrier that a tracking number says for certain, however it is grouped; undefined where it does not. */
export function carrierOf(trackingNumber: string): string | undefined {
  const plain = trackingNumber.toUpperCase().replace(/[\s.-]/g, '');
  const [, digits, check, country] = S10.exec(plain) ?? [];
  if (digits !== undefined && Number(check) === checkDigit(digits)) return POSTS[country!];
  return FORMS.find(([form]) => form.test(plain))?.[1];
}

/** Whether what was scanned has the form of the number of an order, or of the return of one. */
export function isOrderNumber(text: string): boolean {
  return /^[0-9A-HJKMNP-TV-Y]{4}-[0-9A-HJKMNP-TV-Y]{4}-[0-9A-HJKMNP-TV-Y](-R\d{1,3})?$/i.test(text);
}
