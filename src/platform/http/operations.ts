import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Database } from '../database/database.ts';
import type { Bus } from '../messaging/bus.ts';
import type { Consumer } from '../service.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { Problem } from './problems.ts';
import type { Principal } from './server.ts';

export interface OperationsOptions {
  readonly database: Database;
  readonly bus: Bus;
  readonly metrics: Metrics;
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly authenticate: (request: FastifyRequest) => Principal | undefined | Promise<Principal | undefined>;
}

interface Check {
  readonly ok: boolean;
  readonly detail: string;
}

const DATABASE_CHECK_MS = 2_000;

async function databaseCheck(database: Database): Promise<Check> {
  const late = new Promise<Check>((resolve) => setTimeout(() => resolve({ ok: false, detail: 'no answer in 2 s' }), DATABASE_CHECK_MS).unref());
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

  app.get('/health/liveness', { config: open, schema: { tags: ['operations'], summary: 'The process runs' } }, async () => ({ status: 'ok' }));
  app.get('/health/readiness', { config: open, schema: { tags: ['operations'], summary: 'Everything a request needs is reachable' } }, async (_request, reply) => {
    const checks: Record<string, Check> = { database: await databaseCheck(options.database), log: options.bus.healthy() };
    for (const [name, consumer] of options.consumers) checks[name] = consumer.healthy();
    const ok = Object.values(checks).every((check) => check.ok);
    return reply.code(ok ? 200 : 503).send({ status: ok ? 'ok' : 'unavailable', checks });
  });
  // Scrapers on this machine need no key; nobody behind a proxy counts as being on it.
  app.get('/metrics', { config: open, schema: { tags: ['operations'], summary: 'Prometheus metrics' } }, async (request, reply) => {
    const local = (request.ip === '127.0.0.1' || request.ip === '::1') && request.headers['x-forwarded-for'] === undefined;
    if (!local && !(await options.authenticate(request))) throw new Problem('UNAUTHENTICATED', 'From another machine, send an API key.');
    return reply.header('content-type', options.metrics.registry.contentType).send(await options.metrics.registry.metrics());
  });
  app.get('/openapi.json', { config: open, schema: hidden }, async () => app.swagger());
}
