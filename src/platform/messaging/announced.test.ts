import { expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { Announced } from './announced.ts';

function set(name: string, count: number): Envelope[] {
  return Array.from({ length: count }, (_, n) => ({ id: `${name}${n}` }) as Envelope);
}

test('gives a transaction once, by its first event', () => {
  const announced = new Announced();
  const events = set('a', 3);
  announced.add(events);
  expect(announced.take('a0', 3)).toEqual(events);
  expect(announced.take('a0', 3)).toBeUndefined();
  expect(announced.isEmpty).toBe(true);
});

test('a transaction that a limit cut is given in parts', () => {
  const announced = new Announced();
  const events = set('a', 3);
  announced.add(events);
  expect(announced.take('a0', 2)).toEqual(events.slice(0, 2));
  expect(announced.take('a2', 1)).toEqual(events.slice(2));
  expect(announced.isEmpty).toBe(true);
});

test('knows nothing of what was taken back, of nothing, and of more than was announced', () => {
  const announced = new Announced();
  announced.add([]);
  announced.remove([]);
  expect(announced.isEmpty).toBe(true);
  announced.add(set('a', 3));
  announced.remove(set('a', 3));
  expect(announced.take('a0', 3)).toBeUndefined();
  announced.add(set('b', 2));
  expect(announced.take('b0', 3)).toBeUndefined();
});

test('what nobody takes makes room, the newest stays', () => {
  const announced = new Announced();
  for (let n = 0; n < 12; n++) announced.add(set(`${n}-`, 2_000));
  expect(announced.take('1-0', 2_000)).toBeUndefined();
  expect(announced.take('2-0', 2_000)).toHaveLength(2_000);
  announced.add(set('big', 30_000));
  expect(announced.take('big0', 30_000)).toHaveLength(30_000);
});
