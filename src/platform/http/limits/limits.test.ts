import { describe, expect, test } from 'vitest';
import { networkOf } from './connections.ts';
import { FREE_BYTES, LARGE_BYTES_PER_SECOND, LargeAnswers } from './large-answers.ts';

describe('the network of an address', () => {
  test.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8::6', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    [undefined, 'unknown'],
  ])('%s is %s', (address, network) => expect(networkOf(address)).toBe(network));
});

describe('the allowance of large answers', () => {
  test('is used up by size, grows back with time, and is another one for every caller', () => {
    let nowMs = 0;
    const large = new LargeAnswers(() => nowMs);
    const answer = LARGE_BYTES_PER_SECOND / 2 + FREE_BYTES;
    for (let n = 0; n < 2; n++) large.took('a', answer);
    large.check('a');
    large.took('a', answer);
    expect(() => large.check('a')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
    large.check('b');
    nowMs = 499;
    expect(() => large.check('a')).toThrow(expect.objectContaining({ extras: { headers: { 'retry-after': '1' } } }));
    nowMs = 501;
    large.check('a');
    // Never more than there is in a second.
    nowMs = 1_000_000;
    large.took('a', 2 * LARGE_BYTES_PER_SECOND + FREE_BYTES);
    expect(() => large.check('a')).toThrow(expect.objectContaining({ code: 'RATE_LIMITED' }));
  });

  test('is not touched by ordinary answers', () => {
    const large = new LargeAnswers(() => 0);
    for (let n = 0; n < 10_000; n++) large.took('a', FREE_BYTES);
    large.check('a');
  });
});
