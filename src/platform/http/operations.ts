import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Database } from '../database/database.ts';
import type { Bus } from '../messaging/bus.ts';
import type { Consumer } from '../service.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { apiPage, asyncApi, errorsPage, eventSchema, isEventType, PAGE_HEADERS } from './docs-page.ts';
import { Problem } from './problems.ts';
import type { Principal } from './server.ts';

export interface OperationsOptions {
  readonly database: Database;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly authenticate: (request: FastifyRequest) => Principal | undefined | Promise<Principal | undefined>;
  /** Further checks by name; one of a name above replaces it. */
  readonly moreChecks?: () => Promise<Readonly<Record<string, Check>>>;
  /** The API description, where the routes of this process are not all there is. */
  readonly document?: () => object;
}

export interface Check {
  readonly ok: boolean;
  readonly detail: string;
  /** Requests are served without it, some of them or all of them later. */
  readonly optional?: true;
}

const DATABASE_CHECK_MS = 2_000;

export async function databaseCheck(database: Database): Promise<Check> {
  const late = new Promise<Check>((resolve) =>
    setTimeout(() => resolve({ ok: false, detail: 'no answer in 2 s' }), DATABASE_CHECK_MS).unref(),
  );
  const asked = database.query('select 1').then(
    (): Check => ({ ok: true, detail: 'answers' }),
    (error: unknown): Check => ({ ok: false, detail: (error as Error).message }),
  );
  return Promise.race([asked, late]);
}

/** Health, metrics and the API description: what operations and machines ask for. */
export function operationsRoutes(app: FastifyInstance, options: OperationsOptions): void {
  const open = { public: true } as const;
  const hidden = { hide: true } as const;

  app.get(
    '/health/liveness',
    { config: open, schema: { tags: ['operations'], summary: 'The process runs' } },
    async () => ({ status: 'ok' }),
  );
  app.get(
    '/health/readiness',
    { config: open, schema: { tags: ['operations'], summary: 'Everything a request needs is reachable' } },
    async (_request, reply) => {
      const checks: Record<string, Check> = {
        database: await databaseCheck(options.database),
        log: options.bus.healthy(),
      };
      for (const [name, consumer] of options.consumers) checks[name] = consumer.healthy();
      Object.assign(checks, await options.moreChecks?.());
      const failed = Object.values(checks).filter((check) => !check.ok);
      const ready = failed.every((check) => check.optional);
      return reply
        .code(ready ? 200 : 503)
        .send({ status: failed.length === 0 ? 'ok' : ready ? 'degraded' : 'unavailable', checks });
    },
  );
  // Scrapers on this machine need no key; nobody behind a proxy counts as being on it.
  app.get(
    '/metrics',
    { config: open, schema: { tags: ['operations'], summary: 'Prometheus metrics' } },
    async (request, reply) => {
      const local =
        (request.ip === '127.0.0.1' || request.ip === '::1') && request.headers['x-forwarded-for'] === undefined;
      if (!local && !(await options.authenticate(request)))
        throw new Problem('UNAUTHENTICATED', 'From another machine, send an API key.');
      return reply
        .header('content-type', options.metrics.registry.contentType)
        .send(await options.metrics.registry.metrics());
    },
  );
  app.get('/openapi.json', { config: open, schema: hidden }, async () => options.document?.() ?? app.swagger());
  describe(app, () => options.document?.() ?? app.swagger());
}

/** The API described for people and for programs. Routes are fixed once the process listens, so each page is made once. */
function describe(app: FastifyInstance, document: () => object): void {
  const shown = { config: { public: true }, schema: { hide: true } } as const;
  const pages = new Map<string, string>();
  const page = (url: string, make: () => string): string => {
    const text = pages.get(url) ?? make();
    pages.set(url, text);
    return text;
  };
  const version = (): string => app.swagger().info.version;

  app.get('/docs', shown, async (_request, reply) =>
    reply.headers(PAGE_HEADERS).send(page('/docs', () => apiPage(document()))),
  );
  app.get('/docs/errors', shown, async (_request, reply) =>
    reply.headers(PAGE_HEADERS).send(page('/docs/errors', () => errorsPage(version()))),
  );
  app.get('/asyncapi.json', shown, async () => asyncApi(version()));
  app.get<{ Params: { type: string } }>('/schemas/events/:type/1', shown, async ({ params }, reply) => {
    if (!isEventType(params.type)) throw new Problem('NOT_FOUND', 'There is no event of this type and version.');
    return reply.type('application/schema+json').send(JSON.stringify(eventSchema(params.type)));
  });
}
