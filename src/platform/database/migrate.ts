import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type Backoff, backoffMs } from '#platform/runtime/backoff.ts';
import { runBackfill } from './backfill.ts';
import { LOCKS } from './locks.ts';
import { labelOf, type MigrationFile, type MigrationSet, readMigrations } from './migration-files.ts';
import {
  ensureRecords,
  type MigrationState,
  noteApplied,
  type Plan,
  planOf,
  readRecords,
  stateOf,
} from './migration-records.ts';
import { earlierProcesses, type Session } from './process-names.ts';

export type { MigrationSet } from './migration-files.ts';

export interface AppliedMigration {
  readonly owner: string;
  readonly name: string;
}

export interface MigrateOptions {
  /** Version of the program, recorded with what it applies. */
  readonly release?: string;
  /** Gets lines that say what is done, and what is waited for. */
  readonly report?: (line: string) => void;
  /** Percent of the time that a backfill may keep the database busy. */
  readonly busyPercent?: number;
  /** How long another process that migrates is waited for, in milliseconds. */
  readonly patienceMs?: number;
}

/** One process at a time applies files; held while it runs, backfills included. */
const RUN_LOCK = LOCKS.migration;
/** Versions without phases wait for this one at their start, so it is held only while a transaction applies a file. */
const FILE_LOCK = LOCKS.migrationFile;
const CONNECT_TIMEOUT_MS = 10_000;
const PATIENCE_MS = 600_000;
const LOCK_POLL_MS = 100;
const REPORTED_AFTER = 10;
/** While a statement waits for its lock, everyone behind it waits too. */
const LOCK_TIMEOUT_MS = 2_000;
/** Nobody waits behind what runs outside of a transaction. */
const ONLINE_LOCK_TIMEOUT_MS = 60_000;
const STATEMENT_TIMEOUT_MS = 3_600_000;
const ONLINE_STATEMENT_TIMEOUT_MS = 86_400_000;
const IDLE_TIMEOUT_MS = 60_000;
const ATTEMPTS = 10;
const BETWEEN_ATTEMPTS: Backoff = { firstMs: 500, longestMs: 15_000 };
/** A lock was not to be had in time, a deadlock, a conflict of transactions: what passes. */
const PASSES = /^(55P03|40P01|40001)$/;
/** Half of the time: services that run meanwhile keep the other half. */
export const HALF_BUSY = 50;

const LIMITS = `set lock_timeout = ${LOCK_TIMEOUT_MS}; set statement_timeout = ${STATEMENT_TIMEOUT_MS}; set idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`;

/** What is missing in the database of a version, without changing anything. Throws where it cannot work there at all. */
export async function migrationPlan(url: string, sets: readonly MigrationSet[], release = ''): Promise<Plan> {
  const files = await readMigrations(sets);
  return withClient(url, async (client) => planOf(files, await readRecords(client), release));
}

/** How a database differs from what this version needs, whatever that means for it. */
export async function migrationState(url: string, sets: readonly MigrationSet[]): Promise<MigrationState> {
  const files = await readMigrations(sets);
  return withClient(url, async (client) => stateOf(files, await readRecords(client)));
}

/** Throws, with what to do, where a database lacks what this version needs or was contracted beyond it. */
export async function assertMigrated(url: string, sets: readonly MigrationSet[], release = ''): Promise<void> {
  const { pending } = await migrationPlan(url, sets, release);
  if (pending.length > 0)
    throw new Error(
      `The database is older than this version${release && `, ${release},`} needs: it lacks ${pending.map(labelOf).join(', ')}. Run olms migrate of this version first.`,
    );
}

/**
 * Applies what the database does not have yet and this version needs: expansions, each in a transaction of its own or,
 * where its file says so, in none, and backfills, in batches. One process at a time, short waits for locks with
 * repetitions, all of them limited. Refuses a database in which an applied file was changed afterwards, or that was
 * contracted by a later version.
 */
export async function migrate(
  url: string,
  sets: readonly MigrationSet[],
  options: MigrateOptions = {},
): Promise<readonly AppliedMigration[]> {
  const files = await readMigrations(sets);
  return withClient(url, async (client) => {
    const { release = '' } = options;
    const plan = async (): Promise<readonly MigrationFile[]> =>
      planOf(files, await readRecords(client), release).pending;
    // Nearly every start: no lock, and no right to change anything, is needed for it.
    if ((await plan()).length === 0) return [];
    await lock(client, RUN_LOCK, options);
    await alone(client, options, () => ensureRecords(client));
    const pending = await plan();
    for (const file of pending) await apply(client, file, options);
    return pending;
  });
}

/**
 * Applies the contractions that are prepared: from then on previous versions cannot work. Refuses where something is still
 * to be expanded or filled, and while a process of an earlier version is connected; `knownFiles` says which those are.
 */
