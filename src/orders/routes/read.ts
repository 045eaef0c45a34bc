import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import { toCloudEvent } from '#contracts/envelope.ts';
import { isKnown, TAGS_PATTERN } from '#platform/http/conditional.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { readHistory } from '#platform/log/history.ts';
import { orderAsOf } from '#orders/as-of.ts';
import type { OrderRoutesOptions } from '#orders/routes.ts';
import * as schemas from '#orders/schemas.ts';
import { etag, loadOne, ORDER_LINKS, orderId, orderNotFound, sendOrder } from './answers.ts';

/** `GET /orders/{id}` and `GET /orders/{id}/events`. */
export function readRoutes(
  app: FastifyInstance,
  {
    database,
    cached,
    publicUrl,
    readHistory: history,
  }: Pick<OrderRoutesOptions, 'database' | 'cached' | 'publicUrl' | 'readHistory'>,
): void {
  app.get<{ Params: { id: string }; Querystring: Static<typeof schemas.AsOfQuery> }>(
    '/orders/:id',
    {
      config: {
        headers: {
          'If-None-Match': {
            description: 'ETags: answered 304 while the order has one of them',
            pattern: TAGS_PATTERN,
          },
        },
        refusals: ['ORDER_NOT_FOUND', 'NOT_FOUND'],
      },
      schema: {
        operationId: 'readOrder',
        tags: ['orders'],
        summary: 'One order, now or as of a version or time',
        params: schemas.OrderParams,
        querystring: schemas.AsOfQuery,
        response: {
          200: answer('The order', schemas.OrderView, { headers: ['ETag'], links: ORDER_LINKS }),
          304: answer('It still has the version in If-None-Match', undefined, { headers: ['ETag'] }),
        },
      },
    },
    async (request, reply) => {
      const id = orderId(request);
      if (request.query.asOf !== undefined) {
        const past = await orderAsOf(database, id, request.query.asOf);
        return sendOrder(reply, past, past.updatedAt);
      }
      const shown = cached && (await cached.orders.read(id));
      if (cached && !shown) throw orderNotFound();
      const row = shown ?? (await loadOne(database, id));
      if (isKnown(request, etag(row))) return reply.code(304).header('etag', etag(row)).send();
      if ('state' in row) return sendOrder(reply, row, row.updatedAt);
      return reply.header('etag', etag(row)).type('application/json; charset=utf-8').send(row.body);
    },
  );

  app.get<{ Params: { id: string } }>(
    '/orders/:id/events',
    {
      config: { refusals: ['ORDER_NOT_FOUND'] },
      schema: {
        operationId: 'listOrderEvents',
        tags: ['orders'],
        summary: "The order's log, oldest first",
        params: schemas.OrderParams,
        response: { 200: answer('Every event about the order, as CloudEvents', schemas.EventPage) },
      },
    },
    async (request) => {
      const id = orderId(request);
      const events = await (history?.(id) ?? readHistory(database, id));
      if (events.length === 0) throw orderNotFound();
      return { items: events.map((event) => toCloudEvent(event, publicUrl())), nextCursor: null };
    },
  );
}
