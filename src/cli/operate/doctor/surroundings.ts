import type { Examined } from '#platform/diagnosis.ts';
import { Database } from '#platform/database/database.ts';
import { databaseName } from '#platform/database/metrics.ts';
import { type Environment, inProductionByDefault, isProduction, readSettings } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { urlFor } from '#cli/client.ts';
import { openStored } from '#cli/operate/stored.ts';
import { findRunning } from '#cli/running.ts';
import { clusterOf, namesDatabase, withDatabasesOf } from '#cli/whereabouts.ts';
import { directDatabaseUrlOf, processSettings, serviceUrls } from '#system/settings.ts';

/**
 * What the doctor looks at: the databases and processes that the environment names as it does for the services, else
 * what is in `OLMS_DATA`, an embedded PostgreSQL or a cluster that runs there.
 */

/** From where on something is a finding. */
export interface Limits {
  /** How long something may wait. */
  readonly patienceMs: number;
  /** How far the clock may be from that of a database. */
  readonly clockMs: number;
  /** What a disk should have left. */
  readonly diskBytes: number;
  /** For how long certificates should still be good. */
  readonly certificateDays: number;
}

export interface FoundDatabase {
  readonly name: string;
  readonly url: string;
  readonly database: Database;
  readonly services: readonly ServiceDefinition[];
  /** The one that comes with the program. */
  readonly embedded: boolean;
  /** Why it cannot be asked anything; undefined where it can. */
  readonly failure: Error | undefined;
}

/** A process, as it is reached. */
export interface FoundProcess {
  /** Its service; undefined for the API as it is called from outside. */
  readonly service: string | undefined;
  readonly url: string;
}

export interface Surroundings {
  readonly env: Environment;
  readonly definitions: readonly ServiceDefinition[];
  readonly limits: Limits;
  readonly nowMs: () => number;
  readonly production: boolean;
  readonly dataFolder: string;
  readonly databases: readonly FoundDatabase[];
  /** Why there is no database to look at; undefined where there is. */
  readonly noDatabase: string | undefined;
  readonly processes: readonly FoundProcess[];
}

const CONNECTIONS = 3;
const STATEMENT_TIMEOUT_MS = 8_000;

/** A system that is installed is in production unless somebody says otherwise, as for `olms start`. */
export function asInstalled(env: Environment): Environment {
  return namesDatabase(env) ? inProductionByDefault(env) : env;
}

/** The environment in which the doctor looks, with what is known of a system that runs on this machine. */
function environmentOf(given: Environment, dataFolder: string): Environment {
  const env = asInstalled(given);
  const cluster = clusterOf(env, dataFolder);
  if (!cluster) {
    const provider = findRunning(dataFolder)?.providerUrl;
    return provider === undefined || env['SANDBOX_PROVIDER_URL'] ? env : { ...env, SANDBOX_PROVIDER_URL: provider };
  }
  const brokerOf = (name: string): string => cluster.brokers.find((broker) => broker.name === name)?.address ?? '';
  const urls = Map.groupBy(
    cluster.members.filter(({ service }) => service !== ''),
    ({ service }) => service,
  );
  return {
    OLMS_URL: cluster.url,
    KAFKA_BROKERS: brokerOf('kafka'),
    REDIS_URL: brokerOf('redis'),
    SANDBOX_PROVIDER_URL: cluster.providerUrl,
    ...Object.fromEntries(
      [...urls].map(([service, members]) => [`${service.toUpperCase()}_URL`, members.map(({ url }) => url).join(',')]),
    ),
    ...withDatabasesOf(cluster, env),
  };
}

export interface SurroundingsOptions {
  readonly definitions: readonly ServiceDefinition[];
  readonly limits: Limits;
  readonly nowMs: () => number;
  readonly url?: string | undefined;
}

/** Opens what there is. Throws where the settings cannot be read; a database that does not answer is one that failed. */
export async function openSurroundings(
  given: Environment,
  { definitions, limits, nowMs, url }: SurroundingsOptions,
): Promise<Surroundings & AsyncDisposable> {
  const { dataFolder } = readSettings(processSettings, given);
  const env = environmentOf(given, dataFolder);
  const closers: (() => Promise<void>)[] = [];
  const byUrl = new Map<string, ServiceDefinition[]>();
  for (const definition of definitions) {
    if (definition.migrations === undefined) continue;
    const of = directDatabaseUrlOf(definition.name, env);
    byUrl.set(of, [...(byUrl.get(of) ?? []), definition]);
  }
  let noDatabase: string | undefined;
  const databases = await Promise.all(
    [...byUrl].map(async ([configured, services]): Promise<FoundDatabase | undefined> => {
      let found = configured;
      if (configured === '') {
        try {
          const postgres = await openStored(dataFolder);
          closers.unshift(() => postgres.stop());
          found = postgres.url;
        } catch (error) {
          noDatabase = (error as Error).message;
          return undefined;
        }
      }
      const database = new Database({
        url: found,
        poolSize: CONNECTIONS,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        applicationName: 'olms-doctor',
      });
      closers.push(() => database.close());
      const failure = await database.queryOnce('select 1').then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      return { name: databaseName(found), url: found, database, services, embedded: configured === '', failure };
    }),
  );
  return {
    env,
    definitions,
    limits,
    nowMs,
    production: isProduction(env),
    dataFolder,
    databases: databases.filter((database) => database !== undefined),
    noDatabase,
    processes: processesOf(env, definitions, url),
    async [Symbol.asyncDispose]() {
      // The server goes last.
      for (const close of closers.reverse()) await close();
    },
  };
}

function processesOf(
  env: Environment,
  definitions: readonly ServiceDefinition[],
  url: string | undefined,
): FoundProcess[] {
  const front = urlFor({ url }, env);
  return [
    ...(front === undefined ? [] : [{ service: undefined, url: front }]),
    ...definitions
      .filter(({ paths }) => paths)
      .flatMap(({ name }) => serviceUrls(name, env).map((each) => ({ service: name, url: each }))),
  ];
}

/** Looks at every database that answers, beside each other; those that do not are what is not checked. */
export async function inEachDatabase(
  { databases, noDatabase }: Surroundings,
  look: (found: FoundDatabase) => Promise<Examined | undefined>,
): Promise<Examined> {
  if (databases.length === 0)
    return { seen: '', findings: [], unchecked: noDatabase ? 'see postgresql' : 'there is no database' };
  const answering = databases.filter(({ failure }) => !failure);
  const silent = databases.filter(({ failure }) => failure).map(({ name }) => name);
  const unchecked = silent.length > 0 ? [`${silent.join(', ')} does not answer`] : [];
  const looked = await Promise.all(
    answering.map(async (found) => {
      try {
        return await look(found);
      } catch (error) {
        unchecked.push(`${found.name}: ${(error as Error).message}`);
        return undefined;
      }
    }),
  );
  const examined = looked.filter((one) => one !== undefined);
  unchecked.push(...examined.flatMap((one) => one.unchecked ?? []));
  return {
    seen: [...new Set(examined.map(({ seen }) => seen).filter((seen) => seen !== ''))].join('; '),
    findings: examined.flatMap(({ findings }) => findings),
    ...(unchecked.length > 0 && { unchecked: unchecked.join('; ') }),
  };
}
