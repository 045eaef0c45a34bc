import type { Environment } from '#platform/runtime/settings.ts';
import { contract, migrate, migrationPlan, type MigrateOptions } from '#platform/database/migrate.ts';
import { labelOf, readMigrations } from '#platform/database/migration-files.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { directDatabaseUrlOf } from '#system/settings.ts';
import { SERVICES } from '#system/services.ts';
import { migrationSets } from '#system/databases.ts';
import { packageVersion } from '#system/version.ts';

export interface MigrateCommand {
  /** Says what would be done, and does nothing. */
  readonly dryRun?: boolean;
  /** Removes what only earlier versions use. */
  readonly contract?: boolean;
  /** Percent of the time that a backfill may keep a database busy. */
  readonly busy?: number;
}

/** What makes the views of a service for people who count. */
const VIEWS_FILE = /-reporting\.sql$/;
/** The role of deploy/postgres/roles.sql, for databases whose roles are made in another way. */
export const REPORTING_ROLE = `-- The schema reporting is for people who count, and BI tools. A role for them, which reads it and nothing else:
create role olms_reporting login;
alter role olms_reporting set default_transaction_read_only = on;
alter role olms_reporting set statement_timeout = '10min';
grant usage on schema reporting to olms_reporting;
grant select on all tables in schema reporting to olms_reporting;
alter default privileges in schema reporting grant select on tables to olms_reporting;`;

/** `olms migrate`: expands and fills before the new version starts; contracts when all of the previous one is gone. */
export async function migrateDatabase(options: MigrateCommand, env: Environment): Promise<void> {
  const byUrl = new Map<string, ServiceDefinition[]>();
  for (const service of SERVICES) {
    const url = directDatabaseUrlOf(service.name, env);
    if (url !== '') byUrl.set(url, [...(byUrl.get(url) ?? []), service]);
  }
  if (byUrl.size === 0) throw new Error('Set DATABASE_URL. The embedded database is migrated by every start.');
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  const common: MigrateOptions = {
    release: packageVersion,
    report: print,
    ...(options.busy && { busyPercent: options.busy }),
  };
  const knownFiles = (await readMigrations(migrationSets())).length;
  let applied = 0;
  let prepared = 0;
  for (const [url, services] of byUrl) {
    const sets = migrationSets(services);
    if (options.dryRun) {
      const { pending, contracts } = await migrationPlan(url, sets, packageVersion);
      for (const file of pending) print(`would apply ${labelOf(file)} (${file.phase})`);
      for (const file of contracts)
        print(`${options.contract ? 'would apply' : 'would leave to --contract'} ${labelOf(file)} (contract)`);
      applied += pending.length + (options.contract ? contracts.length : 0);
      continue;
    }
    const files = options.contract ? await contract(url, sets, knownFiles, common) : await migrate(url, sets, common);
    applied += files.length;
    if (files.some(({ name }) => VIEWS_FILE.test(name))) print(`\n${REPORTING_ROLE}\n`);
    if (!options.contract) prepared += (await migrationPlan(url, sets, packageVersion)).contracts.length;
  }
  if (options.dryRun) return print(applied === 0 ? 'nothing to apply' : `${applied} to apply`);
  print(applied === 0 ? `nothing to ${options.contract ? 'remove' : 'apply'}` : `${applied} applied`);
  if (prepared > 0)
    print(`${prepared} prepared for olms migrate --contract, once every process of the previous version is gone`);
}
