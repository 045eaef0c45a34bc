import { expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { RecentCommits } from './recent-commits.ts';

function set(name: string, count: number): Envelope[] {
  return Array.from({ length: count }, (_, n) => ({ id: `${name}${n}` }) as Envelope);
}

test('gives a transaction once, by its first event', () => {
  const recentCommits = new RecentCommits();
  const events = set('a', 3);
  recentCommits.add(events);
  expect(recentCommits.take('a0', 3)).toEqual(events);
  expect(recentCommits.take('a0', 3)).toBeUndefined();
  expect(recentCommits.isEmpty).toBe(true);
});

test('a transaction that a limit cut is given in parts', () => {
  const recentCommits = new RecentCommits();
  const events = set('a', 3);
  recentCommits.add(events);
  expect(recentCommits.take('a0', 2)).toEqual(events.slice(0, 2));
  expect(recentCommits.take('a2', 1)).toEqual(events.slice(2));
  expect(recentCommits.isEmpty).toBe(true);
});

test('knows nothing of what was taken back, of nothing, and of more than was recentCommits', () => {
  const recentCommits = new RecentCommits();
  recentCommits.add([]);
  recentCommits.remove([]);
  expect(recentCommits.isEmpty).toBe(true);
  recentCommits.add(set('a', 3));
  recentCommits.remove(set('a', 3));
  expect(recentCommits.take('a0', 3)).toBeUndefined();
  recentCommits.add(set('b', 2));
  expect(recentCommits.take('b0', 3)).toBeUndefined();
});

test('what nobody takes makes room, the newest stays', () => {
  const recentCommits = new RecentCommits();
  for (let n = 0; n < 12; n++) recentCommits.add(set(`${n}-`, 2_000));
  expect(recentCommits.take('1-0', 2_000)).toBeUndefined();
  expect(recentCommits.take('2-0', 2_000)).toHaveLength(2_000);
  recentCommits.add(set('big', 30_000));
  expect(recentCommits.take('big0', 30_000)).toHaveLength(30_000);
});
