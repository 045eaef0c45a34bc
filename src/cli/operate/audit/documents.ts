import { billingAudit } from '#billing/audit.ts';
import { amountMinor, formatAmount, sumOf } from '#contracts/money.ts';
import type { Order } from '#orders/rules/state.ts';
import type { Findings } from './findings.ts';
import type { OrderFile } from './pages.ts';

/** Documents: one invoice over what was sold, or one per parcel; a credit note for what was given back of it. */
export function examineDocuments(file: OrderFile, order: Order, findings: Findings): void {
  const { events } = file;
  const invoice = file.rowOf(billingAudit);
  const completions = events.filter((event) => event.type === 'OrderCompleted').length;
  if (completions > 1) findings.report('invoices', `was completed ${completions} times`);
  const parts = events.filter((event) => event.type === 'OrderPartSold').length;
  if (completions === 0 && parts === 0 && invoice)
    findings.report('invoices', `has invoice ${invoice.number} and was never completed`);
  // What is sent again was invoiced with the order that it replaces pieces of.
  if (completions + parts > 0 && !invoice && order.origin?.kind !== 'replacement')
    findings.reportAfter('invoices', 'is completed and has no invoice', 'billing', 'OrderCompleted', 'OrderPartSold');
  if (!invoice) return;
  const issued = events.filter((event) => event.type === 'InvoiceIssued').length;
  const expected = parts > 0 ? parts : 1;
  if (issued > expected) findings.report('invoices', `has ${issued} events about invoice ${invoice.number}`);
  // Until every parcel has its invoice, they are over less than the order.
  if (issued < expected)
    return findings.reportAfter('invoices', `has ${issued} of ${expected} invoices`, 'billing', 'OrderPartSold');
  const total = amountMinor(invoice.total, order.currency);
  const sold = amountMinor(order.totalAmount, order.currency);
  if (invoice.currency !== order.currency || total > sold || (completions > 0 && total < sold))
    findings.report(
      'invoices',
      `invoice ${invoice.number} is over ${invoice.total} ${invoice.currency}, the order over ${order.totalAmount} ${order.currency}`,
    );
  // That the total was captured, and that the order knows what was refunded, are checks of their own.
  // The note of a refund whose money came back stands: it is to be done once more.
  const returned = new Set(order.refunds.flatMap((refund) => (refund.returned === undefined ? [] : refund.refundId)));
  const notes = invoice.credit_notes.filter(({ refundId }) => refundId === undefined || !returned.has(refundId));
  const credited = sumOf(notes, order.currency);
  const invoiced = amountMinor(order.refundedAmount, order.currency) - refundedUninvoiced(order);
  if (credited !== invoiced)
    findings.reportAfter(
      'credit-notes',
      `has credit notes over ${formatAmount(credited, order.currency)} to invoice ${invoice.number}, refunded of what it is over are ${formatAmount(invoiced, order.currency)} ${order.currency}`,
      'billing',
      'OrderCompleted',
      'OrderRefunded',
    );
}

/** Refunded of what no invoice was ever over. */
function refundedUninvoiced({ refunds, currency }: Order): bigint {
  return sumOf(
    refunds.filter(({ status, uninvoiced }) => status === 'DONE' && uninvoiced),
    currency,
  );
}
