import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { type Column, exportAnswer, exportOf, exportParameters, pagesBy } from '#platform/http/exports.ts';
import { strict } from '#platform/http/schemas.ts';
import { reviewFilterOf, reviewParameters } from './filter.ts';
import { listReviews, type OrderReview } from './store.ts';

const ExportQuery = Type.Object({ ...reviewParameters, ...exportParameters }, strict);

const COLUMNS: readonly Column<OrderReview>[] = [
  { name: 'id', of: ({ reviewId }) => reviewId },
  { name: 'orderId', of: ({ orderId }) => orderId },
  ...(['number', 'reference', 'customerId', 'totalAmount', 'currency'] as const).map((name): Column<OrderReview> => ({
    name,
    of: ({ about }) => about?.[name],
  })),
  { name: 'status', of: ({ status }) => status },
  { name: 'reasons', of: ({ reasons }) => reasons.join('; '), permission: 'notes:read' },
  { name: 'openedAt', of: ({ openedAt }) => openedAt },
  { name: 'deadlineAt', of: ({ deadlineAt }) => deadlineAt },
  { name: 'decidedAt', of: ({ decision }) => decision?.at },
  { name: 'decidedBy', of: ({ decision }) => decision?.by, permission: 'notes:read' },
  { name: 'reason', of: ({ decision }) => decision?.reason, permission: 'notes:read' },
];

/** `GET /exports/reviews`: what `GET /reviews` lists, as a file. */
export function exportReviews(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Static<typeof ExportQuery> }>(
    '/exports/reviews',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'exportReviews',
        tags: ['exports'],
        summary: 'Reviews, as a file: those that GET /reviews lists, in its order',
        querystring: ExportQuery,
        response: { 200: exportAnswer('Reviews') },
      },
    },
    async (request, reply) => {
      const filter = reviewFilterOf(request.query);
      const pages = pagesBy(
        (page) => listReviews(database, { ...filter, ...page }),
        ({ reviewId }) => reviewId,
      );
      return exportOf(request, reply, { name: 'reviews', permission: 'reviews:read', columns: COLUMNS, pages });
    },
  );
}
