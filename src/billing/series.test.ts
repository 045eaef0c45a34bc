import { describe, expect, test } from 'vitest';
import { RulesStory } from '#tests/support/rules.ts';
import { billingRulesOf, countersOf, type Invoice } from './rules.ts';
import { partsOfNumber, prefixFor, readDocumentNumber, type Series, seriesProblem } from './series.ts';
import { seriesOf } from './settings.ts';

const NEW_YEAR_MS = Date.parse('2027-01-01T00:00:00Z');
const GERMANY = { shippingAddress: { country: 'Deutschland' } };

describe('a series', () => {
  test.each(['INV-', 'RE-{year}-', 'R{country}-{year}-', 'A-1-'])('may be %s', (template) => {
    expect(seriesProblem(template)).toBeUndefined();
  });
  test.each(['', 'INV', 'inv-', '-', '1-', 'RE/{year}-', 'RE-{month}-', 'RE {year}-', 'X'.repeat(40) + '-'])(
    'may not be "%s"',
    (template) => {
      expect(() => seriesOf({ BILLING_INVOICE_SERIES: template === '' ? '-' : template })).toThrow(
        'BILLING_INVOICE_SERIES',
      );
    },
  );

  test('is that of the day of issue and of the country that the goods go to', () => {
    const template = 'RE-{country}-{year}-';
    expect(prefixFor(template, GERMANY, NEW_YEAR_MS - 1)).toBe('RE-DE-2026-');
    expect(prefixFor(template, { billingAddress: { country: 'FR' } }, NEW_YEAR_MS)).toBe('RE-FR-2027-');
    // Of a broken event, too.
    for (const odd of [{}, null, { shippingAddress: { country: 7 } }, { shippingAddress: 'DE' }])
      expect(prefixFor(template, odd as never, NEW_YEAR_MS)).toBe('RE-XX-2027-');
    expect(partsOfNumber('RE-DE-2026-00000042')).toEqual({ prefix: 'RE-DE-2026-', n: 42 });
  });

  test('is found in what people write', () => {
    expect(readDocumentNumber('inv-7')).toBe('INV-00000007');
    expect(readDocumentNumber('CRN12')).toBe('CRN-00000012');
    expect(readDocumentNumber('re-de-2026-00000042')).toBe('RE-DE-2026-00000042');
    for (const text of ['RE-DE-2026-42', 'INV-', '00000042', "x'--00000042"])
      expect(readDocumentNumber(text)).toBeUndefined();
  });
});

describe('documents', () => {
  const series: Series = { invoice: 'RE-{country}-{year}-', 'credit-note': 'RE-{country}-{year}-' };
  const story = () => new RulesStory<Invoice, never, never, number>(billingRulesOf(series), { nowMs: NEW_YEAR_MS - 1 });

  test('are numbered in their series, which begins with 1, and credit notes in that of the invoices where they say so', () => {
    const books = story();
    const numberOf = (order: string, changes: object): unknown =>
      books.reads('OrderCompleted', changes, order).rowOf(order).state?.number;
    expect(numberOf('a', GERMANY)).toBe('RE-DE-2026-00000001');
    expect(numberOf('b', { shippingAddress: { country: 'France' } })).toBe('RE-FR-2026-00000001');
    expect(numberOf('c', GERMANY)).toBe('RE-DE-2026-00000002');
    books.nowMs = NEW_YEAR_MS;
    expect(numberOf('d', GERMANY)).toBe('RE-DE-2027-00000001');
    // What was sold last year is credited this year.
    expect(books.reads('OrderRefunded', { refundId: 'r-1' }, 'a').events).toMatchObject([
      { data: { creditNoteNumber: 'RE-DE-2027-00000002', invoiceNumber: 'RE-DE-2026-00000001' } },
    ]);
    expect(books.shared).toEqual(
      new Map([
        ['RE-DE-2026-', 2],
        ['RE-FR-2026-', 1],
        ['RE-DE-2027-', 2],
      ]),
    );
  });

  test('at the end of a year find the counters of both years', () => {
    const sale = { type: 'OrderCompleted', data: GERMANY };
    const at = (nowMs: number) => countersOf(sale, undefined, { series, nowMs });
    expect(at(NEW_YEAR_MS - 1)).toEqual(['RE-DE-2026-', 'RE-DE-2027-']);
    expect(at(NEW_YEAR_MS)).toEqual(['RE-DE-2027-']);
    expect(countersOf(sale, undefined, { nowMs: NEW_YEAR_MS })).toEqual(['invoice', 'credit-note']);
  });
});
