import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { UUID_PATTERN } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Principal } from '#platform/http/server.ts';
import { listParked } from '#platform/messaging/parked.ts';
import type { Consumer } from '#platform/service.ts';
import { type ApiKeys, BOOTSTRAP_NAME } from './api-keys.ts';

const strict = { additionalProperties: false } as const;
const KeyName = Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' });
const Role = Type.Union([Type.Literal('admin'), Type.Literal('operator'), Type.Literal('client'), Type.Literal('reader')]);

/** Keys of the API: who may call, and as what. */
export function apiKeyRoutes(app: FastifyInstance, keys: ApiKeys): void {
  const tags = ['api keys'];
  const config = { role: 'admin' } as const;

  app.post<{ Body: { name: string; role: Principal['role'] } }>(
    '/api-keys',
    { config, schema: { tags, summary: 'Create an API key; it is shown this once', body: Type.Object({ name: KeyName, role: Role }, strict) } },
    async (request, reply) => {
      const { name, role } = request.body;
      const key = name === BOOTSTRAP_NAME ? undefined : await keys.create(name, role);
      if (key === undefined) throw new Problem('VALIDATION_FAILED', `There is a key named ${name} already; names are never used twice.`, { errors: [{ pointer: '/name', detail: 'is taken' }] });
      return reply.code(201).send({ name, role, key });
    },
  );
  app.get('/api-keys', { config, schema: { tags, summary: 'List API keys' } }, async () => ({ items: await keys.list(), nextCursor: null }));
  app.delete<{ Params: { name: string } }>('/api-keys/:name', { config, schema: { tags, summary: 'Revoke an API key', params: Type.Object({ name: KeyName }) } }, async (request, reply) => {
    if (!(await keys.revoke(request.params.name))) throw new Problem('NOT_FOUND', 'There is no such key in force.');
    return reply.code(204).send();
  });
}

/** Orders whose events wait for an operator: look, retry, edit and retry, or skip. */
export function parkedRoutes(app: FastifyInstance, database: Database, consumers: ReadonlyMap<string, Consumer>): void {
  const tags = ['operations'];
  const config = { role: 'operator' } as const;
  const params = Type.Object({ consumer: Type.String({ maxLength: 50 }), orderId: Type.String({ pattern: UUID_PATTERN }) });

  app.get('/parked', { schema: { tags, summary: 'Parked orders, with the reason' } }, async () => ({ items: await listParked(database), nextCursor: null }));

  for (const action of ['retry', 'skip'] as const) {
    app.post<{ Params: { consumer: string; orderId: string }; Body: { data?: unknown } | undefined }>(
      `/parked/:consumer/:orderId/${action}`,
      { config, schema: { tags, summary: action === 'retry' ? 'Try the parked event again, optionally with edited data' : 'Leave the parked event out', params, body: Type.Optional(Type.Object({ data: Type.Optional(Type.Unknown()) }, strict)) } },
      async (request) => {
        const consumer = consumers.get(request.params.consumer);
        if (!consumer) throw new Problem('NOT_FOUND', `There is no consumer ${request.params.consumer} here.`);
        const data = request.body?.data;
        const change = { action, actor: request.principal.name, ...(data !== undefined && action === 'retry' && { data }) };
        return { left: await consumer.unpark(request.params.orderId, change) };
      },
    );
  }
}
