import { type Static, Type } from 'typebox';
import { Currency, IdText, TimeText, UntilText } from '#platform/http/schemas.ts';
import { idsOf, Several } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import type { InvoiceFilter } from './store.ts';

/** What lists and exports of invoices are asked for. */

export const invoiceParameters = {
  orderId: Type.Optional(Several(IdText)),
  number: Type.Optional(
    Several(Type.String({ maxLength: 20, pattern: '^[A-Za-z]{3}-?\\d{1,8}$' }), 'Of an invoice or a credit note'),
  ),
  currency: Type.Optional(Several(Currency)),
  issuedFrom: Type.Optional(TimeText),
  issuedTo: Type.Optional(UntilText),
};

const Query = Type.Object(invoiceParameters);

/** The invoices that a query asks for, wherever the page begins. */
export function invoiceFilterOf(query: Static<typeof Query>): Omit<InvoiceFilter, 'after' | 'limit'> {
  const { orderId, number, currency, issuedFrom, issuedTo } = query;
  return {
    orderIds: idsOf(orderId),
    numbers: number,
    currencies: currency,
    issuedFromMs: fromMs(issuedFrom, 'issuedFrom'),
    issuedToMs: toMs(issuedTo, 'issuedTo'),
  };
}
