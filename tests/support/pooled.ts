import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type PgBouncer, startPgBouncer } from '#dev/brokers/pgbouncer.ts';
import { freePort } from './ports.ts';
import { startTestPostgres, type TestPostgres } from './postgres.ts';
import { Proxy, type Target } from './proxy.ts';
import { type RunningSystem, startOnDatabase, type TestEnvironment } from './system.ts';
import { withClient } from './sql.ts';

/**
 * The system through a PgBouncer in transaction mode, with the settings of deploy/postgres/pgbouncer.ini: a launcher for
 * the scenarios, see system.ts.
 */

const DEPLOYED = join(import.meta.dirname, '..', '..', 'deploy', 'postgres', 'pgbouncer.ini');
const OF_THE_PLACE = /^(listen_|auth_|server_tls_)/;
const STATEMENT_TIMEOUT_MS = 15_000;

/** What its section `[pgbouncer]` says about sessions; addresses, users and certificates belong to the place. */
export function documentedSettings(): Record<string, string> {
  const [, section = ''] = readFileSync(DEPLOYED, 'utf8').split('[pgbouncer]');
  const lines = [...section.matchAll(/^(\w+) = (.+)$/gm)].map(([, name, value]) => [name!, value!] as const);
  return Object.fromEntries(lines.filter(([name]) => !OF_THE_PLACE.test(name)));
}

/** A PgBouncer before the server that this URL leads to. */
export async function startPooler(
  serverUrl: string,
  settings: Readonly<Record<string, string>> = documentedSettings(),
): Promise<PgBouncer> {
  const { host, port, user, password, database } = new pg.Client({ connectionString: serverUrl });
  // It runs as another user, who may not enter the folder of the socket.
  const target: Target = host.startsWith('/') ? { path: join(host, `.s.PGSQL.${port}`) } : { port };
  const proxy = await Proxy.listen(target);
  const dir = mkdtempSync(join(tmpdir(), 'olms-pgbouncer-'));
  const pooler = await startPgBouncer({
    dir,
    port: await freePort(),
    server: { port: proxy.port, user: user!, password: String(password) },
    database: database!,
    settings,
  });
  return {
    ...pooler,
    async stop() {
      await pooler.stop();
      await proxy.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Sessions of a pool get no limit at their start: the database has it. */
export async function limitStatements(url: string): Promise<void> {
  await withClient(url, (client) =>
    client.query(`alter database ${client.database} set statement_timeout = ${STATEMENT_TIMEOUT_MS}`),
  );
}

interface Shared {
  readonly postgres: TestPostgres;
  readonly pooler: PgBouncer;
}

let shared: Promise<Shared> | undefined;
let systems = 0;

async function startShared(): Promise<Shared> {
  const postgres = await startTestPostgres();
  return { postgres, pooler: await startPooler(await postgres.createDatabase()) };
}

/** What tests/support/system.ts asks of a launcher. */
export async function start(env: TestEnvironment): Promise<RunningSystem> {
  shared ??= startShared();
  const { postgres, pooler } = await shared;
  const direct = await postgres.createDatabase();
  await limitStatements(direct);
  const pooled = pooler.urlOf(new URL(direct).pathname.slice(1));
  const running = await startOnDatabase({ ...env, DATABASE_URL: pooled, DATABASE_DIRECT_URL: direct });
  systems++;
  return {
    ...running,
    async stop() {
      await running.stop();
      if (--systems > 0) return;
      shared = undefined;
      await pooler.stop();
      await postgres.stop();
    },
  };
}
