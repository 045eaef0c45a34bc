import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Peers } from '#contracts/peers.ts';
import { parkedRoutes } from '#gateway/routes.ts';
import { proxyRoutes, ROUTED_SERVICES } from '#gateway/routing.ts';
import type { Gateway } from '#gateway/service.ts';
import type { Cache } from '#platform/cache/cache.ts';
import { openCache } from '#platform/cache/open-cache.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { type Clock, systemClock } from '#platform/runtime/clock.ts';
import { Database } from '#platform/database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { migrate } from '#platform/database/migrate.ts';
import { IDENTITY_HEADER } from '#platform/http/remote/identity.ts';
import { type Check, databaseCheck, operationsRoutes } from '#platform/http/operations.ts';
import { createHttp, type Principal } from '#platform/http/server.ts';
import { type Bus, pausedBus } from '#platform/log/bus.ts';
import { KafkaBus } from '#platform/kafka/bus.ts';
import { type KafkaConfig, kafkaSettings } from '#platform/kafka/settings.ts';
import { keepPartitions } from '#platform/log/partitions.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import { Relay } from '#platform/kafka/relay.ts';
import { consumerCoordinator } from '#platform/log/coordinator.ts';
import type { Job } from '#platform/runtime/job.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Service, ServiceDefinition } from '#platform/service.ts';
import { createLogger, type Logger } from '#platform/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { databaseUrlOf, type ProcessConfig, processSettings } from './settings.ts';
import { createRemote, peerRoutes, type Remote } from './remote.ts';
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

const SETTLED_ROUNDS = 3;
const SETTLE_TIMEOUT_MS = 60_000;

export function migrationSets(
  definitions: readonly ServiceDefinition[] = SERVICES,
): { owner: string; folder: string }[] {
  return [
    LOG_MIGRATIONS,
    ...definitions.flatMap(({ name, migrations }) =>
      migrations === undefined ? [] : [{ owner: name, folder: migrations }],
    ),
  ];
}

function chosenServices(names: readonly string[] | undefined): readonly ServiceDefinition[] {
  if (!names || names.length === 0) return SERVICES;
  const unknown = names.filter((name) => !SERVICES.some((service) => service.name === name));
  if (unknown.length > 0)
    throw new Error(
      `Unknown service ${unknown.join(', ')}. There are: ${SERVICES.map((service) => service.name).join(', ')}.`,
    );
  return SERVICES.filter((service) => names.includes(service.name));
}

/** Values that both sides of a process need and nobody has to choose. */
function withGenerated(env: Environment): Record<string, string | undefined> {
  return {
    ...env,
    SANDBOX_WEBHOOK_SECRET: env['SANDBOX_WEBHOOK_SECRET'] || `whsec_${randomBytes(24).toString('base64')}`,
  };
}

