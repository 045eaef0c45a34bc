import { Database } from '#platform/database/database.ts';
import type { ServiceAudit } from '#platform/audit.ts';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { openStored } from '#cli/operate/stored.ts';
import { findRunning } from '#cli/running.ts';
import { clusterOf, withDatabasesOf } from '#cli/whereabouts.ts';
import { sandboxUrl } from '#sandbox/settings.ts';
import { directDatabaseUrlOf, processSettings } from '#system/settings.ts';

/**
 * Where the tables of each service are: all in one database, or in several where services have databases of their own.
 * The environment names them as it does for the services: `<SERVICE>_DATABASE_URL`, else `DATABASE_URL`, else what is
 * in `OLMS_DATA`, an embedded PostgreSQL or a cluster that runs there.
 */

/** A database, and the audits of the services whose tables it holds. */
export interface Place {
  readonly database: Database;
  readonly services: readonly AuditedService[];
}

export interface AuditedService {
  readonly name: string;
  /** Source of the events that it writes to the log of its database. */
  readonly emits?: string;
  readonly audit: ServiceAudit;
}

export interface Places {
  /** Every database that can be read, the one of the orders last. */
  readonly all: readonly Place[];
  /** Services whose tables were not found, and why. */
  readonly missing: readonly (AuditedService & { readonly reason: string })[];
  readonly providerUrl: string;
}

export interface OpenPlaces extends Places, AsyncDisposable {}

const STATEMENT_TIMEOUT_MS = 600_000;

/** Opens every database that the environment names. Throws where that of the orders cannot be read. */
export async function openPlaces(
  environment: Environment,
  definitions: readonly ServiceDefinition[],
): Promise<OpenPlaces> {
  const { dataFolder } = readSettings(processSettings, environment);
  const { env, providerUrl } = whereabouts(environment, dataFolder);
  const byUrl = new Map<string, AuditedService[]>();
  for (const { name, emits, audit } of definitions) {
    if (!audit) continue;
    // One transaction for everything, with a cursor: past a pooler.
    const url = directDatabaseUrlOf(name, env);
    byUrl.set(url, [...(byUrl.get(url) ?? []), { name, audit, ...(emits !== undefined && { emits }) }]);
  }
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.reverse()) await closer();
  };
  try {
    const all: Place[] = [];
    const missing: (AuditedService & { reason: string })[] = [];
    for (const [configured, services] of byUrl) {
      const url = configured || (await embeddedUrl(dataFolder, closers));
      const database = new Database({
        url,
        poolSize: 1,
        statementTimeoutMs: STATEMENT_TIMEOUT_MS,
        applicationName: 'olms-audit',
      });
      closers.push(() => database.close());
      const place = await openedAt(database, services);
      all.push(place);
      for (const service of services)
        if (!place.services.includes(service)) missing.push({ ...service, reason: place.reasonOf(service.name) });
    }
    const orders = missing.find(({ name }) => name === 'orders');
    if (orders) throw new Error(`There are no orders: ${orders.reason}.`);
    const holdsOrders = ({ services }: Place): boolean => services.some(({ name }) => name === 'orders');
    const used = all.filter(({ services }) => services.length > 0);
    return {
      all: [...used.filter((place) => !holdsOrders(place)), ...used.filter(holdsOrders)],
      missing,
      providerUrl,
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The services of these whose tables are in the database. One that does not answer holds none. */
async function openedAt(
  database: Database,
  services: readonly AuditedService[],
): Promise<Place & { reasonOf(service: string): string }> {
  try {
    const rows = await database.query<{ present: boolean; name: string }>(
      'select to_regclass(name) is not null as present, current_database() as name from unnest($1::text[]) with ordinality t (name, n) order by n',
      [services.map(({ audit }) => audit.tables[0])],
    );
    return {
      database,
      services: services.filter((_, index) => rows[index]!.present),
      reasonOf: (service) =>
        `${service} keeps no tables in the database ${rows[0]!.name}; name its own with ${service.toUpperCase()}_DATABASE_URL`,
    };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return {
      database,
      services: [],
      reasonOf: (service) => `the database of ${service} does not answer (${code ?? message})`,
    };
  }
}

async function embeddedUrl(dataFolder: string, closers: (() => Promise<void>)[]): Promise<string> {
  const postgres = await openStored(dataFolder);
  closers.push(() => postgres.stop());
  return postgres.url;
}

/** The environment with the databases of a cluster that runs in the data folder, where it names none itself. */
function whereabouts(env: Environment, dataFolder: string): { env: Environment; providerUrl: string } {
  const cluster = clusterOf(env, dataFolder);
  if (cluster) return { env: withDatabasesOf(cluster, env), providerUrl: cluster.providerUrl };
  return { env, providerUrl: findRunning(dataFolder)?.providerUrl ?? sandboxUrl(env) };
}
