import {
  type ChargeLine,
  type EventData,
  type NewEvent,
  type LinePart,
  type OrderItem,
  type Address,
  SOURCES,
} from '#contracts/order-events.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import { isoTime } from '#contracts/time.ts';
import { counterOf, type Kind, numberIn, prefixFor, type Series, SERIES, type SoldTo } from './series.ts';
import { ignore, type Outcome, type Rules, type Shared } from '#platform/processor/aggregate.ts';

/**
 * A completed order gets one invoice over what was sold, or each of its parcels one as it leaves; every refund a credit note: at once with the invoice
 * where it was carried out before, else when the order notes it. What was cancelled is on no invoice, so its refund needs
 * no credit note: always, invoices less credit notes are what was paid and not given back. Billing reads refunds from the order alone, so
 * that each is either in `OrderCompleted` or comes after it, never both and never neither. Numbers have no gaps
 * in their series: the last one used is a shared value, saved together with the document that carries the next.
 */

export interface CreditNote {
  readonly number: string;
  readonly refundId: string;
  readonly amount: string;
  readonly issuedAt: string;
  /** What the refund was for, line by line; absent where it was for no certain lines. */
  readonly lines?: readonly LinePart[];
}

/** An invoice over one part of the order. */
export interface FurtherInvoice extends Pick<
  Invoice,
  | 'number'
  | 'issuedAt'
  | 'totalAmount'
  | 'items'
  | 'taxLines'
  | 'discountLines'
  | 'shippingLines'
  | 'shipmentId'
  | 'payment'
> {}

/** What an order was invoiced for: one invoice, or, where each parcel gets its own, the first of them and the further. */
export interface Invoice {
  readonly number: string;
  readonly issuedAt: string;
  readonly customerId?: string;
  readonly currency: string;
  /** The sum of all its invoices. */
  readonly totalAmount: string;
  readonly items: readonly OrderItem[];
  readonly taxLines?: readonly ChargeLine[];
  readonly discountLines?: readonly ChargeLine[];
  readonly shippingLines?: readonly ChargeLine[];
  readonly pricesIncludeTax?: boolean;
  readonly reference?: string;
  readonly orderNumber?: string;
  readonly billingAddress?: Address;
  readonly shippingAddress?: Address;
  /** Of the customer (BCP 47). */
  readonly locale?: string;
  /** What the whole order was paid with, and how much of it, when this was issued. */
  readonly payment?: { readonly provider: string; readonly paidAmount: string };
  /** The parcel that it is over, where each has its own. */
  readonly shipmentId?: string;
  readonly creditNotes: readonly CreditNote[];
  readonly further?: readonly FurtherInvoice[];
}

/** A decision is made so soon after its counters were read. */
const YEAR_ENDS_MS = 3_600_000;

/** Which counters folding an event may use: those of now and of a little later, so that a year may end meanwhile. */
export function countersOf(
  { type, data }: { readonly type: string; readonly data: unknown },
  invoice: Invoice | undefined,
  { series = SERIES, nowMs }: { readonly series?: Series; readonly nowMs: number },
): readonly string[] {
  const kinds: readonly Kind[] =
    type === 'OrderCompleted' || type === 'OrderPartSold'
      ? ['invoice', 'credit-note']
      : type === 'OrderRefunded'
        ? ['credit-note']
        : [];
  const soldTo = invoice ?? (data as SoldTo | null);
  const keys = kinds.flatMap((kind) =>
    [nowMs, nowMs + YEAR_ENDS_MS].map((timeMs) => counterOf(prefixFor(series[kind], soldTo, timeMs))),
  );
  return [...new Set(keys)];
}

/** The numbers that one decision takes, and where that leaves the counters. */
class Numbers {
  readonly counters = new Map<string, number>();
  readonly #shared: Shared<number>;
  readonly #prefixes: Series;

  constructor(shared: Shared<number>, prefixes: Series) {
    this.#shared = shared;
    this.#prefixes = prefixes;
  }

  next(kind: Kind): string {
    const prefix = this.#prefixes[kind];
    const key = counterOf(prefix);
    const known = this.counters.get(key) ?? this.#shared.get(key);
    // The counters that have names of their own are always there.
    if (known === undefined && key !== prefix) throw new Error(`There is no counter "${key}"`);
    // Another series without a counter begins; whoever began it meanwhile makes the save a conflict.
    const last = known ?? 0;
    this.counters.set(key, last + 1);
    return numberIn(prefix, last + 1);
  }
}

export type BillingRules = Rules<Invoice, never, never, number>;

