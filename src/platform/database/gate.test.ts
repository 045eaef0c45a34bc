import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Gate } from './gate.ts';

test('lets so many through at once, the others in the order in which they came, also after a failure', async () => {
  const gate = new Gate(2, 1_000);
  let inside = 0;
  let most = 0;
  const order: number[] = [];
  const work = (n: number): Promise<number> =>
    gate.through(async () => {
      most = Math.max(most, ++inside);
      await sleep(5);
      inside--;
      order.push(n);
      if (n % 3 === 0) throw new Error(`no ${n}`);
      return n;
    });
  const results = await Promise.allSettled(Array.from({ length: 9 }, (_, n) => work(n)));
  expect(most).toBe(2);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(results.map(({ status }) => status === 'fulfilled')).toEqual(order.map((n) => n % 3 !== 0));
});

test('whoever waits too long is refused, and takes no place', async () => {
  const gate = new Gate(1, 20);
  const first = gate.through(() => sleep(80));
  expect(gate.waitedMs).toBe(0);
  const refused = gate.through(async () => 1).catch(String);
  await sleep(5);
  expect(gate.waitedMs).toBeGreaterThan(0);
  expect(await refused).toContain('timeout');
  expect(gate.waitedMs).toBe(0);
  await first;
  expect(await gate.through(async () => 2)).toBe(2);
});
