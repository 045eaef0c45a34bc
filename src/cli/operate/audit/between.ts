import { billingAudit } from '#billing/audit.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import { inventoryAudit } from '#inventory/audit.ts';
import { ordersAudit } from '#orders/audit.ts';
import type { Order } from '#orders/rules/state.ts';
import { hasOpenOperation, paymentsAudit, type Totals, totalsOf } from '#payments/audit.ts';
import type { AuditContext } from '#platform/audit.ts';
import type { Check } from './checks.ts';
import type { LogRow, OrderFile } from './pages.ts';

/** Something between services that does not agree. */
export interface Finding {
  readonly check: Check;
  readonly subject: string;
  readonly detail: string;
  /** The service that has to act on an event for this to agree; without it the finding stands at once. */
  readonly consumer?: string;
  /** Whether that service has read the event; undefined where its position cannot be compared. */
  readonly read?: boolean | undefined;
  /** Of what is known about the order; another one later means that it moves. */
  readonly fingerprint?: string;
  /** An operation at the provider is open: reconciliation will see to it. */
  readonly open?: boolean;
}

/** How far each consumer has read the log of the database. */
export type Offsets = ReadonlyMap<string, { readonly txid: number; readonly position: number }>;

type Report = (check: Check, detail: string) => void;
/** Reports what counts only once the service has read these events. */
type ReportAfter = (check: Check, detail: string, consumer: string, ...types: string[]) => void;

const ENDED_WITHOUT_SALE = new Set<Order['status']>(['CANCELLED', 'REJECTED', 'PAYMENT_FAILED']);
const NOTHING: Totals = { authorized: 0n, captured: 0n, voided: 0n, refunded: 0n };

/** Counts the checks between services that an order is held against. */
export function tallyBetween(file: OrderFile, { examined }: AuditContext): void {
  const status = file.rowOf(ordersAudit)?.stored?.state?.status;
  if (file.rowOf(paymentsAudit)) examined('refunds');
  if (status && ENDED_WITHOUT_SALE.has(status)) for (const check of ['ended-money', 'ended-stock']) examined(check);
  if (status === 'COMPLETED') for (const check of ['completed-paid', 'invoices', 'credit-notes']) examined(check);
}

/** Everything about one order in which its services do not agree. */
export function examineBetween(file: OrderFile, offsets: Offsets): Finding[] {
  const found: Finding[] = [];
  const stored = file.rowOf(ordersAudit)?.stored;
  const payment = file.rowOf(paymentsAudit);
  const report: Report = (check, detail) => void found.push({ check, subject: file.id, detail });
  const reportAfter: ReportAfter = (check, detail, consumer, ...types) =>
    void found.push({
      check,
      subject: file.id,
      detail,
      consumer,
      read: hasRead(file.events, offsets.get(consumer), types),
      fingerprint: `${file.events.length} ${stored?.revision} ${file.rowOf(inventoryAudit)?.version} ${payment?.version}`,
      open: consumer === 'payments' && hasOpenOperation(payment),
    });
  const order = stored?.state;
  if (!order) return found;
  examineStock(file, order, reportAfter);
  try {
    examineMoney(file, order, report, reportAfter);
  } catch (error) {
    report('money', (error as Error).message);
  }
  examineInvoice(file, order, report, reportAfter);
  return found;
}

function hasRead(
  events: readonly LogRow[],
  offset: { txid: number; position: number } | undefined,
  types: readonly string[],
): boolean | undefined {
  if (!offset) return undefined;
  const last = events.findLast((event) => types.includes(event.type));
  if (!last) return true;
  return last.txid < offset.txid || (last.txid === offset.txid && last.position <= offset.position);
}

function examineStock(file: OrderFile, order: Order, reportAfter: ReportAfter): void {
  const reservation = file.rowOf(inventoryAudit);
  if (!ENDED_WITHOUT_SALE.has(order.status) || !reservation) return;
  const pieces = reservation.allocations.reduce((sum, { quantity }) => sum + quantity, 0);
  if (pieces > 0)
    reportAfter(
      'ended-stock',
      `is ${order.status} and holds ${pieces} pieces`,
      'inventory',
      'OrderCancelled',
      'OrderPaymentFailed',
    );
}

function examineMoney(file: OrderFile, order: Order, report: Report, reportAfter: ReportAfter): void {
  const payment = file.rowOf(paymentsAudit);
  const money = (minor: bigint): string => `${formatAmount(minor, order.currency)} ${order.currency}`;
  const total = amountMinor(order.totalAmount, order.currency);
  let totals = NOTHING;
  try {
    if (payment) totals = totalsOf(payment);
  } catch {
    // What the service itself cannot read is reported by its own audit.
    return;
  }
  const { authorized, captured, voided, refunded } = totals;
  if (authorized > total) report('money', `authorized ${money(authorized)} for an order over ${money(total)}`);
  if (payment && payment.currency !== order.currency)
    report('money', `is paid in ${payment.currency}, ordered in ${order.currency}`);
  if (ENDED_WITHOUT_SALE.has(order.status)) {
    const held = authorized - captured - voided;
    if (captured !== refunded || held > 0n)
      reportAfter(
        'ended-money',
        `is ${order.status} and holds ${money(captured - refunded)} captured, ${money(held)} authorized`,
        'payments',
        'OrderCancelled',
      );
  }
  if (order.status === 'COMPLETED' && captured !== total)
    reportAfter(
      'completed-paid',
      `is over ${money(total)}, captured are ${money(captured)}`,
      'payments',
      'OrderPaymentRequested',
      'OrderShipped',
    );
  if (payment && amountMinor(order.refundedAmount, order.currency) !== refunded)
    reportAfter(
      'refunds',
      `says ${order.refundedAmount} refunded, payments ${money(refunded)}`,
      'orders',
      'PaymentRefunded',
    );
}

function examineInvoice(file: OrderFile, order: Order, report: Report, reportAfter: ReportAfter): void {
  const { events } = file;
  const invoice = file.rowOf(billingAudit);
  const completions = events.filter((event) => event.type === 'OrderCompleted').length;
  if (completions > 1) report('invoices', `was completed ${completions} times`);
  if (completions === 0 && invoice) report('invoices', `has invoice ${invoice.number} and was never completed`);
  if (completions > 0 && !invoice)
    reportAfter('invoices', 'is completed and has no invoice', 'billing', 'OrderCompleted');
  if (!invoice) return;
  const issued = events.filter((event) => event.type === 'InvoiceIssued').length;
  if (issued !== 1) report('invoices', `has ${issued} events about invoice ${invoice.number}`);
  if (
    invoice.currency !== order.currency ||
    amountMinor(invoice.total, order.currency) !== amountMinor(order.totalAmount, order.currency)
  )
    report(
      'invoices',
      `invoice ${invoice.number} is over ${invoice.total} ${invoice.currency}, the order over ${order.totalAmount} ${order.currency}`,
    );
  // That the total was captured, and that the order knows what was refunded, are checks of their own.
  let credited = 0n;
  for (const { amount } of invoice.credit_notes) credited += amountMinor(amount, order.currency);
  if (credited !== amountMinor(order.refundedAmount, order.currency))
    reportAfter(
      'credit-notes',
      `has credit notes over ${formatAmount(credited, order.currency)} to invoice ${invoice.number}, refunded are ${order.refundedAmount} ${order.currency}`,
      'billing',
      'OrderCompleted',
      'OrderRefunded',
    );
}
