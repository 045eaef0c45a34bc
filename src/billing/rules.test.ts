import { describe, expect, test } from 'vitest';
import type { EventData } from '#contracts/order-events.ts';
import { RulesStory } from '#tests/support/rules.ts';
import { billingRules, firstTotal, type Invoice } from './rules.ts';

/** The counters of a company and the orders it bills. */
class Books extends RulesStory<Invoice, never, never, number> {
  constructor() {
    super(billingRules, {
      shared: [
        ['invoice', 0],
        ['credit-note', 0],
      ],
    });
  }
  completed(order: string, changes: Partial<EventData<'OrderCompleted'>> = {}): this {
    return this.reads('OrderCompleted', changes, order);
  }
  refunded(order: string, refundId: string): this {
    return this.reads('OrderRefunded', { refundId }, order);
  }
}

describe('an invoice', () => {
  test('is issued when the order is completed, with the next number', () => {
    const books = new Books();
    expect(books.completed('a').events).toMatchObject([
      { type: 'InvoiceIssued', data: { invoiceNumber: 'INV-00000001', totalAmount: '19.90', currency: 'EUR' } },
    ]);
    expect(books.completed('b').rowOf('b').state).toMatchObject({
      number: 'INV-00000002',
      issuedAt: '2026-11-22T12:00:00.000Z',
      creditNotes: [],
    });
  });

  test('is issued once, and a repeat uses up no number', () => {
    const books = new Books();
    const event = books.event('OrderCompleted', {}, 'a');
    books.readsEvent(event);
    expect(books.readsEvent(event).ignored).toBe('duplicate');
    expect(books.completed('a').ignored).toMatch(/invoiced before/);
    expect(books.completed('b').rowOf('b').state).toMatchObject({ number: 'INV-00000002' });
  });

  test('without its counter is not issued at all', () => {
    const books = new Books();
    books.shared.delete('invoice');
    expect(() => books.completed('a')).toThrow(/no counter/);
  });
});

describe('an invoice per parcel', () => {
  const part = (shipmentId: string, totalAmount: string, more: Partial<EventData<'OrderPartSold'>> = {}) =>
    ['OrderPartSold', { shipmentId, totalAmount, ...more }, 'a'] as const;

  test('is issued as each leaves; the completion issues none', () => {
    const books = new Books();
    books.reads(...part('s-1', '5.00'));
    books.reads(...part('s-2', '14.90'));
    expect(books.events).toMatchObject([
      { type: 'InvoiceIssued', data: { invoiceNumber: 'INV-00000002', totalAmount: '14.90', currency: 'EUR' } },
    ]);
    expect(books.completed('a').ignored).toMatch(/invoiced before/);
    const invoice = books.rowOf('a').state!;
    expect(invoice).toMatchObject({ number: 'INV-00000001', totalAmount: '19.90' });
    expect(invoice.further).toMatchObject([{ number: 'INV-00000002', shipmentId: 's-2', totalAmount: '14.90' }]);
    expect(firstTotal(invoice)).toBe('5.00');
  });

  test('comes with credit notes for what was refunded before, each once', () => {
    const books = new Books();
    const refunds = [{ refundId: 'r1', amount: '1.00' }];
    books.reads(...part('s-1', '5.00', { refunds }));
    expect(books.events.map(({ type }) => type)).toEqual(['InvoiceIssued', 'CreditNoteIssued']);
    books.refunded('a', 'r2');
    books.reads(...part('s-2', '14.90', { refunds: [...refunds, { refundId: 'r2', amount: '9.95' }] }));
    expect(books.events.map(({ type }) => type)).toEqual(['InvoiceIssued']);
    expect(books.rowOf('a').state?.creditNotes.map(({ refundId }) => refundId)).toEqual(['r1', 'r2']);
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
    expect(
      books
        .refunded('a', 'r2')
        .rowOf('a')
        .state?.creditNotes.map((note) => note.number),
    ).toEqual(['CRN-00000001', 'CRN-00000002']);
  });

  test('is written once per refund', () => {
    const books = new Books();
    books.completed('a');
    books.refunded('a', 'r1');
    expect(books.refunded('a', 'r1').ignored).toMatch(/credited before/);
    expect(books.shared.get('credit-note')).toBe(1);
  });

  test('is not written for money that no invoice is over', () => {
    const books = new Books();
    books.completed('a');
    expect(books.reads('OrderRefunded', { refundId: 'r1', uninvoiced: true }, 'a').ignored).toMatch(/no invoice/);
    expect(books.shared.get('credit-note')).toBe(0);
  });

  test('comes with the invoice for what was refunded before, and only once', () => {
    const books = new Books();
    const early = books.refunded('a', 'r1');
    expect(early.ignored).toMatch(/when the order is invoiced/);
    expect(early.rowOf('a').revision).toBe(0);
    expect(books.shared.get('credit-note')).toBe(0);
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
    expect(
      books
        .refunded('a', 'r3')
        .rowOf('a')
        .state?.creditNotes.map(({ refundId }) => refundId),
    ).toEqual(['r1', 'r2', 'r3']);
  });
});
