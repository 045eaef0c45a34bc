import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  readonly timeoutMs?: number;
  /** By default often at first and for few, and less often the longer it takes and the more wait. */
  readonly everyMs?: number;
  /** What was met instead, for the message of a wait in vain. */
  readonly describe?: () => string;
}

const EVERY_MS = 20;
/** Waits that ask at the full rate together: a hundred that did kept the processor from the work they waited for. */
const AT_FULL_RATE = 4;
/** A wait may find out this part of its time late. */
const LATE_PART = 20;
let waiting = 0;

/** Waits for a condition on state, never for a time: reads until the answer is neither undefined nor false. */
export async function until<Value>(
  what: string,
  read: () => Promise<Value | undefined | false> | Value | undefined | false,
  options: UntilOptions = {},
): Promise<Value> {
  const { timeoutMs = 30_000, everyMs } = options;
  const beganMs = performance.now();
  waiting++;
  try {
    for (;;) {
      const value = await read();
      if (value !== undefined && value !== false) return value;
      const waitedMs = performance.now() - beganMs;
      if (waitedMs > timeoutMs) {
        const met = options.describe ? ` What is there: ${options.describe()}` : '';
        throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.${met}`);
      }
      await sleep(everyMs ?? Math.max(EVERY_MS, (EVERY_MS * waiting) / AT_FULL_RATE, waitedMs / LATE_PART));
    }
  } finally {
    waiting--;
  }
}

/** Waits until what is read is good, and returns it; the error says what was seen last. */
export async function untilSeen<Seen>(
  what: string,
  look: () => Promise<Seen> | Seen,
  good: (seen: Seen) => boolean,
  timeoutMs = 30_000,
): Promise<Seen> {
  let last: Seen | undefined;
  const read = async (): Promise<{ seen: Seen } | false> => {
    const seen = await look();
    last = seen;
    return good(seen) && { seen };
  };
  const describe = (): string => JSON.stringify(last)?.slice(0, 500) ?? 'nothing';
  return (await until(what, read, { timeoutMs, describe })).seen;
}
