import { expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { inOrder } from './history.ts';

/** An event named by its place in its log, recorded at a second, because of another event or of a command. */
function event(id: string, second: number, causationid = 'command'): Envelope {
  const time = `2026-01-02T03:04:0${second}.000Z`;
  return { id, source: '', type: '', subject: '', sequence: 1, time, correlationid: '', causationid, data: {} };
}

function joined(own: Envelope[], others: Envelope[]): string {
  return inOrder(own, others)
    .map(({ id }) => id)
    .join(' ');
}

test('what was recorded apart stands in the order of its times', () => {
  expect(joined([event('o1', 1), event('o2', 4)], [event('a1', 2), event('b1', 3), event('a2', 5)])).toBe(
    'o1 a1 b1 o2 a2',
  );
  expect(joined([event('o1', 1)], [])).toBe('o1');
  expect(joined([], [event('a1', 1)])).toBe('a1');
});

test('an effect stands behind its cause, whatever the clocks of two machines say', () => {
  // The clock of a is seconds ahead, that of b behind.
  const own = [event('o1', 2), event('o2', 3, 'a1'), event('o3', 4, 'b1')];
  const others = [event('a1', 9, 'o1'), event('b1', 0, 'o2'), event('b2', 0, 'o3')];
  expect(joined(own, others)).toBe('o1 a1 o2 b1 o3 b2');
});

test('a log that is out of order is recorded whole', () => {
  const own = [event('o1', 1, 'a2'), event('o2', 2)];
  const others = [event('a1', 3, 'o2'), event('a2', 4, 'o1')];
  expect(joined(own, others).split(' ').toSorted()).toEqual(['a1', 'a2', 'o1', 'o2']);
});
