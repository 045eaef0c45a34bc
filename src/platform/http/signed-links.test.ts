import { describe, expect, test } from 'vitest';
import { SignedLinks, trackingLinks } from './signed-links.ts';

const ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const NOW_MS = Date.parse('2026-11-28T12:00:00Z');
const DAY_MS = 86_400_000;
const links = new SignedLinks('test', ['a'.repeat(32)], 90 * DAY_MS);

describe('a signed link', () => {
  test('opens what it was made for until it ends', () => {
    const { token, untilMs } = links.sign(ID, NOW_MS);
    expect(token).toMatch(/^[\w-]{48}$/);
    expect(untilMs - NOW_MS).toBe(90 * DAY_MS);
    expect(links.open(token, NOW_MS)).toEqual({ id: ID, untilMs });
    expect(links.open(token, untilMs - 1)).toEqual({ id: ID, untilMs });
    expect(links.open(token, untilMs)).toBe('expired');
  });

  test('is void with any one character changed, cut, longer, or of another purpose or secret', () => {
    const { token } = links.sign(ID, NOW_MS);
    for (let at = 0; at < token.length; at++) {
      const changed = `${token.slice(0, at)}${token[at] === 'A' ? 'B' : 'A'}${token.slice(at + 1)}`;
      expect(links.open(changed, NOW_MS)).toBeUndefined();
    }
    for (const wrong of ['', token.slice(1), `${token}A`, `${token.slice(0, -1)}=`, 'x'.repeat(48)])
      expect(links.open(wrong, NOW_MS)).toBeUndefined();
    expect(new SignedLinks('other', ['a'.repeat(32)], DAY_MS).open(token, NOW_MS)).toBeUndefined();
    expect(new SignedLinks('test', ['b'.repeat(32)], DAY_MS).open(token, NOW_MS)).toBeUndefined();
  });

  test('of the secret before is good while that is believed', () => {
    const { token } = links.sign(ID, NOW_MS);
    expect(new SignedLinks('test', ['b'.repeat(32), 'a'.repeat(32)], DAY_MS).open(token, NOW_MS)).toMatchObject({
      id: ID,
    });
  });
});

test('production has tracking links only by a secret of its own', () => {
  expect(trackingLinks({ OLMS_ENV: 'production' })).toBeUndefined();
  const derived = trackingLinks({ OLMS_ENV: 'production', OLMS_INTERNAL_SECRET: 's'.repeat(32) })!;
  const development = trackingLinks({ OLMS_ENV: 'development' })!;
  const { token } = development.sign(ID, NOW_MS);
  expect(derived.open(token, NOW_MS)).toBeUndefined();
  expect(() => trackingLinks({ TRACKING_LINK_SECRETS: 'short' })).toThrow('TRACKING_LINK_SECRETS');
});
