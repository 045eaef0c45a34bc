import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  linkSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
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

/** How long a file may be empty: former versions created it first and wrote it then. */
const EMPTY_MS = 2_000;

/** Who asks, and who is alive; tests put others in their place. */
interface Contender {
  readonly self: string;
  readonly isAlive: (identity: string) => boolean;
}

const thisProcess = (): Contender => ({
  self: processIdentity(process.pid) ?? String(process.pid),
  isAlive: (identity) => processIdentity(Number.parseInt(identity, 10)) === identity,
});

/**
 * True when this process owns the server from now on; false when another living process does. Of several that find a
 * dead owner one takes over: whoever holds the claim to that very owner, and still finds its name in the file.
 */
export function takeOwnership(file: string, contender = thisProcess()): boolean {
  const { self, isAlive } = contender;
  for (;;) {
    if (createWhole(file, self)) return true;
    const owner = readIfThere(file);
    if (owner === undefined) continue;
    if (owner === self) return true;
    if (owner === '' ? isFresh(file) : isAlive(owner)) return false;
    // A claim may be left behind by a process that died with it; it is taken over like what it is about.
    const claim = `${file}.${createHash('sha256').update(owner).digest('hex').slice(0, 16)}`;
    if (!takeOwnership(claim, contender)) return false;
    try {
      if (readIfThere(file) === owner) {
        replace(file, self);
        return true;
      }
    } finally {
      rmSync(claim, { force: true });
    }
  }
}

/** Creates a file that has its content from the first moment on; false where there is one. */
function createWhole(file: string, content: string): boolean {
  const draft = `${file}.${randomUUID()}.new`;
  writeFileSync(draft, content, { mode: 0o644 });
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // Some file systems have no second names; there, content follows creation by a moment.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'].includes(code ?? '')) throw error;
    return createNew(file, content);
  } finally {
    rmSync(draft, { force: true });
  }
}

function createNew(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx', mode: 0o644 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  }
}

function replace(file: string, content: string): void {
  const draft = `${file}.${randomUUID()}.new`;
  writeFileSync(draft, content, { mode: 0o644 });
  renameSync(draft, file);
}

function isFresh(file: string): boolean {
  return Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < EMPTY_MS;
}

/** Gives the server up, where this process owns it. */
export function releaseOwnership(file: string): void {
  if (readIfThere(file) === (processIdentity(process.pid) ?? String(process.pid))) rmSync(file, { force: true });
}
