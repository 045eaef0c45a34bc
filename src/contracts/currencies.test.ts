import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { listFile, readListOne } from '#tools/currencies.mjs';
import { currencyExponent, currencyProblem } from './currencies.ts';
import { CODES_BY_DECIMALS, PUBLISHED } from './currency-list.ts';

/** What Unicode knows and ISO 4217 does not list: withdrawn before there were orders here, or without a minor unit. */
const NOT_LISTED = ['CUC', 'HRK', 'SLL', 'XDR', 'XSU', 'ZWL'];

describe('the list of currencies', () => {
  // A new Node brings a new Unicode: a code that is new there means that ISO 4217 has published a newer list.
  test('has every currency that this Node knows, or the reason why not', () => {
    const unknown = Intl.supportedValuesOf('currency').filter((code) => currencyExponent(code) === undefined);
    expect(unknown, 'run tools/currencies.mjs with a newer list, or name the code in NOT_LISTED').toEqual(NOT_LISTED);
  });

  test('has the codes of the last years, and not those that were withdrawn', () => {
    for (const code of ['XCG', 'ZWG', 'SLE', 'VED', 'EUR'])
      expect([code, currencyProblem(code)]).toEqual([code, undefined]);
    expect(currencyProblem('ANG')).toBe('was withdrawn from ISO 4217; use XCG');
    expect(currencyProblem('BGN')).toBe('was withdrawn from ISO 4217; use EUR');
    for (const code of ['EUX', 'eur', 'XXX', 'XAU', 'toString'])
      expect(currencyProblem(code)).toMatch(/not an ISO 4217/);
  });

  test('knows the decimals of what is stored in a withdrawn one', () => {
    expect(['ANG', 'BGN', 'JPY', 'EUR', 'KWD', 'XXX'].map(currencyExponent)).toEqual([2, 2, 0, 2, 3, undefined]);
  });

  test('is written by its tool', () => {
    const entry = (code: string, units: string): string =>
      `<CcyNtry><CtryNm>X</CtryNm><CcyNm>X</CcyNm><Ccy>${code}</Ccy><CcyNbr>000</CcyNbr><CcyMnrUnts>${units}</CcyMnrUnts></CcyNtry>`;
    const entries = Object.entries(CODES_BY_DECIMALS).flatMap(([decimals, codes]) =>
      codes.split(' ').map((code) => entry(code, decimals)),
    );
    const xml = `<ISO_4217 Pblshd="${PUBLISHED}"><CcyTbl>${entry('XAU', 'N.A.')}${entries.join('')}${entry('EUR', '2')}<CcyNtry><CtryNm>ANTARCTICA</CtryNm></CcyNtry></CcyTbl></ISO_4217>`;
    expect(listFile(readListOne(xml))).toBe(readFileSync(new URL('currency-list.ts', import.meta.url), 'utf8'));
    expect(() => readListOne(xml.replace(PUBLISHED, ''))).toThrow('no date');
    expect(() => readListOne(xml.replace(entry('EUR', '2'), entry('EUR', '3')))).toThrow('two minor units');
  });
});
