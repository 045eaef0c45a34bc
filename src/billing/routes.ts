import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
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
import {
  ACCEPT,
  DOCUMENT_REFUSALS,
  documentAnswer,
  documentOf,
  type DocumentParts,
  documentRoutes,
  sendDocument,
  wantedOf,
} from './documents/routes.ts';
import { exportInvoices } from './export.ts';
import { invoiceFilterOf, invoiceParameters } from './filter.ts';
import { firstTotal, type Invoice } from './rules.ts';
import { findInvoice, listInvoices } from './store.ts';

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
  const creditNotes = invoice.creditNotes.map(({ number: creditNoteNumber, lines: _lines, ...note }) => ({
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
    furtherInvoices: further?.map(({ number, items, payment: _payment, ...document }) => ({
      invoiceNumber: number,
      lines: items,
      ...document,
    })),
  };
}

export function billingRoutes(app: FastifyInstance, parts: DocumentParts): void {
  const { database } = parts;
  documentRoutes(app, parts);
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
        headers: { Accept: ACCEPT },
        refusals: ['INVOICE_NOT_ISSUED', ...DOCUMENT_REFUSALS],
      },
      schema: {
        operationId: 'readInvoice',
        tags: ['invoices'],
        summary: 'The invoice of an order, or those of its parcels, with its credit notes',
        params: InvoiceParams,
        response: {
          200: documentAnswer(
            'The invoice; as PDF and XML the first of several, further ones are read by number',
            InvoiceView,
          ),
        },
      },
    },
    async (request, reply) => {
      const wanted = wantedOf(request, reply);
      const orderId = request.params.id.toLowerCase();
      const invoice = await findInvoice(database, orderId);
      if (!invoice)
        throw new Problem(
          'INVOICE_NOT_ISSUED',
          'An invoice is issued when the order is completed, or with its first parcel.',
        );
      if (wanted.media === 'application/json') return view(orderId, invoice);
      const document = await documentOf(parts, orderId, invoice.number);
      return sendDocument(reply, document!, wanted);
    },
  );
}
