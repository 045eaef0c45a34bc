import { copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const startTimeoutMs = 60_000;
const logBytesMax = 16 * 1024 * 1024;

/** Where a server keeps what it has: its data, and beside it, under the same name with an ending, everything else. */
export interface Files {
  dataDir: string;
  password: string;
  log: string;
  owner: string;
  socketFolder: string;
}

/** The server keeps its log open for appending, so the file is copied and emptied, not renamed. */
export function boundLog(log: string): void {
  if (!existsSync(log) || statSync(log).size <= logBytesMax) return;
  copyFileSync(log, `${log}.1`);
  truncateSync(log, 0);
}

/** The last lines of a log, of what was written from byte `from` on. */
export function logTail(log: string, from: number): string {
  const content = readIfThere(log) ?? '';
  return Buffer.from(content).subarray(from).toString().trim().split('\n').slice(-15).join('\n');
}

/** Recovery after a crash may take long, and writes to the log as it proceeds: the time starts over with each sign of progress. */
export class Deadline {
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

/** Writes a new file that only this user can read; throws where it exists. */
export function writePrivate(file: string, content: string): void {
  writeFileSync(file, content, { mode: 0o600, flag: 'wx' });
}

/** The text of a file, or undefined where there is none. */
export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function filesOf(dataDir: string): Files {
  const path = resolve(dataDir);
  return {
    dataDir: path,
    password: `${path}.password`,
    log: `${path}.log`,
    owner: `${path}.owner`,
    socketFolder: `${path}.run`,
  };
}
