import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { Address, ChargeLine, OrderItem } from '#contracts/order-events.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { ownOrders } from '#platform/http/own-orders.ts';
import { Problem } from '#platform/http/problems.ts';
import { pageOf, textCursor, textOfCursor } from '#platform/http/paging.ts';
import {
  Amount,
  Currency,
  Id,
  IdText,
  limitOf,
  PageOf,
  pageParameters,
  strict,
  Time,
  type View,
} from '#platform/http/schemas.ts';
import { exportInvoices } from './export.ts';
import { invoiceFilterOf, invoiceParameters } from './filter.ts';
import { firstTotal, type Invoice } from './rules.ts';
import { findInvoice, listInvoices } from './store.ts';

export interface BillingRoutesOptions {
  readonly database: Database;
}

const InvoiceParams = Type.Object({ id: { ...IdText, description: 'The order id' } as typeof IdText });
const ListQuery = Type.Object({ ...invoiceParameters, ...pageParameters }, strict);
const document = {
  invoiceNumber: Type.String(),
  issuedAt: Time,
  lines: Type.Array(OrderItem),
  taxLines: Type.Optional(Type.Array(ChargeLine)),
  discountLines: Type.Optional(Type.Array(ChargeLine)),
  shippingLines: Type.Optional(Type.Array(ChargeLine)),
  totalAmount: Amount,
};
const InvoiceView = Type.Object(
  {
    ...document,
    orderId: Id,
    customerId: Type.Optional(Type.String({ description: 'None: a guest' })),
    reference: Type.Optional(Type.String()),
    currency: Currency,
    billingAddress: Type.Optional(Address),
    creditNotes: Type.Array(
      Type.Object({
        creditNoteNumber: Type.String(),
        refundId: Id,
        amount: Amount,
        issuedAt: Time,
        currency: Currency,
      }),
    ),
    furtherInvoices: Type.Optional(
      Type.Array(
        Type.Object({
          ...document,
          shipmentId: Type.Optional(Type.String({ format: 'uuid', description: 'The parcel that it is over' })),
        }),
        { description: 'Where each parcel gets an invoice of its own: those after the first' },
      ),
    ),
  },
  { title: 'Invoice' },
);
const JSON_RANGES = new Set(['application/json', 'application/*', '*/*']);

/** True where JSON is among the media ranges of an `Accept` header; none at all accepts everything. */
export function acceptsJson(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  return accept.split(',').some((range) => {
    const [type, ...parameters] = range
      .toLowerCase()
      .split(';')
      .map((part) => part.trim());
    return JSON_RANGES.has(type!) && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
}

function view(orderId: string, invoice: Invoice): View<typeof InvoiceView> {
  const {
    number: invoiceNumber,
    issuedAt,
    customerId,
    reference,
    currency,
    billingAddress,
    items: lines,
    taxLines,
    discountLines,
    shippingLines,
    further,
  } = invoice;
  const creditNotes = invoice.creditNotes.map(({ number: creditNoteNumber, ...note }) => ({
    creditNoteNumber,
    ...note,
    currency,
  }));
  return {
    invoiceNumber,
    issuedAt,
    orderId,
    customerId,
    reference,
    currency,
    billingAddress,
    lines,
    taxLines,
    discountLines,
    shippingLines,
    totalAmount: firstTotal(invoice),
    creditNotes,
    furtherInvoices: further?.map(({ number, items, ...document }) => ({
      invoiceNumber: number,
      lines: items,
      ...document,
    })),
  };
}

export function billingRoutes(app: FastifyInstance, { database }: BillingRoutesOptions): void {
  exportInvoices(app, database);
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/invoices',
    {
      config: { permission: 'invoices:read', ofCustomer: 'filtered', whole: true },
      schema: {
        operationId: 'listInvoices',
        tags: ['invoices'],
        summary: 'Invoices with their credit notes, those issued last at the beginning',
        querystring: ListQuery,
        response: { 200: answer('A page of invoices', PageOf(InvoiceView)) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const size = limitOf(limit);
      const filter = invoiceFilterOf(request.query);
      const invoices = await listInvoices(database, {
        ...filter,
        orderIds: await ownOrders(request, filter.orderIds),
        after: cursor === undefined ? undefined : textOfCursor(cursor),
        limit: size + 1,
      });
      return pageOf(
        invoices,
        size,
        (found) => view(found.orderId, found.invoice),
        (found) => textCursor(found.invoice.number),
      );
    },
  );

  app.get<{ Params: Static<typeof InvoiceParams> }>(
    '/orders/:id/invoice',
    {
      config: {
        permission: 'invoices:read',
        ofCustomer: 'order',
        whole: true,
        headers: { Accept: { description: 'What the caller can read; `application/json`' } },
        refusals: ['INVOICE_NOT_ISSUED', 'NOT_ACCEPTABLE'],
      },
      schema: {
        operationId: 'readInvoice',
        tags: ['invoices'],
        summary: 'The invoice of an order, or those of its parcels, with its credit notes',
        params: InvoiceParams,
        response: { 200: answer('The invoice', InvoiceView) },
      },
    },
    async (request, reply) => {
      reply.header('vary', 'accept');
      if (!acceptsJson(request.headers.accept))
        throw new Problem('NOT_ACCEPTABLE', 'An invoice is available as application/json.');
      const orderId = request.params.id.toLowerCase();
      const invoice = await findInvoice(database, orderId);
      if (!invoice)
        throw new Problem(
          'INVOICE_NOT_ISSUED',
          'An invoice is issued when the order is completed, or with its first parcel.',
        );
      return view(orderId, invoice);
    },
  );
}
