import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { Location as LocationName } from '#contracts/catalog.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { answerOnce } from '#platform/http/commands.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { requestKey } from '#platform/http/idempotency.ts';
import { pageOf, textCursor, textOfCursor } from '#platform/http/paging.ts';
import { limitOf, PageOf } from '#platform/http/schemas.ts';
import { emptyBodyIsObject } from '#platform/http/server.ts';
import type { Database } from '#platform/database/database.ts';
import { LocationView, PageQuery, PutLocation } from '#inventory/schemas.ts';
import { listLocations, locationPutBefore, putLocation } from '#inventory/store/locations.ts';

/** Places where stock may lie: made on purpose, and listed. */
export function locationRoutes(app: FastifyInstance, database: Database): void {
  app.put<{ Params: { name: string }; Body: Static<typeof PutLocation> }>(
    '/locations/:name',
    {
      config: { permission: 'locations:write', idempotencyKey: 'accepted' },
      schema: {
        operationId: 'putLocation',
        tags: ['inventory'],
        summary: 'Create a location, or say where it is',
        params: Type.Object({ name: { ...LocationName, examples: ['main'] } as typeof LocationName }),
        body: PutLocation,
        response: {
          200: answer('It was there already', LocationView),
          201: answer('It is new', LocationView),
        },
      },
      preValidation: emptyBodyIsObject,
    },
    async (request, reply) => {
      const key = requestKey(request);
      const { location, created } = await answerOnce(database, key, {
        act: () => putLocation(database, { name: request.params.name, ...request.body }, auditedBy(request), key),
        repeat: locationPutBefore,
      });
      return reply.code(created ? 201 : 200).send(location);
    },
  );

  app.get<{ Querystring: Static<typeof PageQuery> }>(
    '/locations',
    {
      config: { permission: 'stock:read' },
      schema: {
        operationId: 'listLocations',
        tags: ['inventory'],
        summary: 'List locations by name',
        querystring: PageQuery,
        response: { 200: answer('A page of locations', PageOf(LocationView)) },
      },
    },
    async ({ query: { limit, cursor } }) => {
      const fits = limitOf(limit);
      const items = await listLocations(database, cursor === undefined ? '' : textOfCursor(cursor), fits + 1);
      return pageOf(
        items,
        fits,
        (item) => item,
        ({ name }) => textCursor(name),
      );
    },
  );
}
