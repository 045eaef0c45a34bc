import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import { Amount, SOURCES } from './vocabulary.ts';

const source = SOURCES.billing;

/** What the billing service emits. */
export const BILLING_EVENTS = {
  InvoiceIssued: defineEvent({
    source,
    meaning: 'The invoice of a completed order got its number.',
    data: Type.Object({ invoiceNumber: Type.String(), totalAmount: Amount, currency: Type.String() }),
    example: { invoiceNumber: 'INV-00000001', totalAmount: '19.90', currency: 'EUR' },
  }),
  CreditNoteIssued: defineEvent({
    source,
    meaning: 'A refund after the invoice was credited.',
    data: Type.Object({
      creditNoteNumber: Type.String(),
      invoiceNumber: Type.String(),
      amount: Amount,
      currency: Type.String(),
    }),
    example: { creditNoteNumber: 'CRN-00000001', invoiceNumber: 'INV-00000001', amount: '9.95', currency: 'EUR' },
  }),
} as const satisfies Record<string, EventDefinition>;
