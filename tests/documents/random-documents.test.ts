import { expect, test } from 'vitest';
import { brokenRules } from '#billing/documents/arithmetic.ts';
import type { Document } from '#billing/documents/document.ts';
import { seeded } from '#tests/support/seeded.ts';
import { randomDocuments } from './random-documents.ts';
import { expectSoundDocuments } from './same-amounts.ts';

test('documents of orders of chance break no rule of EN 16931, and say the same in either syntax', () => {
  expectSoundDocuments(500);
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
