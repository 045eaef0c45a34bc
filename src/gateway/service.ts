import { join } from 'node:path';
import { MemoryCache } from '#platform/cache/memory-cache.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { ApiKeys } from './api-keys.ts';
import { gatewaySettings } from './settings.ts';
import { limitRates } from './rate-limit.ts';
import { apiKeyRoutes } from './routes.ts';
import { streamRoutes } from './stream-routes.ts';
import { Stream } from './stream.ts';

/** The front door: who may call. The routes behind it belong to the services. */
export const gateway: ServiceDefinition = {
  name: 'gateway',
  summary: 'The front door: who may call, and live events',
  tags: [{ name: 'api keys', description: 'Who may call' }],
  frontDoor: true,
  migrations: join(import.meta.dirname, 'migrations'),
  settings: gatewaySettings,
  create({ env, database, bus, cache, logger, metrics, adminKey = '' }) {
    const config = readSettings(gatewaySettings, env);
    const keys = new ApiKeys(database, config.bootstrapApiKey || adminKey);
    const stream = new Stream({
      bus,
      cache,
      logger,
      metrics,
      clientsMax: config.streamClientsMax,
      clientsPerKeyMax: config.streamClientsPerKeyMax,
      ageMaxMs: config.streamAgeMaxMs,
    });
    return {
      authenticate: (authorization, beforeLookup) => keys.authenticate(authorization, beforeLookup),
      checks: () => ({ stream: { ...stream.healthy(), optional: true } }),
      routes(app) {
        // A default costs nobody a way to Redis.
        const shared = env['RATE_LIMIT_PER_SECOND'] ? cache : undefined;
        limitRates(app, config.rateLimitPerSecond, shared ?? new MemoryCache());
        apiKeyRoutes(app, keys);
        streamRoutes(app, stream, (authorization) => keys.authenticate(authorization));
      },
      async start() {},
      stop: () => stream.close(),
    };
  },
};
