import { describe, expect, test } from 'vitest';
import { Random } from '#dev/simulator/random.ts';
import {
  AMOUNT_MINOR_MAX,
  amountMinor,
  currencyExponent,
  formatAmount,
  lineAmount,
  parseAmount,
  parseUnitPrice,
} from './money.ts';

/** Properties are tried on some thousands of amounts from one seed; a failure shows the amount. */
const TRIES = 2_000;
const CURRENCIES = ['JPY', 'EUR', 'KWD'] as const;

/** Amounts of every size, the ends and zero more often than chance would have them. */
function amountOf(random: Random, max = AMOUNT_MINOR_MAX): bigint {
  if (random.chance(0.05)) return random.pick([0n, 1n, max - 1n, max]);
  const bits = BigInt(random.between(1, 50));
  const value = ((BigInt(random.next()) << 32n) | BigInt(random.next())) % (1n << bits);
  return value > max ? max : value;
}

function forAll(property: (random: Random) => void): void {
  const random = new Random(4217);
  for (let i = 0; i < TRIES; i++) property(random);
}

describe('an amount', () => {
  test('survives the way to text and back, in every exponent and sign', () => {
    forAll((random) => {
      const currency = random.pick(CURRENCIES);
      const minor = amountOf(random) * (random.chance(0.3) ? -1n : 1n);
      const text = formatAmount(minor, currency);
      expect([text, parseAmount(text, currency)]).toEqual([text, minor]);
      expect((text.split('.')[1] ?? '').length).toBe(currencyExponent(currency));
    });
  });

  test('has one spelling: what is parsed and written again is the same amount', () => {
    forAll((random) => {
      const currency = random.pick(CURRENCIES);
      const exponent = currencyExponent(currency)!;
      const decimals = random.between(0, exponent);
      const minor = amountOf(random, 10n ** 12n) * 10n ** BigInt(exponent - decimals);
      const digits = (minor / 10n ** BigInt(exponent - decimals)).toString().padStart(decimals + 1, '0');
      const split = digits.length - decimals;
      const text =
        (decimals === 0 ? digits : `${digits.slice(0, split)}.${digits.slice(split)}`) +
        (decimals > 0 ? '0'.repeat(random.below(3)) : '');
      expect([text, parseAmount(text, currency)]).toEqual([text, minor]);
      expect(parseAmount(formatAmount(minor, currency), currency)).toBe(minor);
    });
  });

  test('adds up: the text of a sum is the sum of the texts', () => {
    forAll((random) => {
      const currency = random.pick(CURRENCIES);
      const parts = Array.from({ length: random.between(1, 20) }, () => amountOf(random, AMOUNT_MINOR_MAX / 20n));
      const sum = parts.reduce((a, b) => a + b, 0n);
      expect(parts.map((part) => amountMinor(formatAmount(part, currency), currency)).reduce((a, b) => a + b, 0n)).toBe(
        amountMinor(formatAmount(sum, currency), currency),
      );
    });
  });

  test.each([
    ['19.90', 'EUR', 1990n],
    ['19.900', 'EUR', 1990n],
    ['500', 'JPY', 500n],
    ['500.0', 'JPY', 500n],
    ['1.234', 'KWD', 1234n],
    ['-0.01', 'EUR', -1n],
    ['0', 'EUR', 0n],
    ['10000000000000.00', 'EUR', AMOUNT_MINOR_MAX],
    ['1000000000000000', 'JPY', AMOUNT_MINOR_MAX],
  ])('%s %s is understood', (text, currency, minor) => {
    expect(parseAmount(text, currency)).toBe(minor);
  });

  test.each([
    ['19.905', 'EUR'],
    ['0.1', 'JPY'],
    ['1.2345', 'KWD'],
    ['1e3', 'EUR'],
    ['1,5', 'EUR'],
    ['.5', 'EUR'],
    ['5.', 'EUR'],
    ['+1', 'EUR'],
    ['--1', 'EUR'],
    [' 1', 'EUR'],
    ['1\n', 'EUR'],
    ['٣', 'EUR'],
    ['', 'EUR'],
    ['NaN', 'EUR'],
    ['1', 'XXX'],
    ['1', 'eur'],
    ['10000000000000.01', 'EUR'],
    ['-10000000000000.01', 'EUR'],
    ['99999999999999999', 'JPY'],
  ])('%j %s is refused', (text, currency) => {
    expect(parseAmount(text, currency)).toBeUndefined();
    expect(() => amountMinor(text, currency)).toThrow('Not an amount');
  });

  test('of an unknown currency is a bug where it is written', () => {
    expect(() => formatAmount(1n, 'XXX')).toThrow('XXX');
  });
});

describe('a line', () => {
  test('is rounded once, half away from zero', () => {
    forAll((random) => {
      const currency = random.pick(CURRENCIES);
      const price = amountOf(random, 10n ** 10n);
      const quantity = random.between(1, 10_000);
      const text = `${price / 10_000n}.${(price % 10_000n).toString().padStart(4, '0')}`;
      const minor = lineAmount(quantity, text, currency);
      if (minor === undefined) return expect(BigInt(quantity) * price).toBeGreaterThan(AMOUNT_MINOR_MAX);
      // Exactly: the distance to the true value is at most half a minor unit, and a tie went up.
      const twice = 2n * (minor * 10_000n - BigInt(quantity) * price * 10n ** BigInt(currencyExponent(currency)!));
      expect(twice > -10_000n && twice <= 10_000n).toBe(true);
    });
  });

  test.each([
    [1, '0.0375', 'EUR', 4n],
    [1, '0.005', 'EUR', 1n],
    [1, '0.0049', 'EUR', 0n],
    [3, '0.005', 'EUR', 2n],
    [1000, '0.0375', 'EUR', 3750n],
    [1, '0.5', 'JPY', 1n],
    [1, '0.4999', 'JPY', 0n],
    [7, '9.95', 'JPY', 70n],
    [1, '0.0005', 'KWD', 1n],
    [1, '10000000000000', 'EUR', AMOUNT_MINOR_MAX],
  ])('of %i × %s %s', (quantity, price, currency, minor) => {
    expect(lineAmount(quantity, price, currency)).toBe(minor);
  });

  test.each([
    [1, '0.00001', 'EUR'],
    [1, '-1', 'EUR'],
    [1, 'x', 'EUR'],
    [1, '1', 'XXX'],
    [2, '9999999999999', 'EUR'],
    [1_000_000_000, '9999999.9999', 'EUR'],
  ])('of %i × %s %s is refused', (quantity, price, currency) => {
    expect(lineAmount(quantity, price, currency)).toBeUndefined();
  });

  test('has a price of at most four decimals', () => {
    expect([
      parseUnitPrice('0.0375'),
      parseUnitPrice('1.00000'),
      parseUnitPrice('0.00001'),
      parseUnitPrice('-0.01'),
    ]).toEqual([375n, 10_000n, undefined, undefined]);
  });
});

test('currencies have the decimals ISO 4217 gives them', () => {
  expect(['JPY', 'KRW', 'EUR', 'GBP', 'KWD', 'TND', 'XXX'].map(currencyExponent)).toEqual([
    0,
    0,
    2,
    2,
    3,
    3,
    undefined,
  ]);
});
