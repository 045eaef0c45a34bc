import { type ChargeLine, type EventData, type OrderItem, type Address, SOURCES } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { ignore, type Rules, type Shared } from '#platform/aggregate.ts';

/**
 * A completed order gets one invoice, and every refund after it a credit note. Numbers have no gaps: the
 * last one used is a shared value, saved together with the document that carries the next.
 */

export interface CreditNote {
  readonly number: string;
  readonly refundId: string;
  readonly amount: string;
  readonly issuedAt: string;
}

export interface Invoice {
  readonly number: string;
  readonly issuedAt: string;
  readonly customerId: string;
  readonly currency: string;
  readonly totalAmount: string;
  readonly items: readonly OrderItem[];
  readonly taxLines?: readonly ChargeLine[];
  readonly discountLines?: readonly ChargeLine[];
  readonly shippingLines?: readonly ChargeLine[];
  readonly reference?: string;
  readonly billingAddress?: Address;
  readonly creditNotes: readonly CreditNote[];
}

/** The counters documents are numbered from. */
export const COUNTERS = { invoice: 'INV', 'credit-note': 'CRN' } as const;
export type Counter = keyof typeof COUNTERS;

const NUMBER_DIGITS = 8;

/** Which counter folding an event may use. */
export function countersOf(eventType: string): readonly Counter[] {
  if (eventType === 'OrderCompleted') return ['invoice'];
  return eventType === 'OrderRefunded' ? ['credit-note'] : [];
}

/** Takes the next number. Called last, when nothing can fail any more: a number taken is a number used. */
function nextNumber(counter: Counter, shared: Shared<number>): string {
  const last = shared.get(counter);
  if (last === undefined) throw new Error(`There is no counter "${counter}"`);
  shared.set(counter, last + 1);
  return `${COUNTERS[counter]}-${String(last + 1).padStart(NUMBER_DIGITS, '0')}`;
}

export type BillingRules = Rules<Invoice, never, never, number>;

export const billingRules: BillingRules = {
  source: SOURCES.billing,
  // Of refunds it hears from the order: one source numbers them with the completion, so an event read again is known
  // to be old also where it came before the invoice and left nothing that could remember it.
  consumes: ['OrderCompleted', 'OrderRefunded'],

  react(event, invoice, { nowMs, shared }) {
    const issuedAt = isoTime(nowMs);
    switch (event.type) {
      case 'OrderCompleted': {
        if (invoice) return ignore('the order was invoiced before');
        const content = contentOf(event.data);
        const issued: Invoice = { ...content, number: nextNumber('invoice', shared), issuedAt, creditNotes: [] };
        const { number: invoiceNumber, totalAmount, currency } = issued;
        return { state: issued, events: [{ type: 'InvoiceIssued', data: { invoiceNumber, totalAmount, currency } }] };
      }
      case 'OrderRefunded': {
        if (!invoice) return ignore('nothing was invoiced that could be credited');
        const { refundId, amount } = event.data;
        if (invoice.creditNotes.some((note) => note.refundId === refundId))
          return ignore('the refund was credited before');
        const note: CreditNote = { number: nextNumber('credit-note', shared), refundId, amount, issuedAt };
        return {
          state: { ...invoice, creditNotes: [...invoice.creditNotes, note] },
          events: [
            {
              type: 'CreditNoteIssued',
              data: {
                creditNoteNumber: note.number,
                invoiceNumber: invoice.number,
                amount,
                currency: invoice.currency,
              },
            },
          ],
        };
      }
      default:
        throw new Error(`Billing does not consume ${event.type}`);
    }
  },

  decide(command) {
    throw new Error(`Billing takes no commands, not even ${String(command)}`);
  },
};

function contentOf(data: EventData<'OrderCompleted'>): Omit<Invoice, 'number' | 'issuedAt' | 'creditNotes'> {
  const {
    customerId,
    currency,
    totalAmount,
    items,
    taxLines,
    discountLines,
    shippingLines,
    reference,
    billingAddress,
  } = data;
  return {
    customerId,
    currency,
    totalAmount,
    items,
    ...(taxLines && { taxLines }),
    ...(discountLines && { discountLines }),
    ...(shippingLines && { shippingLines }),
    ...(reference === undefined ? {} : { reference }),
    ...(billingAddress && { billingAddress }),
  };
}
