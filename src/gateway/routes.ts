import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { UUID_PATTERN } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import type { RemoteService } from '#platform/http/proxy.ts';
import type { Principal } from '#platform/http/server.ts';
import { listParked, type ParkedOrder } from '#platform/messaging/parked.ts';
import type { Consumer } from '#platform/service.ts';
import { type ApiKeys, BOOTSTRAP_NAME } from './api-keys.ts';

const strict = { additionalProperties: false } as const;
const KeyName = Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' });
const Role = Type.Union([
  Type.Literal('admin'),
  Type.Literal('operator'),
  Type.Literal('client'),
  Type.Literal('reader'),
]);

/** Keys of the API: who may call, and as what. */
export function apiKeyRoutes(app: FastifyInstance, keys: ApiKeys): void {
  const tags = ['api keys'];
  const config = { role: 'admin' } as const;

  app.post<{ Body: { name: string; role: Principal['role'] } }>(
    '/api-keys',
    {
      config,
      schema: {
        tags,
        summary: 'Create an API key; it is shown this once',
        body: Type.Object({ name: KeyName, role: Role }, strict),
      },
    },
    async (request, reply) => {
      const { name, role } = request.body;
      const key = name === BOOTSTRAP_NAME ? undefined : await keys.create(name, role);
      if (key === undefined)
        throw new Problem('VALIDATION_FAILED', `There is a key named ${name} already; names are never used twice.`, {
          errors: [{ pointer: '/name', detail: 'is taken' }],
        });
      return reply.code(201).send({ name, role, key });
    },
  );
  app.get('/api-keys', { config, schema: { tags, summary: 'List API keys' } }, async () => ({
    items: await keys.list(),
    nextCursor: null,
  }));
  app.delete<{ Params: { name: string } }>(
    '/api-keys/:name',
    { config, schema: { tags, summary: 'Revoke an API key', params: Type.Object({ name: KeyName }) } },
    async (request, reply) => {
      if (!(await keys.revoke(request.params.name))) throw new Problem('NOT_FOUND', 'There is no such key in force.');
      return reply.code(204).send();
    },
  );
}

/** Orders whose events wait for an operator: look, retry, edit and retry, or skip. In this process and in those behind it. */
export function parkedRoutes(
  app: FastifyInstance,
  databases: Database | readonly Database[],
  consumers: ReadonlyMap<string, Consumer>,
  remote: readonly RemoteService[] = [],
): void {
  const tags = ['operations'];
  const config = { role: 'operator' } as const;
  const params = Type.Object({
    consumer: Type.String({ maxLength: 50 }),
    orderId: Type.String({ pattern: UUID_PATTERN }),
  });

  app.get('/parked', { schema: { tags, summary: 'Parked orders, with the reason' } }, async (request) => {
    const own = (await Promise.all([databases].flat().map((database) => listParked(database)))).flat();
    const { items, unreachable } = await parkedElsewhere(remote, request);
    return {
      items: merged([...own, ...items.map(({ entry }) => entry)]),
      nextCursor: null,
      ...(unreachable.length > 0 && { unreachable }),
    };
  });

  for (const action of ['retry', 'skip'] as const) {
    app.post<{ Params: { consumer: string; orderId: string }; Body: { data?: unknown } | undefined }>(
      `/parked/:consumer/:orderId/${action}`,
      {
        config,
        schema: {
          tags,
          summary:
            action === 'retry'
              ? 'Try the parked event again, optionally with edited data'
              : 'Leave the parked event out',
          params,
          body: Type.Optional(Type.Object({ data: Type.Optional(Type.Unknown()) }, strict)),
        },
      },
      async (request, reply) => {
        const { consumer: name, orderId } = request.params;
        const consumer = consumers.get(name);
        const holder = consumer ? undefined : await holderOf(remote, name, orderId, request);
        if (holder) {
          const headers = { 'content-type': 'application/json', 'x-correlation-id': request.correlationId };
          const answer = await holder.send(
            { method: 'POST', path: request.url, headers, body: JSON.stringify(request.body ?? {}) },
            request.principal,
          );
          return reply
            .code(answer.statusCode)
            .headers({ 'content-type': answer.headers['content-type'] as string })
            .send(answer.body);
        }
        if (!consumer) throw new Problem('NOT_FOUND', `There is no consumer ${name} here.`);
        const data = request.body?.data;
        const change = {
          action,
          actor: request.principal.name,
          ...(data !== undefined && action === 'retry' && { data }),
        };
        return { left: await consumer.unpark(orderId, change) };
      },
    );
  }
}

/** One list of several; services that share a database tell the same orders. */
function merged(entries: readonly ParkedOrder[]): ParkedOrder[] {
  const byKey = new Map(entries.map((entry) => [`${entry.consumer} ${entry.orderId} ${entry.eventId}`, entry]));
  return [...byKey.values()].sort((a, b) => (a.parkedAt < b.parkedAt ? -1 : 1));
}

interface ParkedElsewhere {
  readonly items: readonly { readonly at: RemoteService; readonly entry: ParkedOrder }[];
  readonly unreachable: readonly string[];
}

async function parkedElsewhere(remote: readonly RemoteService[], request: FastifyRequest): Promise<ParkedElsewhere> {
  const unreachable: string[] = [];
  const lists = await Promise.all(
    remote.map(async (at) => {
      try {
        const { statusCode, body } = await at.send(
          { method: 'GET', path: '/parked', headers: { 'x-correlation-id': request.correlationId } },
          request.principal,
        );
        if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
        const text = Buffer.isBuffer(body) ? body.toString() : await body.text();
        return (JSON.parse(text) as { items: ParkedOrder[] }).items.map((entry) => ({ at, entry }));
      } catch {
        unreachable.push(at.name);
        return [];
      }
    }),
  );
  return { items: lists.flat(), unreachable };
}

/** The service whose consumer it is; what is no service's name is looked for. */
async function holderOf(
  remote: readonly RemoteService[],
  consumer: string,
  orderId: string,
  request: FastifyRequest,
): Promise<RemoteService | undefined> {
  const named = remote.find(({ name }) => name === consumer);
  if (named || remote.length === 0) return named;
  const { items } = await parkedElsewhere(remote, request);
  return items.find(({ entry }) => entry.consumer === consumer && entry.orderId === orderId)?.at;
}
