import { expect } from 'vitest';
import { until } from './until.ts';

/** Waits until what is read matches `expected` as `toMatchObject` does, and returns it; the error says where it differs. */
export async function untilLike<Seen>(
  look: () => Promise<Seen> | Seen,
  expected: object,
  timeoutMs = 30_000,
): Promise<Seen> {
  let last: { seen: Seen } | undefined;
  const alike = async (): Promise<boolean> => {
    last = { seen: await look() };
    try {
      expect(last.seen).toMatchObject(expected);
      return true;
    } catch {
      return false;
    }
  };
  await until('what is expected', alike, { timeoutMs }).catch((error: unknown) => {
    if (last) expect(last.seen).toMatchObject(expected);
    throw error;
  });
  return last!.seen;
}
