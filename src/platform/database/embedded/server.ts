// Runs a PostgreSQL of our own beside the program: no installation, no container, no open port.
// One process owns the server and stops it; others that find it running (a command beside `npm start`) use it and leave it alone.
// A server that outlived its owner (`kill -9`) is adopted: the new process becomes the owner.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir, totalmem } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { findPostgresBinaries, type PostgresBinaries } from './binaries.ts';
import { serverUser, type ServerUser } from './user.ts';
import { processIdentity } from './process-identity.ts';

export interface EmbeddedPostgresOptions {
  /** For example `.olms/postgres`. Password, log and socket folder lie beside it, under the same name with an ending. */
  dataDir: string;
  log?: (line: string) => void;
  /** Server settings that win over the defaults below. */
  settings?: Record<string, string>;
  /** Called when the server ends without `stop()`. */
  onUnexpectedExit?: (reason: string) => void;
}

export interface EmbeddedPostgres {
  url: string;
  /** The folder of the unix socket, or 127.0.0.1 on Windows. */
  host: string;
  port: number;
  user: string;
  password: string;
  database: 'olms';
  pid: number;
  /** False when another living process started the server; `stop()` then leaves it running. */
  owned: boolean;
  stop(): Promise<void>;
}

const userName = 'olms';
const database = 'olms';
const socketPort = 5432;
const startTimeoutMs = 60_000;
const fastShutdownTimeoutMs = 30_000;
const immediateShutdownTimeoutMs = 10_000;
const logBytesMax = 16 * 1024 * 1024;
const socketPathBytesMax = process.platform === 'linux' ? 107 : 103;

interface Files {
  dataDir: string;
  password: string;
  log: string;
  owner: string;
  socketFolder: string;
}

/** A server that answered on this data folder. */
interface RunningServer {
  pid: number;
  host: string;
  port: number;
}

export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => {});
  const files = filesOf(options.dataDir);
  mkdirSync(dirname(files.dataDir), { recursive: true });

  const deadline = new Deadline(files.log);
  for (;;) {
    const owned = takeOwnership(files.owner);
    if (owned) {
      try {
        return await startAsOwner(files, options, log, deadline);
      } catch (error) {
        releaseOwnership(files.owner);
        throw error;
      }
    }
    const server = await findRunning(files, false);
    if (server) return handle(files, server, false, options);
    deadline.check('another process is starting PostgreSQL and did not finish');
    await sleep(50);
  }
}

async function startAsOwner(
  files: Files,
  options: EmbeddedPostgresOptions,
  log: (line: string) => void,
  deadline: Deadline,
): Promise<EmbeddedPostgres> {
  // A server that is just shutting down is neither used nor in the way for long.
  for (;;) {
    const server = await findRunning(files, true);
    if (server) {
      log(`PostgreSQL was still running (process ${server.pid}); using it.`);
      return handle(files, server, true, options);
    }
    if (livingPostmaster(files.dataDir) === undefined) break;
    deadline.check('a PostgreSQL that runs on this data does not answer');
    await sleep(20);
  }

  const binaries = findPostgresBinaries();
  const user = serverUser(files.dataDir, [binaries.postgres, join(files.dataDir, 'PG_VERSION')]);
  await initialize(files, binaries, user, log);
  boundLog(files.log);

  const network = await networkOf(files, user);
  for (;;) {
    makeLockFileStale(files.dataDir);
    // The socket has a lock file of its own. Its owner was killed, and while that process waits to be reaped its number looks alive.
    if (network.host.startsWith('/')) rmSync(join(network.host, `.s.PGSQL.${network.port}.lock`), { force: true });
    const logStart = existsSync(files.log) ? statSync(files.log).size : 0;
    const child = launch(files, binaries, user, network.args, options.settings ?? {});
    const outcome = await untilReady(files, child, network, deadline, logStart);
    if (outcome !== 'retry') return handle(files, outcome, true, options, network.temporaryFolder);
    deadline.check('remains of the previous server are still there');
    await sleep(200);
  }
}

