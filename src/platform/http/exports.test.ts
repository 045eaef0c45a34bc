import { expect, test } from 'vitest';
import { csvLine } from './exports.ts';

test.each([
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "hi"', '"say ""hi"""'],
  ['two\nlines', '"two\nlines"'],
  [' spaced ', '" spaced "'],
  [undefined, ''],
  [12.5, '12.5'],
  [-3, '-3'],
])('a value %j is written %j', (value, written) => {
  expect(csvLine([value])).toBe(`${written}\r\n`);
});

test.each(['=1+1', '+49 30', '-2', '@SUM(A1)', '\tx', '\rx'])('%j is no formula', (value) => {
  const line = csvLine([value]);
  expect(line.replace(/^"/, '').startsWith(`'${value[0]}`)).toBe(true);
});

test('values stand in their order', () => {
  expect(csvLine(['a', undefined, 3])).toBe('a,,3\r\n');
});
