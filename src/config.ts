import { availableParallelism } from 'node:os';
import type { Settings, Values } from '#platform/config.ts';

/** Settings of a process, whichever services it runs. */
export const processSettings = {
  port: { type: 'integer', env: 'PORT', default: 8080, meaning: 'Port of the HTTP API; 0: any free one' },
  host: { type: 'string', env: 'HOST', default: '127.0.0.1', meaning: 'Address to listen on; 0.0.0.0 in a container' },
  databaseUrl: { type: 'secret', env: 'DATABASE_URL', default: '', meaning: 'PostgreSQL to use; empty: an embedded one with its data in OLMS_DATA' },
  poolSize: { type: 'integer', env: 'DATABASE_POOL_SIZE', default: Math.max(8, availableParallelism() * 2), meaning: 'Connections per process and database; throughput peaks near 8' },
  statementTimeoutMs: { type: 'integer', env: 'DATABASE_STATEMENT_TIMEOUT_MS', default: 15_000, meaning: 'Limit for one SQL statement; long transactions hold every reader of the log back' },
  dataFolder: { type: 'string', env: 'OLMS_DATA', default: '.olms', meaning: 'Folder of the embedded PostgreSQL and of the generated key' },
  environment: { type: 'string', env: 'OLMS_ENV', default: 'development', meaning: 'production: nothing that is only for trying out starts (no sandbox provider, no generated key)' },
  consume: { type: 'boolean', env: 'OLMS_CONSUME', default: true, meaning: 'false: take requests, but consume no events until started without it (maintenance)' },
  logLevel: { type: 'string', env: 'LOG_LEVEL', default: 'info', meaning: 'trace, debug, info, warn, error or silent' },
} as const satisfies Settings;

export type ProcessConfig = Values<typeof processSettings>;
