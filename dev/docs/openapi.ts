import { readFileSync } from 'node:fs';
import { parkedRoutes } from '#gateway/routes.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { Database } from '#platform/database/database.ts';
import { operationsRoutes } from '#platform/http/operations.ts';
import { createHttp } from '#platform/http/server.ts';
import { type Bus, pausedBus } from '#platform/log/bus.ts';
import type { ServiceDependencies } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { SERVICES } from '#system/services.ts';
import { type Json, sorted } from './json.ts';

export const packageVersion = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version;

/** Nothing listens there, and nothing asks: creating a service and its routes does no I/O. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none';

const noBus: Bus = pausedBus({
  subscribe: () => Promise.reject(new Error('There is no log while documents are made.')),
  remember: () => {},
  forget: () => {},
  observe: () => () => {},
  healthy: () => ({ ok: true, detail: 'no log' }),
  close: async () => {},
});

/**
 * The OpenAPI document of the whole API, made from the routes of all services without starting any: the same
 * that `GET /openapi.json` of a running system answers. A test holds the two together.
 */
export async function openApi(): Promise<Json> {
  const logger = createLogger('silent');
  const metrics = createMetrics();
  const url = NO_DATABASE;
  const database = new Database({ url, poolSize: 1, statementTimeoutMs: 1, applicationName: 'olms docs' });
  const authenticate = (): undefined => undefined;
  const app = createHttp({ version: packageVersion, logger, metrics, authenticate });
  const dependencies: ServiceDependencies = {
    env: {},
    database,
    bus: noBus,
    clock: systemClock,
    logger,
    metrics,
    peers: { lookupProducts: async () => [] },
    soleWriter: true,
  };
  await app.register(async (scope) => {
    for (const definition of SERVICES) definition.create(dependencies).routes?.(scope);
    operationsRoutes(scope, { database, bus: noBus, metrics, consumers: new Map(), authenticate });
    parkedRoutes(scope, database, new Map());
  });
  await app.ready();
  const document = sorted(app.openApi() as Json);
  await app.close();
  await database.close();
  return document;
}
