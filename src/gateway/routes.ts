import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { answer } from '#platform/http/description/openapi.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { requestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import { PageOf, Time, strict } from '#platform/http/schemas.ts';
import type { Principal } from '#platform/http/server.ts';
import { type ApiKeys, BOOTSTRAP_NAME } from './api-keys.ts';

const KeyName = Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' });
const Role = Type.String({ title: 'Role', enum: ['admin', 'operator', 'client', 'reader'] });
const Client = Type.String({
  ...KeyName,
  description:
    'Whom the key belongs to; an Idempotency-Key counts for all keys of one client, so a new key can follow an old one. By default the name of the key',
});
const NewKey = Type.Object(
  {
    name: KeyName,
    client: Client,
    role: Role,
    key: Type.String({ description: 'Shown this once; send it as a bearer' }),
  },
  { title: 'NewApiKey' },
);
const KeyView = Type.Object(
  { name: KeyName, client: Client, role: Role, createdAt: Time, revokedAt: Type.Union([Time, Type.Null()]) },
  { title: 'ApiKey' },
);

/** Keys of the API: who may call, and as what. */
export function apiKeyRoutes(app: FastifyInstance, keys: ApiKeys): void {
  const tags = ['api keys'];
  const config = { permission: 'keys:manage' } as const;

  app.post<{ Body: { name: string; client?: string; role: Principal['role'] } }>(
    '/api-keys',
    {
      config: { ...config, idempotencyKey: 'accepted', refusals: ['API_KEY_EXISTS', 'API_KEY_SHOWN'] },
      schema: {
        operationId: 'createApiKey',
        tags,
        summary: 'Create an API key; it is shown this once',
        description: 'A repeat under the same `Idempotency-Key` is refused with 409: the key is kept nowhere.',
        body: Type.Object(
          { name: KeyName, client: Type.Optional(Client), role: Role },
          { ...strict, examples: [{ name: 'shop', role: 'client' }] },
        ),
        response: {
          201: answer('The key', NewKey, { links: { revokeApiKey: { name: '$response.body#/name' } } }),
        },
      },
    },
    async (request, reply) => {
      const { name, client = name, role } = request.body;
      const key =
        name === BOOTSTRAP_NAME
          ? undefined
          : await keys.create({ name, client, role }, auditedBy(request), requestKey(request));
      if (key === undefined)
        throw new Problem('API_KEY_EXISTS', `There is a key named ${name} already; names are never used twice.`, {
          errors: [{ pointer: '/name', detail: 'is taken' }],
        });
      return reply.code(201).send({ name, client, role, key });
    },
  );
  app.get(
    '/api-keys',
    {
      config,
      schema: {
        operationId: 'listApiKeys',
        tags,
        summary: 'List API keys',
        response: { 200: answer('All keys, the revoked ones included; never the keys themselves', PageOf(KeyView)) },
      },
    },
    async () => ({ items: await keys.list(), nextCursor: null }),
  );
  app.delete<{ Params: { name: string } }>(
    '/api-keys/:name',
    {
      config: { ...config, idempotencyKey: 'accepted', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'revokeApiKey',
        tags,
        summary: 'Revoke an API key',
        params: Type.Object({ name: KeyName }),
        response: { 204: answer('It opens nothing any more, at the latest in ten seconds') },
      },
    },
    async (request, reply) => {
      if (!(await keys.revoke(request.params.name, auditedBy(request), requestKey(request))))
        throw new Problem('NOT_FOUND', 'There is no such key in force.');
      return reply.code(204).send();
    },
  );
}
