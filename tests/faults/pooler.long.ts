import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { debianProgram, type ServerProcess, startServer } from '#dev/brokers/programs.ts';
import { startSystem } from '#system/system.ts';
import { freePort } from '#tests/support/ports.ts';
import { Proxy } from '#tests/support/proxy.ts';
import { addressOf } from '#tests/support/two-servers.ts';

/** A real PgBouncer between the system and its database. */

const folder = mkdtempSync(join(tmpdir(), 'olms-pooler-'));
let postgres: EmbeddedPostgres;
let proxy: Proxy;
const poolers: ServerProcess[] = [];

beforeAll(async () => {
  postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  // It runs as another user, who may not enter the folder of the socket.
  proxy = await Proxy.listen(addressOf(postgres));
}, 120_000);

afterAll(async () => {
  for (const pooler of poolers) await pooler.stop();
  await proxy?.close();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function startPooler(settings: Readonly<Record<string, string>>): Promise<string> {
  const { command, env } = await debianProgram('pgbouncer', 'pgbouncer', 'Install pgbouncer.', (line) =>
    console.log(line),
  );
  const port = await freePort();
  const dir = mkdtempSync(join(tmpdir(), 'olms-pgbouncer-'));
  chmodSync(dir, 0o777);
  const { user, password, database } = postgres;
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    ...(process.getuid?.() === 0 && { user: 'nobody' }),
    ...settings,
  };
  const file = join(dir, 'pgbouncer.ini');
  const target = `host=127.0.0.1 port=${proxy.port} dbname=${database} user=${user} password=${password}`;
  writeFileSync(
    file,
    [
      `[databases]`,
      `${database} = ${target}`,
      '[pgbouncer]',
      ...Object.entries(lines).map(([name, value]) => `${name} = ${value}`),
      '',
    ].join('\n'),
  );
  const url = `postgres://${user}:${password}@127.0.0.1:${port}/${database}`;
  poolers.push(
    await startServer({
      name: 'PgBouncer',
      command,
      args: [file],
      env,
      cwd: dir,
      logFile: join(dir, 'pgbouncer.log'),
      ready: async () => {
        const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
        client.on('error', () => {});
        try {
          await client.connect();
          return true;
        } catch {
          return false;
        } finally {
          await client.end().catch(() => {});
        }
      },
      startTimeoutMs: 20_000,
    }),
  );
  return url;
}

async function refusalOf(url: string): Promise<string> {
  try {
    const system = await startSystem({ env: { DATABASE_URL: url, PORT: '0' }, logger: createLogger('silent') });
    await system.stop();
    return 'it started';
  } catch (error) {
    return (error as Error).message;
  }
}

test('transaction mode is refused at the start, by its name and with the setting', async () => {
  const url = await startPooler({ pool_mode: 'transaction', ignore_startup_parameters: 'statement_timeout' });
  expect(await refusalOf(url)).toMatch(
    /^The database is behind a connection pooler in transaction mode \(PgBouncer: pool_mode = transaction\).*DATABASE_URL.*pool_mode = session/,
  );
}, 120_000);

test('a pooler that refuses our settings is named, with the setting that it needs', async () => {
  const url = await startPooler({ pool_mode: 'session' });
  expect(await refusalOf(url)).toMatch(
    /unsupported startup parameter: statement_timeout\).*ignore_startup_parameters = statement_timeout/,
  );
}, 120_000);

test('session mode is fine', async () => {
  const url = await startPooler({ pool_mode: 'session', ignore_startup_parameters: 'statement_timeout' });
  expect(await refusalOf(url)).toBe('it started');
}, 120_000);
