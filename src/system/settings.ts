import { availableParallelism } from 'node:os';
import { cacheSettings } from '#platform/cache/open-cache.ts';
import type { Environment, Setting, Settings, Values } from '#platform/runtime/settings.ts';

/** Settings of a process, whichever services it runs. */
export const processSettings = {
  port: { type: 'integer', env: 'PORT', default: 8080, meaning: 'Port of the HTTP API; 0: any free one' },
  host: {
    type: 'string',
    env: 'HOST',
    default: '127.0.0.1',
    meaning: 'Address to listen on; 0.0.0.0 in a container',
  },
  databaseUrl: {
    type: 'secret',
    env: 'DATABASE_URL',
    default: '',
    meaning: 'PostgreSQL to use; empty: an embedded one with its data in OLMS_DATA',
  },
  poolSize: {
    type: 'integer',
    env: 'DATABASE_POOL_SIZE',
    default: Math.max(8, availableParallelism() * 2),
    meaning: 'Connections per process and database; throughput peaks near 8',
  },
  statementTimeoutMs: {
    type: 'integer',
    env: 'DATABASE_STATEMENT_TIMEOUT_MS',
    default: 15_000,
    meaning: 'Limit for one SQL statement; long transactions hold every reader of the log back',
  },
  dataFolder: {
    type: 'string',
    env: 'OLMS_DATA',
    default: '.olms',
    meaning: 'Folder of the embedded PostgreSQL and of the generated key',
  },
  environment: {
    type: 'string',
    env: 'OLMS_ENV',
    default: 'development',
    meaning: 'production: nothing that is only for trying out starts (no sandbox provider, no generated key)',
  },
  consume: {
    type: 'boolean',
    env: 'OLMS_CONSUME',
    default: true,
    meaning: 'false: take requests, but consume no events until started without it (maintenance)',
  },
  internalSecret: {
    type: 'secret',
    env: 'OLMS_INTERNAL_SECRET',
    default: '',
    meaning:
      'Signs who calls between the processes of a deployment, at least 32 characters, the same for all; required wherever services run apart from the gateway',
  },
  logLevel: {
    type: 'string',
    env: 'LOG_LEVEL',
    default: 'info',
    meaning: 'trace, debug, info, warn, error or silent',
  },
  ...cacheSettings,
} as const satisfies Settings;

export type ProcessConfig = Values<typeof processSettings>;

const APART = [
  'gateway',
  'orders',
  'inventory',
  'payments',
  'shipping',
  'reviews',
  'notifications',
  'billing',
] as const;
const WITH_DATABASE = [...APART, 'sandbox'] as const;

const databaseVariable = (service: string): string => `${service.toUpperCase()}_DATABASE_URL`;
const urlVariable = (service: string): string => `${service.toUpperCase()}_URL`;

/** Settings of a deployment in which services have databases or processes of their own. */
export const deploymentSettings: Readonly<Record<string, Setting>> = Object.fromEntries([
  ...APART.filter((service) => service !== 'gateway').map((service): [string, Setting] => [
    urlVariable(service),
    {
      type: 'string',
      env: urlVariable(service),
      default: '',
      meaning: `Where the ${service} service is reached when it is not in this process: base URLs of its replicas, comma-separated`,
    },
  ]),
  ...WITH_DATABASE.map((service): [string, Setting] => [
    databaseVariable(service),
    {
      type: 'secret',
      env: databaseVariable(service),
      default: '',
      meaning: `PostgreSQL of the ${service} service; empty: DATABASE_URL`,
    },
  ]),
]);

/** The database of a service; empty for the embedded one. */
export function databaseUrlOf(service: string, env: Environment): string {
  return env[databaseVariable(service)] || env['DATABASE_URL'] || '';
}

/** Base URLs of a service's replicas in other processes; none where it has no processes of its own. */
export function serviceUrls(service: string, env: Environment): string[] {
  const urls = (env[urlVariable(service)] ?? '')
    .split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
  for (const url of urls)
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new Error(`Configuration: ${urlVariable(service)} must hold URLs such as http://host:8080, not ${url}`);
  return urls;
}
