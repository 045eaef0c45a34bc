import { expect, test } from 'vitest';
import { isTransient, isUnstorable } from './failures.ts';

const withCode = (code: string): Error => Object.assign(new Error('failed'), { code });

test.each([
  'ECONNRESET', // the server was killed
  'EPIPE', // the same, met while writing; as long as an SQLSTATE
  'ETIMEDOUT',
  'ENOENT', // its socket is not there yet
  '08006', // connection failure
  '57P03', // starting up
  '40P01', // deadlock
  '25006', // read-only: a failover is under way
])('a failure with the code %s says nothing about the data', (code) => {
  expect(isTransient(withCode(code))).toBe(true);
});

test.each(['22P05', '23514', 'OL001', 'EACCES'])('a failure with the code %s does not pass by waiting', (code) => {
  expect(isTransient(withCode(code))).toBe(false);
});

test('what the driver says without a code counts by its words', () => {
  expect(isTransient(new Error('Connection terminated unexpectedly'))).toBe(true);
  expect(isTransient(new Error('Cannot read properties of undefined'))).toBe(false);
});

test.each([
  ['22021', true], // a text with a zero byte
  ['22P02', true], // half of a character in JSON
  ['22003', true], // a number out of range
  ['54000', true], // a limit of the server
  ['22012', false], // a division by zero is a mistake of ours
  ['23514', false],
  ['08006', false],
])('what was sent cannot be stored by the code %s: %s', (code, unstorable) => {
  expect(isUnstorable(withCode(code))).toBe(unstorable);
});

test('nesting that JavaScript cannot follow cannot be stored', () => {
  expect(isUnstorable(new RangeError('Maximum call stack size exceeded'))).toBe(true);
  expect(isUnstorable(new RangeError('Invalid array length'))).toBe(false);
});
