import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import swagger from '@fastify/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { readFileSync } from 'node:fs';
import type { Peers } from '#contracts/peers.ts';
import { parkedRoutes } from '#gateway/routes.ts';
import type { Gateway } from '#gateway/service.ts';
import { type Environment, readSettings } from '#platform/config.ts';
import { type Clock, systemClock } from '#platform/context.ts';
import { Database } from '#platform/database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded-postgres.ts';
import { migrate } from '#platform/database/migrate.ts';
import { operationsRoutes } from '#platform/http/operations.ts';
import { createHttp, type Principal } from '#platform/http/server.ts';
import { type Bus, pausedBus } from '#platform/messaging/bus.ts';
import { keepPartitions } from '#platform/messaging/retention.ts';
import { PostgresBus } from '#platform/messaging/postgres-bus.ts';
import type { Job } from '#platform/job.ts';
import type { Consumer, Service, ServiceDefinition } from '#platform/service.ts';
import { createLogger, type Logger } from '#platform/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import { type ProcessConfig, processSettings } from './config.ts';
import { SERVICES } from './services.ts';

/** One process of the system: some services, or all of them, as one thing that starts and stops. */
export interface System {
  readonly url: string;
  readonly databaseUrl: string;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly services: ReadonlyMap<string, Service>;
  /** Resolves when nothing that the system can do now is left to do. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly env: Environment;
  /** Names of the services to run; all of them by default. */
  readonly services?: readonly string[];
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const PLATFORM_MIGRATIONS = { owner: 'platform', folder: fileURLToPath(new URL('platform/migrations', import.meta.url)) };
const SETTLED_ROUNDS = 3;
const SETTLE_TIMEOUT_MS = 60_000;

export function migrationSets(definitions: readonly ServiceDefinition[] = SERVICES): { owner: string; folder: string }[] {
  return [PLATFORM_MIGRATIONS, ...definitions.flatMap(({ name, migrations }) => (migrations === undefined ? [] : [{ owner: name, folder: migrations }]))];
}

function chosenServices(names: readonly string[] | undefined): readonly ServiceDefinition[] {
  if (!names || names.length === 0) return SERVICES;
  const unknown = names.filter((name) => !SERVICES.some((service) => service.name === name));
  if (unknown.length > 0) throw new Error(`Unknown service ${unknown.join(', ')}. There are: ${SERVICES.map((service) => service.name).join(', ')}.`);
  return SERVICES.filter((service) => names.includes(service.name));
}

/** Values that both sides of a process need and nobody has to choose. */
function withGenerated(env: Environment): Environment {
  return { ...env, SANDBOX_WEBHOOK_SECRET: env['SANDBOX_WEBHOOK_SECRET'] || `whsec_${randomBytes(24).toString('base64')}` };
}

/** Starts the services, migrations first; resolves when everything listens. Whatever fails, nothing is left running. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const env = withGenerated(options.env);
  const config = readSettings(processSettings, env);
  const definitions = chosenServices(options.services);
  const logger = options.logger ?? createLogger(config.logLevel);
  const metrics = createMetrics();
  const clock = options.clock ?? systemClock;
  const closers: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        logger.warn({ err: error }, 'while stopping');
      }
    }
  };
  try {
    const databaseUrl = await provideDatabase(config, logger, closers);
    const applied = await migrate(databaseUrl, migrationSets(definitions));
    if (applied.length > 0) logger.info({ migrations: applied.map((migration) => `${migration.owner}/${migration.name}`) }, 'migrated');
    const database = new Database({ url: databaseUrl, poolSize: config.poolSize, statementTimeoutMs: config.statementTimeoutMs, applicationName: 'olms' });
    closers.push(() => database.close());
    const retention: Job = await keepPartitions(database, logger);
    closers.push(() => retention.stop());
    const log: Bus = await PostgresBus.open(database);
    closers.push(() => log.close());
    const bus = config.consume ? log : pausedBus(log);

    const peers: Partial<Peers> = {};
    const services = new Map<string, Service>();
    const exclusive = config.databaseUrl === '';
    for (const definition of definitions) {
      const service = definition.create({ env, database, bus, clock, logger: logger.child({ service: definition.name }), metrics, peers: peers as Peers, exclusive });
      Object.assign(peers, service.peer);
      services.set(definition.name, service);
    }
    const app = await createApp(services, { database, bus, logger, metrics });
    for (const service of services.values()) {
      await service.start();
      closers.push(() => service.stop());
    }
    await app.listen({ port: config.port, host: config.host });
    closers.push(() => app.close());
    const address = app.server.address() as { port: number };
    const url = `http://${config.host === '0.0.0.0' ? '127.0.0.1' : config.host}:${address.port}`;
    return { url, databaseUrl, database, metrics, services, settle: () => settle(services), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function provideDatabase(config: ProcessConfig, logger: Logger, closers: (() => Promise<unknown>)[]): Promise<string> {
  if (config.databaseUrl !== '') return config.databaseUrl;
  const postgres: EmbeddedPostgres = await startEmbeddedPostgres({ dataDir: join(config.dataFolder, 'postgres'), log: (line) => logger.debug({ line }, 'postgres') });
  closers.push(() => postgres.stop());
  return postgres.url;
}

const packageVersion = (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;

interface AppParts {
  readonly database: Database;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

async function createApp(services: ReadonlyMap<string, Service>, { database, bus, logger, metrics }: AppParts): Promise<FastifyInstance> {
  const gateway = services.get('gateway') as Gateway | undefined;
  const authenticate = (request: FastifyRequest): Principal | undefined | Promise<Principal | undefined> => gateway?.keys.authenticate(request.headers.authorization);
  const app = createHttp({ logger, metrics, authenticate });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'OLMS', version: packageVersion, description: 'Order Lifecycle Management System. Amounts are decimal strings, ids are UUIDv7, errors are problem+json with a stable code.' },
      components: { securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } } },
      security: [{ apiKey: [] }],
    },
  });
  const consumers = new Map<string, Consumer>();
  for (const [name, service] of services) if (service.consumer) consumers.set(name, service.consumer);
  // Routes are registered inside a plugin so that the OpenAPI plugin above sees them.
  await app.register(async (scope) => {
    for (const service of services.values()) service.routes?.(scope);
    operationsRoutes(scope, { database, bus, metrics, consumers, authenticate });
    parkedRoutes(scope, database, consumers);
  });
  await app.ready();
  return app;
}

async function settle(services: ReadonlyMap<string, Service>): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_TIMEOUT_MS;
  // One service's last event is another's next: quiet several times in a row means quiet.
  for (let quiet = 0; quiet < SETTLED_ROUNDS; quiet++) {
    const startedMs = performance.now();
    for (const service of services.values()) await service.settled?.();
    if (Date.now() > deadlineMs) throw new Error('The system did not settle in time');
    if (performance.now() - startedMs > 5) quiet = -1;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

