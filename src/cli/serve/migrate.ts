import type { Environment } from '#platform/runtime/settings.ts';
import { migrate } from '#platform/database/migrate.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { databaseUrlOf } from '#system/settings.ts';
import { SERVICES } from '#system/services.ts';
import { migrationSets } from '#system/databases.ts';

/** `olms migrate`: for deployments that migrate before the new version starts. */
export async function migrateDatabase(env: Environment): Promise<void> {
  const byUrl = new Map<string, ServiceDefinition[]>();
  for (const service of SERVICES) {
    const url = databaseUrlOf(service.name, env);
    if (url !== '') byUrl.set(url, [...(byUrl.get(url) ?? []), service]);
  }
  if (byUrl.size === 0) throw new Error('Set DATABASE_URL. The embedded database is migrated by every start.');
  let count = 0;
  for (const [url, services] of byUrl) {
    for (const { owner, name } of await migrate(url, migrationSets(services))) {
      process.stdout.write(`applied ${owner}/${name}\n`);
      count++;
    }
  }
  process.stdout.write(count === 0 ? 'nothing to apply\n' : `${count} applied\n`);
}
