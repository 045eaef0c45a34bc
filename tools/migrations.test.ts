import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkMigrations } from './check-migrations.ts';
import type { Finding } from './migration-rules.ts';

/** The gate of migrations over what would stop or break who runs meanwhile, and over what would not. */

interface Case {
  readonly what: string;
  readonly sql: string;
  /** The rule that finds it, of ours or of squawk. */
  readonly rule?: string;
}

const BASE = `create table things.things (id uuid primary key, name text not null, old text, quantity integer not null default 0);
create index things_name on things.things (name);
create table things.parts (id uuid primary key, thing_id uuid not null, amount integer, constraint parts_amount_check check (amount > 0));`;

const UNSAFE: readonly Case[] = [
  {
    what: 'an index made while writes wait',
    rule: 'blocking-index',
    sql: 'create index things_old on things.things (old);',
  },
  {
    what: 'an index made concurrently in a transaction',
    rule: 'transaction',
    sql: 'create index concurrently if not exists things_old on things.things (old);',
  },
  {
    what: 'an index that cannot be made again after a failure',
    rule: 'transaction',
    sql: '-- transaction: none\ncreate index concurrently things_old on things.things (old);',
  },
  {
    what: 'a column dropped with the release that stops using it',
    rule: 'removal',
    sql: 'alter table things.things drop column old;',
  },
  { what: 'a table dropped', rule: 'removal', sql: 'drop table things.parts;' },
  { what: 'a column renamed', rule: 'rename', sql: 'alter table things.things rename column old to older;' },
  { what: 'a table renamed', rule: 'rename', sql: '-- phase: contract\nalter table things.things rename to items;' },
  {
    what: 'a column of another type',
    rule: 'column-type',
    sql: 'alter table things.things alter column quantity type bigint;',
  },
  {
    what: 'a column that the previous version does not write',
    rule: 'required-column',
    sql: 'alter table things.things add column size integer not null;',
  },
  {
    what: 'a default of its own for each row',
    rule: 'rewriting-default',
    sql: 'alter table things.things add column token uuid default gen_random_uuid();',
  },
  {
    what: 'a column made required',
    rule: 'narrowing',
    sql: 'alter table things.things alter column old set not null;',
  },
  {
    what: 'a column made required in a contraction, by reading the whole table under a lock',
    rule: 'required-column',
    sql: '-- phase: contract\nalter table things.things alter column old set not null;',
  },
  {
    what: 'a check that reads the whole table under a lock',
    rule: 'validated-constraint',
    sql: 'alter table things.things add constraint things_quantity_check check (quantity >= 0);',
  },
  {
    what: 'a check validated in the transaction that adds it',
    rule: 'validated-at-once',
    sql: 'alter table things.things add constraint things_quantity_check check (quantity >= 0) not valid;\nalter table things.things validate constraint things_quantity_check;',
  },
  {
    what: 'a check dropped that the previous version counts on',
    rule: 'removal',
    sql: 'alter table things.parts drop constraint parts_amount_check;',
  },
  {
    what: 'a reference that reads both tables under locks',
    rule: 'validated-constraint',
    sql: 'alter table things.parts add constraint parts_thing_fkey foreign key (thing_id) references things.things (id);',
  },
  {
    what: 'a unique constraint whose index is made under a lock',
    rule: 'unique-constraint',
    sql: 'alter table things.things add constraint things_name_key unique (name);',
  },
  {
    what: 'all rows written in one transaction',
    rule: 'all-rows',
    sql: "update things.things set old = 'none' where old is null;",
  },
  {
    what: 'rows removed in one transaction',
    rule: 'all-rows',
    sql: '-- phase: contract\ndelete from things.parts where amount is null;',
  },
  {
    what: 'rows filled without a bound',
    rule: 'backfill',
    sql: '-- phase: backfill\n-- table: things.things\n-- from: 00000000-0000-0000-0000-000000000000\nwith filled as (update things.things set old = name where id > $1::uuid returning id)\nselect null as cursor, count(*) as looked_at, count(*) as changed from filled;',
  },
  { what: 'a table emptied', rule: 'blocking-statement', sql: '-- phase: contract\ntruncate things.parts;' },
  { what: 'a table locked', rule: 'blocking-statement', sql: 'lock table things.things in share mode;' },
  {
    what: 'a transaction of its own',
    rule: 'transaction-control',
    sql: 'begin;\nalter table things.things add column size integer;\ncommit;',
  },
  { what: 'a table of another service', rule: 'schema', sql: 'alter table parcels.parcels add column size integer;' },
  {
    what: 'a block that nobody can look into',
    rule: 'procedural',
    sql: 'do $$ begin update things.things set old = name; end $$;',
  },
  {
    what: 'a phase that does not exist',
    rule: 'marks',
    sql: '-- phase: shrink\nalter table things.things drop column old;',
  },
  { what: 'SQL that is none', rule: 'syntax-error', sql: 'alter table things.things add columm size integer;' },
  {
    what: 'a time without its zone',
    rule: 'prefer-timestamp-tz',
    sql: 'alter table things.things add column seen_at timestamp;',
  },
];

