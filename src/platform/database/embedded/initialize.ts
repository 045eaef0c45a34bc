import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresBinaries } from './binaries.ts';
import { userName } from './connection.ts';
import { type Files, writePrivate } from './files.ts';
import { run } from './processes.ts';
import type { ServerUser } from './user.ts';

/** Creates the data in a folder with another name first, so that an interrupted start leaves nothing half made. */
export async function initialize(
  files: Files,
  binaries: PostgresBinaries,
  user: ServerUser,
  log: (line: string) => void,
): Promise<void> {
  const versionFile = join(files.dataDir, 'PG_VERSION');
  if (existsSync(versionFile)) {
    const version = readFileSync(versionFile, 'utf8').trim();
    if (version !== binaries.majorVersion) {
      throw new Error(
        `The data in ${files.dataDir} was made by PostgreSQL ${version}; this is ${binaries.majorVersion}. Move it with pg_dump of ${version}.`,
      );
    }
    if (!existsSync(files.password)) {
      throw new Error(
        `${files.password} is missing. Restore it from a backup, or remove ${files.dataDir} as well to start with an empty database.`,
      );
    }
    return;
  }
  if (existsSync(files.dataDir) && readdirSync(files.dataDir).length > 0) {
    throw new Error(`${files.dataDir} exists and holds no PostgreSQL data. Remove it, or choose another OLMS_DATA.`);
  }

  log('Creating the database (first start) …');
  if (!existsSync(files.password)) writePrivate(files.password, randomBytes(24).toString('base64url'));
  const fresh = `${files.dataDir}.new`;
  const passwordCopy = `${files.password}.copy`;
  rmSync(fresh, { recursive: true, force: true });
  rmSync(passwordCopy, { force: true });
  try {
    mkdirSync(fresh, { mode: 0o700 });
    writePrivate(passwordCopy, readFileSync(files.password, 'utf8'));
    if (user.isOther) for (const path of [fresh, passwordCopy]) chownSync(path, user.uid, user.gid);
    const args = ['-D', fresh, '-U', userName, `--pwfile=${passwordCopy}`, '--auth=scram-sha-256', '--encoding=UTF8'];
    // The built-in C.UTF-8 sorts by code point and never changes with the system's libraries, which would corrupt indexes.
    args.push(
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--data-checksums',
      '--no-instructions',
    );
    await run(user.wrap(binaries.initdb, args));
    renameSync(fresh, files.dataDir);
  } finally {
    rmSync(passwordCopy, { force: true });
    rmSync(fresh, { recursive: true, force: true });
  }
}
