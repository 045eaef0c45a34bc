import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { plainId } from '#contracts/ids.ts';
import { isRole, isScope, PERMISSIONS, type Role, ROLES, type Scope } from '#contracts/permissions.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { requestKey } from '#platform/http/idempotency.ts';
import { type FieldError, Problem } from '#platform/http/problems.ts';
import { PageOf, strict, Text, Time, type View } from '#platform/http/schemas.ts';
import { emptyBodyIsObject } from '#platform/http/server.ts';
import { type ApiKeys, BOOTSTRAP_NAME } from './api-keys.ts';
import { assertMayGive } from './giving.ts';
import type { KeyDescription, StoredKey } from './key-store.ts';

const KeyName = Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' });
const GIVEN_ROLES = Object.keys(ROLES).filter((role) => role !== 'service') as Exclude<Role, 'service'>[];
const GIVEN_SCOPES = [...GIVEN_ROLES, ...Object.keys(PERMISSIONS)].filter(isScope);
const SCOPED = 'scoped';
const Role = Type.String({ title: 'Role', enum: GIVEN_ROLES });
const ShownRole = Type.String({ enum: [...GIVEN_ROLES, SCOPED], description: '`scoped`: what `scopes` say' });
const Scopes = Type.Array(Type.String({ title: 'Scope', enum: GIVEN_SCOPES }), {
  minItems: 1,
  maxItems: GIVEN_SCOPES.length,
  uniqueItems: true,
  description: 'Roles and permissions that together are all that the key may',
});
const Customer = Text(100, {
  minLength: 1,
  description: 'The `customerId` whose orders a key with the role `customer` shows',
});
const Client = Type.String({
  ...KeyName,
  description:
    'Whom the key belongs to; an Idempotency-Key counts for all keys of one client, so a new key can follow an old one. By default the name of the key',
});
const ExpiresAt = Type.String({
  ...Time,
  maxLength: 40,
  description: 'When the key ends; never where it is not given',
});
const shown = {
  key: Type.String({ description: 'Shown this once; send it as a bearer' }),
  prefix: Type.String({ description: 'How the key begins, by which it is recognized' }),
};
const described = {
  name: KeyName,
  client: Client,
  role: ShownRole,
  scopes: Type.Optional(Type.Array(Type.String())),
  customer: Type.Optional(Type.String()),
  expiresAt: Type.Optional(Time),
};
const NewKey = Type.Object({ ...described, ...shown }, { title: 'NewApiKey' });
const CreateKey = Type.Object(
  {
    name: KeyName,
    client: Type.Optional(Client),
    role: Type.Optional(Role),
    scopes: Type.Optional(Scopes),
    customer: Type.Optional(Customer),
    expiresAt: Type.Optional(ExpiresAt),
  },
  {
    ...strict,
    required: ['name'],
    examples: [
      { name: 'shop', role: 'client' },
      { name: 'exports', scopes: ['orders:read'], expiresAt: '2031-01-01T00:00:00Z' },
    ],
  },
);
const KeyView = Type.Object(
  {
    ...described,
    prefix: Type.Optional(Type.String({ description: 'How the key begins; unknown of old keys' })),
    createdAt: Time,
    lastUsedAt: Type.Optional({ ...Time, description: 'To the minute; absent: not yet, or before that was noted' }),
    rotatedAt: Type.Optional(Time),
    previousUntil: Type.Optional({ ...Time, description: 'How long the secret before the last rotation is good' }),
    revokedAt: Type.Union([Time, Type.Null()]),
  },
  { title: 'ApiKey' },
);
const OVERLAP_SECONDS = 86_400;
const OVERLAP_SECONDS_MAX = 30 * OVERLAP_SECONDS;
const RotateKey = Type.Object(
  {
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: OVERLAP_SECONDS_MAX,
        description:
          'How much longer the secret of before is good: a day by default; 0 where somebody else may know it',
      }),
    ),
    expiresAt: Type.Optional(ExpiresAt),
  },
  { ...strict, examples: [{ overlapSeconds: 3_600 }] },
);
const RotatedKey = Type.Object({ ...described, ...shown, previousUntil: Time }, { title: 'RotatedApiKey' });

