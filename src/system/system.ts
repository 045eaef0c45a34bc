import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Peers } from '#contracts/peers.ts';
import { openCache } from '#platform/cache/open-cache.ts';
import type { Database } from '#platform/database/database.ts';
import { Drain } from '#platform/http/drain.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { type Bus, isSame, LOG_START, pausedBus } from '#platform/log/bus.ts';
import { type Clock, systemClock } from '#platform/runtime/clock.ts';
import { listenError, urlOf, WAITING_CONNECTIONS_MAX } from '#platform/runtime/listen.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import { type Environment, readSettings, unknownVariables } from '#platform/runtime/settings.ts';
import type { Service, ServiceDefinition } from '#platform/service.ts';
import { createLogger, type Logger, loggerOf } from '#platform/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import { type Closers, openDatabases } from './databases.ts';
import { createApp } from './http.ts';
import { startMessaging } from './messaging.ts';
import { createRemote } from './remote.ts';
import { chooseServices, SERVICES, settingsByOwner } from './services.ts';
import { type ProcessConfig, processSettings } from './settings.ts';
import { openTracing } from './tracing.ts';
import { packageVersion } from './version.ts';

/** One process of the system: some services, or all of them, as one thing that starts and stops. */
export interface System {
  readonly url: string;
  readonly databaseUrl: string;
  readonly database: Database;
  readonly metrics: Metrics;
  readonly services: ReadonlyMap<string, Service>;
  /** Resolves when nothing that the system can do now is left to do. */
  settle(): Promise<void>;
  /**
   * Not ready any more, but serving on for `forMs` milliseconds, so that whoever hands requests to it takes another one
   * meanwhile; then callers that wait for something get what is known. {@link stop} comes afterwards.
   */
  drain(forMs: number): Promise<void>;
  stop(): Promise<void>;
}

export interface SystemOptions {
  readonly env: Environment;
  /** Names of the services to run; all of them by default. */
  readonly services?: readonly string[];
  /** Every service there is. */
  readonly definitions?: readonly ServiceDefinition[];
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** An admin key for where the settings name none. */
  readonly adminKey?: string;
}

const SETTLED_ROUNDS = 3;
const SETTLE_TIMEOUT_MS = 60_000;
const SECRET_BYTES = 24;

