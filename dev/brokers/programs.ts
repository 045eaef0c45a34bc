import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How tests and `npm run cluster` get programs the project does not ship: from the PATH, or installed into an
 * ignored folder that is kept between runs. The system itself is not changed: Debian packages are unpacked, not
 * installed, so no service is ever enabled or started by them.
 */

export type Progress = (line: string) => void;

const CACHE = join(import.meta.dirname, '..', '..', '.cache', 'olms-brokers');
const INSTALL_TIMEOUT_MS = 300_000;
const LOG_TAIL_CHARACTERS = 3_000;

/** The full path of a program, or undefined. Debian keeps some servers where only root's PATH looks. */
export function onPath(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  return folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
}

/** A folder of the cache, filled by `fill` on first use. An interrupted or a parallel installation leaves nothing half made. */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  const fresh = `${folder}.new-${process.pid}`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    await fill(fresh);
    renameSync(fresh, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return folder;
}

/** Runs a command to its end; the error carries the end of what it printed. */
export function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  const options = {
    cwd,
    timeout: INSTALL_TIMEOUT_MS,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
  };
  return new Promise((resolve, reject) => {
    execFile(command, [...args], options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const reason = error.killed ? `it took longer than ${INSTALL_TIMEOUT_MS / 1000} s` : error.message;
      reject(
        new Error(
          `${command} ${args.join(' ')} failed: ${reason}\n${`${stdout}${stderr}`.slice(-LOG_TAIL_CHARACTERS)}`,
          { cause: error },
        ),
      );
    });
  });
}

export interface Program {
  readonly command: string;
  /** Variables the program needs to find its own libraries. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * A program of a Debian package: from the PATH, else the package and those of its dependencies the system lacks,
 * unpacked into the cache.
 */
export async function debianProgram(
  packageName: string,
  program: string,
  advice: string,
  log: Progress,
): Promise<Program> {
  const installed = onPath(program);
  if (installed) return { command: installed, env: {} };
  if (!onPath('apt-get') || !onPath('dpkg'))
    throw new Error(`${program} is not on the PATH and this system has no apt-get. ${advice}`);
  const folder = await cached(packageName, async (fresh) => {
    log(`${program}: getting the Debian package ${packageName} …`);
    try {
      await unpackWithDependencies(packageName, fresh);
    } catch (error) {
      throw new Error(`${program} could not be set up from Debian's packages. ${advice}`, { cause: error });
    }
  });
  const architecture = (
    await run('dpkg-architecture', ['-qDEB_HOST_MULTIARCH'], folder).catch(
      () => `${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`,
    )
  ).trim();
  const libraries = [join(folder, 'usr/lib', architecture), join(folder, 'lib', architecture)];
  const command = ['usr/bin', 'usr/sbin'].map((place) => join(folder, place, program)).find(existsSync)!;
  return { command, env: { LD_LIBRARY_PATH: libraries.join(delimiter) } };
}

const LISTS_ATTEMPTS = 20;
const LISTS_RETRY_MS = 3_000;

/** Only one process at a time may: whoever comes meanwhile is refused at once, and tries again. */
async function updatePackageLists(folder: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await run('apt-get', ['update', '-qq'], folder);
      return;
    } catch (error) {
      if (attempt === LISTS_ATTEMPTS || !(error as Error).message.includes('Could not get lock')) throw error;
      await sleep(LISTS_RETRY_MS);
    }
  }
}

async function unpackWithDependencies(packageName: string, folder: string): Promise<void> {
  // Package lists may be missing in a fresh container, or name versions that are gone.
  if (process.getuid?.() === 0) await updatePackageLists(folder);
  const plan = await run('apt-get', ['install', '--simulate', '--no-install-recommends', packageName], folder);
  const packages = [...plan.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]!);
  const downloads = join(folder, 'downloads');
  mkdirSync(downloads);
  await run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', ...packages], downloads);
  const archives = (await run('ls', ['-1'], downloads)).split('\n').filter((name) => name.endsWith('.deb'));
  for (const archive of archives) await run('dpkg', ['-x', join(downloads, archive), folder], folder);
  rmSync(downloads, { recursive: true });
}

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface ServerProcess {
  readonly pid: number;
  /** Orderly, then by force after `graceMs`. */
  stop(graceMs?: number): Promise<void>;
  /** At once, as a crash would end it. */
  kill(): Promise<void>;
}

export interface ServerOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly logFile: string;
  /** True once the server answers; called every 100 ms. */
  readonly ready: () => Promise<boolean>;
  readonly startTimeoutMs: number;
}

/** Starts a server that ends with this process at the latest, and waits until it answers. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const child = launch(options);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const ended = (): boolean => child.exitCode !== null || child.signalCode !== null;
  /** Why there is no process at all. */
  let unborn: string | undefined;
  child.once('error', (error) => (unborn = error.message));
  const onExit = (): void => void child.kill('SIGKILL');
  process.once('exit', onExit);
  const end = async (signal: NodeJS.Signals, graceMs: number): Promise<void> => {
    if (unborn === undefined && !ended()) child.kill(signal);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    if (unborn === undefined && !ended()) await exited;
    clearTimeout(timer);
    process.removeListener('exit', onExit);
  };
  const deadlineMs = Date.now() + options.startTimeoutMs;
  while (!(await options.ready())) {
    let failure = unborn;
    if (ended()) failure ??= `it ended with ${child.signalCode ?? `code ${child.exitCode}`}`;
    if (failure === undefined && Date.now() > deadlineMs)
      failure = `it did not answer within ${options.startTimeoutMs / 1000} s`;
    if (failure !== undefined) {
      await end('SIGKILL', 0);
      throw new Error(
        `${options.name} did not start: ${failure}. The end of ${options.logFile}:\n${readFileSync(options.logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS)}`,
      );
    }
    await sleep(100);
  }
  return { pid: child.pid!, stop: (graceMs = 15_000) => end('SIGTERM', graceMs), kill: () => end('SIGKILL', 5_000) };
}

function launch(options: ServerOptions): ChildProcess {
  // Where it can be had, the kernel ends the server even when this process is killed; elsewhere an exit handler must do.
  const guarded = process.platform === 'linux' && onPath('setpriv') !== undefined;
  const command = guarded ? 'setpriv' : options.command;
  const args = guarded ? ['--pdeathsig', 'KILL', options.command, ...options.args] : [...options.args];
  const log = openSync(options.logFile, 'a');
  try {
    // In a session of its own: Ctrl-C must reach our programs first, and the brokers when those are done.
    return spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', log, log],
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}
