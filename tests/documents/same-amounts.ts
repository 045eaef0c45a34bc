import { expect } from 'vitest';
import { brokenRules } from '#billing/documents/arithmetic.ts';
import { ciiOf } from '#billing/documents/cii.ts';
import { ublOf } from '#billing/documents/ubl.ts';
import { seeded } from '#tests/support/seeded.ts';
import { randomDocuments } from './random-documents.ts';

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

/** Documents of so many orders of chance break no rule, and say the same in either syntax. */
export function expectSoundDocuments(orders: number): void {
  const random = seeded(16_931);
  let notes = 0;
  for (let order = 0; order < orders; order++)
    for (const document of randomDocuments(random)) {
      if (document.kind === 'credit-note') notes++;
      expect(brokenRules(document), JSON.stringify(document)).toEqual([]);
      expect(inCii(ciiOf(document))).toEqual(inUbl(ublOf(document)));
    }
  expect(notes).toBeGreaterThan(orders / 2);
}
