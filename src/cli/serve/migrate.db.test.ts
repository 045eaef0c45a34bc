import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem } from '#system/system.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { withClient } from '#tests/support/sql.ts';
import { migrateDatabase, type MigrateCommand } from './migrate.ts';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres([]);
});
afterAll(() => postgres?.stop());

/** What `olms migrate` prints. */
async function printed(url: string, options: MigrateCommand = {}): Promise<string> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    await migrateDatabase(options, { DATABASE_URL: url });
    return write.mock.calls.map(([text]) => String(text)).join('');
  } finally {
    write.mockRestore();
  }
}

test('olms migrate does what its dry run says, and removes nothing before it is asked to', async () => {
  const url = await postgres.createDatabase();
  const wouldApply = await printed(url, { dryRun: true });
  expect(wouldApply).toContain('would apply orders/0009-customer-id-text-filled.sql (backfill)\n');
  expect(wouldApply).toContain('would leave to --contract orders/0011-customer-dropped.sql (contract)\n');
  await expect(printed(url, { contract: true })).rejects.toThrow('Run olms migrate first');
  const applied = await printed(url);
  expect([...applied.matchAll(/^applied (\S+)/gm)].map(([, name]) => name)).toEqual(
    [...wouldApply.matchAll(/^would apply (\S+)/gm)].map(([, name]) => name),
  );
  expect(applied).toMatch(/\d+ prepared for olms migrate --contract/);
  expect(await printed(url, { dryRun: true, contract: true })).toContain(
    'would apply orders/0011-customer-dropped.sql (contract)\n',
  );
  expect(await printed(url, { contract: true })).toContain('applied orders/0011-customer-dropped.sql\n');
  expect(await printed(url)).toBe('nothing to apply\n');
  expect(await printed(url, { contract: true })).toBe('nothing to remove\n');
});

test('a start that may not migrate refuses an older database, and one that was contracted later', async () => {
  const url = await postgres.createDatabase();
  const env = { DATABASE_URL: url, DATABASE_MIGRATE_ON_START: 'false', OLMS_ENV: 'test', PORT: '0' };
  const start = async (): ReturnType<typeof startSystem> =>
    startSystem({ env: { ...env, SANDBOX_PROVIDER_PORT: String(await freePort()) }, logger: createLogger('silent') });
  await expect(start()).rejects.toThrow(/lacks platform\/0001-log\.sql.*Run olms migrate of this version first/);
  await printed(url);
  await (await start()).stop();
  await withClient(url, (client) =>
    client.query(
      "insert into public.olms_migrations (owner, name, checksum, phase, applied_by) values ('orders', '9999-later.sql', '', 'contract', '9.0.0')",
    ),
  );
  await expect(start()).rejects.toThrow('contracted by OLMS 9.0.0 (orders/9999-later.sql)');
});
