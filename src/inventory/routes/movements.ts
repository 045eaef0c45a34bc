import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { Location, Sku } from '#contracts/catalog.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { type Column, exportAnswer, exportOf, exportParameters, pagesBy } from '#platform/http/exports.ts';
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
import { listMovements, type Movement, MOVEMENT_KINDS } from '#inventory/store/movements.ts';

/** `GET /stock/movements`, and the same as a file. */

const Kind = Type.String({ enum: [...MOVEMENT_KINDS] });
const filters = {
  sku: Type.Optional(Several(Sku)),
  location: Type.Optional(Several(Location)),
  kind: Type.Optional(Several(Kind)),
  from: Type.Optional(TimeText),
  to: Type.Optional(UntilText),
};
const ListQuery = Type.Object({ ...filters, ...pageParameters }, strict);
const ExportQuery = Type.Object({ ...filters, ...exportParameters }, strict);
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

const COLUMNS: readonly Column<Movement>[] = [
  ...(['number', 'at', 'sku', 'location', 'kind', 'onHand', 'reserved', 'orderId'] as const).map(
    (name): Column<Movement> => ({ name, of: (movement) => movement[name] }),
  ),
  { name: 'reason', of: ({ reason }) => reason, permission: 'notes:read' },
];

function filterOf({ sku, location, kind, from, to }: Omit<Static<typeof ListQuery>, 'limit' | 'cursor'>) {
  return {
    skus: sku && [...new Set(sku)],
    locations: location,
    kinds: kind,
    fromMs: fromMs(from, 'from'),
    toMs: toMs(to, 'to'),
  };
}

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
      const { limit, cursor } = request.query;
      const size = limitOf(limit);
      const movements = await listMovements(database, {
        ...filterOf(request.query),
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

  app.get<{ Querystring: Static<typeof ExportQuery> }>(
    '/exports/movements',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'exportMovements',
        tags: ['exports'],
        summary: 'Movements of stock, as a file: those that GET /stock/movements lists, in its order',
        querystring: ExportQuery,
        response: { 200: exportAnswer('Movements') },
      },
    },
    async (request, reply) => {
      const filter = filterOf(request.query);
      const pages = pagesBy(
        (page) => listMovements(database, { ...filter, ...page }),
        ({ number }) => String(number),
      );
      return exportOf(request, reply, { name: 'movements', permission: 'stock:read', columns: COLUMNS, pages });
    },
  );
}
