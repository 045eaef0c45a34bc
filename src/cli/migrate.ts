import { type Environment, readSettings } from '#platform/config.ts';
import { migrate } from '#platform/database/migrate.ts';
import { processSettings } from '../config.ts';
import { migrationSets } from '../system.ts';

/** `olms migrate`: for deployments that migrate before the new version starts. */
export async function migrateDatabase(env: Environment): Promise<void> {
  const { databaseUrl } = readSettings(processSettings, env);
  if (databaseUrl === '') throw new Error('Set DATABASE_URL. The embedded database is migrated by every start.');
  const applied = await migrate(databaseUrl, migrationSets());
  for (const { owner, name } of applied) process.stdout.write(`applied ${owner}/${name}\n`);
  process.stdout.write(applied.length === 0 ? 'nothing to apply\n' : `${applied.length} applied\n`);
}