export async function contract(
  url: string,
  sets: readonly MigrationSet[],
  knownFiles: number,
  options: MigrateOptions = {},
): Promise<readonly AppliedMigration[]> {
  const files = await readMigrations(sets);
  return withClient(url, async (client) => {
    await lock(client, RUN_LOCK, options);
    const { pending, contracts } = planOf(files, await readRecords(client), options.release ?? '');
    if (pending.length > 0)
      throw new Error(
        `Nothing was removed, because ${pending.map(labelOf).join(', ')} ${pending.length === 1 ? 'is' : 'are'} not applied yet. Run olms migrate first.`,
      );
    for (const file of contracts) {
      const earlier = await earlierProcesses(async (text) => (await client.query<Session>(text)).rows, knownFiles);
      if (earlier.length > 0)
        throw new Error(
          `${labelOf(file)} was not applied, because processes of an earlier version use the database: ${earlier.join('; ')}. Replace them, then run olms migrate --contract again.`,
        );
      await apply(client, file, options);
    }
    return contracts;
  });
}

async function apply(client: pg.Client, file: MigrationFile, options: MigrateOptions): Promise<void> {
  const { release = '', report = () => {}, busyPercent = HALF_BUSY } = options;
  const label = labelOf(file);
  const persist = <Result>(attempt: () => Promise<Result>): Promise<Result> => persistently(label, attempt, report);
  try {
    if (file.phase === 'backfill') {
      await runBackfill(client, file, { busyPercent, report, persist });
      await noteApplied(client, file, release);
    } else if (file.transaction) {
      await alone(client, options, () => persist(() => applyInTransaction(client, file, release)));
    } else {
      await persist(() => applyOnline(client, file, report));
      await noteApplied(client, file, release);
    }
  } catch (error) {
    throw new Error(`Migration ${label} failed: ${(error as Error).message}`, { cause: error });
  }
  report(`applied ${label}`);
}

async function applyInTransaction(client: pg.Client, file: MigrationFile, release: string): Promise<void> {
  await client.query('begin');
  try {
    await client.query(file.sql);
    await noteApplied(client, file, release);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

const CONCURRENT_INDEX =
  /\bcreate\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?(\w+)\s+on\s+(?:only\s+)?(?:(\w+)\.)?\w+/i;

/** A statement that PostgreSQL takes only outside of a transaction, and that may have been interrupted before. */
async function applyOnline(client: pg.Client, file: MigrationFile, report: (line: string) => void): Promise<void> {
  await client.query(
    `set lock_timeout = ${ONLINE_LOCK_TIMEOUT_MS}; set statement_timeout = ${ONLINE_STATEMENT_TIMEOUT_MS}`,
  );
  try {
    await makeOnline(client, file, report);
  } finally {
    await client.query(LIMITS);
  }
}

async function makeOnline(client: pg.Client, { sql }: MigrationFile, report: (line: string) => void): Promise<void> {
  const [, index, schema = 'public'] = CONCURRENT_INDEX.exec(sql) ?? [];
  if (index !== undefined) {
    const { rows } = await client.query<{ valid: boolean }>(
      `select i.indisvalid as valid from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
       where n.nspname = $1 and c.relname = $2`,
      [schema, index],
    );
    // Made to its end, and the process ended before it was noted.
    if (rows[0]?.valid) return;
    if (rows[0]) {
      report(`the index ${schema}.${index} was not made to its end; it is dropped and made again`);
      await client.query(`drop index concurrently if exists ${schema}.${index}`);
    }
  }
  await client.query(sql);
}

/** Tries again after a growing pause where the failure passes, ten times at most. */
async function persistently<Result>(
  what: string,
  attempt: () => Promise<Result>,
  report: (line: string) => void,
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      if (!PASSES.test(code) || tries >= ATTEMPTS) throw error;
      const waitMs = backoffMs(tries - 1, BETWEEN_ATTEMPTS);
      report(`${what}: ${message}; attempt ${tries + 1} of ${ATTEMPTS} in ${waitMs / 1000} s`);
      await sleep(waitMs);
    }
  }
}

/** Does something while no version without phases migrates. */
async function alone<Result>(client: pg.Client, options: MigrateOptions, work: () => Promise<Result>): Promise<Result> {
  await lock(client, FILE_LOCK, options);
  try {
    return await work();
  } finally {
    await client.query('select pg_advisory_unlock($1)', [FILE_LOCK]);
  }
}

/**
 * A lock of the session, asked for again and again instead of waited for: whoever waits inside a statement has a snapshot,
 * and an index that is made concurrently waits for all of those.
 */
async function lock(
  client: pg.Client,
  key: number,
  { report, patienceMs = PATIENCE_MS }: MigrateOptions,
): Promise<void> {
  const deadlineMs = performance.now() + patienceMs;
  for (let asked = 0; ; asked++) {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [key]);
    if (rows[0]!.locked) return;
    // A start finds the others of its deployment at it for a moment; that is not worth a line.
    if (asked === REPORTED_AFTER) report?.('another process migrates this database; waiting for it');
    if (performance.now() > deadlineMs)
      throw new Error(
        `Another process has been migrating this database for ${Math.round(patienceMs / 1000)} s. Wait for it, then start again.`,
      );
    await sleep(LOCK_POLL_MS);
  }
}

async function withClient<Result>(url: string, work: (client: pg.Client) => Promise<Result>): Promise<Result> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'olms-migrate',
    keepAlive: true,
  });
  client.on('error', () => {});
  await client.connect();
  try {
    await client.query(LIMITS);
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
