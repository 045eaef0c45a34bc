import type pg from 'pg';
import { labelOf, type MigrationFile } from './migration-files.ts';

/** What a database remembers of migrations: `public.olms_migrations`, and how far each backfill is. */

/** A file that was applied. Rows of versions that knew no phases have null there. */
export interface MigrationRecord extends Record<string, unknown> {
  readonly owner: string;
  readonly name: string;
  readonly checksum: string;
  readonly phase: string | null;
  /** Version of the program that applied it. */
  readonly applied_by: string | null;
}

/** Additive, because previous versions insert into the table by its first three columns. */
const TABLES = `
  create table if not exists public.olms_migrations (owner text not null, name text not null, checksum text not null, applied_at timestamptz not null default now(), primary key (owner, name));
  alter table public.olms_migrations add column if not exists phase text, add column if not exists applied_by text;
  create table if not exists public.olms_backfills (owner text not null, name text not null, cursor text not null, looked_at bigint not null, changed bigint not null, updated_at timestamptz not null default now(), primary key (owner, name));`;

/** Makes the tables where they are missing; without a lock where they are not. */
export async function ensureRecords(client: pg.Client): Promise<void> {
  if (!(await hasRecords(client))) await client.query(TABLES);
}

async function hasRecords(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    "select to_regclass('public.olms_backfills') is not null and exists (select from pg_attribute where attrelid = to_regclass('public.olms_migrations') and attname = 'applied_by') as there",
  );
  return rows[0]!.there;
}

/** What was applied; nothing where the database is new. */
export async function readRecords(client: pg.Client): Promise<MigrationRecord[]> {
  const { rows: found } = await client.query<{ there: boolean }>(
    "select to_regclass('public.olms_migrations') is not null as there",
  );
  if (!found[0]!.there) return [];
  const columns = (await hasRecords(client)) ? 'phase, applied_by' : 'null as phase, null as applied_by';
  return (await client.query<MigrationRecord>(`select owner, name, checksum, ${columns} from public.olms_migrations`))
    .rows;
}

export async function noteApplied(client: pg.Client, file: MigrationFile, release: string): Promise<void> {
  await client.query(
    'insert into public.olms_migrations (owner, name, checksum, phase, applied_by) values ($1, $2, $3, $4, $5) on conflict do nothing',
    [file.owner, file.name, file.checksum, file.phase, release],
  );
}

/** What a version has to do with a database. */
export interface Plan {
  /** Files that are to be applied before this version can work, in their order. */
  readonly pending: readonly MigrationFile[];
  /** Files that remove what this version does not use; applied when somebody asks. */
  readonly contracts: readonly MigrationFile[];
}

/** How the files of a version differ from what a database has. */
export interface MigrationState extends Plan {
  /** Applied with another content. */
  readonly changed: readonly string[];
  /** Applied by a version that knows more files. */
  readonly unknown: readonly string[];
  /** The contraction among those, which removed what this version uses. */
  readonly contraction: MigrationRecord | undefined;
}

/** Compares the files of a version with what a database has. */
export function stateOf(files: readonly MigrationFile[], records: readonly MigrationRecord[]): MigrationState {
  const known = new Map(files.map((file) => [labelOf(file), file]));
  const owners = new Set(files.map(({ owner }) => owner));
  const unknown = records.filter((record) => owners.has(record.owner) && !known.has(labelOf(record)));
  const isChanged = (record: MigrationRecord): boolean =>
    (known.get(labelOf(record))?.checksum ?? record.checksum) !== record.checksum;
  const applied = new Set(records.map(labelOf));
  const missing = files.filter((file) => !applied.has(labelOf(file)));
  return {
    pending: missing.filter(({ phase }) => phase !== 'contract'),
    contracts: missing.filter(({ phase }) => phase === 'contract'),
    changed: records.filter(isChanged).map(labelOf),
    unknown: unknown.map(labelOf),
    contraction: unknown.find(({ phase }) => phase === 'contract'),
  };
}

/**
 * What a version has to do with a database. Throws where an applied file was changed afterwards, and where the database
 * was contracted by a later version: it lacks what this one uses.
 */
export function planOf(files: readonly MigrationFile[], records: readonly MigrationRecord[], release: string): Plan {
  const { pending, contracts, changed, contraction } = stateOf(files, records);
  if (changed.length > 0)
    throw new Error(`Migration ${changed[0]} was changed after it had been applied. Add a new file instead.`);
  if (contraction)
    throw new Error(
      `The database was contracted by OLMS ${contraction.applied_by} (${labelOf(contraction)}), which removed what this version${release && `, ${release},`} uses. Run ${contraction.applied_by} or a newer one.`,
    );
  return { pending, contracts };
}
