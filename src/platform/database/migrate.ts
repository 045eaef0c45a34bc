import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';

/** A folder of numbered SQL files, applied in order of their names; `owner` is the service or `platform`. */
export interface MigrationSet {
  readonly owner: string;
  readonly folder: string;
}

export interface AppliedMigration {
  readonly owner: string;
  readonly name: string;
}

const MIGRATION_LOCK = 7_113_001;

/**
 * Applies the migrations that the database does not have yet, each in a transaction of its own, one process
 * at a time (advisory lock). Refuses to start where an applied file was changed afterwards.
 */
export async function migrate(url: string, sets: readonly MigrationSet[]): Promise<AppliedMigration[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  await client.connect();
  const applied: AppliedMigration[] = [];
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query("set lock_timeout = '10s'");
    await client.query(
      'create table if not exists public.olms_migrations (owner text not null, name text not null, checksum text not null, applied_at timestamptz not null default now(), primary key (owner, name))',
    );
    const done = new Map<string, string>();
    for (const row of (
      await client.query<{ owner: string; name: string; checksum: string }>(
        'select owner, name, checksum from public.olms_migrations',
      )
    ).rows) {
      done.set(`${row.owner}/${row.name}`, row.checksum);
    }
    for (const set of sets) {
      const files = (await readdir(set.folder)).filter((file) => file.endsWith('.sql')).sort();
      for (const name of files) {
        const sql = await readFile(join(set.folder, name), 'utf8');
        const checksum = createHash('sha256').update(sql).digest('hex');
        const before = done.get(`${set.owner}/${name}`);
        if (before === checksum) continue;
        if (before !== undefined)
          throw new Error(
            `Migration ${set.owner}/${name} was changed after it had been applied. Add a new file instead.`,
          );
        await client.query('begin');
        try {
          await client.query(sql);
          await client.query('insert into public.olms_migrations (owner, name, checksum) values ($1, $2, $3)', [
            set.owner,
            name,
            checksum,
          ]);
          await client.query('commit');
        } catch (error) {
          await client.query('rollback');
          throw new Error(`Migration ${set.owner}/${name} failed: ${(error as Error).message}`, { cause: error });
        }
        applied.push({ owner: set.owner, name });
      }
    }
  } finally {
    await client.end();
  }
  return applied;
}