/** What a request asks of a key: one role or scopes, a customer where the role is that, an end that is to come. */
function descriptionOf(body: Static<typeof CreateKey>): KeyDescription {
  const { name, client = name, role, scopes, customer, expiresAt } = body;
  const wrong = (pointer: string, detail: string): Problem =>
    new Problem('VALIDATION_FAILED', `${pointer} ${detail}.`, { errors: [{ pointer, detail } satisfies FieldError] });
  if (role === undefined && scopes === undefined) throw wrong('/role', 'is missing: give a role, or scopes');
  if (role !== undefined && scopes !== undefined)
    throw wrong('/scopes', 'must not stand beside /role: scopes may name roles');
  if (role === 'customer' && customer === undefined) throw wrong('/customer', 'is missing: whose orders is it to show');
  if (role !== 'customer' && customer !== undefined) throw wrong('/customer', 'is for the role customer alone');
  if (expiresAt !== undefined) assertToCome(expiresAt);
  const [only, ...more] = scopes ?? [role!];
  return {
    name,
    client,
    ...(more.length === 0 && isRole(only!)
      ? { role: only as Exclude<Role, 'service'> }
      : { role: SCOPED, scopes: scopes as Scope[] }),
    ...(customer !== undefined && { customer: plainId(customer) }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
  };
}

function assertToCome(expiresAt: string): void {
  const timeMs = Date.parse(expiresAt);
  if (timeMs > Date.now()) return;
  const detail = Number.isNaN(timeMs) ? 'is no time' : 'has passed';
  throw new Problem('VALIDATION_FAILED', `/expiresAt ${detail}.`, { errors: [{ pointer: '/expiresAt', detail }] });
}

function view(key: StoredKey): View<typeof KeyView> {
  const { createdAt, lastUsedAt, rotatedAt, previousUntil, revokedAt, ...rest } = key;
  return {
    ...rest,
    scopes: rest.scopes && [...rest.scopes],
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString(),
    rotatedAt: rotatedAt?.toISOString(),
    previousUntil: previousUntil?.toISOString(),
    revokedAt: revokedAt?.toISOString() ?? null,
  };
}

/** Keys of the API: who may call, and what they may. */
export function apiKeyRoutes(app: FastifyInstance, keys: ApiKeys): void {
  const tags = ['api keys'];
  const config = { permission: 'keys:manage' } as const;
  const params = Type.Object({ name: KeyName });

  app.post<{ Body: Static<typeof CreateKey> }>(
    '/api-keys',
    {
      config: { ...config, idempotencyKey: 'accepted', refusals: ['API_KEY_EXISTS', 'API_KEY_SHOWN'] },
      schema: {
        operationId: 'createApiKey',
        tags,
        summary: 'Create an API key; it is shown this once',
        description: 'A repeat under the same `Idempotency-Key` is refused with 409: the key is kept nowhere.',
        body: CreateKey,
        response: {
          201: answer('The key', NewKey, { links: { revokeApiKey: { name: '$response.body#/name' } } }),
        },
      },
    },
    async (request, reply) => {
      const description = descriptionOf(request.body);
      const { name } = description;
      assertMayGive(request.principal, description);
      const made =
        name === BOOTSTRAP_NAME ? undefined : await keys.create(description, auditedBy(request), requestKey(request));
      if (!made)
        throw new Problem('API_KEY_EXISTS', `There is a key named ${name} already; names are never used twice.`, {
          errors: [{ pointer: '/name', detail: 'is taken' }],
        });
      return reply.code(201).send({ ...description, ...made });
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
    async () => ({ items: (await keys.list()).map(view), nextCursor: null }),
  );
  app.post<{ Params: { name: string }; Body: Static<typeof RotateKey> }>(
    '/api-keys/:name/rotate',
    {
      config: {
        ...config,
        idempotencyKey: 'accepted',
        refusals: ['NOT_FOUND', 'API_KEY_SHOWN', 'API_KEY_EXPIRED'],
      },
      schema: {
        operationId: 'rotateApiKey',
        tags,
        summary: 'Give an API key another secret; it is shown this once',
        description:
          'The secret of before is good for `overlapSeconds` more, so that programs can change over; the one before that ends now.',
        params,
        body: RotateKey,
        response: { 200: answer('The key with its new secret', RotatedKey) },
      },
      preValidation: emptyBodyIsObject,
    },
    async (request) => {
      const { overlapSeconds = OVERLAP_SECONDS, expiresAt } = request.body;
      if (expiresAt !== undefined) assertToCome(expiresAt);
      const { key, prefix, of, previousUntil } = await keys.rotate(
        request.params.name,
        { overlapSeconds, expiresAt, assertMay: (of) => assertMayGive(request.principal, of) },
        auditedBy(request),
        requestKey(request),
      );
      const { name, client, role, scopes, customer, expiresAt: ends } = of;
      return { name, client, role, scopes, customer, expiresAt: ends, key, prefix, previousUntil };
    },
  );
  app.delete<{ Params: { name: string } }>(
    '/api-keys/:name',
    {
      config: { ...config, idempotencyKey: 'accepted', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'revokeApiKey',
        tags,
        summary: 'Revoke an API key',
        params,
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
