import { describeFile, type MigrationFile, type Phase } from '#platform/database/migration-files.ts';

/**
 * Rules of our own about migrations: what the phases of src/platform/database/migrate.ts ask for and no linter of SQL knows.
 * A statement is looked at without its comments, texts and function bodies, in lower case.
 */

export interface Finding {
  readonly rule: string;
  readonly message: string;
}

export interface MigrationText {
  readonly name: string;
  readonly sql: string;
}

interface StatementRule {
  readonly rule: string;
  readonly phases: readonly Phase[];
  readonly pattern: RegExp;
  readonly message: string;
  /** Also where the table is made by the same file. */
  readonly always?: true;
}

const ALL: readonly Phase[] = ['expand', 'backfill', 'contract'];
const NOT_CONTRACT: readonly Phase[] = ['expand', 'backfill'];
const NOT_BACKFILL: readonly Phase[] = ['expand', 'contract'];

const STATEMENT_RULES: readonly StatementRule[] = [
  {
    rule: 'transaction-control',
    phases: ALL,
    pattern: /^(begin|start transaction|commit|end|rollback|savepoint)\b/,
    message: 'olms migrate begins and ends transactions; leave them out',
    always: true,
  },
  {
    rule: 'rename',
    phases: ALL,
    pattern: /^alter (table|index|view|type|function|schema|sequence)\b.* rename\b/,
    message: 'whoever runs meanwhile knows the old name alone: add the new one beside it (src/orders/migrations/0008)',
  },
  {
    rule: 'removal',
    phases: NOT_CONTRACT,
    pattern:
      /^drop (table|schema|view|materialized view|function|procedure|type|sequence|trigger)\b|^alter table\b.* drop (column\b|(?!constraint\b|not null\b|column\b|default\b|identity\b|expression\b)\w)/,
    message: 'the previous version may use it: a file with "-- phase: contract"',
    always: true,
  },
  {
    rule: 'narrowing',
    phases: NOT_CONTRACT,
    pattern: /\balter (column )?\w+ (set not null|drop default)\b/,
    message: 'the previous version writes without it: a file with "-- phase: contract"',
  },
  {
    rule: 'column-type',
    phases: ALL,
    pattern: /\balter (column )?\w+ (set data )?type\b/,
    message: 'the table would be rewritten under a lock: add another column, and fill it',
  },
  {
    rule: 'required-column',
    phases: ALL,
    pattern:
      /\badd (column )?(if not exists )?(?!constraint)\w+ (?:(?!\bdefault\b|\badd\b|, ).)*\bnot null\b(?!(?:(?!, ).)*\bdefault\b)/,
    message: 'the previous version writes no such column: nullable, or with a default',
  },
  {
    rule: 'rewriting-default',
    phases: ALL,
    pattern:
      /\badd (column )?(?!constraint)\w+ (?:(?!\badd\b).)*(\bserial\b|\bbigserial\b|\bgenerated\b|\bdefault (?:(?!, ).)*\b(random|gen_random_uuid|uuidv7|uuidv4|uuid_generate_\w+|clock_timestamp|timeofday|nextval)\s*\()/,
    message: 'a value of its own for each row rewrites the table under a lock: add it empty, and fill it',
  },
  {
    rule: 'checked-column',
    phases: ALL,
    pattern: /\badd (column )?(?!constraint)\w+ (?:(?!\badd\b).)*\b(unique|primary key|references)\b/,
    message: 'an index or a reference is made under a lock: afterwards, concurrently or not valid',
  },
  {
    rule: 'validated-constraint',
    phases: ALL,
    pattern: /\badd (constraint \w+ )?(check|foreign key)\b(?!.*\bnot valid\b)/,
    message: 'the whole table is read under a lock: add it not valid, and validate it in the next file',
  },
  {
    rule: 'validated-at-once',
    phases: ALL,
    pattern: /\bnot valid\b.*; .*\bvalidate constraint\b/,
    message: 'the lock of the first statement is held while the table is read: validate in the next file',
  },
  {
    rule: 'unique-constraint',
    phases: ALL,
    pattern: /\badd (constraint \w+ )?(unique|primary key|exclude)\b(?! using index)/,
    message: 'its index is made under a lock: make it concurrently, then add the constraint using index',
  },
  {
    rule: 'blocking-index',
    phases: ALL,
    pattern: /^create (unique )?index (?!concurrently)|^reindex (?!.*concurrently)|^drop index (?!concurrently)/,
    message: 'writes wait until it is done: concurrently, in a file with "-- transaction: none"',
  },
  {
    rule: 'blocking-statement',
    phases: ALL,
    pattern:
      /^(truncate|lock|cluster|vacuum full)\b|^refresh materialized view (?!concurrently)|^alter table\b.* set (logged|unlogged|tablespace)\b/,
    message: 'everybody waits until it is done',
    always: true,
  },
  {
    rule: 'all-rows',
    phases: NOT_BACKFILL,
    pattern: /^(update|delete from)\b|^insert into\b.*\bselect\b.*\bfrom\b|^with\b.*\b(update|delete from)\b/,
    message: 'rows would be locked until all are written: a file with "-- phase: backfill"',
  },
  {
    rule: 'procedural',
    phases: ALL,
    pattern: /^(do|call)\b/,
    message: 'nobody sees what it would lock: say it in statements',
    always: true,
  },
];

/** What a file without a transaction may hold: one of these, so that it can be done again. */
const ONLINE =
  /^(create (unique )?index concurrently if not exists \w+ on |drop index concurrently if exists |reindex (index|table) concurrently |alter type [\w.]+ add value if not exists )/;
/** What a statement is about, as far as it is a table. */
const TARGET =
  /^(?:create (?:unlogged )?table (?:if not exists )?|alter table (?:if exists )?(?:only )?|drop table (?:if exists )?|update (?:only )?|delete from (?:only )?|insert into |truncate (?:table )?|lock (?:table )?|create (?:unique )?index (?:concurrently )?(?:if not exists )?\w+ on (?:only )?|create (?:or replace )?(?:function|view) |create trigger \w+ .*? on )([\w.]+)/;

/** Everything wrong with the files of one folder, by file. `schema`: the one that its owner has. */
export function findingsIn(owner: string, schema: string, texts: readonly MigrationText[]): Map<string, Finding[]> {
  const found = new Map<string, Finding[]>();
  const everything = texts.map(({ sql }) => statementsOf(sql).join('; ')).join('; ');
  const numbers = new Set<string>();
  for (const { name, sql } of texts) {
    const findings: Finding[] = [];
    const add = (rule: string, message: string): void => void findings.push({ rule, message });
    found.set(name, findings);
    if (!/^\d{4}-[a-z0-9-]+\.sql$/.test(name)) add('name', 'a name is four digits and words: 0002-what-it-does.sql');
    const number = name.slice(0, 4);
    if (numbers.has(number))
      add('name', `another file has the number ${number}, so their order depends on their words`);
    numbers.add(number);
    let file: MigrationFile;
    try {
      file = describeFile(owner, name, sql);
    } catch (error) {
      add('marks', (error as Error).message);
      continue;
    }
    const statements = statementsOf(sql);
    findings.push(...findingsOf(file, schema, statements, everything));
  }
  return found;
}

function findingsOf(file: MigrationFile, schema: string, statements: readonly string[], everything: string): Finding[] {
  const findings: Finding[] = [];
  const add = (rule: string, message: string): void => void findings.push({ rule, message });
  const made = new Set<string>();
  if (statements.length === 0) add('empty', 'nothing is done');
  for (const statement of statements) {
    const target = TARGET.exec(statement)?.[1];
    // The views for reports are the one schema that services share: each has its own in it.
    const isReport = /^create view reporting\./i.test(statement);
    if (target !== undefined && !isReport && !target.startsWith(`${schema}.`))
      add('schema', `${target} is not in the schema of ${file.owner}: ${schema}.${target.split('.').at(-1)}`);
    if (/^create (unlogged )?table /.test(statement) && !/ partition of /.test(statement)) made.add(target ?? '');
    const isNew = target !== undefined && made.has(target);
    for (const { rule, phases, pattern, message, always } of STATEMENT_RULES)
      if (phases.includes(file.phase) && (always || !isNew) && pattern.test(statement)) add(rule, message);
    for (const [, name] of statement.matchAll(/\bdrop constraint (?:if exists )?(\w+)/g))
      if (file.phase !== 'contract' && !everythingAfter(statements, statement).includes(`add constraint ${name} `))
        add(
          'removal',
          `the previous version may count on ${name}: a wider one of that name in the same file, or "-- phase: contract"`,
        );
    for (const [, column] of statement.matchAll(/\balter (?:column )?(\w+) set not null\b/g))
      if (file.phase === 'contract' && !everything.includes(`check (${column} is not null) not valid`))
        add(
          'required-column',
          `the whole table would be read under a lock: first check (${column} is not null) not valid, then validate it`,
        );
  }
  const whole = statements.join('; ');
  for (const { rule, phases, pattern, message } of STATEMENT_RULES)
    if (rule === 'validated-at-once' && phases.includes(file.phase) && pattern.test(whole)) add(rule, message);
  if (file.transaction && /\bconcurrently\b/.test(whole))
    add('transaction', 'concurrently cannot run in a transaction: a file of its own, with "-- transaction: none"');
  if (!file.transaction && (statements.length !== 1 || !ONLINE.test(statements[0]!)))
    add(
      'transaction',
      'a file without a transaction has one statement that can be done again: create index concurrently if not exists, drop index concurrently if exists',
    );
  if (file.phase === 'backfill') findings.push(...backfillFindings(file, statements));
  return findings;
}

/** What is done from a statement on. */
function everythingAfter(statements: readonly string[], from: string): string {
  return statements.slice(statements.indexOf(from)).join('; ');
}

function backfillFindings(file: MigrationFile, statements: readonly string[]): Finding[] {
  const rule = 'backfill';
  const [statement = ''] = statements;
  const findings: Finding[] = [];
  if (statements.length !== 1) findings.push({ rule, message: 'one statement, which is run again and again' });
  if (!/\border by \w+ limit \$2/.test(statement) || !/> \$1/.test(statement))
    findings.push({
      rule,
      message: 'it goes on behind the cursor and takes a number of rows: … > $1 order by … limit $2',
    });
  for (const column of ['cursor', 'looked_at', 'changed'])
    if (!new RegExp(`\\bas ${column}\\b`).test(statement)) findings.push({ rule, message: `it must return ${column}` });
  if (!statement.includes(file.table)) findings.push({ rule, message: `it does not read ${file.table}` });
  return findings;
}

/** The statements of a text, without comments, texts and function bodies, in lower case and with single spaces. */
export function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/--[^\n]*/g, ' ')
    .replaceAll(/\/\*[\s\S]*?\*\//g, ' ')
    .replaceAll(/\$(\w*)\$[\s\S]*?\$\1\$/g, "''")
    .replaceAll(/'(?:[^']|'')*'/g, "''")
    .split(';')
    .map((statement) => statement.replaceAll(/\s+/g, ' ').trim().toLowerCase())
    .filter((statement) => statement !== '');
}
