import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { Location, Sku } from '#contracts/catalog.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { numberCursor, numberOfCursor, type Page, pageOf } from '#platform/http/paging.ts';
import {
  Id,
  limitOf,
  PageOf,
  pageParameters,
  strict,
  Time,
  TimeText,
  UntilText,
  type View,
} from '#platform/http/schemas.ts';
import { Several } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import { listMovements, MOVEMENT_KINDS } from '#inventory/store/movements.ts';

/** `GET /stock/movements`. */

const Kind = Type.String({ enum: [...MOVEMENT_KINDS] });
const ListQuery = Type.Object(
  {
    sku: Type.Optional(Several(Sku)),
    location: Type.Optional(Several(Location)),
    kind: Type.Optional(Several(Kind)),
    from: Type.Optional(TimeText),
    to: Type.Optional(UntilText),
    ...pageParameters,
  },
  strict,
);
const MovementView = Type.Object(
  {
    number: Type.Integer({ minimum: 1, description: 'Greater than that of every movement before it; there are gaps' }),
    at: Time,
    sku: Type.String(),
    location: Type.String(),
    kind: Kind,
    onHand: Type.Integer({ description: 'By how many pieces more are on the shelf' }),
    reserved: Type.Integer({ description: 'By how many pieces more are set aside' }),
    orderId: Type.Optional(Id),
    reason: Type.Optional(Type.String({ description: 'Why somebody adjusted it' })),
  },
  { title: 'StockMovement' },
);

export function movementRoutes(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/stock/movements',
    {
      config: { permission: 'stock:read' },
      schema: {
        operationId: 'listStockMovements',
        tags: ['inventory'],
        summary: 'Every movement of stock, the last ones at the beginning',
        querystring: ListQuery,
        response: { 200: answer('A page of movements', PageOf(MovementView)) },
      },
    },
    async (request): Promise<Page<View<typeof MovementView>>> => {
      const { sku, location, kind, from, to, limit, cursor } = request.query;
      const size = limitOf(limit);
      const movements = await listMovements(database, {
        skus: sku && [...new Set(sku)],
        locations: location,
        kinds: kind,
        fromMs: fromMs(from, 'from'),
        toMs: toMs(to, 'to'),
        after: cursor === undefined ? undefined : numberOfCursor(cursor),
        limit: size + 1,
      });
      return pageOf(
        movements,
        size,
        (movement) => movement,
        ({ number }) => numberCursor(number),
      );
    },
  );
}
