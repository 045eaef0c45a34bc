import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { until } from '#tests/support/until.ts';
import { LOCKS } from './locks.ts';
import { assertMigrated, contract, migrate, type MigrateOptions, migrationPlan } from './migrate.ts';
import { processName } from './process-names.ts';

let postgres: TestPostgres;
let url: string;
let folder: string;
let client: pg.Client;

beforeAll(async () => {
  postgres = await startTestPostgres([]);
});
afterAll(() => postgres?.stop());

beforeEach(async () => {
  url = await postgres.createDatabase();
  folder = await mkdtemp(join(tmpdir(), 'olms-migrations-'));
  client = await connected();
});
afterEach(async () => {
  await client.end();
  await rm(folder, { recursive: true, force: true });
});

async function connected(name = 'test'): Promise<pg.Client> {
  const other = new pg.Client({ connectionString: url, application_name: name });
  other.on('error', () => {});
  await other.connect();
  return other;
}

const sets = (): { owner: string; folder: string }[] => [{ owner: 'things', folder }];
const file = (name: string, ...lines: string[]): Promise<void> =>
  writeFile(join(folder, name), `${lines.join('\n')}\n`);
const lines: string[] = [];
const run = (options: MigrateOptions = {}): ReturnType<typeof migrate> => {
  lines.length = 0;
  return migrate(url, sets(), {
    release: '1.0.0',
    report: (line) => void lines.push(line),
    busyPercent: 100,
    ...options,
  });
};
const names = (applied: readonly { readonly name: string }[]): string[] => applied.map(({ name }) => name);
const rowsOf = async (sql: string): Promise<unknown[]> => (await client.query(sql)).rows;

const THINGS = 'create table things (id integer primary key, old text, new text)';
const FILLED = [
  '-- phase: backfill',
  '-- table: things',
  '-- from: 0',
  'with batch as (select id, old from things where id > $1::integer order by id limit $2),',
  "filled as (update things t set new = left(b.old, 100 / (case b.old when 'bad' then 0 else 1 end)) from batch b where t.id = b.id returning 1)",
  'select (select max(id)::text from batch) as cursor, (select count(*) from batch) as looked_at, (select count(*) from filled) as changed',
];

test('what is missing is applied once, in order, and who applied it is known', async () => {
  await file('0001-things.sql', THINGS);
  await file('0002-more.sql', '-- phase: expand', 'alter table things add column more text');
  expect(names((await migrationPlan(url, sets())).pending)).toEqual(['0001-things.sql', '0002-more.sql']);
  expect(await rowsOf("select 1 from pg_class where relname = 'olms_migrations'")).toEqual([]);
  await expect(assertMigrated(url, sets(), '1.0.0')).rejects.toThrow(
    /older than this version, 1\.0\.0, needs: it lacks things\/0001-things\.sql.*olms migrate/,
  );
  expect(names(await run())).toEqual(['0001-things.sql', '0002-more.sql']);
  expect(lines).toEqual(['applied things/0001-things.sql', 'applied things/0002-more.sql']);
  expect(await run()).toEqual([]);
  await assertMigrated(url, sets());
  expect(await rowsOf('select distinct phase, applied_by from olms_migrations')).toEqual([
    { phase: 'expand', applied_by: '1.0.0' },
  ]);
  await file('0002-more.sql', 'alter table things add column other text');
  await expect(run()).rejects.toThrow('things/0002-more.sql was changed after it had been applied');
});

test('a database that a version without phases has migrated is taken over', async () => {
  await client.query(
    'create table public.olms_migrations (owner text not null, name text not null, checksum text not null, applied_at timestamptz not null default now(), primary key (owner, name))',
  );
  await file('0001-things.sql', THINGS);
  await run();
  // As that version goes on to write it.
  await client.query("insert into public.olms_migrations (owner, name, checksum) values ('others', '0001.sql', 'x')");
  expect(await run()).toEqual([]);
});

test('what fails leaves nothing behind, and says which file', async () => {
  await file('0001-things.sql', THINGS, '; select 1 / 0');
  await expect(run()).rejects.toThrow('Migration things/0001-things.sql failed: division by zero');
  expect(await rowsOf("select 1 from pg_class where relname = 'things'")).toEqual([]);
  expect(await rowsOf('select 1 from olms_migrations')).toEqual([]);
});

