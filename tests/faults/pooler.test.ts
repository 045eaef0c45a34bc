import { afterAll, beforeAll, expect, test } from 'vitest';
import type { PgBouncer } from '#dev/brokers/pgbouncer.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem } from '#system/system.ts';
import { Api } from '#tests/support/api.ts';
import { documentedSettings, limitStatements, startPooler } from '#tests/support/pooled.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { withClient } from '#tests/support/sql.ts';

/** A real PgBouncer between the system and its database: what can work does, and what cannot is refused with the setting to change. */

const KEY = 'test-key-behind-a-pooler';
const SESSION_MODE = { pool_mode: 'session', ignore_startup_parameters: 'statement_timeout' };
let postgres: TestPostgres;
/** The database itself, without and with a limit of its own for statements. */
let unlimited: string;
let limited: string;
const poolers: PgBouncer[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres();
  unlimited = await postgres.createDatabase();
  limited = await postgres.createDatabase();
  await limitStatements(limited);
}, 120_000);

afterAll(async () => {
  for (const pooler of poolers) await pooler.stop();
  await postgres?.stop();
});

const nameOf = (url: string): string => new URL(url).pathname.slice(1);

/** A database through a PgBouncer of its own. */
async function through(settings: Readonly<Record<string, string>>, url: string): Promise<string> {
  const pooler = await startPooler(url, settings);
  poolers.push(pooler);
  return pooler.urlOf(nameOf(url));
}

interface Urls {
  readonly DATABASE_URL: string;
  readonly DATABASE_DIRECT_URL?: string;
}

/** What a start says that is refused; `work` is done with one that is not. */
async function startOn(urls: Urls, work: (api: Api) => Promise<unknown> = async () => {}): Promise<string> {
  const env = {
    ...urls,
    PORT: '0',
    OLMS_BOOTSTRAP_API_KEY: KEY,
    SANDBOX_PROVIDER_PORT: String(await freePort()),
    DATABASE_STATEMENT_TIMEOUT_MS: '15000',
  };
  let system;
  try {
    system = await startSystem({ env, logger: createLogger('silent') });
  } catch (error) {
    return (error as Error).message;
  }
  const api = new Api(system.url, KEY);
  try {
    await work(api);
  } finally {
    await api.close();
    await system.stop();
  }
  return 'it started';
}

test('transaction mode alone is refused at the start, by its name and with the settings', async () => {
  const pooled = await through(documentedSettings(), limited);
  expect(await startOn({ DATABASE_URL: pooled })).toMatch(/refuses our sessions.*Set DATABASE_DIRECT_URL/);
  const ignoring = { ...documentedSettings(), ignore_startup_parameters: 'statement_timeout' };
  expect(await startOn({ DATABASE_URL: await through(ignoring, limited) })).toMatch(
    /^The database is behind a connection pooler in transaction mode \(PgBouncer: pool_mode = transaction\).*Set DATABASE_DIRECT_URL.*pool_mode = session/,
  );
});

test('transaction mode with a direct URL beside it carries everything; locks are held past it', async () => {
  const pooled = await through(documentedSettings(), limited);
  const said = await startOn({ DATABASE_URL: pooled, DATABASE_DIRECT_URL: limited }, async (api) => {
    const sku = await api.product(10);
    const order = await api.placeOrder({ sku });
    await api.untilFinal(order.id);
    const { rows } = await withClient(limited, (client) =>
      client.query<{ name: string }>(
        `select distinct a.application_name as name from pg_locks l join pg_stat_activity a using (pid)
         where l.locktype = 'advisory' and a.datname = current_database()`,
      ),
    );
    expect(rows.map(({ name }) => name)).toEqual([expect.stringMatching(/^olms-coordinator /)]);
  });
  expect(said).toBe('it started');
});

test('a direct URL that leads to a pooler itself, or to another database, is refused', async () => {
  const pooled = await through(documentedSettings(), limited);
  expect(await startOn({ DATABASE_URL: limited, DATABASE_DIRECT_URL: pooled })).toMatch(
    /^DATABASE_DIRECT_URL .* leads to a connection pooler in transaction mode/,
  );
  expect(await startOn({ DATABASE_URL: pooled, DATABASE_DIRECT_URL: unlimited })).toMatch(
    /^DATABASE_URL and DATABASE_DIRECT_URL .* lead to different databases/,
  );
});

test('a direct URL alone is refused', async () => {
  expect(await startOn({ DATABASE_URL: '', DATABASE_DIRECT_URL: limited })).toMatch(
    /^Configuration: a DATABASE_DIRECT_URL goes beside a DATABASE_URL/,
  );
});

test('sessions of a pool that no limit ends are refused, with what gives them one', async () => {
  const pooled = await through(documentedSettings(), unlimited);
  expect(await startOn({ DATABASE_URL: pooled, DATABASE_DIRECT_URL: unlimited })).toMatch(
    /may take any time, and DATABASE_STATEMENT_TIMEOUT_MS is 15000 ms.*alter role … set statement_timeout = '15000ms'/,
  );
});

test('session mode is fine', async () => {
  expect(await startOn({ DATABASE_URL: await through(SESSION_MODE, unlimited) })).toBe('it started');
});