/** Creates the data in a folder with another name first, so that an interrupted start leaves nothing half made. */
async function initialize(
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

function launch(
  files: Files,
  binaries: PostgresBinaries,
  user: ServerUser,
  networkArgs: string[],
  overrides: Record<string, string>,
): ChildProcess {
  const settings = { ...defaultSettings(binaries), ...overrides };
  const args = ['-D', files.dataDir, ...networkArgs];
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`);
  const { command, args: wrapped, ...ids } = user.wrap(binaries.postgres, args);
  const logFd = openSync(files.log, 'a', 0o600);
  try {
    // In a session of its own: Ctrl-C reaches every process of the terminal's group, and the server must not stop before its clients do.
    const child = spawn(command, wrapped, {
      ...ids,
      cwd: '/',
      env: cleanEnvironment(),
      stdio: ['ignore', logFd, logFd],
      detached: true,
      windowsHide: true,
    });
    child.unref();
    return child;
  } finally {
    closeSync(logFd);
  }
}

function defaultSettings(binaries: PostgresBinaries): Record<string, string> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  const sharedBuffersMb = Math.round(Math.min(1024, Math.max(128, memory / 8 / 1024 / 1024)));
  return {
    fsync: 'on',
    synchronous_commit: 'on',
    shared_buffers: `${sharedBuffersMb}MB`,
    huge_pages: 'try',
    max_connections: '100',
    // No replicas and no archive hang on an embedded server. One that needs them is a server of its own, by DATABASE_URL.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    // The packaged binaries have pglz alone, which takes more of a processor than the bytes take of a disk.
    wal_compression: 'off',
    jit: 'off',
    random_page_cost: '1.1',
    // Parallel workers share memory in /dev/shm, which is 64 MB in a container, and short queries on few cores gain nothing.
    max_parallel_workers_per_gather: '0',
    // A store that grows from nothing reaches the next tenth every few seconds: by default most tables would be analyzed
    // and vacuumed in every round, for statistics and maps that hardly change, on the cores that take the orders.
    autovacuum_naptime: '30s',
    autovacuum_max_workers: '1',
    autovacuum_analyze_scale_factor: '0.3',
    autovacuum_vacuum_scale_factor: '0.5',
    // Rows that are only inserted are vacuumed for their age and for index-only scans, and both can wait.
    autovacuum_vacuum_insert_threshold: '10000000',
    autovacuum_vacuum_insert_scale_factor: '0.5',
    // A quarter of the usual pace: what one vacuum writes, and logs whole after a checkpoint, is spread over the load.
    autovacuum_vacuum_cost_limit: '50',
    lc_messages: 'C',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // The details of an error repeat the row's values, which may be personal data.
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    ...(binaries.hasStatStatements ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
  };
}

async function untilReady(
  files: Files,
  child: ChildProcess,
  network: Network,
  deadline: Deadline,
  logStart: number,
): Promise<RunningServer | 'retry'> {
  let ended: string | undefined;
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `it ended with ${signal ?? `code ${code}`}`));
  const server = { pid: child.pid ?? 0, host: network.host, port: network.port };
  try {
    for (;;) {
      if (await answers(files, server, true)) return server;
      if (ended !== undefined) {
        const lines = logTail(files.log, logStart);
        // Processes of a killed server need a moment to notice that it is gone.
        if (/shared memory block .* is still in use/.test(lines)) return 'retry';
        throw new Error(`PostgreSQL did not start: ${ended}. The end of ${files.log}:\n${lines}`);
      }
      deadline.check('PostgreSQL does not answer', () => logTail(files.log, logStart));
      await sleep(15);
    }
  } catch (error) {
    if (child.pid !== undefined && ended === undefined) child.kill('SIGQUIT');
    throw error;
  }
}

/** A connection that works is the only proof of readiness. False: not there yet. Only the owner creates the database. */
async function answers(files: Files, server: { host: string; port: number }, mayCreate: boolean): Promise<boolean> {
  try {
    await withClient(files, server, database, async () => {});
    return true;
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (code === '3D000') {
      if (!mayCreate) return false;
      await createDatabase(files, server);
      return true;
    }
    if (code === '28P01') {
      throw new Error(
        `PostgreSQL refuses the password in ${files.password}: it does not belong to the data in ${files.dataDir}.`,
        { cause: error },
      );
    }
    // Starting, recovering, or stopping; or the socket is not there, or not yet.
    const passing = ['57P03', '57P01', '53300', 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'];
    if (passing.includes(code) || /timeout|terminated unexpectedly/i.test(String(error))) return false;
    throw error;
  }
}

/** The extension goes into the template, so that the database appears complete or not at all, even after a crash in between. */
async function createDatabase(files: Files, server: { host: string; port: number }): Promise<void> {
  await withClient(files, server, 'template1', async (client) => {
    const loaded = await client.query(
      `SELECT 1 FROM pg_settings WHERE name = 'shared_preload_libraries' AND setting LIKE '%pg_stat_statements%'`,
    );
    if (loaded.rowCount) await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  });
  await withClient(files, server, 'postgres', (client) => client.query(`CREATE DATABASE ${database}`));
}

async function withClient(
  files: Files,
  server: { host: string; port: number },
  name: string,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const password = readFileSync(files.password, 'utf8').trim();
  const client = new pg.Client({
    ...server,
    user: userName,
    password,
    database: name,
    ssl: false,
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => {}); // the server may go away while we close
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

function handle(
  files: Files,
  server: RunningServer,
  owned: boolean,
  options: EmbeddedPostgresOptions,
  temporaryFolder?: string,
): EmbeddedPostgres {
  const password = readFileSync(files.password, 'utf8').trim();
  const identity = processIdentity(server.pid);
  let watching = true;

  const watch = setInterval(() => {
    if (!watching) return;
    boundLog(files.log);
    if (processIdentity(server.pid) === identity) return;
    stopWatching();
    options.onUnexpectedExit?.(
      `PostgreSQL (process ${server.pid}) ended by itself. The end of ${files.log}:\n${logTail(files.log, 0)}`,
    );
  }, 2000);
  watch.unref();
  // A program that ends without stop() must not leave a server behind.
  const onExit = () => signalServer(server.pid, identity, 'SIGINT');
  if (owned) process.once('exit', onExit);

  function stopWatching(): void {
    watching = false;
    clearInterval(watch);
    process.removeListener('exit', onExit);
  }

  async function shutDown(): Promise<void> {
    stopWatching();
    if (!owned) return;
    if (process.platform === 'win32') {
      // Windows has no signals: a "kill" there would be a crash.
      await run({ command: findPostgresBinaries().pgCtl, args: ['stop', '-D', files.dataDir, '-m', 'fast', '-w'] });
    } else {
      signalServer(server.pid, identity, 'SIGINT');
      if (!(await untilGone(server.pid, identity, fastShutdownTimeoutMs))) {
        signalServer(server.pid, identity, 'SIGQUIT');
        if (!(await untilGone(server.pid, identity, immediateShutdownTimeoutMs))) {
          throw new Error(
            `PostgreSQL (process ${server.pid}) does not stop. The end of ${files.log}:\n${logTail(files.log, 0)}`,
          );
        }
      }
    }
    releaseOwnership(files.owner);
    if (temporaryFolder) rmSync(temporaryFolder, { recursive: true, force: true });
  }

  let stopped: Promise<void> | undefined;
  const address = server.host.startsWith('/')
    ? `localhost:${server.port}/${database}?host=${encodeURIComponent(server.host)}`
    : `${server.host}:${server.port}/${database}`;
  return {
    ...server,
    url: `postgres://${userName}:${password}@${address}`,
    user: userName,
    password,
    database,
    owned,
    stop: () => (stopped ??= shutDown()),
  };
}

