import { expect, test } from 'vitest';
import { Linger } from './linger.ts';

/** Waits told when `perSecond` events come evenly, in sets as they come about. */
function waits(pace: Linger, perSecond: number, fromMs: number, seconds: number): number[] {
  const told: number[] = [];
  let waiting = 0;
  let freeMs = fromMs;
  for (let ms = fromMs; ms < fromMs + seconds * 1_000; ms++) {
    waiting += perSecond / 1_000;
    if (ms < freeMs || waiting < 1) continue;
    const wait = pace.after(Math.floor(waiting), ms);
    waiting -= Math.floor(waiting);
    freeMs = ms + wait;
    told.push(wait);
  }
  return told;
}

test('where few events come, no set waits', () => {
  const pace = new Linger(1_000, 40);
  expect(new Set(waits(pace, 500, 0, 5))).toEqual(new Set([0]));
});

test('the events of one order, however close together, make nobody wait', () => {
  const pace = new Linger(1_000, 40);
  expect(Array.from({ length: 14 }, (_, n) => pace.after(1, n * 2))).not.toContain(40);
});

test('the more come, the further apart sets begin, up to a bound', () => {
  const pace = new Linger(1_000, 40, 150);
  const [wait] = waits(pace, 2_000, 0, 5).slice(-1);
  expect(wait).toBeGreaterThan(70);
  expect(wait).toBeLessThan(110);
  expect(waits(pace, 20_000, 5_000, 5).at(-1)).toBe(150);
  expect(waits(pace, 500, 10_000, 5).at(-1)).toBe(0);
});

test('where many come, sets begin apart, and no longer once they became few', () => {
  const pace = new Linger(1_000, 40);
  const busy = waits(pace, 4_000, 0, 5);
  expect(busy.slice(-50)).toEqual(Array.from({ length: 50 }, () => 40));
  expect(busy.length).toBeLessThan(5_000 / 40 + 300);
  expect(waits(pace, 100, 5_000, 3).slice(-100)).not.toContain(40);
});
