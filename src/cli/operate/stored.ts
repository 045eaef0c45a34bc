import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';

/** The embedded PostgreSQL of a data folder, for a command beside the running system or without it. Throws where the folder has none. */
export function openStored(dataFolder: string): Promise<EmbeddedPostgres> {
  const dataDir = join(dataFolder, 'postgres');
  if (!existsSync(dataDir))
    throw new Error(
      `There is no data in ${dataFolder}; name it with OLMS_DATA, or set DATABASE_URL, or <SERVICE>_DATABASE_URL for each service.`,
    );
  return startEmbeddedPostgres({ dataDir });
}
