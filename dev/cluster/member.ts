import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { serviceFlags } from '../../tools/node-flags.mjs';

/** One process of the cluster, started again when it ends without having been asked to. */

const ROOT = new URL('../../', import.meta.url);
const FOLLOW_LAUNCHER = pathToFileURL(fileURLToPath(new URL('tools/follow-launcher.mjs', ROOT))).href;
/** Compiled once for all processes and all starts. */
const COMPILED = fileURLToPath(new URL('node_modules/.cache/olms-compile', ROOT));
const READY_TIMEOUT_MS = 90_000;
const READY_POLL_MS = 75;
const STOP_GRACE_MS = 20_000;
const RESTART_MS = { first: 300, longest: 10_000 } as const;
/** One that ran for so long is started again at once. */
const STABLE_MS = 20_000;
const LOG_TAIL_CHARACTERS = 2_000;

export interface MemberOptions {
  readonly name: string;
  /** Empty for what is no service. */
  readonly service: string;
  /** Program file and arguments, relative to the project. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly url: string;
  readonly logFile: string;
  /** True once it does its work; asked every now and then after its start. */
  readonly ready: () => Promise<boolean>;
  readonly stopSignal?: NodeJS.Signals;
  /** Something happened that whoever watches should know. */
  readonly report: (line: string) => void;
}

export class Member {
  readonly #options: MemberOptions;
  /** Folder of the version that it runs. */
  #checkout = fileURLToPath(ROOT);
  #env: MemberOptions['env'];
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #wanted = false;
  #crashes = 0;
  #startedMs = 0;
  #restart: NodeJS.Timeout | undefined;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#env = options.env;
  }

  get name(): string {
    return this.#options.name;
  }
  get service(): string {
    return this.#options.service;
  }
  get url(): string {
    return this.#options.url;
  }
  get logFile(): string {
    return this.#options.logFile;
  }
  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#running() ? this.#child?.pid : undefined;
  }

  #running(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** From its next start on it runs the version in this folder. */
  runFrom(checkout: string): void {
    this.#checkout = checkout;
  }

  /** Starts it and waits until it is ready. */
  async start(env = this.#env): Promise<void> {
    this.#env = env;
    this.#wanted = true;
    this.#spawn();
    await this.untilReady();
  }

  async untilReady(): Promise<void> {
    const deadlineMs = Date.now() + READY_TIMEOUT_MS;
    while (!(this.#running() && (await this.#options.ready()))) {
      // A process that fails at its start fails again: its reason is reported instead of waiting for it.
      if (!this.#running() && this.#crashes >= 3) throw this.#failure('ends as soon as it is started');
      if (Date.now() > deadlineMs) throw this.#failure(`is not ready after ${READY_TIMEOUT_MS / 1000} s`);
      await sleep(READY_POLL_MS);
    }
  }

  #failure(what: string): Error {
    const tail = readFileSync(this.#options.logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS).trim();
    return new Error(`${this.name} ${what}. The end of ${this.#options.logFile}:\n${tail}`);
  }

  #spawn(): void {
    const log = openSync(this.#options.logFile, 'a', 0o600);
    const [file, ...args] = this.#options.command;
    // A pipe nobody writes to: it closes when this process ends, however that happens, and then the member stops.
    // In a group of its own, so that Ctrl-C in a terminal reaches it through us, in the right order.
    const program = join(this.#checkout, file!);
    const child = spawn(
      process.execPath,
      [...process.execArgv, ...serviceFlags, '--import', FOLLOW_LAUNCHER, program, ...args],
      {
        env: { NODE_COMPILE_CACHE: COMPILED, ...defined(this.#env), OLMS_LAUNCHER_FD: '3' },
        stdio: ['ignore', log, log, 'pipe'],
        detached: true,
      },
    );
    closeSync(log);
    this.#child = child;
    this.#startedMs = Date.now();
    this.#exited = new Promise((resolve) => {
      const ended = (why: string): void => {
        resolve();
        if (this.#wanted && this.#child === child) this.#onCrash(why);
      };
      child.once('exit', (code, signal) => ended(signal ?? `code ${code}`));
      child.once('error', (error) => ended(error.message));
    });
  }

  #onCrash(why: string): void {
    this.#crashes = Date.now() - this.#startedMs > STABLE_MS ? 1 : this.#crashes + 1;
    const waitMs = Math.min(RESTART_MS.first * 2 ** (this.#crashes - 1), RESTART_MS.longest);
    this.#options.report(`${this.name} ended (${why}); it is started again in ${(waitMs / 1000).toFixed(1)} s`);
    this.#restart = setTimeout(() => {
      if (!this.#wanted) return;
      this.#spawn();
      this.#options.report(`${this.name} started again as process ${this.pid}`);
    }, waitMs);
  }

  /** Sends a signal, as an accident would; it is started again after its end. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child?.kill(signal);
  }

  /** Stops it, orderly and then by force, and leaves it stopped. */
  async stop(): Promise<void> {
    this.#wanted = false;
    clearTimeout(this.#restart);
    if (this.#running()) {
      this.#child!.kill(this.#options.stopSignal ?? 'SIGTERM');
      const force = setTimeout(() => this.#child?.kill('SIGKILL'), STOP_GRACE_MS);
      await this.#exited;
      clearTimeout(force);
    }
    this.#crashes = 0;
  }
}

function defined(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}

/** True where a process answers that it is ready. */
export async function answersReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/readiness`, { signal: AbortSignal.timeout(2_000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
