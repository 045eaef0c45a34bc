import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database } from '#platform/database/database.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { LOG_MIGRATIONS } from './migrations.ts';

/** Audit entries are added, never changed, and each follows from the one before, however many write at once. */

let postgres: TestPostgres;
let database: Database;
beforeAll(async () => {
  postgres = await startTestPostgres([LOG_MIGRATIONS]);
  const url = await postgres.createDatabase();
  database = new Database({ url, poolSize: 8, statementTimeoutMs: 10_000, applicationName: 'test' });
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});

const add = (subject: string, at = 'now()'): Promise<unknown> =>
  database.query(
    `insert into log.audit_entries (at, actor, action, subject, correlationid) values (${at}, 'ada', 'product.put', $1, 'c')`,
    [subject],
  );
const chain = async (): Promise<{ number: number; from: number; last: number | null }> => {
  const [row] = await database.query<{ number: number; from: number; last: number | null }>(
    `select number::int, from_number::int as from, (select number::int from log.audit_entries e where e.hash = c.hash) as last from log.audit_chain c`,
  );
  return row!;
};

test('entries of many writers are numbered without a gap, and the chain ends with the last of them', async () => {
  await Promise.all(Array.from({ length: 60 }, (_, n) => add(`S-${n}`)));
  const rows = await database.query<{ number: number }>(
    'select number::int as number from log.audit_entries order by number',
  );
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, n) => n + 1));
  expect(await chain()).toEqual({ number: 60, from: 0, last: 60 });
});

test('what is not committed is in no chain', async () => {
  const failing = database.query(
    `with added as (
       insert into log.audit_entries (actor, action, subject, correlationid) values ('ada', 'product.put', 'X', 'c') returning 0 as zero
     ) select 1 / zero from added`,
  );
  await expect(failing).rejects.toThrow('division by zero');
  expect((await chain()).number).toBe(60);
});

test.each([
  `update log.audit_entries set actor = 'eve' where number = 7`,
  'delete from log.audit_entries where number = 7',
])('is not to be had: %s', async (sql) => {
  await expect(database.query(sql)).rejects.toThrow('audit entries are added, never changed');
  expect((await chain()).number).toBe(60);
});

test('is forgotten from its beginning after two years, and still begins where it says', async () => {
  await database.query('truncate log.audit_entries');
  await database.query(`update log.audit_chain set number = 0, hash = '', from_number = 0, from_hash = ''`);
  for (const n of [1, 2, 3]) await add(`old-${n}`, `now() - interval '740 days'`);
  await add('new');
  await database.query(`delete from log.audit_entries where at < now() - interval '731 days'`);
  expect(await chain()).toEqual({ number: 4, from: 3, last: 4 });
});
