import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Batcher } from './batcher.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A batcher that keeps what it was given to write, and answers at once. */
function newBatcher(): { batcher: Batcher<number, number>; batches: number[][] } {
  const batches: number[][] = [];
  const batcher = new Batcher<number, number>({
    flush: (items) => {
      batches.push([...items]);
      return Promise.resolve(items.map((item) => item * 10));
    },
    batchMax: 4,
    writersMax: 2,
    queueMax: 100,
  });
  return { batcher, batches };
}

test('whoever is alone is never held, and what comes in one turn is written together', async () => {
  const { batcher, batches } = newBatcher();
  for (const item of [1, 2]) {
    const answer = batcher.add(item);
    await turn();
    await turn();
    expect(batches.at(-1)).toEqual([item]);
    expect(await answer).toBe(item * 10);
  }
  expect(await Promise.all([3, 4, 5].map((item) => batcher.add(item)))).toEqual([30, 40, 50]);
  expect(batches).toEqual([[1], [2], [3, 4, 5]]);
});

test('those who were answered together and come back one after the other are written together again', async () => {
  const { batcher, batches } = newBatcher();
  await Promise.all([1, 2, 3].map((item) => batcher.add(item)));
  const answers: Promise<number>[] = [];
  for (const item of [4, 5, 6]) {
    answers.push(batcher.add(item));
    await turn();
  }
  expect(await Promise.all(answers)).toEqual([40, 50, 60]);
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test('who waits for company that does not come goes alone, and the next is not held for it', async () => {
  const { batcher, batches } = newBatcher();
  await Promise.all([1, 2, 3].map((item) => batcher.add(item)));
  const held = batcher.add(4);
  await turn();
  await turn();
  expect(batches).toEqual([[1, 2, 3]]);
  vi.advanceTimersByTime(1);
  expect(await held).toBe(40);
  const answer = batcher.add(5);
  await turn();
  await turn();
  expect(batches).toEqual([[1, 2, 3], [4], [5]]);
  expect(await answer).toBe(50);
});

test('a batch is no larger than it may be, and what is left follows', async () => {
  const { batcher, batches } = newBatcher();
  const items = [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const answers = Promise.all(items.map((item) => batcher.add(item)));
  while (batches.length < 2) await turn();
  await turn();
  vi.advanceTimersByTime(1);
  expect(await answers).toEqual(items.map((item) => item * 10));
  expect(batches).toEqual([[1, 2, 3, 4], [5, 6, 7, 8], [9]]);
});
