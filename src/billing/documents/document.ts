import { createHash } from 'node:crypto';
import type { Address } from '#contracts/order-events.ts';

/**
 * An invoice or a credit note as it was issued: one model, of which the XML of either syntax, the PDF and the figures for
 * reports are made. It follows EN 16931 (the BT and BG numbers): amounts are without tax, discounts are allowances, shipping
 * is a charge. Amounts are decimal strings in the currency. A document never changes; its hash proves it.
 */

export interface Seller {
  readonly name: string;
  readonly street?: string;
  readonly city?: string;
  readonly postalCode?: string;
  /** ISO 3166-1, two letters. */
  readonly country?: string;
  readonly vatId?: string;
  readonly taxNumber?: string;
  /** The entry in the register of companies, as the law wants it on letters. */
  readonly register?: string;
  readonly email?: string;
  readonly phone?: string;
  readonly bank?: string;
  readonly iban?: string;
  readonly bic?: string;
}

export interface Buyer extends Address {
  readonly name: string;
  /** ISO 3166-1, two letters; the address may write it in another way. */
  readonly countryCode: string;
  readonly customerId?: string;
}

/** How something is taxed: standard rate, zero rate, or exempt for a reason (UNTDID 5305). */
export type TaxCategory = 'S' | 'Z' | 'E';

export interface Taxed {
  readonly category: TaxCategory;
  /** Percent. */
  readonly rate: string;
}

/** BG-25. */
export interface DocumentLine extends Taxed {
  readonly name: string;
  readonly sku?: string;
  readonly quantity: number;
  /** The price of so many pieces (`priceFor`), without tax. */
  readonly price: string;
  readonly priceFor: number;
  /** Without tax, before discounts. */
  readonly amount: string;
  /** What the customer was shown, where prices include the tax. */
  readonly gross?: { readonly unitPrice?: string; readonly amount: string };
}

/** BG-20 and BG-21: a discount that is taken off, or something charged beside the lines, under one rate. */
export interface AllowanceOrCharge extends Taxed {
  readonly name: string;
  readonly amount: string;
  /** What the customer was shown, where prices include the tax. */
  readonly gross?: string;
}

/** BG-23. */
export interface TaxOfRate extends Taxed {
  readonly base: string;
  readonly tax: string;
  readonly exemption?: string;
}

/** BG-22. */
export interface DocumentTotals {
  readonly lines: string;
  readonly allowances: string;
  readonly charges: string;
  readonly net: string;
  readonly tax: string;
  readonly total: string;
  readonly paid: string;
  readonly due: string;
}

export interface Document {
  readonly kind: 'invoice' | 'credit-note';
  readonly number: string;
  /** RFC 3339. */
  readonly issuedAt: string;
  readonly currency: string;
  readonly locale?: string;
  readonly orderId: string;
  readonly orderNumber?: string;
  /** The customer's own number of the order. */
  readonly reference?: string;
  /** The invoices that a credit note takes something back of. */
  readonly invoices?: readonly { readonly number: string; readonly issuedAt: string }[];
  /** The parcel that an invoice is over. */
  readonly shipmentId?: string;
  readonly refundId?: string;
  readonly seller: Seller;
  readonly buyer: Buyer;
  readonly delivery?: Address & { readonly countryCode: string };
  readonly pricesIncludeTax?: boolean;
  readonly lines: readonly DocumentLine[];
  readonly allowances: readonly AllowanceOrCharge[];
  readonly charges: readonly AllowanceOrCharge[];
  readonly taxes: readonly TaxOfRate[];
  readonly totals: DocumentTotals;
  readonly payment?: { readonly provider: string };
}

/** SHA-256 of what a document says, in hexadecimal: the order of its fields is part of it. */
export function hashOf(document: Document): string {
  return createHash('sha256').update(JSON.stringify(document)).digest('hex');
}
