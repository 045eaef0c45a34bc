import { createHash, timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { messageOf } from '#contracts/error-text.ts';
import { can } from '#contracts/permissions.ts';
import type { Health } from '#platform/runtime/health.ts';
import type { Database } from '#platform/database/database.ts';
import type { Bus } from '#platform/log/bus.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { asyncApi, eventSchema, isEventType } from './description/asyncapi.ts';
import { PAGE_HEADERS } from './description/page-frame.ts';
import { apiPage, errorsPage } from './description/pages.ts';
import { answer, type Answer } from './description/openapi.ts';
import { LIVENESS_PATHS, METRICS_PATHS, READINESS_PATHS, summaryOf } from './process-paths.ts';
import { Problem } from './problems.ts';
import { forbidden, type Principal } from './principal.ts';

export interface OperationsOptions {
  readonly database: Database;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly authenticate: (request: FastifyRequest) => Principal | undefined | Promise<Principal | undefined>;
  /** Base URL of the API as it is reached from outside. */
  readonly publicUrl?: () => string;
  /** Bearer token that opens the metrics; empty: none does. */
  readonly metricsToken?: string;
  /** Whether the metrics need no token on this machine. Not where a proxy may run on it: behind one everybody seems to be here. */
  readonly metricsOpenHere?: boolean;
  /** Further checks by name; one of a name above replaces it. */
  readonly moreChecks?: () => Promise<Readonly<Record<string, Check>>>;
  /** The API description, where the routes of this process are not all there is. */
  readonly document?: () => object | Promise<object>;
}

export interface Check extends Health {
  /** Requests are served without it, some of them or all of them later. */
  readonly optional?: true;
}

const DATABASE_CHECK_MS = 2_000;
/** Of a standby, and of a server that is set to take no writes. */
const READ_ONLY = "select current_setting('transaction_read_only')::boolean as read_only";
const ONLY_READS =
  'it takes no writes: it is read-only, as during a failover. Everything waits; bring the primary back or promote a standby';

export async function databaseCheck(database: Database): Promise<Check> {
  const late = new Promise<Check>((resolve) =>
    setTimeout(() => resolve({ ok: false, detail: 'no answer in 2 s' }), DATABASE_CHECK_MS).unref(),
  );
  const asked = database.query<{ read_only: boolean }>(READ_ONLY).then(
    ([row]): Check => (row?.read_only ? { ok: false, detail: ONLY_READS } : { ok: true, detail: 'answers' }),
    (error: unknown): Check => ({ ok: false, detail: messageOf(error) }),
  );
  return Promise.race([asked, late]);
}

const tags = ['operations'];

const Health = Type.Object(
  {
    status: Type.String({ enum: ['ok', 'degraded', 'unavailable'] }),
    checks: Type.Record(
      Type.String(),
      Type.Object({
        ok: Type.Boolean(),
        detail: Type.String(),
        optional: Type.Optional(Type.Boolean({ description: 'Requests are served without it' })),
      }),
    ),
  },
  { title: 'Health' },
);

/** Health, metrics and the API description: what operations and machines ask for. */
export function operationsRoutes(app: FastifyInstance, options: OperationsOptions): void {
  healthRoutes(app, options);
  metricsRoutes(app, options);
  descriptionRoutes(app, options.document ?? (() => app.openApi()), options.publicUrl ?? (() => ''));
}

function healthRoutes(app: FastifyInstance, options: OperationsOptions): void {
  const config = { public: true } as const;
  for (const [path, operationId] of Object.entries(LIVENESS_PATHS))
    app.get(
      path,
      {
        config,
        schema: {
          operationId,
          tags,
          summary: summaryOf(path, Object.keys(LIVENESS_PATHS), 'The process runs'),
          response: { 200: answer('It runs', Type.Object({ status: Type.Literal('ok') })) },
        },
      },
      async () => ({ status: 'ok' }),
    );
  for (const [path, operationId] of Object.entries(READINESS_PATHS))
    app.get(
      path,
      {
        config,
        schema: {
          operationId,
          tags,
          summary: summaryOf(path, Object.keys(READINESS_PATHS), 'Everything a request needs is reachable'),
          response: {
            200: answer('Requests are served; `degraded`: some more slowly or later', Health),
            503: answer('Requests are not served here now', Health),
          },
        },
      },
      async (_request, reply) => {
        // All at once: who asks does not wait longer than for the slowest.
        const [database, more] = await Promise.all([databaseCheck(options.database), options.moreChecks?.()]);
        const checks: Record<string, Check> = { database, log: options.bus.healthy() };
        for (const [name, consumer] of options.consumers) checks[name] = consumer.healthy();
        Object.assign(checks, more);
        const failed = Object.values(checks).filter((check) => !check.ok);
        const ready = failed.every((check) => check.optional);
        return reply
          .code(ready ? 200 : 503)
          .send({ status: failed.length === 0 ? 'ok' : ready ? 'degraded' : 'unavailable', checks });
      },
    );
}

function metricsRoutes(app: FastifyInstance, options: OperationsOptions): void {
  for (const [path, operationId] of Object.entries(METRICS_PATHS))
    app.get(
      path,
      {
        config: { public: true, refusals: ['UNAUTHENTICATED', 'FORBIDDEN'] },
        schema: {
          operationId,
          tags,
          summary: summaryOf(path, Object.keys(METRICS_PATHS), 'Prometheus metrics'),
          description:
            'As OpenMetrics, with ids of traces, to whoever accepts `application/openmetrics-text`. Needs the token of METRICS_TOKEN or an API key with the permission `metrics:read`; outside of production neither from the same machine.',
          response: {
            200: answer('The metrics', Type.String(), { media: ['text/plain', 'application/openmetrics-text'] }),
          },
        },
      },
      async (request, reply) => {
        const here = options.metricsOpenHere === true && isHere(request);
        if (!here && !isToken(request.headers.authorization, options.metricsToken)) {
          const principal = await options.authenticate(request);
          if (!principal)
            throw new Problem('UNAUTHENTICATED', 'Send the token of METRICS_TOKEN, or an API key, as a bearer.');
          if (!can(principal, 'metrics:read')) throw forbidden(principal, 'metrics:read');
        }
        const { contentType, body } = await options.metrics.text(request.headers.accept);
        return reply.header('content-type', contentType).send(body);
      },
    );
}

/** Called from this machine, and not through a proxy that says so. */
function isHere({ ip, headers }: FastifyRequest): boolean {
  const { 'x-forwarded-for': forwardedFor, 'x-real-ip': realIp, forwarded, via } = headers;
  const proxied = (forwardedFor ?? realIp ?? forwarded ?? via) !== undefined;
  return !proxied && (ip === '127.0.0.1' || ip === '::1' || ip === '::ffff:127.0.0.1');
}

function isToken(authorization: string | undefined, token = ''): boolean {
  if (token === '' || authorization === undefined) return false;
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(authorization.replace(/^bearer /i, '')), digest(token));
}

