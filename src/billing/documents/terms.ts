import { MANUAL } from '#contracts/payment-providers.ts';
import type { Document, Seller } from './document.ts';

/** What both syntaxes say about days and payment. */

export const NO_DISCOUNT_REASON = 'Discount';

/** The day of a document: in UTC, as all times of the system. */
export function issueDay(issuedAt: string): string {
  return issuedAt.slice(0, 10);
}

/** UNTDID 4461: a credit transfer where money is received by hand and an account is known, else an instrument not named. */
export function paymentMeans({ payment, seller }: Document): string {
  return payment?.provider === MANUAL && seller.iban !== undefined ? '30' : '1';
}

/** How it is paid, in a sentence. */
export function paymentTerms({ kind, totals, payment }: Document): string {
  if (kind === 'credit-note') return 'Refunded.';
  if (/^[0.]+$/.test(totals.due)) return 'Paid.';
  return payment?.provider === MANUAL
    ? 'Due on receipt.'
    : `Collected by ${payment?.provider ?? 'the payment provider'}.`;
}

/** What a seller lacks for a document in XML, by the names of the settings. Empty: nothing. */
export function missingOf({ name, country, vatId, taxNumber }: Seller): string[] {
  return [
    ...(name === '' ? ['BILLING_SELLER_NAME'] : []),
    ...(country === undefined ? ['BILLING_SELLER_COUNTRY'] : []),
    ...(vatId === undefined && taxNumber === undefined ? ['BILLING_SELLER_VAT_ID or BILLING_SELLER_TAX_NUMBER'] : []),
  ];
}
