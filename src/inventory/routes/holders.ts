import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { idCursor, idOfCursor, numberCursor, numberOfCursor, pageOf } from '#platform/http/paging.ts';
import { limitOf, PageOf } from '#platform/http/schemas.ts';
import {
  BackordersQuery,
  BackorderView,
  ForecastQuery,
  ForecastView,
  ReservationsQuery,
  ReservationView,
} from '#inventory/schemas.ts';
import { holdersOf, waitersOf } from '#inventory/store/holders.ts';
import { DEFAULT_LOCATION, foresee } from './adjust.ts';

/** Whose the goods are: who holds a SKU, who waits for it, and who would lack it after a count. */
export function holderRoutes(app: FastifyInstance, database: Database): void {
  app.get<{ Querystring: Static<typeof ReservationsQuery> }>(
    '/stock/reservations',
    {
      config: { permission: 'stock:read' },
      schema: {
        operationId: 'listReservations',
        tags: ['inventory'],
        summary: 'Orders for which a SKU is set aside, the first ones at the beginning',
        querystring: ReservationsQuery,
        response: { 200: answer('A page of reservations', PageOf(ReservationView)) },
      },
    },
    async ({ query: { sku, location, limit, cursor } }) => {
      const size = limitOf(limit);
      const after = cursor === undefined ? undefined : numberOfCursor(cursor);
      const held = await holdersOf(database, { sku, locations: location, after, limit: size + 1 });
      return pageOf(
        held,
        size,
        ({ number: _number, ...holder }) => holder,
        ({ number }) => numberCursor(number),
      );
    },
  );

  app.get<{ Querystring: Static<typeof BackordersQuery> }>(
    '/stock/backorders',
    {
      config: { permission: 'stock:read' },
      schema: {
        operationId: 'listBackorders',
        tags: ['inventory'],
        summary: 'Orders that wait for a SKU, in the order of their turns',
        querystring: BackordersQuery,
        response: { 200: answer('A page of the line', PageOf(BackorderView)) },
      },
    },
    async ({ query: { sku, limit, cursor } }) => {
      const size = limitOf(limit);
      const after = cursor === undefined ? undefined : idOfCursor(cursor);
      return pageOf(
        await waitersOf(database, { sku, after, limit: size + 1 }),
        size,
        (waiter) => waiter,
        ({ orderId }) => idCursor(orderId),
      );
    },
  );

  app.get<{ Querystring: Static<typeof ForecastQuery> }>(
    '/stock/counts/forecast',
    {
      config: { permission: 'stock:read', refusals: ['UNKNOWN_SKU', 'LOCATION_UNKNOWN'] },
      schema: {
        operationId: 'readCountForecast',
        tags: ['inventory'],
        summary: 'What a count would do: the orders that would lack goods. Changes nothing',
        querystring: ForecastQuery,
        response: { 200: answer('What it would do', ForecastView) },
      },
    },
    ({ query: { sku, location = DEFAULT_LOCATION, onHand } }) =>
      foresee(database, { sku, location, onHand: Number(onHand) }),
  );
}
