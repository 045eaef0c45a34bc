import { join } from 'node:path';
import { Database } from '#platform/database/database.ts';
import { databaseMetrics, databaseName } from '#platform/database/metrics.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { assertMigrated, migrate } from '#platform/database/migrate.ts';
import { labelOf, readMigrations } from '#platform/database/migration-files.ts';
import { processName } from '#platform/database/process-names.ts';
import { assertSessions } from '#platform/database/sessions.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { keepPartitions } from '#platform/log/partitions.ts';
import type { Job } from '#platform/runtime/job.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { SERVICES, usesLog } from './services.ts';
import { databaseUrlOf, directDatabaseUrlOf, type ProcessConfig } from './settings.ts';
import { packageVersion } from './version.ts';

/** What was opened is closed by these, last first. */
export type Closers = (() => Promise<unknown>)[];

/** Folders of migrations: of the log, and of these services. */
export function migrationSets(
  definitions: readonly ServiceDefinition[] = SERVICES,
): { owner: string; folder: string }[] {
  return [
    LOG_MIGRATIONS,
    ...definitions.flatMap(({ name, migrations }) =>
      migrations === undefined ? [] : [{ owner: name, folder: migrations }],
    ),
  ];
}

export interface OpenDatabase {
  readonly url: string;
  /** Past the pooler, where there is one: for LISTEN and locks. */
  readonly directUrl: string;
  readonly database: Database;
  /** Services of this process whose data it holds. */
  readonly services: readonly ServiceDefinition[];
}

export interface Databases {
  readonly distinct: readonly OpenDatabase[];
  of(service: string): OpenDatabase;
  /** True where some service writes its events to another log than another. */
  readonly logsAreSeparate: boolean;
}

/** Whether some service of a database writes to its log or reads it. */
export function hasLog({ services }: OpenDatabase): boolean {
  return services.some(usesLog);
}

export interface DatabasesOptions {
  readonly env: Environment;
  readonly config: ProcessConfig;
  /** Every service there is, and those of this process. */
  readonly definitions: readonly ServiceDefinition[];
  readonly chosen: readonly ServiceDefinition[];
  readonly kafka: boolean;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly closers: Closers;
}

/** Opens every database that services of this process use, migrated, with its partitions kept. Throws where their events need Kafka. */
export async function openDatabases({
  env,
  config,
  definitions,
  chosen,
  kafka,
  logger,
  metrics,
  closers,
}: DatabasesOptions): Promise<Databases> {
  const urls = new Map(definitions.map(({ name }) => [name, databaseUrlOf(name, env)]));
  if (!kafka) assertOneLog(definitions.filter(usesLog).map(({ name }) => [name, urls.get(name)!]));
  const all = chosen.length === definitions.length;
  let embedded: EmbeddedPostgres | undefined;
  const byUrl = new Map<string, ServiceDefinition[]>();
  for (const definition of chosen) {
    const url = urls.get(definition.name)!;
    byUrl.set(url, [...(byUrl.get(url) ?? []), definition]);
  }
  const knownFiles = (await readMigrations(migrationSets(definitions))).length;
  const distinct: OpenDatabase[] = [];
  for (const [configured, services] of byUrl) {
    if (configured === '') embedded = await startEmbedded(config, logger, closers);
    const url = configured || embedded!.url;
    const directUrl = directDatabaseUrlOf(services[0]!.name, env) || embedded!.url;
    const { statementTimeoutMs } = config;
    if (configured !== '') await assertSessions({ url, directUrl, statementTimeoutMs });
    await bringUpToDate(directUrl, services, config, logger);
    const database = new Database({
      url,
      sharedSessions: directUrl !== url,
      poolSize: config.poolSize,
      statementTimeoutMs,
      applicationName: processName(knownFiles, all ? [] : services.map(({ name }) => name)),
      observe: databaseMetrics(metrics).observer(databaseName(url)),
      soleWriter: configured === '' && all && !kafka && embedded!.owned,
    });
    closers.push(() => database.close());
    const retention: Job = await keepPartitions(database, logger);
    closers.push(() => retention.stop());
    distinct.push({ url, directUrl, database, services });
  }
  // With Kafka, other processes may have databases that this one knows nothing of.
  const logsAreSeparate = kafka && !(all && byUrl.size === 1);
  return {
    distinct,
    of: (service) => distinct.find(({ services }) => services.some(({ name }) => name === service))!,
    logsAreSeparate,
  };
}

/** Migrates a database, or, where that is left to `olms migrate`, throws if that was not done. */
async function bringUpToDate(
  url: string,
  services: readonly ServiceDefinition[],
  config: ProcessConfig,
  logger: Logger,
): Promise<void> {
  const sets = migrationSets(services);
  if (!config.migrateOnStart) return assertMigrated(url, sets, packageVersion);
  const report = (line: string): void => logger.info(line);
  const applied = await migrate(url, sets, { release: packageVersion, report });
  if (applied.length > 0) logger.info({ migrations: applied.map(labelOf) }, 'migrated');
}

/** Throws where services that need one log have different databases: without Kafka events stay in theirs. */
export function assertOneLog([first, ...others]: readonly (readonly [service: string, url: string])[]): void {
  const apart = others.find(([, url]) => url !== first![1]);
  if (apart)
    throw new Error(
      `Configuration: the services ${first![0]} and ${apart[0]} have different databases, so their events need Kafka between them. Set KAFKA_BROKERS, or give all services one DATABASE_URL.`,
    );
}

async function startEmbedded(config: ProcessConfig, logger: Logger, closers: Closers): Promise<EmbeddedPostgres> {
  const dataDir = join(config.dataFolder, 'postgres');
  const postgres = await startEmbeddedPostgres({ dataDir, log: (line) => logger.debug({ line }, 'postgres') });
  closers.push(() => postgres.stop());
  return postgres;
}
