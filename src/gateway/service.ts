import { fileURLToPath } from 'node:url';
import { MemoryCache } from '#platform/cache/memory-cache.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { ApiKeys } from './api-keys.ts';
import { gatewaySettings } from './settings.ts';
import { limitRates } from './rate-limit.ts';
import { apiKeyRoutes } from './routes.ts';
import { Stream, streamRoutes } from './stream.ts';

/** The front door: who may call. The routes behind it belong to the services. */
export interface Gateway extends Service {
  readonly keys: ApiKeys;
  readonly stream: Stream;
}

export const gateway: ServiceDefinition & { create(dependencies: ServiceDependencies): Gateway } = {
  name: 'gateway',
  migrations: fileURLToPath(new URL('migrations', import.meta.url)),
  settings: gatewaySettings,
  create({ env, database, bus, cache, logger, metrics }: ServiceDependencies): Gateway {
    const config = readSettings(gatewaySettings, env);
    const keys = new ApiKeys(database, config.bootstrapApiKey);
    const stream = new Stream({ bus, cache, logger, metrics, clientsMax: config.streamClientsMax });
    return {
      keys,
      stream,
      routes(app) {
        limitRates(app, config.rateLimitPerSecond, cache ?? new MemoryCache());
        apiKeyRoutes(app, keys);
        streamRoutes(app, stream);
      },
      async start() {},
      stop: () => stream.close(),
    };
  },
};
