import { setTimeout as sleep } from 'node:timers/promises';

export interface UntilOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
  /** What was met instead, for the message of a wait in vain. */
  readonly describe?: () => string;
}

/** Waits for a condition on state, never for a time: reads until the answer is neither undefined nor false. */
export async function until<Value>(
  what: string,
  read: () => Promise<Value | undefined | false> | Value | undefined | false,
  options: UntilOptions = {},
): Promise<Value> {
  const { timeoutMs = 15_000, everyMs = 20 } = options;
  const endMs = performance.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > endMs) {
      const met = options.describe ? ` What is there: ${options.describe()}` : '';
      throw new Error(`Waited ${timeoutMs} ms in vain for ${what}.${met}`);
    }
    await sleep(everyMs);
  }
}
