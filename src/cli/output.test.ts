import { describe, expect, test } from 'vitest';
import { ageOf, momentOf, table } from './output.ts';

describe('a table', () => {
  test('fits the width: long columns are cut at a whole character, or go on in the next line', () => {
    const rows = [['a', `x${'👩‍👩‍👧‍👦'.repeat(12)}`, 'one two three four five six seven eight nine ten eleven twelve']];
    for (const line of table(['id', 'name', 'reason'], rows, { width: 40 }).split('\n')) {
      expect(line.length).toBeLessThanOrEqual(40);
      expect(line.isWellFormed()).toBe(true);
    }
    const wrappedRows = table(['id', 'reason'], [['a', 'one two three four five six']], { width: 20, wrap: true });
    expect(wrappedRows).toBe('id  reason\na   one two three\n    four five six');
  });

  test('has ages beside times', () => {
    const nowMs = Date.parse('2026-11-28T12:00:00Z');
    expect(ageOf('2026-11-28T11:59:01Z', nowMs)).toBe('59 s');
    expect(ageOf('2026-11-28T11:57:00Z', nowMs)).toBe('3 min');
    expect(ageOf('2026-11-28T10:30:00Z', nowMs)).toBe('90 min');
    expect(ageOf('2026-11-26T12:00:00Z', nowMs)).toBe('2 d');
    expect(momentOf('2026-11-28T11:57:00Z', nowMs)).toBe('2026-11-28 11:57:00 UTC, 3 min ago');
    expect(momentOf('2026-11-28T15:00:00Z', nowMs)).toBe('2026-11-28 15:00:00 UTC, in 3 h');
  });
});
