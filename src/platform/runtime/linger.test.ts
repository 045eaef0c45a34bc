import { expect, test } from 'vitest';
import { Linger } from './linger.ts';

/** The waits when `perSecond` events come evenly, in the batches that form. */
function waits(linger: Linger, perSecond: number, fromMs: number, seconds: number): number[] {
  const waited: number[] = [];
  let waiting = 0;
  let freeMs = fromMs;
  for (let ms = fromMs; ms < fromMs + seconds * 1_000; ms++) {
    waiting += perSecond / 1_000;
    if (ms < freeMs || waiting < 1) continue;
    const wait = linger.after(Math.floor(waiting), ms);
    waiting -= Math.floor(waiting);
    freeMs = ms + wait;
    waited.push(wait);
  }
  return waited;
}

test('where few events come, no batch waits', () => {
  const linger = new Linger(1_000, 40);
  expect(new Set(waits(linger, 500, 0, 5))).toEqual(new Set([0]));
});

test('the events of one order, however close together, make nobody wait', () => {
  const linger = new Linger(1_000, 40);
  expect(Array.from({ length: 14 }, (_, n) => linger.after(1, n * 2))).not.toContain(40);
});

test('the more come, the further apart batches begin, up to a bound', () => {
  const linger = new Linger(1_000, 40, 150);
  const [wait] = waits(linger, 2_000, 0, 5).slice(-1);
  expect(wait).toBeGreaterThan(70);
  expect(wait).toBeLessThan(110);
  expect(waits(linger, 20_000, 5_000, 5).at(-1)).toBe(150);
  expect(waits(linger, 500, 10_000, 5).at(-1)).toBe(0);
});

test('where many come, batches begin apart, and no longer once they became few', () => {
  const linger = new Linger(1_000, 40);
  const busy = waits(linger, 4_000, 0, 5);
  expect(busy.slice(-50)).toEqual(Array.from({ length: 50 }, () => 40));
  expect(busy.length).toBeLessThan(5_000 / 40 + 300);
  expect(waits(linger, 100, 5_000, 3).slice(-100)).not.toContain(40);
});
