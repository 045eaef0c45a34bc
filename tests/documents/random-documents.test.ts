import { expect, test } from 'vitest';
import { brokenRules } from '#billing/documents/arithmetic.ts';
import { ciiOf } from '#billing/documents/cii.ts';
import type { Document } from '#billing/documents/document.ts';
import { ublOf } from '#billing/documents/ubl.ts';
import { seeded } from '#tests/support/seeded.ts';
import { randomDocuments } from './random-documents.ts';

const ORDERS = process.env['OLMS_LONG_TESTS'] === undefined ? 500 : 10_000;

const texts = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<(?:ram|cbc):${name}[^>]*>([^<]*)<`, 'g'))].map(([, text]) => text!);

/** Amounts by what they are, out of the XML of one syntax. */
const inCii = (xml: string): string[][] => [
  texts(xml, 'GrandTotalAmount'),
  texts(xml, 'DuePayableAmount'),
  texts(xml, 'TaxBasisTotalAmount'),
  texts(xml, 'TaxTotalAmount'),
  texts(xml, 'CalculatedAmount'),
  texts(xml, 'BasisAmount'),
  texts(xml, 'ActualAmount'),
  texts(xml, 'ChargeAmount'),
];
const inUbl = (xml: string): string[][] => {
  const [total = '', ...taxes] = texts(xml, 'TaxAmount');
  return [
    texts(xml, 'TaxInclusiveAmount'),
    texts(xml, 'PayableAmount'),
    texts(xml, 'TaxExclusiveAmount'),
    [total],
    taxes,
    texts(xml, 'TaxableAmount'),
    texts(xml, 'Amount'),
    texts(xml, 'PriceAmount'),
  ];
};

test(`documents of ${ORDERS} orders of chance break no rule of EN 16931, and say the same in either syntax`, () => {
  const random = seeded(16_931);
  let notes = 0;
  for (let order = 0; order < ORDERS; order++)
    for (const document of randomDocuments(random)) {
      if (document.kind === 'credit-note') notes++;
      expect(brokenRules(document), JSON.stringify(document)).toEqual([]);
      expect(inCii(ciiOf(document))).toEqual(inUbl(ublOf(document)));
    }
  expect(notes).toBeGreaterThan(ORDERS / 2);
});

test('a wrong sum, tax or base is found', () => {
  const [document] = randomDocuments(seeded(1), 'EUR') as [Document];
  const { totals, taxes } = document;
  const wrong: [Partial<Document>, string][] = [
    [{ totals: { ...totals, lines: '0.01' } }, 'BR-CO-10'],
    [{ totals: { ...totals, tax: '777.77' } }, 'BR-CO-14'],
    [{ totals: { ...totals, due: '-1.00' } }, 'BR-CO-16'],
    [{ taxes: taxes.map((one) => ({ ...one, base: '0.07' })) }, '-08'],
    [{ taxes: [] }, 'BR-CO-18'],
  ];
  for (const [change, rule] of wrong) expect(brokenRules({ ...document, ...change }).join('\n')).toContain(rule);
});