// --- the server that may already be there ---

interface LockFile {
  pid: number;
  host: string;
  port: number;
}

function readLockFile(dataDir: string): LockFile | undefined {
  try {
    const [pid, , , port, socketFolder, address] = readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
    return { pid: Number(pid), port: Number(port), host: socketFolder?.trim() || address?.trim() || '' };
  } catch {
    return undefined;
  }
}

/** The process in the lock file, if it is alive and really the server of this data folder. */
function livingPostmaster(dataDir: string): number | undefined {
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

async function findRunning(files: Files, mayCreate: boolean): Promise<RunningServer | undefined> {
  const pid = livingPostmaster(files.dataDir);
  const lock = readLockFile(files.dataDir);
  if (pid === undefined || !lock || lock.pid !== pid || lock.host === '' || !existsSync(files.password))
    return undefined;
  const server = { pid, host: lock.host, port: lock.port };
  return (await answers(files, server, mayCreate)) ? server : undefined;
}

/**
 * After a crash the number in the lock file may belong to another process of the same user, and PostgreSQL would refuse to start.
 * It ignores the number of its own parent, so that is put there. Removing the file would also remove its proof that no
 * process of the dead server still writes to the data.
 */
function makeLockFileStale(dataDir: string): void {
  const lockFile = join(dataDir, 'postmaster.pid');
  if (livingPostmaster(dataDir) !== undefined || !existsSync(lockFile)) return;
  const content = readFileSync(lockFile, 'utf8');
  const end = content.indexOf('\n');
  if (process.platform === 'win32' || end < 0) rmSync(lockFile);
  else writeFileSync(lockFile, `${process.pid}${content.slice(end)}`);
}

// --- who owns the server ---

/** True when this process owns the server from now on; false when another living process does. */
function takeOwnership(file: string): boolean {
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

function releaseOwnership(file: string): void {
  if (readIfThere(file) === (processIdentity(process.pid) ?? String(process.pid))) rmSync(file, { force: true });
}

// --- socket, log, processes ---

interface Network {
  host: string;
  port: number;
  args: string[];
  temporaryFolder?: string;
}

/** A unix socket in a folder that only the server's user and root can enter; on Windows a port of the local machine. */
async function networkOf(files: Files, user: ServerUser): Promise<Network> {
  if (process.platform === 'win32') {
    const port = await freePort();
    return { host: '127.0.0.1', port, args: ['-c', 'listen_addresses=127.0.0.1', '-c', `port=${port}`] };
  }
  let folder = files.socketFolder;
  let temporaryFolder: string | undefined;
  // Beside the data, since cleaners of /tmp remove sockets of long-running servers; but the path may be too long, or on a shared
  // folder of a virtual machine that has no sockets.
  const fits = Buffer.byteLength(join(folder, `.s.PGSQL.${socketPort}`)) <= socketPathBytesMax;
  if (fits) mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (!fits || !(await holdsSockets(folder))) {
    folder = mkdtempSync(join(Buffer.byteLength(tmpdir()) > 60 ? '/tmp' : tmpdir(), 'olms-'));
    temporaryFolder = folder;
  }
  chmodSync(folder, 0o700);
  if (user.isOther) chownSync(folder, user.uid, user.gid);
  const args = ['-c', 'listen_addresses=', '-c', `port=${socketPort}`, '-c', `unix_socket_directories=${folder}`];
  return { host: folder, port: socketPort, args, ...(temporaryFolder ? { temporaryFolder } : {}) };
}

function holdsSockets(folder: string): Promise<boolean> {
  const path = join(folder, '.probe');
  rmSync(path, { force: true });
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen(path, () => server.close(() => done(true)));
  });
}

