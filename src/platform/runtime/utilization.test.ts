import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { crowding, crowdingAt } from './utilization.ts';

test('nobody waits for company while the process is idle half of its time', () => {
  expect([0, 0.3, 0.6].map(crowdingAt)).toEqual([0, 0, 0]);
  expect(crowdingAt(0.775)).toBeCloseTo(0.5);
  expect([0.95, 1].map(crowdingAt)).toEqual([1, 1]);
});

test('a busy event loop is noticed, and its end too', async () => {
  const busyUntil = async (ms: number): Promise<void> => {
    for (const end = performance.now() + ms; performance.now() < end; await new Promise(setImmediate))
      for (const turn = performance.now() + 5; performance.now() < turn;);
  };
  crowding();
  await busyUntil(150);
  expect(crowding()).toBeGreaterThan(0.5);
  await sleep(150);
  expect(crowding()).toBe(0);
});
