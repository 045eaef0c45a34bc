import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import { toCloudEvent } from '#contracts/envelope.ts';
import { isKnown, TAGS_PATTERN } from '#platform/http/conditional.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { readHistory } from '#platform/log/history.ts';
import { orderAsOf } from '#orders/as-of.ts';
import type { OrderRoutesOptions } from '#orders/routes.ts';
import { parkedOf } from '#orders/parked.ts';
import * as schemas from '#orders/schemas.ts';
import { orderView } from '#orders/view.ts';
import type { Principal } from '#platform/http/principal.ts';
import type { View } from '#platform/http/schemas.ts';
import { etag, loadOne, ORDER_LINKS, orderId, orderNotFound, sendOrder } from './answers.ts';

type Shown = View<typeof schemas.OrderView>;

/** `GET /orders/{id}` and `GET /orders/{id}/events`. */
export function readRoutes(
  app: FastifyInstance,
  {
    database,
    cached,
    publicUrl,
    readHistory: history,
    nextActions,
  }: Pick<OrderRoutesOptions, 'database' | 'cached' | 'publicUrl' | 'readHistory' | 'nextActions'>,
): void {
  /** The order as it is shown now, out of the cache where there is one. */
  const shownNow = async (id: string): Promise<{ version: string; parked: boolean; body: () => string | Shown }> => {
    if (cached) {
      const shown = await cached.orders.read(id);
      if (!shown) throw orderNotFound();
      return { version: etag(shown), parked: shown.parked === true, body: () => shown.body };
    }
    const [row, parkedByOrder] = await Promise.all([loadOne(database, id), parkedOf(database, [id])]);
    const parked = parkedByOrder.get(id);
    return {
      version: etag(row),
      parked: parked !== undefined,
      body: () => orderView(row, row.updatedAt, parked),
    };
  };

  /** The order with what this caller has to do to pay, or may hand on to who has. */
  const withNextAction = async (principal: Principal, body: string | Shown): Promise<string | Shown> => {
    if (typeof body === 'string' && !body.includes('"paymentStatus":"REQUIRES_ACTION"')) return body;
    const shown = typeof body === 'string' ? (JSON.parse(body) as Shown) : body;
    const nextAction = (await nextActions.shownTo(principal, [shown])).get(shown.id);
    return nextAction ? { ...shown, nextAction } : body;
  };

  app.get<{ Params: { id: string }; Querystring: Static<typeof schemas.AsOfQuery> }>(
    '/orders/:id',
    {
      config: {
        permission: 'orders:read',
        ofCustomer: 'order',
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
      const { version, parked, body } = await shownNow(id);
      // What is parked is no part of the version, so nobody may take an answer with it for one without.
      const tag = parked ? `W/${version.slice(0, -1)}-parked"` : version;
      if (!parked && isKnown(request, tag)) return reply.code(304).header('etag', tag).send();
      reply.header('etag', tag).type('application/json; charset=utf-8');
      return reply.send(await withNextAction(request.principal, body()));
    },
  );

  app.get<{ Params: { id: string } }>(
    '/orders/:id/events',
    {
      config: { permission: 'events:read', ofCustomer: 'order', refusals: ['ORDER_NOT_FOUND'] },
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
