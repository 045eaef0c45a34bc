import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeOwnership } from './ownership.ts';

/** Who owns an embedded database of several processes that want it at the same time. */

const DEAD = '4194999@1';
let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'olms-owner-'));
  file = join(folder, 'postgres.owner');
});
afterEach(() => rmSync(folder, { recursive: true }));

const isAlive = (identity: string): boolean => identity !== DEAD && !identity.startsWith('dead');

describe('an embedded database', () => {
  test('is owned by the first, and by nobody else while that one lives', () => {
    expect(takeOwnership(file, { self: 'a@1', isAlive })).toBe(true);
    expect(takeOwnership(file, { self: 'a@1', isAlive })).toBe(true);
    expect(takeOwnership(file, { self: 'b@1', isAlive })).toBe(false);
    expect(readFileSync(file, 'utf8')).toBe('a@1');
  });

  test('whose owner died goes to one of two, whenever the other looks', () => {
    writeFileSync(file, DEAD);
    let other: boolean | undefined;
    // b has read the dead owner and is about to act on it when a takes over, from beginning to end.
    const late = takeOwnership(file, {
      self: 'b@1',
      isAlive: (identity) => {
        other ??= takeOwnership(file, { self: 'a@1', isAlive });
        return isAlive(identity);
      },
    });
    expect([other, late]).toEqual([true, false]);
    expect(readFileSync(file, 'utf8')).toBe('a@1');
    expect(readdirSync(folder)).toEqual(['postgres.owner']);
  });

  test('is taken over even where whoever was about to take it over died with the claim', () => {
    const claim = `postgres.owner.${createHash('sha256').update(DEAD).digest('hex').slice(0, 16)}`;
    writeFileSync(file, DEAD);
    writeFileSync(join(folder, claim), 'dead@2');
    expect(takeOwnership(file, { self: 'c@1', isAlive })).toBe(true);
    expect(readFileSync(file, 'utf8')).toBe('c@1');
    expect(readdirSync(folder)).toEqual(['postgres.owner']);
    writeFileSync(file, DEAD);
    writeFileSync(join(folder, claim), 'd@1');
    expect(takeOwnership(file, { self: 'e@1', isAlive })).toBe(false);
  });

  test('with an empty file of a former version is taken over once that is old', () => {
    writeFileSync(file, '');
    expect(takeOwnership(file, { self: 'a@1', isAlive })).toBe(false);
  });
});
