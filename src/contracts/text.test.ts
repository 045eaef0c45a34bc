import { describe, expect, test } from 'vitest';
import { cut, shortened } from './text.ts';

const FAMILY = '👩‍👩‍👧‍👦';
const FLAG = '🇩🇪';
const ACCENTED = 'e\u0301\u0302';

describe('a text that is cut', () => {
  test.each([
    ['an emoji of two units', '👍'],
    ['an emoji of several people', FAMILY],
    ['a flag', FLAG],
    ['a letter with accents of its own', ACCENTED],
    ['a line break of two characters', '\r\n'],
  ])('keeps %s whole or leaves it off', (_, grapheme) => {
    for (let max = 0; max <= 10 + grapheme.length; max++) {
      const found = cut(`0123456789${grapheme}z`, max);
      expect(found.isWellFormed()).toBe(true);
      expect(found).toBe(`0123456789${grapheme}z`.slice(0, max <= 10 ? max : max < 10 + grapheme.length ? 10 : max));
    }
  });

  test('is cut the same far from its beginning', () => {
    const text = `${'a'.repeat(1_000)}${FAMILY}${'b'.repeat(100)}`;
    for (let max = 1_000; max < 1_000 + FAMILY.length; max++) expect(cut(text, max)).toBe('a'.repeat(1_000));
    expect(cut(FAMILY.repeat(500), 2_000)).toHaveLength(Math.floor(2_000 / FAMILY.length) * FAMILY.length);
  });

  test('is left as it is where it fits, and ends in an ellipsis where it does not', () => {
    expect(shortened('abc', 3)).toBe('abc');
    expect(shortened('abcd', 3)).toBe('ab…');
    expect(shortened(`ab${FLAG}cd`, 5)).toBe('ab…');
  });
});
