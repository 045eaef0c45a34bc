import { existsSync, readFileSync, readlinkSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIfThere } from './files.ts';
import { processIdentity } from './process-identity.ts';

/** What PostgreSQL writes into `postmaster.pid`. */
interface LockFile {
  pid: number;
  host: string;
  port: number;
}

export function readLockFile(dataDir: string): LockFile | undefined {
  try {
    const [pid, , , port, socketFolder, address] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(pid), port: Number(port), host: socketFolder?.trim() || address?.trim() || '' };
  } catch {
    return undefined;
  }
}

/** The process in the lock file, if it is alive and really the server of this data folder. */
export function livingPostmaster(dataDir: string): number | undefined {
  const lock = readLockFile(dataDir);
  if (!lock || processIdentity(lock.pid) === undefined) return undefined;
  if (process.platform !== 'linux') return lock.pid;
  try {
    // A server works in its data folder; a process that merely got its number after a crash does not.
    return readlinkSync(`/proc/${lock.pid}/cwd`) === realpathSync(dataDir) ? lock.pid : undefined;
  } catch {
    // Not ours to look at: PostgreSQL's own rule also says that another user's process is not the server of our data.
    return undefined;
  }
}

/**
 * After a crash the number in the lock file may belong to another process of the same user, and PostgreSQL would refuse to start.
 * It ignores the number of its own parent, so that is put there. Removing the file would also remove its proof that no
 * process of the dead server still writes to the data.
 */
export function makeLockFileStale(dataDir: string): void {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (livingPostmaster(dataDir) !== undefined || !existsSync(lockFile)) return;
  const content = readFileSync(lockFile, 'utf8');
  const end = content.indexOf('\n');
  if (process.platform === 'win32' || end < 0) rmSync(lockFile);
  else writeFileSync(lockFile, `${process.pid}${content.slice(end)}`);
}

/** True when this process owns the server from now on; false when another living process does. */
export function takeOwnership(file: string): boolean {
  const self = processIdentity(process.pid) ?? String(process.pid);
  for (;;) {
    try {
      writeFileSync(file, self, { flag: 'wx', mode: 0o644 });
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = readIfThere(file);
    if (owner === undefined) continue;
    if (owner === self) return true;
    // Empty for the instant between its creation and its writing.
    if (owner === '' && Date.now() - statSync(file).mtimeMs < 2000) return false;
    if (owner !== '' && processIdentity(Number.parseInt(owner, 10)) === owner) return false;
    rmSync(file, { force: true });
  }
}

/** Gives the server up, where this process owns it. */
export function releaseOwnership(file: string): void {
  if (readIfThere(file) === (processIdentity(process.pid) ?? String(process.pid))) rmSync(file, { force: true });
}
