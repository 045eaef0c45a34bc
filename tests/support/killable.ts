import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

/** The system as a process of its own on its own data folder, to be killed without warning and started again. */

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface KillableOptions {
  readonly folder: string;
  readonly port: number;
  readonly providerPort: number;
  readonly key: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `start` runs it as in production, `dev` as on the machine of a developer. */
  readonly command?: 'dev' | 'start';
}

export class KillableSystem {
  readonly url: string;
  readonly providerUrl: string;
  readonly logFile: string;
  readonly #options: KillableOptions;
  #child: ChildProcess | undefined;

  constructor(options: KillableOptions) {
    this.#options = options;
    // It runs in a process group of its own and would outlive us.
    process.once('exit', this.#abandon);
    this.url = `http://127.0.0.1:${options.port}`;
    this.providerUrl = `http://127.0.0.1:${options.providerPort}`;
    this.logFile = join(options.folder, 'olms.log');
  }

  /** Of the program; it must run. */
  get pid(): number {
    return this.#child!.pid!;
  }

  get dataFolder(): string {
    return join(this.#options.folder, 'data');
  }

  /** Starts the program; it is not ready yet. */
  spawn(): void {
    const { port, providerPort, key, env, command = 'dev' } = this.#options;
    const log = openSync(this.logFile, 'a');
    const { PATH, HOME, TMPDIR, LANG, NODE_COMPILE_CACHE } = process.env;
    const inherited = Object.fromEntries(
      Object.entries({ PATH, HOME, TMPDIR, LANG, NODE_COMPILE_CACHE }).filter(([, value]) => value !== undefined),
    );
    this.#child = spawn(process.execPath, [join(ROOT, 'src', 'main.ts'), command], {
      cwd: ROOT,
      // A process group of its own, so that all of it can be killed at once.
      detached: true,
      stdio: ['ignore', log, log],
      env: {
        ...inherited,
        OLMS_DATA: this.dataFolder,
        PORT: String(port),
        SANDBOX_PROVIDER_PORT: String(providerPort),
        OLMS_BOOTSTRAP_API_KEY: key,
        LOG_LEVEL: 'warn',
        ...env,
      },
    });
    closeSync(log);
  }

  /** Resolves when the system answers as ready; fails at once where it ended instead. */
  async ready(timeoutMs = 60_000): Promise<void> {
    const child = this.#child;
    await until(
      'the system to be ready',
      async () => {
        if (child?.exitCode !== null || child.signalCode !== null) {
          throw new Error(
            `The system ended with ${child?.signalCode ?? child?.exitCode}. The end of its log:\n${this.logTail()}`,
          );
        }
        const response = await fetch(`${this.url}/health/readiness`).catch(() => undefined);
        await response?.arrayBuffer();
        return response?.status === 200;
      },
      { timeoutMs, everyMs: 50, describe: () => this.logTail() },
    );
  }

  logTail(): string {
    try {
      return readFileSync(this.logFile, 'utf8').slice(-4_000);
    } catch {
      return '(no log)';
    }
  }

  /** The server's process, which runs in a session of its own and has to be looked up. */
  #postmaster(): number | undefined {
    try {
      const pid = Number(readFileSync(join(this.dataFolder, 'postgres', 'postmaster.pid'), 'utf8').split('\n')[0]);
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      // The file may be left by a server that is gone, and its number given to a stranger.
      return command.includes(this.dataFolder) ? pid : undefined;
    } catch {
      return undefined;
    }
  }

  /** `kill -9` of the program, and of PostgreSQL with all of its processes unless that is to survive. Returns how many processes that were. */
  async kill({ postgres = true }: { readonly postgres?: boolean } = {}): Promise<number> {
    const child = this.#child;
    const victims: number[] = [];
    const postmaster = postgres ? this.#postmaster() : undefined;
    if (postmaster !== undefined) victims.push(postmaster, ...childrenOf(postmaster));
    let killed = 0;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      if (send(-child.pid)) killed++;
      for (const pid of victims) if (send(pid)) killed++;
      await gone;
    } else for (const pid of victims) if (send(pid)) killed++;
    // A server that was just being started has written its number meanwhile.
    const late = postgres ? this.#postmaster() : undefined;
    if (late !== undefined) for (const pid of [late, ...childrenOf(late)]) if (send(pid)) killed++;
    this.#child = undefined;
    return killed;
  }

  readonly #abandon = (): void => {
    const victims = [this.#child?.pid === undefined ? undefined : -this.#child.pid, this.#postmaster()];
    for (const pid of victims) if (pid !== undefined) send(pid);
  };

  /** Asks it to stop, as an orchestrator does. */
  terminate(): void {
    this.#child!.kill('SIGTERM');
  }

  /** Resolves to how the program ended: its exit code, or the signal. */
  async ended(): Promise<number | NodeJS.Signals> {
    const child = this.#child!;
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => child.once('exit', resolve));
    return child.signalCode ?? child.exitCode!;
  }

  /** Stops as Ctrl-C does. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
    await this.kill();
    process.off('exit', this.#abandon);
  }
}

function send(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** Processes that a process has started and that are there now. */
export function childrenOf(parent: number): number[] {
  const children: number[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      if (Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent) children.push(Number(name));
    } catch {
      // It ended while we looked.
    }
  }
  return children;
}