const SAFE: readonly Case[] = [
  { what: 'a column that may be empty', sql: 'alter table things.things add column size integer;' },
  {
    what: 'a column with a fixed default',
    sql: 'alter table things.things add column size integer not null default 0;',
  },
  {
    what: 'two columns, of which one has a default',
    sql: 'alter table things.things add column size integer, add column shape text not null default $$round$$;',
  },
  {
    what: 'a table with its indexes, checks and rows',
    sql: "create table things.places (id uuid primary key default gen_random_uuid(), name text not null unique, size integer check (size > 0));\ncreate index places_size on things.places (size);\ninsert into things.places (name) select distinct old from things.things where old is not null;\nupdate things.places set size = 1 where name = 'main';",
  },
  {
    what: 'an index made concurrently',
    sql: '-- transaction: none\ncreate index concurrently if not exists things_old on things.things (old) where old is not null;',
  },
  {
    what: 'a unique index made concurrently',
    sql: '-- transaction: none\ncreate unique index concurrently if not exists things_name_once on things.things (name);',
  },
  {
    what: 'an index dropped concurrently',
    sql: '-- phase: contract\n-- transaction: none\ndrop index concurrently if exists things.things_name;',
  },
  {
    what: 'a constraint on an index that was made before',
    sql: 'alter table things.things add constraint things_name_key unique using index things_name_once;',
  },
  {
    what: 'a check for new rows',
    sql: 'alter table things.things add constraint things_quantity_check check (quantity >= 0) not valid;',
  },
  { what: 'a check validated later', sql: 'alter table things.parts validate constraint parts_amount_check;' },
  {
    what: 'a wider check in the place of a narrow one',
    sql: 'alter table things.parts drop constraint parts_amount_check;\nalter table things.parts add constraint parts_amount_check check (amount >= 0) not valid;',
  },
  {
    what: 'a reference for new rows',
    sql: 'alter table things.parts add constraint parts_thing_fkey foreign key (thing_id) references things.things (id) not valid;',
  },
  {
    what: 'a column that need not be there any more',
    sql: 'alter table things.things alter column name drop not null;',
  },
  {
    what: 'rows filled in batches',
    sql: '-- phase: backfill\n-- table: things.things\n-- from: 00000000-0000-0000-0000-000000000000\nwith batch as (select id, name from things.things where id > $1::uuid order by id limit $2),\n  filled as (update things.things t set old = b.name from batch b where t.id = b.id and t.old is null returning 1)\nselect (select id from batch order by id desc limit 1)::text as cursor, (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;',
  },
  {
    what: 'a function, and a trigger that calls it',
    sql: 'create function things.keep_equal() returns trigger language plpgsql as $$ begin update things.parts set amount = 1; return new; end $$;\ncreate trigger keep_equal before insert on things.things for each row execute function things.keep_equal();',
  },
  { what: 'a column dropped in a contraction', sql: '-- phase: contract\nalter table things.things drop column old;' },
  { what: 'a table dropped in a contraction', sql: '-- phase: contract\ndrop table things.parts;' },
  {
    what: 'words of danger in comments and texts',
    sql: "-- drop table things.things; truncate things.parts\ncomment on table things.things is 'update it; drop column old';",
  },
  {
    what: 'a row of settings',
    sql: "insert into things.things (id, name) values ('00000000-0000-0000-0000-000000000000', 'first');",
  },
];

let folder: string;
let findings: Map<string, Finding[]>;
const pathOf = (index: number, name: string): string => join(folder, String(index), name);
const TWO = '0002-change.sql';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'olms-migrations-'));
  const sets = [...UNSAFE, ...SAFE].map(({ sql }, index) => {
    mkdirSync(join(folder, String(index)));
    writeFileSync(pathOf(index, '0001-base.sql'), `${BASE}\n`);
    writeFileSync(pathOf(index, TWO), `${sql}\n`);
    return { owner: 'things', schema: 'things', folder: join(folder, String(index)) };
  });
  findings = checkMigrations(sets);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the tables that everything else is done to are themselves well made', () => {
  for (const index of [...UNSAFE, ...SAFE].keys()) expect(findings.get(pathOf(index, '0001-base.sql'))).toEqual([]);
});

describe('refused is', () => {
  test.each(UNSAFE.map((one, index) => ({ ...one, index })))('$what', ({ index, rule }) => {
    expect(findings.get(pathOf(index, TWO))!.map((finding) => finding.rule)).toContain(rule);
  });
});

describe('let pass is', () => {
  test.each(SAFE.map((one, index) => ({ ...one, index: index + UNSAFE.length })))('$what', ({ index }) => {
    expect(findings.get(pathOf(index, TWO))).toEqual([]);
  });
});

test('two files of one number are refused, and a column made required whose check was validated is not', () => {
  const at = join(folder, 'more');
  mkdirSync(at);
  const files = {
    '0001-base.sql': BASE,
    '0002-required.sql': 'alter table things.things add constraint things_old_there check (old is not null) not valid;',
    '0003-required-valid.sql': 'alter table things.things validate constraint things_old_there;',
    '0004-required-now.sql': '-- phase: contract\nalter table things.things alter column old set not null;',
  };
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(at, name), `${sql}\n`);
  const found = (): string[] =>
    [...checkMigrations([{ owner: 'things', schema: 'things', folder: at }]).values()].flat().map(({ rule }) => rule);
  expect(found()).toEqual([]);
  writeFileSync(join(at, '0003-other.sql'), 'alter table things.things add column size integer;\n');
  expect(found()).toEqual(['name']);
});
