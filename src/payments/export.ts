import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { formatAmount } from '#contracts/money.ts';
import { type Column, exportAnswer, exportParameters, pagesBy, exportOf } from '#platform/http/exports.ts';
import { IdText, strict } from '#platform/http/schemas.ts';
import { idsOf, Several } from '#platform/http/several.ts';
import { type Payment, shownStatus } from './rules/model.ts';
import type { PaymentFilter } from './store.ts';

const ExportQuery = Type.Object({ orderId: Type.Optional(Several(IdText)), ...exportParameters }, strict);

const amount = (name: 'amount' | 'authorized' | 'captured' | 'voided' | 'refunded'): Column<Payment> => ({
  name,
  of: (payment) => formatAmount(payment[name], payment.currency),
});

const COLUMNS: readonly Column<Payment>[] = [
  { name: 'orderId', of: ({ orderId }) => orderId },
  { name: 'provider', of: ({ provider }) => provider },
  { name: 'status', of: shownStatus },
  { name: 'currency', of: ({ currency }) => currency },
  amount('amount'),
  amount('authorized'),
  amount('captured'),
  amount('voided'),
  amount('refunded'),
  { name: 'chargeReference', of: ({ chargeReference }) => chargeReference },
];

/** `GET /exports/payments`: what `GET /payments` lists, as a file. */
export function exportPayments(
  app: FastifyInstance,
  list: (filter: PaymentFilter) => Promise<readonly Payment[]>,
): void {
  app.get<{ Querystring: Static<typeof ExportQuery> }>(
    '/exports/payments',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'exportPayments',
        tags: ['exports'],
        summary: 'Payments, as a file: those that GET /payments lists, the newest order first',
        querystring: ExportQuery,
        response: { 200: exportAnswer('Payments') },
      },
    },
    async (request, reply) => {
      const orderIds = idsOf(request.query.orderId);
      const pages = pagesBy(
        (page) => list({ orderIds, ...page }),
        ({ orderId }) => orderId,
      );
      return exportOf(request, reply, { name: 'payments', permission: 'payments:read', columns: COLUMNS, pages });
    },
  );
}
