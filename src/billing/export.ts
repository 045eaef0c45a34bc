import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { type Column, exportAnswer, exportParameters, pagesBy, rowsOf, exportOf } from '#platform/http/exports.ts';
import { strict } from '#platform/http/schemas.ts';
import { invoiceFilterOf, invoiceParameters } from './filter.ts';
import { firstTotal, type Invoice } from './rules.ts';
import { listInvoices } from './store.ts';

const ExportQuery = Type.Object({ ...invoiceParameters, ...exportParameters }, strict);

/** An invoice or a credit note, a row of its own. */
interface Document {
  readonly kind: 'invoice' | 'credit-note';
  readonly number: string;
  readonly orderId: string;
  readonly issuedAt: string;
  readonly currency: string;
  readonly amount: string;
  readonly customerId: string | undefined;
  readonly reference: string | undefined;
  readonly refundId?: string;
}

const COLUMNS: readonly Column<Document>[] = (
  ['number', 'kind', 'orderId', 'issuedAt', 'currency', 'amount', 'customerId', 'reference', 'refundId'] as const
).map((name) => ({ name, of: (document) => document[name] }));

function documentsOf({ orderId, invoice }: { readonly orderId: string; readonly invoice: Invoice }): Document[] {
  const { currency, customerId, reference } = invoice;
  const same = { orderId, currency, customerId, reference };
  return [
    { ...same, kind: 'invoice', number: invoice.number, issuedAt: invoice.issuedAt, amount: firstTotal(invoice) },
    ...(invoice.further ?? []).map(({ number, issuedAt, totalAmount }): Document => {
      return { ...same, kind: 'invoice', number, issuedAt, amount: totalAmount };
    }),
    ...invoice.creditNotes.map(({ number, issuedAt, amount, refundId }): Document => {
      return { ...same, kind: 'credit-note', number, issuedAt, amount, refundId };
    }),
  ];
}

/** `GET /exports/invoices`: what `GET /invoices` lists, as a file, with credit notes as rows of their own. */
export function exportInvoices(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Static<typeof ExportQuery> }>(
    '/exports/invoices',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'exportInvoices',
        tags: ['exports'],
        summary: 'Invoices and credit notes, as a file: those that GET /invoices lists, in its order',
        querystring: ExportQuery,
        response: { 200: exportAnswer('Invoices and credit notes') },
      },
    },
    async (request, reply) => {
      const filter = invoiceFilterOf(request.query);
      const invoices = pagesBy(
        (page) => listInvoices(database, { ...filter, ...page }),
        ({ invoice }) => invoice.number,
      );
      return exportOf(request, reply, {
        name: 'invoices',
        permission: 'invoices:read',
        columns: COLUMNS,
        pages: rowsOf(invoices, documentsOf),
      });
    },
  );
}