test('a lock is waited for shortly and asked for again, so that nobody stands behind it for long', async () => {
  await file('0001-things.sql', THINGS);
  await run();
  await file('0002-more.sql', 'alter table things add column more text');
  const holder = await connected();
  await holder.query('begin; lock table things in access share mode');
  const running = run();
  await until('the lock to be asked for again', () => lines.some((line) => line.includes('attempt 2 of 10')), {
    timeoutMs: 20_000,
  });
  await holder.end();
  expect(names(await running)).toEqual(['0002-more.sql']);
});

test('one process migrates, others wait for it, and not for ever', async () => {
  await file('0001-things.sql', THINGS, '; select pg_sleep(0.5)');
  const both = await Promise.all([run(), migrate(url, sets()), migrate(url, sets())]);
  expect(both.map((applied) => applied.length).sort()).toEqual([0, 0, 1]);
  await file('0002-more.sql', 'alter table things add column more text');
  const holder = await connected();
  await holder.query('select pg_advisory_lock($1)', [LOCKS.migration]);
  await expect(run({ patienceMs: 300 })).rejects.toThrow(/Another process has been migrating this database/);
  await holder.end();
});

describe('an index made while others write', () => {
  const INDEX = [
    '-- transaction: none',
    'create unique index concurrently if not exists things_old on public.things (old)',
  ];

  test('that was not made to its end is dropped and made again', async () => {
    await file('0001-things.sql', THINGS, "; insert into things values (1, 'same'), (2, 'same')");
    await file('0002-index.sql', ...INDEX);
    await expect(run()).rejects.toThrow('things/0002-index.sql failed: could not create unique index');
    expect(await rowsOf("select indisvalid from pg_index where indexrelid = 'things_old'::regclass")).toEqual([
      { indisvalid: false },
    ]);
    await client.query("update things set old = 'other' where id = 2");
    expect(names(await run())).toEqual(['0002-index.sql']);
    expect(lines.join('\n')).toContain('the index public.things_old was not made to its end');
    expect(await rowsOf("select indisvalid from pg_index where indexrelid = 'things_old'::regclass")).toEqual([
      { indisvalid: true },
    ]);
  });

  test('that was made, and the process ended before it was noted, counts as made', async () => {
    await file('0001-things.sql', THINGS);
    await run();
    await client.query('create unique index things_old on things (old)');
    await file('0002-index.sql', ...INDEX);
    expect(names(await run())).toEqual(['0002-index.sql']);
  });

  test('waits for who writes, and holds nobody up', async () => {
    await file('0001-things.sql', THINGS);
    await run();
    await file('0002-index.sql', ...INDEX);
    const writer = await connected();
    await writer.query("begin; insert into things values (1, 'a')");
    const running = run();
    await until(
      'the index to wait',
      async () =>
        (
          await rowsOf(
            "select 1 from pg_stat_activity where application_name = 'olms-migrate' and wait_event_type = 'Lock'",
          )
        ).length === 1,
    );
    await client.query("insert into things values (2, 'b')");
    await writer.query('commit');
    await writer.end();
    expect(names(await running)).toEqual(['0002-index.sql']);
  });
});

describe('rows that are filled', () => {
  test('are filled in batches, and after an interruption from where it was', async () => {
    await file('0001-things.sql', THINGS);
    await run();
    await client.query(
      "insert into things select n, case n when 2500 then 'bad' else 'o' || n end from generate_series(1, 4000) n",
    );
    await file('0002-filled.sql', ...FILLED);
    await expect(run()).rejects.toThrow('things/0002-filled.sql failed: division by zero');
    const [{ looked_at: before }] = (await rowsOf('select looked_at::int from olms_backfills')) as [
      { looked_at: number },
    ];
    expect(before).toBeGreaterThanOrEqual(1000);
    expect(await rowsOf('select count(*)::int as count from things where new is not null')).toEqual([
      { count: before },
    ]);
    await client.query("update things set old = 'good' where id = 2500");
    // What is filled already is not looked at again: it would be noticed here.
    await client.query("update things set new = 'kept' where id = 1");
    expect(names(await run())).toEqual(['0002-filled.sql']);
    expect(lines[0]).toContain(`goes on: ${before} of about`);
    expect(lines).toContain('things/0002-filled.sql: 4000 rows looked at, 4000 changed');
    expect(await rowsOf("select count(*)::int as count from things where new = old or new = 'kept'")).toEqual([
      { count: 4000 },
    ]);
    expect(await rowsOf('select new from things where id = 1')).toEqual([{ new: 'kept' }]);
    expect(await run()).toEqual([]);
  });

  test('take a part of the time where a percentage is given', async () => {
    await file('0001-things.sql', THINGS);
    await run();
    await client.query("insert into things select n, 'o' || n from generate_series(1, 3000) n");
    // Every batch sleeps 50 ms, so at a tenth of the time it pauses 450 ms and more behind each.
    await file(
      '0002-filled.sql',
      ...FILLED.slice(0, -1),
      FILLED.at(-1)!.replace('select (', 'select pg_sleep(0.05)::text as slept, ('),
    );
    const beganMs = performance.now();
    await run({ busyPercent: 10 });
    expect(performance.now() - beganMs).toBeGreaterThan(900);
  });

  test('by a statement that does not get on are refused', async () => {
    await file('0001-things.sql', THINGS);
    await file(
      '0002-filled.sql',
      ...FILLED.slice(0, 3),
      "select '0' as cursor, 1 as looked_at, 1 as changed where $1 = $1 and $2 = $2",
    );
    await expect(run()).rejects.toThrow('must return one row');
  });
});

