import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import { plainId } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { idCursor, idOfCursor, pageOf } from '#platform/http/paging.ts';
import { limitOf, type View } from '#platform/http/schemas.ts';
import { dayAfterMs, timeMs } from '#orders/as-of.ts';
import { parkedOf } from '#orders/parked.ts';
import * as schemas from '#orders/schemas.ts';
import { listOrders, type OrderFilter } from '#orders/store/listing.ts';
import { summaryView } from '#orders/view.ts';

/** `GET /orders`. */
export function listRoute(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Static<typeof schemas.ListQuery> }>(
    '/orders',
    {
      config: { permission: 'orders:read' },
      schema: {
        operationId: 'listOrders',
        tags: ['orders'],
        summary: 'List orders',
        querystring: schemas.ListQuery,
        response: { 200: answer('A page of orders', schemas.OrderPage) },
      },
    },
    async (request): Promise<View<typeof schemas.OrderPage>> => {
      const filter = filterOf(request.query);
      const rows = await listOrders(database, { ...filter, limit: filter.limit + 1 });
      const ids = rows.map(({ id }) => id);
      const parked = ids.length === 0 ? undefined : await parkedOf(database, ids);
      return pageOf(
        rows,
        filter.limit,
        (row) => summaryView(row, row.updatedAt, parked?.get(row.id)),
        ({ id }) => idCursor(id),
      );
    },
  );
}

function filterOf(query: Static<typeof schemas.ListQuery>): OrderFilter {
  const { cursor, createdFrom, createdTo, limit, sort, ...equal } = query;
  return {
    ...(equal as Partial<OrderFilter>),
    ...(equal.customerId !== undefined && { customerId: plainId(equal.customerId) }),
    ...(createdFrom !== undefined && { createdFromMs: timeMs(createdFrom, 'createdFrom') }),
    // A day is meant with all that happened on it.
    ...(createdTo !== undefined && { createdToMs: dayAfterMs(createdTo) ?? timeMs(createdTo, 'createdTo') }),
    ...(cursor !== undefined && { after: idOfCursor(cursor) }),
    oldestFirst: sort === 'createdAt',
    limit: limitOf(limit),
  };
}