/** The rules, with documents numbered in these series. */
export const billingRulesOf = (series: Series): BillingRules => ({
  source: SOURCES.billing,
  // Refunds are read from the order: one source numbers them with the completion, so a repeated event is known
  // to be old also where it came before the invoice and left nothing that could remember it.
  consumes: ['OrderCompleted', 'OrderPartSold', 'OrderRefunded'],

  react(event, invoice, { nowMs, shared }) {
    const issuedAt = isoTime(nowMs);
    const soldTo: SoldTo = invoice ?? event.data;
    const numbers = new Numbers(shared, {
      invoice: prefixFor(series.invoice, soldTo, nowMs),
      'credit-note': prefixFor(series['credit-note'], soldTo, nowMs),
    });
    switch (event.type) {
      case 'OrderCompleted':
      case 'OrderPartSold': {
        if (event.type === 'OrderCompleted' && event.data.replaces !== undefined)
          return ignore('what is sent again was invoiced with the order it belongs to');
        if (invoice && event.type === 'OrderCompleted') return ignore('the order was invoiced before');
        const number = numbers.next('invoice');
        const { totalAmount, currency } = event.data;
        const issued = invoice
          ? withFurther(invoice, event.data, number, issuedAt)
          : { ...contentOf(event.data), number, issuedAt, creditNotes: [] };
        const recorded: NewEvent = { type: 'InvoiceIssued', data: { invoiceNumber: number, totalAmount, currency } };
        const refunds = (event.data.refunds ?? []).filter(({ refundId }) => !isCredited(issued, refundId));
        return credited(issued, [recorded], refunds, issuedAt, numbers);
      }
      case 'OrderRefunded': {
        if (event.data.uninvoiced) return ignore('no invoice is over what it pays back');
        if (!invoice) return ignore('it is credited when the order is invoiced');
        if (isCredited(invoice, event.data.refundId)) return ignore('the refund was credited before');
        return credited(invoice, [], [event.data], issuedAt, numbers);
      }
      default:
        throw new Error(`Billing does not consume ${event.type}`);
    }
  },

  decide(command) {
    throw new Error(`Billing takes no commands, not even ${String(command)}`);
  },
});

export const billingRules = billingRulesOf(SERIES);

function isCredited({ creditNotes }: Invoice, refundId: string): boolean {
  return creditNotes.some((note) => note.refundId === refundId);
}

function withFurther(invoice: Invoice, data: EventData<'OrderPartSold'>, number: string, issuedAt: string): Invoice {
  const { currency, further = [] } = invoice;
  const { shipmentId, totalAmount, payment } = data;
  const { items, taxLines, discountLines, shippingLines } = data;
  const sum = amountMinor(invoice.totalAmount, currency) + amountMinor(totalAmount, currency);
  return {
    ...invoice,
    totalAmount: formatAmount(sum, currency),
    further: [
      ...further,
      {
        number,
        issuedAt,
        ...(shipmentId !== undefined && { shipmentId }),
        totalAmount,
        items,
        ...(taxLines && { taxLines }),
        ...(discountLines && { discountLines }),
        ...(shippingLines && { shippingLines }),
        ...(payment && { payment }),
      },
    ],
  };
}

/** The total of the first invoice of an order. */
export function firstTotal({ totalAmount, currency, further = [] }: Invoice): string {
  const rest = further.reduce((sum, one) => sum + amountMinor(one.totalAmount, currency), 0n);
  return formatAmount(amountMinor(totalAmount, currency) - rest, currency);
}

/** The invoice with a credit note for each of these refunds. */
function credited(
  invoice: Invoice,
  before: readonly NewEvent[],
  refunds: readonly Pick<CreditNote, 'refundId' | 'amount' | 'lines'>[],
  issuedAt: string,
  numbers: Numbers,
): Outcome<Invoice, never, number> {
  const { number: invoiceNumber, currency } = invoice;
  const notes = refunds.map(({ refundId, amount, lines }): CreditNote => ({
    number: numbers.next('credit-note'),
    refundId,
    amount,
    issuedAt,
    ...(lines && { lines }),
  }));
  const recorded = notes.map(({ number: creditNoteNumber, amount }): NewEvent => ({
    type: 'CreditNoteIssued',
    data: { creditNoteNumber, invoiceNumber, amount, currency },
  }));
  return {
    state: { ...invoice, creditNotes: [...invoice.creditNotes, ...notes] },
    events: [...before, ...recorded],
    shared: numbers.counters,
  };
}

function contentOf(
  data: EventData<'OrderCompleted'> & Pick<Partial<EventData<'OrderPartSold'>>, 'shipmentId'>,
): Omit<Invoice, 'number' | 'issuedAt' | 'creditNotes'> {
  const {
    customerId,
    currency,
    totalAmount,
    items,
    taxLines,
    discountLines,
    shippingLines,
    pricesIncludeTax,
    reference,
    number: orderNumber,
    billingAddress,
    shippingAddress,
    locale,
    payment,
    shipmentId,
  } = data;
  return {
    ...(customerId !== undefined && { customerId }),
    currency,
    totalAmount,
    items,
    ...(taxLines && { taxLines }),
    ...(discountLines && { discountLines }),
    ...(shippingLines && { shippingLines }),
    ...(pricesIncludeTax && { pricesIncludeTax }),
    ...(reference === undefined ? {} : { reference }),
    ...(orderNumber === undefined ? {} : { orderNumber }),
    ...(billingAddress && { billingAddress }),
    ...(shippingAddress && { shippingAddress }),
    ...(locale === undefined ? {} : { locale }),
    ...(payment && { payment }),
    ...(shipmentId === undefined ? {} : { shipmentId }),
  };
}
