import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Peers } from '#contracts/peers.ts';
import type { Cache } from '#platform/cache/cache.ts';
import { auditEntryRoutes } from '#platform/http/audit-entries.ts';
import { operationsRoutes } from '#platform/http/operations.ts';
import type { Drain } from '#platform/http/drain.ts';
import { parkedRoutes } from '#platform/http/parked-routes.ts';
import { IDENTITY_HEADER } from '#platform/http/remote/identity.ts';
import { proxyRoutes } from '#platform/http/remote/proxy.ts';
import { originsOf } from '#platform/http/cors.ts';
import { createHttp, type Principal } from '#platform/http/server.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Service, ServiceDefinition } from '#platform/service.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Tracing } from '#platform/telemetry/tracing.ts';
import { readinessChecks } from './checks.ts';
import { type Databases, hasLog } from './databases.ts';
import { describeApi } from './description.ts';
import { measureSystem } from './measurements.ts';
import { type Messaging, relayConsumer } from './messaging.ts';
import { peerRoutes, type Remote } from './remote.ts';
import type { ProcessConfig } from './settings.ts';
import { packageVersion } from './version.ts';

export interface AppParts {
  readonly config: ProcessConfig;
  /** Base URL of the API as it is reached from outside. */
  readonly publicUrl: () => string;
  /** Every service there is, and those of this process. */
  readonly definitions: readonly ServiceDefinition[];
  readonly chosen: readonly ServiceDefinition[];
  readonly services: ReadonlyMap<string, Service>;
  readonly databases: Databases;
  readonly messaging: Messaging;
  readonly cache: Cache;
  readonly remote: Remote;
  readonly drain: Drain;
  readonly peers: Peers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | undefined;
}

/** The HTTP API of a process: the routes of its services, what every process answers, and the way to services elsewhere. */
export async function createApp({
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
  peers,
  logger,
  metrics,
  tracing,
}: AppParts): Promise<FastifyInstance> {
  const frontDoor = [...services.values()].find((service) => service.authenticate);
  const { identities } = remote;
  const authenticate = (
    request: FastifyRequest,
    beforeLookup?: () => void,
  ): Principal | undefined | Promise<Principal | undefined> => {
    const identity = identities && request.headers[IDENTITY_HEADER];
    if (identity !== undefined || !frontDoor) return identities?.verify(identity);
    return frontDoor.authenticate!(request, beforeLookup);
  };
  const app = createHttp({
    version: packageVersion,
    tags: chosen.flatMap(({ tags = [] }) => tags),
    logger,
    metrics,
    tracing,
    authenticate,
    behindGateway: frontDoor === undefined,
    customersOfOrders: (asked) => peers.customersOfOrders(asked),
    ...(frontDoor && { corsOrigins: originsOf(config.corsOrigins) }),
    limits: config,
    waitedMs: () => Math.max(...databases.distinct.map(({ database }) => database.waitedMs)),
  });
  const consumers = new Map<string, Consumer>();
  for (const [name, service] of services) {
    if (service.consumer) consumers.set(name, service.consumer);
    for (const [further, consumer] of Object.entries(service.consumers ?? {})) consumers.set(further, consumer);
  }
  const relay = relayConsumer(messaging.relays.map((each) => each.relay));
  measureSystem({ metrics, databases, messaging, consumers });
  const vital = new Set(definitions.filter((definition) => definition.vital).map(({ name }) => name));
  const elsewhere = definitions.flatMap(({ name, paths }) =>
    paths && !services.has(name) ? [{ name, paths, remote: remote.services.get(name) }] : [],
  );
  // The gateway answers for services elsewhere too, whose routes are not here.
  const wholeApi = (): object | Promise<object> =>
    frontDoor && elsewhere.length > 0 ? describeApi(definitions, packageVersion) : app.openApi();
  app.decorate('wholeApi', wholeApi);
  await app.register(async (scope) => {
    for (const service of services.values()) service.routes?.(scope);
    operationsRoutes(scope, {
      database: databases.distinct[0]!.database,
      bus: messaging.bus,
      metrics,
      consumers,
      authenticate,
      publicUrl,
      metricsToken: config.metricsToken,
      metricsOpenHere: config.environment !== 'production',
      moreChecks: () =>
        readinessChecks(databases, messaging, relay, remote, cache, services.values(), {
          frontDoor: frontDoor !== undefined,
          vital,
          stopping: drain.active,
        }),
      document: wholeApi,
    });
    const parking = relay ? new Map([...consumers, ['relay', relay]]) : consumers;
    const withLog = databases.distinct.filter(hasLog).map(({ database }) => database);
    parkedRoutes(scope, withLog, parking, frontDoor ? [...remote.services.values()] : []);
    const all = databases.distinct.map(({ database }) => database);
    auditEntryRoutes(scope, all, frontDoor ? [...remote.services.values()] : []);
    if (frontDoor) proxyRoutes(scope, elsewhere);
    if (identities) peerRoutes(scope, chosen, peers);
  });
  await app.ready();
  return app;
}
