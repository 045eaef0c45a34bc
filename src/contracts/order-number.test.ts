import { describe, expect, test } from 'vitest';
import { formerNumber, isFormerNumber, numberOf, NUMBERS, readNumber } from './order-number.ts';

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXY';

describe('the number of an order', () => {
  test.each(['K7M4-92QX-F', '0000-0001-W', '7H3C-VN5D-0'])('%s passes its check', (number) => {
    expect(readNumber(number)).toBe(number);
  });

  test.each([
    ['k7m4-92qx-f', 'K7M4-92QX-F'],
    ['K7M492QXF', 'K7M4-92QX-F'],
    [' k7m4 92qx f ', 'K7M4-92QX-F'],
    ['OOOO-OOOI-W', '0000-0001-W'],
    ['000o-o00l-w', '0000-0001-W'],
    ['7H3C-UN5D-0', '7H3C-VN5D-0'],
    ['K7M4-9ZQX-F', 'K7M4-92QX-F'],
    ['K7M4-92QX', undefined],
    ['K7M4-92QX-FF', undefined],
    ['K7M4-92Q!-F', undefined],
    ['', undefined],
  ])('"%s" is read as %s', (text, number) => {
    expect(readNumber(text)).toBe(number);
  });

  test('no wrong character and no two that changed places make another number', () => {
    const number = 'K7M492QXF';
    for (let place = 0; place < number.length; place++) {
      for (const other of ALPHABET)
        if (other !== number[place])
          expect(readNumber(number.slice(0, place) + other + number.slice(place + 1))).toBeUndefined();
      for (let second = place + 1; second < number.length; second++) {
        const swapped = number.split('');
        [swapped[place], swapped[second]] = [number[second]!, number[place]!];
        expect(readNumber(swapped.join(''))).toBeUndefined();
      }
    }
  });

  test('each is given once, and says nothing of how many there are', () => {
    const numbers = Array.from({ length: 20_000 }, (_, n) => numberOf(BigInt(n)));
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const number of numbers.slice(0, 1_000)) expect(readNumber(number)).toBe(number);
    expect(numberOf(NUMBERS)).toBe(numbers[0]);
    expect(numberOf(NUMBERS - 1n)).not.toBe(numbers.at(-1));
    // One after the other, they have no beginning in common.
    expect(new Set(numbers.slice(0, 100).map((number) => number.slice(0, 2))).size).toBeGreaterThan(50);
  });

  test('of an order without one is the end of its id', () => {
    const former = formerNumber('0192f0c1-2a3b-7c4d-8e5f-0123456789ab');
    expect(former).toBe('0123456789AB');
    expect(isFormerNumber(former.toLowerCase())).toBe(true);
    expect(isFormerNumber('K7M492QXF')).toBe(false);
  });
});
