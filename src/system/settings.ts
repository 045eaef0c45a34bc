import { availableParallelism } from 'node:os';
import { cacheSettings } from '#platform/cache/open-cache.ts';
import { internalSecretSetting } from '#platform/http/remote/identity.ts';
import { linkSettings } from '#platform/http/signed-links.ts';
import {
  type Environment,
  environmentSetting,
  readSettings,
  type Setting,
  type Settings,
  type Values,
} from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { LOG_LEVELS } from '#platform/telemetry/logger.ts';

/** Settings of a process, whichever services it runs. */
export const processSettings = {
  port: { type: 'integer', max: 65_535, env: 'PORT', default: 8080, meaning: 'Port of the HTTP API; 0: any free one' },
  host: {
    type: 'string',
    env: 'HOST',
    default: '127.0.0.1',
    meaning: 'Address to listen on; 0.0.0.0 in a container',
  },
  publicUrl: {
    type: 'string',
    env: 'OLMS_PUBLIC_URL',
    default: '',
    meaning:
      'Where the API is reached from outside, such as https://olms.example.com: absolute base of `dataschema` and links; empty: the address this process listens on',
  },
  corsOrigins: {
    type: 'string',
    env: 'CORS_ORIGINS',
    default: '',
    meaning:
      'Origins whose pages may call the API from a browser, comma-separated, such as https://desk.example.com; empty: none',
  },
  metricsToken: {
    type: 'secret',
    env: 'METRICS_TOKEN',
    default: '',
    meaning:
      'Bearer token that opens GET /metrics of every process; empty: an API key does, and outside of production this machine needs none',
  },
  drainMs: {
    type: 'integer',
    max: 300_000,
    env: 'HTTP_DRAIN_MS',
    default: 5_000,
    meaning:
      'After SIGTERM olms start serves on for so long, not ready any more, until load balancers and gateways have noticed; then it answers what is in flight and ends, 25 s later at the latest',
  },
  connectionsMax: {
    type: 'integer',
    env: 'HTTP_CONNECTIONS_MAX',
    default: 8_192,
    meaning: 'Connections a process has open at once; more are closed unanswered. 0: no limit',
  },
  connectionsPerAddressMax: {
    type: 'integer',
    env: 'HTTP_CONNECTIONS_PER_ADDRESS_MAX',
    default: 2_048,
    meaning: 'The same with one address; behind a proxy all have one. 0: no limit',
  },
  changesPerKeyMax: {
    type: 'integer',
    min: 1,
    env: 'HTTP_CHANGES_PER_KEY_MAX',
    default: 2_048,
    meaning:
      'Changes, such as new orders, that one API key may have in flight at once before more are refused with 429',
  },
  shedAfterMs: {
    type: 'integer',
    max: 60_000,
    env: 'HTTP_SHED_AFTER_MS',
    default: 500,
    meaning:
      'Where requests keep waiting for longer than this before anything is done for them, lists and exports are refused with 503; after twice as long what customers ask, after four times what others ask; never what operators, other processes and health checks ask. 0: nothing is refused for it',
  },
  databaseUrl: {
    type: 'secret',
    env: 'DATABASE_URL',
    default: '',
    meaning: 'PostgreSQL to use; empty: an embedded one with its data in OLMS_DATA',
  },
  databaseDirectUrl: {
    type: 'secret',
    env: 'DATABASE_DIRECT_URL',
    default: '',
    meaning:
      'The same database without the pooler that DATABASE_URL leads through: for LISTEN, locks and migrations; empty: DATABASE_URL leads to PostgreSQL itself, or to a pooler whose clients keep their session',
  },
  poolSize: {
    type: 'integer',
    min: 1,
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
  migrateOnStart: {
    type: 'boolean',
    env: 'DATABASE_MIGRATE_ON_START',
    default: true,
    meaning:
      'false: a start changes no tables, which needs no right to, and refuses a database that olms migrate has not brought up to date',
  },
  dataFolder: {
    type: 'string',
    env: 'OLMS_DATA',
    default: '.olms',
    meaning: 'Folder of the embedded PostgreSQL and of the generated key',
  },
  environment: environmentSetting,
  consume: {
    type: 'boolean',
    env: 'OLMS_CONSUME',
    default: true,
    meaning: 'false: take requests, but consume no events until started without it (maintenance)',
  },
  internalSecret: internalSecretSetting,
  logLevel: {
    type: 'choice',
    choices: LOG_LEVELS,
    env: 'LOG_LEVEL',
    default: 'info',
    meaning: 'How much is logged, to standard error; SIGUSR2 makes it everything for ten minutes',
  },
  logEventsPerSecond: {
    type: 'integer',
    env: 'LOG_EVENTS_PER_SECOND',
    default: 100,
    meaning: 'Lines a second that say what happened to orders, one for each event and command; more are counted',
  },
  ...linkSettings,
  ...cacheSettings,
} as const satisfies Settings;

/** Settings of programs that call a running system, such as `olms orders`. */
export const clientSettings = {
  url: {
    type: 'string',
    env: 'OLMS_URL',
    default: '',
    meaning: 'Base URL of the system to call; empty: PORT of this machine, else the system that runs on OLMS_DATA',
  },
  apiKey: {
    type: 'secret',
    env: 'OLMS_API_KEY',
    default: '',
    meaning: 'API key to call with; empty: OLMS_BOOTSTRAP_API_KEY, or the generated key in OLMS_DATA',
  },
} as const satisfies Settings;

export type ProcessConfig = Values<typeof processSettings>;

/** The database of a service of its own. */
function databaseSetting(service: string) {
  return {
    type: 'secret',
    env: `${service.toUpperCase()}_DATABASE_URL`,
    default: '',
    meaning: `PostgreSQL of the ${service} service; empty: DATABASE_URL`,
  } as const satisfies Setting;
}

function directDatabaseSetting(service: string) {
  return {
    type: 'secret',
    env: `${service.toUpperCase()}_DATABASE_DIRECT_URL`,
    default: '',
    meaning: `The database of the ${service} service without its pooler; empty: DATABASE_DIRECT_URL, where ${service.toUpperCase()}_DATABASE_URL is empty too`,
  } as const satisfies Setting;
}

/** Where a service is that runs in processes of its own. */
function urlSetting(service: string) {
  return {
    type: 'string',
    env: `${service.toUpperCase()}_URL`,
    default: '',
    meaning: `Where the ${service} service is reached when it is not in this process: base URLs of its replicas, comma-separated`,
  } as const satisfies Setting;
}

/** Settings of a deployment in which services have databases or processes of their own. */
export function deploymentSettings(definitions: readonly ServiceDefinition[]): Settings {
  return Object.fromEntries([
    ...definitions.filter(({ paths }) => paths).map(({ name }) => [`${name}Url`, urlSetting(name)]),
    ...definitions
      .filter(({ migrations }) => migrations)
      .flatMap(({ name }) => [
        [`${name}DatabaseUrl`, databaseSetting(name)],
        [`${name}DatabaseDirectUrl`, directDatabaseSetting(name)],
      ]),
  ]) as Settings;
}

/** The database of a service; empty for the embedded one. */
export function databaseUrlOf(service: string, env: Environment): string {
  const { own, databaseUrl } = readSettings(
    { own: databaseSetting(service), databaseUrl: processSettings.databaseUrl },
    env,
  );
  return own || databaseUrl;
}

/**
 * The database of a service without a pooler: the same as {@link databaseUrlOf} where none is named beside it. Throws
 * where only the way around a pooler is named.
 */
export function directDatabaseUrlOf(service: string, env: Environment): string {
  const { own, ownDirect, direct } = readSettings(
    {
      own: databaseSetting(service),
      ownDirect: directDatabaseSetting(service),
      direct: processSettings.databaseDirectUrl,
    },
    env,
  );
  // The way around the pooler of all services says nothing about a database that a service has for itself.
  const found = ownDirect || (own === '' && direct) || databaseUrlOf(service, env);
  if (found !== '' && databaseUrlOf(service, env) === '')
    throw new Error(
      'Configuration: a DATABASE_DIRECT_URL goes beside a DATABASE_URL. Set that to the same database, through its pooler or not.',
    );
  return found;
}

/** Base URLs of a service's replicas in other processes; none where it has no processes of its own. */
export function serviceUrls(service: string, env: Environment): string[] {
  const setting = urlSetting(service);
  const urls = readSettings({ setting }, env)
    .setting.split(',')
    .map((url) => url.trim())
    .filter((url) => url !== '');
  for (const url of urls)
    if (!/^https?:\/\//.test(url) || !URL.canParse(url))
      throw new Error(`Configuration: ${setting.env} must hold URLs such as http://host:8080, not ${url}`);
  return urls;
}