/** Starts the services, migrations first; resolves when everything listens. Whatever fails, nothing is left running. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { env, definitions = SERVICES, clock = systemClock } = options;
  const config = readSettings(processSettings, env);
  const chosen = chooseServices(definitions, options.services);
  const logger = options.logger ?? createLogger(config.logLevel, { eventsPerSecond: config.logEventsPerSecond });
  warnOfUnknown(env, definitions, logger);
  const metrics = createMetrics();
  const closers: Closers = [];
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
    const configuredUrl = publicUrlOf(config);
    const processName = chosen.length === 1 ? `olms-${chosen[0]!.name}` : 'olms';
    const tracing = await openTracing(env, processName, packageVersion);
    if (tracing) closers.push(() => tracing.stop());
    // Events may be published before anybody can be asked for their schemas.
    const kafka = {
      ...readSettings(kafkaSettings, env),
      publicUrl: configuredUrl || urlOf(config.host, config.port),
    };
    const remote = createRemote({ env, config, definitions, chosen, logger, metrics });
    closers.push(() => remote.close());
    const cache = await openCache(config, logger, metrics);
    closers.push(() => cache.close());
    const withKafka = kafka.brokers !== '';
    const databases = await openDatabases({
      env,
      config,
      definitions,
      chosen,
      kafka: withKafka,
      logger,
      metrics,
      closers,
    });
    const messaging = await startMessaging({ kafka, databases, logger, metrics, closers });
    const bus = config.consume ? messaging.bus : pausedBus(messaging.bus);

    const peers: Partial<Peers> = { ...remote.peers };
    const services = new Map<string, Service>();
    const processSecret = `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
    let url = '';
    const publicUrl = (): string => configuredUrl || url;
    for (const definition of chosen) {
      const { database } = databases.of(definition.name);
      const service = definition.create({
        env,
        database,
        bus,
        clock,
        logger: loggerOf(logger, definition.name),
        metrics,
        tracing,
        cache,
        peers: peers as Peers,
        soleWriter: database.soleWriter,
        separateLogs: databases.logsAreSeparate,
        backlogMs: backlogOf(services, clock),
        selfUrl: () => url,
        publicUrl,
        processSecret,
        ...(options.adminKey !== undefined && { adminKey: options.adminKey }),
      });
      assertReplays(definition, service, env);
      Object.assign(peers, service.peer);
      services.set(definition.name, service);
    }
    const drain = new Drain();
    const app = await createApp({
      config,
      publicUrl,
      definitions,
      chosen,
      services,
      databases,
      messaging,
      cache,
      remote,
      drain,
      logger,
      metrics,
      tracing,
      peers: peers as Peers,
    });
    for (const service of services.values()) {
      await service.start();
      closers.push(() => service.stop());
    }
    closers.push(() => app.close());
    const { port: wanted, host } = config;
    await app.listen({ port: wanted, host, backlog: WAITING_CONNECTIONS_MAX }).catch((error: unknown) => {
      throw listenError(error, { ...config, portSetting: 'PORT', hostSetting: 'HOST' });
    });
    const { port } = app.server.address() as { port: number };
    url = urlOf(config.host, port);
    const { url: databaseUrl, database } = databases.distinct[0]!;
    return {
      url,
      databaseUrl,
      database,
      metrics,
      services,
      settle: () => settle(bus, services),
      async drain(forMs) {
        drain.begin(app.server);
        await sleep(forMs);
        for (const service of services.values()) service.answerNow?.();
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The base URL that the settings name, without a slash at its end; empty where they name none. */
function publicUrlOf({ publicUrl }: ProcessConfig): string {
  if (publicUrl === '') return '';
  const parsed = /^https?:\/\//.test(publicUrl) ? URL.parse(publicUrl) : null;
  if (!parsed || parsed.search !== '' || parsed.hash !== '')
    throw new Error(
      `Configuration: OLMS_PUBLIC_URL must be a URL such as https://olms.example.com, not ${JSON.stringify(publicUrl)}`,
    );
  return publicUrl.replace(/\/+$/, '');
}

/** A misspelt variable has no effect, and nobody notices until it matters. */
function warnOfUnknown(env: Environment, definitions: readonly ServiceDefinition[], logger: Logger): void {
  const known = Object.values(settingsByOwner(definitions)).flatMap((settings) =>
    Object.values(settings).map((setting) => setting.env),
  );
  for (const { name, nearest } of unknownVariables(env, known))
    logger.warn({ variable: name, nearest }, `${name} is no variable of OLMS; did you mean ${nearest}?`);
}

/** What consumers a service has, its definition says: databases, the relay and `olms replay` go by that. */
function assertReplays({ name, replays }: ServiceDefinition, service: Service, env: Environment): void {
  const declared = new Set(replays?.(env).map(({ consumer }) => consumer));
  const consumers = [...(service.consumer ? [name] : []), ...Object.keys(service.consumers ?? {})];
  const missing = consumers.filter((consumer) => !declared.has(consumer));
  if (missing.length > 0) throw new Error(`The definition of ${name} must name under replays: ${missing.join(', ')}`);
}

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

async function settle(bus: Bus, services: ReadonlyMap<string, Service>): Promise<void> {
  const deadlineMs = Date.now() + SETTLE_TIMEOUT_MS;
  let end = LOG_START;
  // One service's last event is another's next: quiet several times in a row means quiet.
  for (let quiet = 0; quiet < SETTLED_ROUNDS; quiet++) {
    const reached = await withTimeout(bus.caughtUp?.() ?? Promise.resolve(end), deadlineMs - Date.now());
    const startedMs = performance.now();
    for (const service of services.values()) await service.settled?.();
    if (Date.now() > deadlineMs) throw new Error('The system did not settle in time');
    if (!isSame(reached, end) || performance.now() - startedMs > 5) quiet = -1;
    end = reached;
    await sleep(10);
  }
}
