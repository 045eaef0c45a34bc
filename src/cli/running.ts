import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from '#platform/database/embedded/process-identity.ts';

/**
 * Where the system runs whose data is in a folder: written there by the process that serves it, so that commands
 * beside it find it whichever port it has.
 */

export interface Running {
  /** Base URL of the API. */
  readonly url: string;
  /** Base URL of the sandbox payment provider, where there is one. */
  readonly providerUrl?: string | undefined;
}

interface Entry extends Running {
  /** The process with the time it started, so that another one with its number is not taken for it. */
  readonly process: string;
}

const fileOf = (dataFolder: string): string => join(dataFolder, 'running.json');
const self = (): string => processIdentity(process.pid) ?? String(process.pid);

/** The system that runs on this data folder; undefined where none does. */
export function findRunning(dataFolder: string): Running | undefined {
  const entry = read(dataFolder);
  return entry && isAlive(entry) ? { url: entry.url, providerUrl: entry.providerUrl } : undefined;
}

/**
 * Says where this process serves the system, and returns what takes that back. Of two that serve one data folder the
 * first is named. A folder that cannot be written only means that commands must be given the URL.
 */
export function recordRunning(dataFolder: string, running: Running): () => void {
  const before = read(dataFolder);
  if (before && before.process !== self() && isAlive(before)) return () => {};
  try {
    mkdirSync(dataFolder, { recursive: true });
    writeFileSync(fileOf(dataFolder), `${JSON.stringify({ ...running, process: self() } satisfies Entry)}\n`);
  } catch {
    return () => {};
  }
  return () => {
    if (read(dataFolder)?.process === self()) rmSync(fileOf(dataFolder), { force: true });
  };
}

function isAlive(entry: Entry): boolean {
  return processIdentity(Number.parseInt(entry.process, 10)) === entry.process;
}

function read(dataFolder: string): Entry | undefined {
  try {
    const entry = JSON.parse(readFileSync(fileOf(dataFolder), 'utf8')) as Partial<Entry>;
    return typeof entry.url === 'string' && typeof entry.process === 'string' ? (entry as Entry) : undefined;
  } catch {
    return undefined;
  }
}
