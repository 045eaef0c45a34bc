import { fileURLToPath } from 'node:url';
import { readSettings } from '#platform/config.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { ApiKeys } from './api-keys.ts';
import { gatewaySettings } from './config.ts';
import { apiKeyRoutes } from './routes.ts';

/** The front door: who may call. The routes behind it belong to the services. */
export interface Gateway extends Service {
  readonly keys: ApiKeys;
}

export const gateway: ServiceDefinition & { create(dependencies: ServiceDependencies): Gateway } = {
  name: 'gateway',
  migrations: fileURLToPath(new URL('migrations', import.meta.url)),
  settings: gatewaySettings,
  create({ env, database }: ServiceDependencies): Gateway {
    const keys = new ApiKeys(database, readSettings(gatewaySettings, env).bootstrapApiKey);
    return {
      keys,
      routes: (app) => apiKeyRoutes(app, keys),
      async start() {},
      async stop() {},
    };
  },
};