describe('what only earlier versions use', () => {
  beforeEach(async () => {
    await file('0001-things.sql', THINGS);
    await file('0002-dropped.sql', '-- phase: contract', 'alter table things drop column old');
  });
  const remove = (knownFiles = 2): ReturnType<typeof contract> =>
    contract(url, sets(), knownFiles, { release: '1.2.0', report: (line) => void lines.push(line) });
  const columns = (): Promise<unknown[]> =>
    rowsOf("select attname from pg_attribute where attrelid = 'things'::regclass and attname = 'old'");

  test('stays until somebody asks, and goes when nothing is left to fill', async () => {
    await expect(remove()).rejects.toThrow('things/0001-things.sql is not applied yet. Run olms migrate first');
    expect(names(await run())).toEqual(['0001-things.sql']);
    expect(await columns()).toHaveLength(1);
    expect(names((await migrationPlan(url, sets())).contracts)).toEqual(['0002-dropped.sql']);
    await assertMigrated(url, sets());
    expect(names(await remove())).toEqual(['0002-dropped.sql']);
    expect(await columns()).toHaveLength(0);
    expect(await remove()).toEqual([]);
  });

  test('stays while a process of an earlier version is connected', async () => {
    await run();
    for (const name of ['olms orders', processName(1, ['orders']), 'olms']) {
      const earlier = await connected(name);
      await expect(remove()).rejects.toThrow(`use the database: ${name} (session `);
      await earlier.end();
      await until('it to be gone', async () => (await postgres.connectionsTo(url)) === 1);
    }
    const same = [await connected(processName(2, [])), await connected('olms-audit'), await connected('psql')];
    expect(names(await remove())).toEqual(['0002-dropped.sql']);
    for (const other of same) await other.end();
  });

  test('once it is gone, an earlier version refuses to start, and says which one works', async () => {
    await run();
    await remove();
    await rm(join(folder, '0002-dropped.sql'));
    const refusal =
      /was contracted by OLMS 1\.2\.0 \(things\/0002-dropped\.sql\).*this version, 1\.0\.0, uses\. Run 1\.2\.0/;
    await expect(run()).rejects.toThrow(refusal);
    await expect(assertMigrated(url, sets(), '1.0.0')).rejects.toThrow(refusal);
    // Services of that version that have nothing to do with it are not concerned.
    const other = await mkdtemp(join(tmpdir(), 'olms-migrations-'));
    await writeFile(join(other, '0001-others.sql'), 'create table others (id integer)');
    await migrate(url, [{ owner: 'others', folder: other }]);
    await rm(other, { recursive: true });
  });
});

test('a file that says what does not exist is refused', async () => {
  await file('0001-things.sql', '-- phase: shrink', THINGS);
  await expect(run()).rejects.toThrow(
    'things/0001-things.sql: the phase is one of expand, backfill, contract, not shrink',
  );
  await file('0001-things.sql', '-- transaction: own', THINGS);
  await expect(run()).rejects.toThrow('takes none');
  await file('0001-things.sql', '-- phase: backfill', 'select 1');
  await expect(run()).rejects.toThrow('a backfill says "-- table:"');
});