function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.once('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

/** The server keeps its log open for appending, so the file is copied and emptied, not renamed. */
function boundLog(log: string): void {
  if (!existsSync(log) || statSync(log).size <= logBytesMax) return;
  copyFileSync(log, `${log}.1`);
  truncateSync(log, 0);
}

function logTail(log: string, from: number): string {
  const content = readIfThere(log) ?? '';
  return Buffer.from(content).subarray(from).toString().trim().split('\n').slice(-15).join('\n');
}

/** Recovery after a crash may take long, and writes to the log as it proceeds: the time runs anew with each sign of progress. */
class Deadline {
  readonly #log: string;
  #size = -1;
  #at = 0;

  constructor(log: string) {
    this.#log = log;
  }

  check(what: string, tail: () => string = () => ''): void {
    const size = existsSync(this.#log) ? statSync(this.#log).size : 0;
    if (size !== this.#size) {
      this.#size = size;
      this.#at = Date.now();
    }
    if (Date.now() - this.#at > startTimeoutMs) {
      throw new Error(`${what} (waited ${startTimeoutMs / 1000} s). See ${this.#log}\n${tail()}`.trim());
    }
  }
}

function signalServer(pid: number, identity: string | undefined, signal: NodeJS.Signals): void {
  if (identity === undefined || processIdentity(pid) !== identity) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in this very moment.
  }
}

async function untilGone(pid: number, identity: string | undefined, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (identity !== undefined && processIdentity(pid) === identity) {
    if (Date.now() > end) return false;
    await sleep(10);
  }
  return true;
}

function run({
  command,
  args,
  ...ids
}: {
  command: string;
  args: string[];
  uid?: number;
  gid?: number;
}): Promise<void> {
  return new Promise((done, failed) => {
    const child = spawn(command, args, {
      ...ids,
      cwd: '/',
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.once('error', failed);
    child.once('close', (code) =>
      code === 0 ? done() : failed(new Error(`${basename(command)} failed with code ${code}:\n${output.trim()}`)),
    );
  });
}

/** PGDATA, PGPORT and their like in the user's environment are about other servers. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|LD_PRELOAD$)/.test(name));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C' };
}

function writePrivate(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function filesOf(dataDir: string): Files {
  const path = resolve(dataDir);
  return {
    dataDir: path,
    password: `${path}.password`,
    log: `${path}.log`,
    owner: `${path}.owner`,
    socketFolder: `${path}.run`,
  };
}
