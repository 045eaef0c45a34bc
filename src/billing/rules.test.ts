import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { emptyRow, type Folded, foldEvent, type Row } from '#platform/processor/aggregate.ts';
import { acceptsJson } from './routes.ts';
import { billingRules, type Invoice } from './rules.ts';

const NOW_MS = Date.parse('2026-11-22T12:00:00.000Z');

/** The counters of a company and the orders it bills. */
class Books {
  readonly counters = new Map<string, number>([
    ['invoice', 0],
    ['credit-note', 0],
  ]);
  readonly rows = new Map<string, Row<Invoice>>();
  #sequence = 0;

  event<T extends EventType>(order: string, type: T, changes: Partial<EventData<T>> = {}): Envelope {
    const { source, example } = ORDER_EVENTS[type];
    const sequence = ++this.#sequence;
    return {
      id: `e${sequence}`,
      source,
      type,
      subject: order,
      sequence,
      time: '2026-11-22T12:00:00.000Z',
      correlationid: 'c',
      causationid: 'k',
      data: { ...example, ...changes },
    };
  }
  hears(event: Envelope): Folded<Invoice, never, number> {
    const row = this.rows.get(event.subject) ?? emptyRow<Invoice>(event.subject);
    const folded = foldEvent(billingRules, row, event, {
      nowMs: NOW_MS,
      newId: () => 'id',
      shared: this.counters,
    });
    for (const [key, value] of folded.shared ?? []) this.counters.set(key, value);
    this.rows.set(event.subject, folded.row);
    return folded;
  }
  completed(order: string, changes: Partial<EventData<'OrderCompleted'>> = {}): Folded<Invoice, never, number> {
    return this.hears(this.event(order, 'OrderCompleted', changes));
  }
  refunded(order: string, refundId: string): Folded<Invoice, never, number> {
    return this.hears(this.event(order, 'OrderRefunded', { refundId }));
  }
}

describe('an invoice', () => {
  test('is issued when the order is completed, with the next number', () => {
    const books = new Books();
    expect(books.completed('a').events).toMatchObject([
      { type: 'InvoiceIssued', data: { invoiceNumber: 'INV-00000001', totalAmount: '19.90', currency: 'EUR' } },
    ]);
    expect(books.completed('b').row.state).toMatchObject({
      number: 'INV-00000002',
      issuedAt: '2026-11-22T12:00:00.000Z',
      creditNotes: [],
    });
  });

  test('is issued once, and a repeat uses up no number', () => {
    const books = new Books();
    const event = books.event('a', 'OrderCompleted');
    books.hears(event);
    expect(books.hears(event).ignored).toBe('duplicate');
    expect(books.completed('a').ignored).toMatch(/invoiced before/);
    expect(books.completed('b').row.state).toMatchObject({ number: 'INV-00000002' });
  });

  test('without its counter is not issued at all', () => {
    const books = new Books();
    books.counters.delete('invoice');
    expect(() => books.completed('a')).toThrow(/no counter/);
  });
});

describe('a credit note', () => {
  test('follows each refund after the invoice', () => {
    const books = new Books();
    books.completed('a');
    expect(books.refunded('a', 'r1').events).toMatchObject([
      {
        type: 'CreditNoteIssued',
        data: { creditNoteNumber: 'CRN-00000001', invoiceNumber: 'INV-00000001', amount: '9.95' },
      },
    ]);
    expect(books.refunded('a', 'r2').row.state?.creditNotes.map((note) => note.number)).toEqual([
      'CRN-00000001',
      'CRN-00000002',
    ]);
  });

  test('is written once per refund', () => {
    const books = new Books();
    books.completed('a');
    books.refunded('a', 'r1');
    expect(books.refunded('a', 'r1').ignored).toMatch(/credited before/);
    expect(books.counters.get('credit-note')).toBe(1);
  });

  test('comes with the invoice for what was refunded before, and only once', () => {
    const books = new Books();
    const early = books.refunded('a', 'r1');
    expect(early.ignored).toMatch(/when the order is invoiced/);
    expect(early.row.revision).toBe(0);
    expect(books.counters.get('credit-note')).toBe(0);
    const refunds = [
      { refundId: 'r1', amount: '9.95' },
      { refundId: 'r2', amount: '1.00' },
    ];
    const invoiceNumber = 'INV-00000001';
    expect(books.completed('a', { refunds }).events).toMatchObject([
      { type: 'InvoiceIssued', data: { invoiceNumber, totalAmount: '19.90' } },
      { type: 'CreditNoteIssued', data: { creditNoteNumber: 'CRN-00000001', invoiceNumber, amount: '9.95' } },
      {
        type: 'CreditNoteIssued',
        data: { creditNoteNumber: 'CRN-00000002', invoiceNumber, amount: '1.00', currency: 'EUR' },
      },
    ]);
    expect(books.refunded('a', 'r2').ignored).toMatch(/credited before/);
    expect(books.refunded('a', 'r3').row.state?.creditNotes.map(({ refundId }) => refundId)).toEqual([
      'r1',
      'r2',
      'r3',
    ]);
  });
});

test.each([
  [undefined, true],
  ['application/json', true],
  ['text/html,*/*;q=0.8', true],
  ['application/pdf', false],
  ['application/pdf, application/json;q=0', false],
])('Accept: %s takes JSON: %s', (accept, expected) => {
  expect(acceptsJson(accept)).toBe(expected);
});
