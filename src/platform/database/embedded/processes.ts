import { spawn } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIdentity } from './process-identity.ts';

/** Signals a server, unless its process number belongs to another process by now. */
export function signalServer(pid: number, identity: string | undefined, signal: NodeJS.Signals): void {
  if (identity === undefined || processIdentity(pid) !== identity) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended in this very moment.
  }
}

/** Waits for a process to end; false where it still runs after `timeoutMs`. */
export async function untilGone(pid: number, identity: string | undefined, timeoutMs: number): Promise<boolean> {
  const end = Date.now() + timeoutMs;
  while (identity !== undefined && processIdentity(pid) === identity) {
    if (Date.now() > end) return false;
    await sleep(10);
  }
  return true;
}

/** Runs a program to its end; throws with its output where it fails. */
export function run({
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
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG|LD_PRELOAD$)/.test(name));
  return { ...Object.fromEntries(inherited), LC_ALL: 'C' };
}
