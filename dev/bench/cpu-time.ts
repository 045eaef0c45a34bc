import { readdir, readFile } from 'node:fs/promises';

/** Processor time of processes, as Linux counts it. */

const TICKS_PER_SECOND = 100;

async function processStat(pid: number | string): Promise<{ parent: number; cpuSeconds: number }> {
  // The name in front, in parentheses, may hold anything.
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(') ') + 2).split(' ');
  return { parent: Number(fields[1]), cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
}

/** Seconds of processor time that a process has used so far; 0 for one that is gone. */
export async function processorSeconds(pid: number): Promise<number> {
  return (await processStat(pid).catch(() => undefined))?.cpuSeconds ?? 0;
}

/** The same of a PostgreSQL server with all its backends. */
export async function serverSeconds(pid: number): Promise<number> {
  let seconds = 0;
  for (const other of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const stat = await processStat(other).catch(() => undefined);
    if (stat && (stat.parent === pid || Number(other) === pid)) seconds += stat.cpuSeconds;
  }
  return seconds;
}