/** Starts the services, migrations first; resolves when everything listens. Whatever fails, nothing is left running. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const env = withGenerated(options.env);
  const config = readSettings(processSettings, env);
  const definitions = chosenServices(options.services);
  const local = new Set(definitions.map(({ name }) => name));
  const logger = options.logger ?? createLogger(config.logLevel);
  const metrics = createMetrics();
  const clock = options.clock ?? systemClock;
  const closers: Closer[] = [];
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
    const kafka = readSettings(kafkaSettings, env);
    const remote = createRemote({ env, config, local, logger, metrics });
    closers.push(() => remote.close());
    const cache = await openCache(config, logger, metrics);
    closers.push(() => cache.close());
    const databases = await openDatabases({ env, config, definitions, kafka: kafka.brokers !== '', logger, closers });
    const messaging = await startMessaging({ kafka, databases, logger, closers });
    const bus = config.consume ? messaging.bus : pausedBus(messaging.bus);

    const peers: Partial<Peers> = { ...remote.peers };
    const services = new Map<string, Service>();
    for (const definition of definitions) {
      const { database } = databases.of(definition.name);
      const service = definition.create({
        env,
        database,
        bus,
        clock,
        logger: logger.child({ service: definition.name }),
        metrics,
        cache,
        peers: peers as Peers,
        soleWriter: database.soleWriter,
        separateLogs: databases.logsAreSeparate,
        backlogMs: backlogOf(services, clock),
      });
      Object.assign(peers, service.peer);
      services.set(definition.name, service);
    }
    const app = await createApp({
      services,
      databases,
      messaging,
      cache,
      remote,
      logger,
      metrics,
      peers: peers as Peers,
    });
    for (const service of services.values()) {
      await service.start();
      closers.push(() => service.stop());
    }
    await app.listen({ port: config.port, host: config.host });
    closers.push(() => app.close());
    const address = app.server.address() as { port: number };
    const url = `http://${config.host === '0.0.0.0' ? '127.0.0.1' : config.host}:${address.port}`;
    // With PORT=0 the port is known only now; the sandbox provider looks when it has something to tell.
    if (config.port === 0 && local.has('payments')) env['SANDBOX_WEBHOOK_URL'] ||= `${url}/payments/webhooks/sandbox`;
    const { url: databaseUrl, database } = databases.distinct[0]!;
    return { url, databaseUrl, database, metrics, services, settle: () => settle(services), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Closer = () => Promise<unknown>;

const BACKLOG_REMEMBERED_MS = 250;

/** Age of the oldest event that a consumer of this process has not read yet, looked up a few times a second. */
function backlogOf(services: ReadonlyMap<string, Service>, clock: Clock): () => number {
  let ageMs = 0;
  let lookedMs = 0;
  return () => {
    if (clock.nowMs() - lookedMs < BACKLOG_REMEMBERED_MS) return ageMs;
    lookedMs = clock.nowMs();
    ageMs = 0;
    for (const service of services.values()) ageMs = Math.max(ageMs, service.consumer?.lag().ageMs ?? 0);
    return ageMs;
  };
}

// Databases ------------------------------------------------------------------------------------------------

interface OpenDatabase {
  readonly url: string;
  readonly database: Database;
  /** Services of this process whose data it holds. */
  readonly services: readonly ServiceDefinition[];
}

interface Databases {
  readonly distinct: readonly OpenDatabase[];
  of(service: string): OpenDatabase;
  /** True where some service writes its events to another log than another. */
  readonly logsAreSeparate: boolean;
}

interface DatabaseOptions {
  readonly env: Environment;
  readonly config: ProcessConfig;
  readonly definitions: readonly ServiceDefinition[];
  readonly kafka: boolean;
  readonly logger: Logger;
  readonly closers: Closer[];
}

/** These neither write to the log nor read it. */
const WITHOUT_LOG: ReadonlySet<string> = new Set(['gateway', 'sandbox']);
/** These read it and say nothing themselves. */
const SILENT: ReadonlySet<string> = new Set(['notifications']);

/** Opens every database that services of this process use, migrated, with its partitions kept. */
async function openDatabases({
  env,
  config,
  definitions,
  kafka,
  logger,
  closers,
}: DatabaseOptions): Promise<Databases> {
  const urls = new Map(SERVICES.map(({ name }) => [name, databaseUrlOf(name, env)]));
  if (!kafka) assertOneLog(urls);
  const all = definitions.length === SERVICES.length;
  let embedded: EmbeddedPostgres | undefined;
  const byUrl = new Map<string, ServiceDefinition[]>();
  for (const definition of definitions) {
    const url = urls.get(definition.name)!;
    byUrl.set(url, [...(byUrl.get(url) ?? []), definition]);
  }
  const distinct: OpenDatabase[] = [];
  for (const [configured, services] of byUrl) {
    if (configured === '') embedded = await startEmbedded(config, logger, closers);
    const url = configured || embedded!.url;
    const applied = await migrate(url, migrationSets(services));
    if (applied.length > 0)
      logger.info({ migrations: applied.map(({ owner, name }) => `${owner}/${name}`) }, 'migrated');
    const database = new Database({
      url,
      poolSize: config.poolSize,
      statementTimeoutMs: config.statementTimeoutMs,
      applicationName: all ? 'olms' : `olms ${services.map(({ name }) => name).join(' ')}`.slice(0, 60),
      soleWriter: configured === '' && all && !kafka && embedded!.owned,
    });
    closers.push(() => database.close());
    const retention: Job = await keepPartitions(database, logger);
    closers.push(() => retention.stop());
    distinct.push({ url, database, services });
  }
  // With Kafka, other processes may have databases that this one knows nothing of.
  const logsAreSeparate = kafka && !(all && byUrl.size === 1);
  return {
    distinct,
    of: (service) => distinct.find(({ services }) => services.some(({ name }) => name === service))!,
    logsAreSeparate,
  };
}

