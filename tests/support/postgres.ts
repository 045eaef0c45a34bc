import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { migrate } from '#platform/database/migrate.ts';
import { migrationSets } from '#system/system.ts';

/** A real PostgreSQL for one test file: migrated once into a template, cloned for every system that is started. */

const TEMPLATE = 'olms_template';

export interface TestPostgres {
  /** A fresh database with the schema of all services. */
  createDatabase(): Promise<string>;
  /** Connections to a database, other than the one that asks. */
  connectionsTo(url: string): Promise<number>;
  stop(): Promise<void>;
}

function databaseUrl(server: EmbeddedPostgres, name: string): string {
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  return url.toString();
}

export async function startTestPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'olms-scenario-'));
  // Nothing here has to survive a power cut.
  const settings = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', shared_buffers: '64MB' };
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings });
  // The server is no child of this process: whatever way the test file ends, it must not be left behind.
  const abandon = (): void => {
    process.kill(server.pid, 'SIGQUIT');
    rmSync(folder, { recursive: true, force: true });
  };
  process.once('exit', abandon);
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create database ${TEMPLATE}`);
  await migrate(databaseUrl(server, TEMPLATE), migrationSets());
  return {
    async createDatabase() {
      const name = `test_${randomUUID().replaceAll('-', '')}`;
      await client.query(`create database ${name} template ${TEMPLATE}`);
      return databaseUrl(server, name);
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
      await client.end();
      await server.stop();
      process.off('exit', abandon);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
