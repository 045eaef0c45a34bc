import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { formatAmount } from '#contracts/money.ts';
import { type Column, exportAnswer, exportParameters, pagesBy, exportOf } from '#platform/http/exports.ts';
import { strict } from '#platform/http/schemas.ts';
import { type Payment, shownStatus } from './rules/model.ts';
import { paymentFilterOf, paymentParameters } from './filter.ts';
import type { PaymentPage } from './store.ts';

const ExportQuery = Type.Object({ ...paymentParameters, ...exportParameters }, strict);

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
export function exportPayments(app: FastifyInstance, list: (page: PaymentPage) => Promise<readonly Payment[]>): void {
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
      const filter = paymentFilterOf(request.query);
      const pages = pagesBy(
        (page) => list({ ...filter, ...page }),
        ({ orderId }) => orderId,
      );
      return exportOf(request, reply, { name: 'payments', permission: 'payments:read', columns: COLUMNS, pages });
    },
  );
}