function assertOneLog(urls: ReadonlyMap<string, string>): void {
  const [first, ...others] = [...urls].filter(([service]) => !WITHOUT_LOG.has(service));
  const apart = others.find(([, url]) => url !== first![1]);
  if (apart)
    throw new Error(
      `Configuration: the services ${first![0]} and ${apart[0]} have different databases, so their events need Kafka between them. Set KAFKA_BROKERS, or give all services one DATABASE_URL.`,
    );
}

async function startEmbedded(config: ProcessConfig, logger: Logger, closers: Closer[]): Promise<EmbeddedPostgres> {
  const dataDir = join(config.dataFolder, 'postgres');
  const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => logger.debug({ line }, 'postgres') });
  closers.push(() => postgres.stop());
  return postgres;
}

// Messaging ------------------------------------------------------------------------------------------------

interface Messaging {
  readonly bus: Bus;
  readonly relays: readonly Relay[];
  /** The log can be away while everything else is there. */
  readonly apart: boolean;
}

interface MessagingOptions {
  readonly kafka: KafkaConfig;
  readonly databases: Databases;
  readonly logger: Logger;
  readonly closers: Closer[];
}

/** The log in PostgreSQL, or Kafka with a relay for every log that services of this process write to. */
async function startMessaging({ kafka, databases, logger, closers }: MessagingOptions): Promise<Messaging> {
  if (kafka.brokers === '') {
    // A database that holds no log is one the gateway or the sandbox has for itself.
    const { url, database } = databases.distinct.find(hasLog) ?? databases.distinct[0]!;
    const coordinator = database.soleWriter ? undefined : consumerCoordinator(url, logger);
    if (coordinator) closers.push(() => coordinator.stop());
    const bus = await PostgresBus.open(database, coordinator);
    closers.push(() => bus.close());
    return { bus, relays: [], apart: false };
  }
  const bus = await KafkaBus.open(kafka, logger);
  closers.push(() => bus.close());
  const relays: Relay[] = [];
  for (const { url, database, services } of databases.distinct.filter(hasLog)) {
    if (services.every(({ name }) => WITHOUT_LOG.has(name) || SILENT.has(name))) continue;
    const relay = await Relay.start({ config: kafka, database, url, logger, recentCommits: bus.recentCommits });
    closers.push(() => relay.stop());
    relays.push(relay);
  }
  return { bus, relays, apart: true };
}

function hasLog({ services }: OpenDatabase): boolean {
  return services.some(({ name }) => !WITHOUT_LOG.has(name));
}

/** The relays of this process as one consumer: orders they parked can be released here. */
function relayConsumer(relays: readonly Relay[]): Consumer | undefined {
  if (relays.length === 0) return undefined;
  return {
    lag: () =>
      relays
        .map((relay) => relay.lag())
        .reduce((a, b) => ({ events: a.events + b.events, ageMs: Math.max(a.ageMs, b.ageMs) })),
    healthy: () =>
      relays
        .map((relay) => relay.healthy())
        .reduce((a, b) => ({ ok: a.ok && b.ok, detail: `${a.detail}; ${b.detail}` })),
    settled: async () => void (await Promise.all(relays.map((relay) => relay.settled()))),
    async unpark(orderId, change) {
      let left = 0;
      for (const relay of relays) left += await relay.unpark(orderId, change);
      return left;
    },
    get parkedCount() {
      return relays.reduce((sum, relay) => sum + relay.parkedCount, 0);
    },
  };
}

