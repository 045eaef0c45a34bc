import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REPORTING_ROLE } from '#cli/serve/migrate.ts';
import { contract, migrate, type MigrationSet } from '#platform/database/migrate.ts';
import { readMigrations } from '#platform/database/migration-files.ts';
import { migrationSets } from '#system/databases.ts';
import { readDocument } from '#tests/support/published.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { withClient } from '#tests/support/sql.ts';

/** Views for reports keep their columns through every later migration. */

let postgres: TestPostgres;
let folder: string;
beforeAll(async () => {
  postgres = await startTestPostgres([]);
  folder = mkdtempSync(join(tmpdir(), 'olms-migrations-'));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await postgres?.stop();
});

/** The migrations of each service up to the one that made its views. */
function untilTheViews(): MigrationSet[] {
  return migrationSets().map(({ owner, folder: all }) => {
    const files = readdirSync(all).toSorted();
    const views = files.findIndex((name) => name.endsWith('-reporting.sql'));
    const some = join(folder, owner);
    mkdirSync(some, { recursive: true });
    for (const name of views < 0 ? files : files.slice(0, views + 1)) cpSync(join(all, name), join(some, name));
    return { owner, folder: some };
  });
}

type Columns = Record<string, string[]>;
const columnsIn = (url: string): Promise<Columns> =>
  withClient(url, async (client) => {
    const { rows } = await client.query<{ view: string; columns: string[] }>(
      `select c.relname as view, array_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod) order by a.attnum)::text[] as columns
       from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
       where c.relnamespace = 'reporting'::regnamespace group by 1 order by 1`,
    );
    return Object.fromEntries(rows.map(({ view, columns }) => [view, columns]));
  });

test('a database with the views is migrated forward, and contracted: every column is there as before, and is read', async () => {
  const url = await postgres.createDatabase();
  await migrate(url, untilTheViews(), { release: 'test' });
  const before = await columnsIn(url);
  expect(Object.keys(before)).toHaveLength(10);

  await migrate(url, migrationSets(), { release: 'test' });
  await contract(url, migrationSets(), (await readMigrations(migrationSets())).length, { release: 'test' });
  const after = await columnsIn(url);
  for (const [view, columns] of Object.entries(before))
    expect([view, after[view]?.slice(0, columns.length)]).toEqual([view, columns]);
  // What the document says of each view is what is there.
  for (const [view, columns] of Object.entries(after)) {
    const [, section] = readDocument('docs/reporting.md').split(`\n## ${view}\n`);
    const documented = [...section!.split('\n## ')[0]!.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect([view, documented]).toEqual([view, columns.map((column) => column.split(' ')[0])]);
    await withClient(url, (client) => client.query(`select * from reporting.${view}`));
  }
});

test('the role that olms migrate prints reads the views, and nothing else', async () => {
  const url = await postgres.createDatabase();
  await migrate(url, migrationSets(), { release: 'test' });
  await withClient(url, async (client) => {
    // Roles are of the whole server, which other tests use.
    await client.query('begin');
    await client.query(REPORTING_ROLE.replaceAll('olms_reporting', 'olms_reporting_tried'));
    await client.query('set local role olms_reporting_tried');
    expect((await client.query('select count(*)::int as count from reporting.invoice_taxes')).rows).toEqual([
      { count: 0 },
    ]);
    await expect(client.query('select * from billing.documents')).rejects.toThrow('permission denied');
    await client.query('rollback');
  });
});
