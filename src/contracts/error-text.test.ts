import { expect, test } from 'vitest';
import { messageOf } from './error-text.ts';

/** What people read of an error says what is wrong, and nothing of the data that was. */

const thrown = (work: () => unknown): unknown => {
  try {
    return work();
  } catch (error) {
    return error;
  }
};
const postgres = (code: string, message: string): Error => Object.assign(new Error(message), { code });

test.each([
  [
    'a value that is none',
    postgres('22P02', 'invalid input syntax for type integer: "ada "the first" canary"'),
    'invalid input syntax for type integer: "…"',
  ],
  ['a number out of range', postgres('22003', 'value "1815canary" is out of range for type integer'), /^value "…" is/],
  ['JSON that is none', thrown(() => JSON.parse('{"name": canary}')), /is not valid JSON$/],
  ['a number that is none', thrown(() => BigInt('canary, 7')), 'Cannot convert a text to a BigInt'],
])('%s is not quoted', (_, error, said) => {
  expect(messageOf(error)).not.toContain('canary');
  if (typeof said === 'string') expect(messageOf(error)).toBe(said);
  else expect(messageOf(error)).toMatch(said);
});

test.each([
  [postgres('23514', 'new row for relation "stock" violates check constraint "guard_available"')],
  [postgres('42P01', 'relation "orders.orders" does not exist')],
  [new TypeError("Cannot read properties of undefined (reading 'items')")],
])('names of ours stay: %s', (error) => {
  expect(messageOf(error)).toBe(error.message);
});