// HTTP -----------------------------------------------------------------------------------------------------

const { version: packageVersion } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as {
  version: string;
};
const OPENAPI_FILE = new URL('../../docs/api/openapi.json', import.meta.url);

interface AppParts {
  readonly services: ReadonlyMap<string, Service>;
  readonly databases: Databases;
  readonly messaging: Messaging;
  readonly cache: Cache;
  readonly remote: Remote;
  readonly peers: Peers;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

async function createApp({
  services,
  databases,
  messaging,
  cache,
  remote,
  peers,
  logger,
  metrics,
}: AppParts): Promise<FastifyInstance> {
  const gateway = services.get('gateway') as Gateway | undefined;
  const { identities } = remote;
  const authenticate = (request: FastifyRequest): Principal | undefined | Promise<Principal | undefined> => {
    const identity = identities && request.headers[IDENTITY_HEADER];
    if (identity !== undefined || !gateway) return identities?.verify(identity);
    return gateway.keys.authenticate(request.headers.authorization);
  };
  const app = createHttp({
    version: packageVersion,
    logger,
    metrics,
    authenticate,
    behindGateway: gateway === undefined,
  });
  const consumers = new Map<string, Consumer>();
  for (const [name, service] of services) {
    if (service.consumer) consumers.set(name, service.consumer);
    for (const [further, consumer] of Object.entries(service.consumers ?? {})) consumers.set(further, consumer);
  }
  const relay = relayConsumer(messaging.relays);
  const complete = ROUTED_SERVICES.every((service) => services.has(service));
  const committed =
    complete || !gateway || !existsSync(OPENAPI_FILE)
      ? undefined
      : (JSON.parse(readFileSync(OPENAPI_FILE, 'utf8')) as object);
  await app.register(async (scope) => {
    for (const service of services.values()) service.routes?.(scope);
    operationsRoutes(scope, {
      database: databases.distinct[0]!.database,
      bus: messaging.bus,
      metrics,
      consumers,
      authenticate,
      moreChecks: async () => ({
        ...(await moreChecks(databases, messaging, relay, remote)),
        ...liveChecks(cache, gateway),
      }),
      ...(committed && { document: () => committed }),
    });
    const parking = relay ? new Map([...consumers, ['relay', relay]]) : consumers;
    const withLog = databases.distinct.filter(hasLog).map(({ database }) => database);
    parkedRoutes(scope, withLog, parking, gateway ? [...remote.services.values()] : []);
    if (gateway && !complete) proxyRoutes(scope, new Set(services.keys()), remote.services);
    if (identities) peerRoutes(scope, services, peers);
  });
  await app.ready();
  return app;
}

/** What else a process depends on. What other processes do is shown, but makes nobody unready for the rest. */
async function moreChecks(
  databases: Databases,
  { bus, apart }: Messaging,
  relay: Consumer | undefined,
  remote: Remote,
): Promise<Record<string, Check>> {
  const checks: Record<string, Check> = {};
  for (const { database, services } of databases.distinct.slice(1))
    checks[`database ${services.map(({ name }) => name).join(' ')}`] = await databaseCheck(database);
  // Without Kafka requests are taken as ever: what they cause waits in the outbox.
  if (apart) checks['log'] = { ...bus.healthy(), optional: true };
  if (relay) checks['relay'] = { ...relay.healthy(), optional: true };
  await Promise.all(
    [...remote.services.values()].map(async (service) => {
      checks[`service ${service.name}`] = { ...(await service.reachable()), optional: true };
    }),
  );
  return checks;
}

/** What makes the system faster: without it, it is slower, and says so. */
function liveChecks(cache: Cache, gateway: Gateway | undefined): Record<string, Check> {
  return {
    ...(cache.shared && { cache: { ...cache.healthy(), optional: true } }),
    ...(gateway && { stream: { ...gateway.stream.healthy(), optional: true } }),
  };
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
