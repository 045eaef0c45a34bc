import { Database } from '#platform/database/database.ts';
import { auditEntryRoutes } from '#platform/http/audit-entries.ts';
import { operationsRoutes } from '#platform/http/operations.ts';
import { parkedRoutes } from '#platform/http/parked-routes.ts';
import { createHttp } from '#platform/http/server.ts';
import { type Bus, pausedBus } from '#platform/log/bus.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';

/** Nothing listens there, and nothing asks: creating a service and its routes does no I/O. */
const NO_DATABASE = 'postgres://nobody@127.0.0.1:1/none';

const noBus: Bus = pausedBus({
  subscribe: () => Promise.reject(new Error('There is no log while the API is described.')),
  remember: () => {},
  forget: () => {},
  observe: () => () => {},
  healthy: () => ({ ok: true, detail: 'no log' }),
  close: async () => {},
});

/**
 * The OpenAPI document of the whole API, made from the routes of all services without starting any: what a gateway
 * answers whose services run elsewhere. A test holds it and what one process with all services answers together.
 */
export async function describeApi(
  definitions: readonly ServiceDefinition[],
  version: string,
): Promise<Record<string, unknown>> {
  const logger = createLogger('silent');
  const metrics = createMetrics();
  const database = new Database({
    url: NO_DATABASE,
    poolSize: 1,
    statementTimeoutMs: 1,
    applicationName: 'olms description',
  });
  const authenticate = (): undefined => undefined;
  const tags = definitions.flatMap((definition) => definition.tags ?? []);
  const app = createHttp({ version, tags, logger, metrics, authenticate });
  await app.register(async (scope) => {
    for (const definition of definitions) {
      const service = definition.create({
        env: {},
        database,
        bus: noBus,
        clock: systemClock,
        logger,
        metrics,
        peers: {
          lookupProducts: async () => [],
          renamedProducts: async () => ({ products: [], since: '0', more: false }),
          checkArrival: async () => ({}),
          decideReviews: async () => ({ outcomes: [] }),
          dispatchOrders: async () => ({ outcomes: [] }),
          customersOfOrders: async () => ({ customers: {} }),
          paymentProviders: async () => [],
          nextActions: async () => ({ actions: {} }),
          documentsToMail: async () => ({ documents: [], awaited: false }),
          ordersOfDocument: async () => [],
          addressOfLocation: async () => ({}),
          orderOnPaper: async () => ({}),
        },
        soleWriter: true,
      });
      service.routes?.(scope);
    }
    operationsRoutes(scope, { database, bus: noBus, metrics, consumers: new Map(), authenticate });
    parkedRoutes(scope, database, new Map());
    auditEntryRoutes(scope, [database]);
  });
  await app.ready();
  const document = app.openApi();
  await app.close();
  await database.close();
  return document;
}
