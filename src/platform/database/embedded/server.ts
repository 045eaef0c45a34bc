// Runs a PostgreSQL of our own beside the program: no installation, no container, no open port.
// One process owns the server and stops it; others that find it running (a command beside `npm start`) use it and leave it alone.
// A server that outlived its owner (`kill -9`) is adopted: the new process becomes the owner.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PostgresBinaries, findPostgresBinaries } from './binaries.ts';
import { type RunningServer, answers, database, userName } from './connection.ts';
import { Deadline, type Files, boundLog, filesOf, logTail } from './files.ts';
import { initialize } from './initialize.ts';
import { type Network, networkOf } from './network.ts';
import { livingPostmaster, makeLockFileStale, readLockFile, releaseOwnership, takeOwnership } from './ownership.ts';
import { processIdentity } from './process-identity.ts';
import { cleanEnvironment, run, signalServer, untilGone } from './processes.ts';
import { defaultSettings } from './settings.ts';
import { type ServerUser, serverUser } from './user.ts';

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
const fastShutdownTimeoutMs = 30_000;
const immediateShutdownTimeoutMs = 10_000;

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

async function findRunning(files: Files, mayCreate: boolean): Promise<RunningServer | undefined> {
  const pid = livingPostmaster(files.dataDir);
  const lock = readLockFile(files.dataDir);
  if (pid === undefined || !lock || lock.pid !== pid || lock.host === '' || !existsSync(files.password))
    return undefined;
  const server = { pid, host: lock.host, port: lock.port };
  return (await answers(files, server, mayCreate)) ? server : undefined;
}
