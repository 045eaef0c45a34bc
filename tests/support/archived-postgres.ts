import { chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { run } from '#dev/brokers/programs.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { withClient } from './sql.ts';
import { until } from './until.ts';

/**
 * A PostgreSQL that is backed up as one in production is: a base backup, taken while it works, and every segment of its
 * WAL in an archive. It is restored to a point in time that has a name. By the functions that pg_basebackup and other
 * tools use, because the packaged binaries have no programs for it.
 */

const SETTINGS = {
  wal_level: 'replica',
  archive_mode: 'on',
  max_connections: '300',
  // A killed server loses nothing that the kernel has; what a power cut takes is the matter of other tests.
  fsync: 'off',
};
const RESTORE_TIMEOUT_MS = 120_000;
/** tar's way to say that a file changed or went while it was read, which the WAL makes good. */
const CHANGED_MEANWHILE = 1;

export class ArchivedPostgres {
  readonly #folder: string;
  #server: EmbeddedPostgres;

  private constructor(folder: string, server: EmbeddedPostgres) {
    this.#folder = folder;
    this.#server = server;
  }

  static async start(folder: string): Promise<ArchivedPostgres> {
    const dataDir = join(folder, 'data');
    mkdirSync(folder, { recursive: true });
    await (await startEmbeddedPostgres({ dataDir })).stop();
    const archive = join(folder, 'archive');
    mkdirSync(archive);
    const { uid, gid } = statSync(dataDir);
    chownSync(archive, uid, gid);
    return new ArchivedPostgres(folder, await startEmbeddedPostgres({ dataDir, settings: archiving(archive) }));
  }

  /** Of a database, made where it is missing. */
  async urlOf(database: string): Promise<string> {
    await this.#ask(async (client) => {
      const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [database]);
      if (rowCount === 0) await client.query(`create database ${database}`);
    });
    const url = new URL(this.#server.url);
    url.pathname = `/${database}`;
    return url.toString();
  }

  /** A copy of everything, while it is written to. */
  async backUp(): Promise<void> {
    await this.#ask(async (client) => {
      await client.query("select pg_backup_start('drill', true)");
      const contents = ['--exclude=./pg_wal/*', '--exclude=./postmaster.pid', '--exclude=./postmaster.opts', '.'];
      const tar = `tar -C "$1" -cf "$2" "\${@:3}" || test $? -eq ${CHANGED_MEANWHILE}`;
      await run('bash', ['-c', tar, 'tar', this.#dataDir, this.#file('base.tar'), ...contents], this.#folder);
      const { rows } = await client.query<{ labelfile: string; spcmapfile: string }>(
        'select * from pg_backup_stop(true)',
      );
      writeFileSync(this.#file('backup_label'), rows[0]!.labelfile);
    });
  }

  /** Names the present moment, and waits until the archive has everything up to it. */
  async markPoint(name: string): Promise<void> {
    await this.#ask(async (client) => {
      await client.query('select pg_create_restore_point($1)', [name]);
      const { rows } = await client.query<{ segment: string }>('select pg_walfile_name(pg_switch_wal()) as segment');
      await until('the archive to have it', () => readdirSync(this.#file('archive')).includes(rows[0]!.segment), {
        timeoutMs: RESTORE_TIMEOUT_MS,
      });
    });
  }

  /** The server ends without warning, and its data is gone. The archive is elsewhere, and stays. */
  async destroy(): Promise<void> {
    process.kill(this.#server.pid, 'SIGKILL');
    await this.#server.stop();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  /** Brings back what was there at a point, from the backup and the archive. */
  async restore(point: string): Promise<void> {
    const dataDir = this.#dataDir;
    mkdirSync(dataDir, { mode: 0o700 });
    await run('tar', ['-C', dataDir, '-xpf', this.#file('base.tar')], this.#folder);
    copyFileSync(this.#file('backup_label'), join(dataDir, 'backup_label'));
    writeFileSync(join(dataDir, 'recovery.signal'), '');
    const { uid, gid } = statSync(this.#file('archive'));
    for (const path of [dataDir, join(dataDir, 'backup_label'), join(dataDir, 'recovery.signal')])
      if (existsSync(path)) chownSync(path, uid, gid);
    const archive = this.#file('archive');
    this.#server = await startEmbeddedPostgres({
      dataDir,
      settings: {
        ...archiving(archive),
        restore_command: `cp ${archive}/%f %p`,
        recovery_target_name: point,
        recovery_target_action: 'promote',
      },
    });
    await this.#ask((client) =>
      until(
        'the restored server to take writes',
        async () => {
          const { rows } = await client.query<{ recovering: boolean }>('select pg_is_in_recovery() as recovering');
          return !rows[0]!.recovering;
        },
        { timeoutMs: RESTORE_TIMEOUT_MS },
      ),
    );
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  get #dataDir(): string {
    return this.#file('data');
  }

  #file(name: string): string {
    return join(this.#folder, name);
  }

  #ask<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    return withClient(this.#server.url, work);
  }
}

function archiving(archive: string): Record<string, string> {
  // Another timeline has other names; a segment that is there already is whole.
  return {
    ...SETTINGS,
    archive_command: `test -f ${archive}/%f || (cp %p ${archive}/%f.new && mv ${archive}/%f.new ${archive}/%f)`,
  };
}