const page = (description: string): Answer => answer(description, Type.String(), { media: 'text/html' });
const document = (description: string, media?: string): Answer =>
  answer(description, Type.Object({}, { additionalProperties: true }), media === undefined ? {} : { media });

/** The API described for people and for programs. Routes are fixed once the process listens, so each text is made once. */
function descriptionRoutes(
  app: FastifyInstance,
  openApi: () => object | Promise<object>,
  publicUrl: () => string,
): void {
  const config = { public: true } as const;
  const texts = new Map<string, Promise<string>>();
  const once = (url: string, make: () => string | Promise<string>): Promise<string> => {
    const text = texts.get(url) ?? Promise.resolve(make());
    texts.set(url, text);
    return text;
  };
  const version = (): string => (app.openApi()['info'] as { version: string }).version;
  const json = 'application/json; charset=utf-8';

  app.get(
    '/openapi.json',
    {
      config,
      schema: {
        operationId: 'readOpenApi',
        tags,
        summary: 'This API as an OpenAPI 3.1 document',
        response: { 200: document('The document') },
      },
    },
    async (_request, reply) =>
      reply
        .type(json)
        .send(
          await once('/openapi.json', async () =>
            JSON.stringify({ ...(await openApi()), servers: [{ url: publicUrl() || '/' }] }),
          ),
        ),
  );
  app.get(
    '/asyncapi.json',
    {
      config,
      schema: {
        operationId: 'readAsyncApi',
        tags,
        summary: 'The events as an AsyncAPI 3.0 document',
        response: { 200: document('The document') },
      },
    },
    async (_request, reply) =>
      reply.type(json).send(await once('/asyncapi.json', () => JSON.stringify(asyncApi(version(), publicUrl())))),
  );
  app.get(
    '/docs',
    {
      config,
      schema: {
        operationId: 'readDocs',
        tags,
        summary: 'This API as a page for people',
        response: { 200: page('The page') },
      },
    },
    async (_request, reply) =>
      reply.headers(PAGE_HEADERS).send(await once('/docs', async () => apiPage(await openApi()))),
  );
  app.get(
    '/docs/errors',
    {
      config,
      schema: {
        operationId: 'readErrorDocs',
        tags,
        summary: 'Every error code as a page for people',
        response: { 200: page('The page') },
      },
    },
    async (_request, reply) =>
      reply.headers(PAGE_HEADERS).send(await once('/docs/errors', () => errorsPage(version()))),
  );
  app.get<{ Params: { type: string } }>(
    '/schemas/events/:type/1',
    {
      config: { ...config, refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'readEventSchema',
        tags,
        summary: 'The JSON Schema of an event, where its `dataschema` says',
        params: Type.Object({ type: Type.String({ maxLength: 100, examples: ['OrderPaid'] }) }),
        response: { 200: document('The schema', 'application/schema+json') },
      },
    },
    async ({ params }, reply) => {
      if (!isEventType(params.type)) throw new Problem('NOT_FOUND', 'There is no event of this type and version.');
      return reply.type('application/schema+json').send(JSON.stringify(eventSchema(params.type, publicUrl())));
    },
  );
}
