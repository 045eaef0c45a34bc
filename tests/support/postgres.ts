import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { type MigrationSet, migrate } from '#platform/database/migrate.ts';

/** Databases on the PostgreSQL of this worker, each a clone of a template that is migrated once per run. */

const TEMPLATE_LOCK = 1;

export interface TestPostgres {
  /** A fresh migrated database. */
  createDatabase(): Promise<string>;
  /** Connections to a database, other than the one that asks. */
  connectionsTo(url: string): Promise<number>;
  /** Removes the databases that were created. */
  stop(): Promise<void>;
}

/** The server with databases that have the schema of all services, or that of `sets`. */
export async function startTestPostgres(sets?: readonly MigrationSet[]): Promise<TestPostgres> {
  const serverUrl = await sharedPostgres();
  const urlOf = (name: string): string => {
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return url.toString();
  };
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  const template = await migratedTemplate(client, urlOf, sets ?? (await allSets()));
  const created: string[] = [];
  return {
    async createDatabase() {
      const name = `test_${randomUUID().replaceAll('-', '')}`;
      created.push(name);
      await client.query(`create database ${name} template ${template}`);
      return urlOf(name);
    },
    async connectionsTo(url) {
      const name = new URL(url).pathname.slice(1);
      const { rows } = await client.query<{ count: number }>(
        'select count(*)::int as count from pg_stat_activity where datname = $1 and backend_type = $2',
        [name, 'client backend'],
      );
      return rows[0]!.count;
    },
    async stop() {
      for (const name of created.splice(0)) await client.query(`drop database if exists ${name} with (force)`);
      await client.end();
    },
  };
}

/** URL of this worker's server (shared-servers.ts), as its superuser. */
async function sharedPostgres(): Promise<string> {
  const url = `${inject('sharedServers')}/${process.env['VITEST_POOL_ID']}`;
  // No connection stays: tests count those that a system leaves behind.
  const response = await fetch(url, { headers: { connection: 'close' } });
  const text = await response.text();
  if (!response.ok) throw new Error(`The shared PostgreSQL does not start: ${text}`);
  return text;
}

/** Loaded only where needed: a test of one service has nothing to do with the others. */
async function allSets(): Promise<readonly MigrationSet[]> {
  return (await import('#system/databases.ts')).migrationSets();
}

/** The name of the template with these migrations, made by whoever needs it first. */
async function migratedTemplate(
  client: pg.Client,
  urlOf: (name: string) => string,
  sets: readonly MigrationSet[],
): Promise<string> {
  const hash = createHash('sha256');
  for (const { owner, folder } of sets)
    for (const file of readdirSync(folder).sort()) hash.update(owner).update(readFileSync(join(folder, file)));
  const template = `template_${hash.digest('hex').slice(0, 20)}`;
  await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [template]);
    if (rowCount === 0) {
      const unfinished = `${template}_unfinished`;
      await client.query(`drop database if exists ${unfinished}`);
      await client.query(`create database ${unfinished}`);
      await migrate(urlOf(unfinished), sets);
      await client.query(`alter database ${unfinished} rename to ${template}`);
    }
  } finally {
    await client.query('select pg_advisory_unlock($1)', [TEMPLATE_LOCK]);
  }
  return template;
}
