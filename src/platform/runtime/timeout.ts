import { setTimeout as sleep } from 'node:timers/promises';

/** The outcome of work, or an error, `late`, where it takes longer; the work itself goes on. */
export async function withTimeout<T>(
  work: Promise<T>,
  ms: number,
  late = (): Error => new Error(`no answer within ${ms / 1000} s`),
): Promise<T> {
  const done = new AbortController();
  const tooLate = sleep(ms, undefined, { signal: done.signal }).then(() => {
    throw late();
  });
  try {
    return await Promise.race([work, tooLate]);
  } finally {
    done.abort();
  }
}
