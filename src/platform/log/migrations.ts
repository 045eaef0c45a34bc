import { join } from 'node:path';

/** The tables of the log, its consumers and the idempotency keys; every database that services use has them. */
export const LOG_MIGRATIONS = { owner: 'platform', folder: join(import.meta.dirname, 'migrations') } as const;
