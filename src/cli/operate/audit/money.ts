import { amountMinor, formatAmount } from '#contracts/money.ts';
import type { EventData } from '#contracts/order-events.ts';
import { ENDED_WITHOUT_SALE, ONCE_PAID } from '#orders/rules/lifecycle.ts';
import { accountOf } from '#orders/rules/settle.ts';
import { isDisputed, type Order } from '#orders/rules/state.ts';
import { type PaymentRow, paymentsAudit, type Totals, totalsOf } from '#payments/audit.ts';
import { shownStatus } from '#payments/rules/model.ts';
import { parcelsThatLeft, shippingAudit } from '#shipping/audit.ts';
import type { Findings } from './findings.ts';
import { eventsOf } from './goods.ts';
import type { OrderFile } from './pages.ts';

/** Money: what payments hold beside what the order is worth, and what each knows of the other. */

const NOTHING: Totals = { authorized: 0n, captured: 0n, voided: 0n, refunded: 0n };

export function examineMoney(file: OrderFile, order: Order, findings: Findings): void {
  if (!file.has(paymentsAudit)) return;
  const payment = file.rowOf(paymentsAudit);
  let totals = NOTHING;
  try {
    if (payment) totals = totalsOf(payment);
  } catch {
    // What the service itself cannot read is reported by its own audit.
    return;
  }
  examineTotals(file, order, payment, totals, findings);
  examineOwed(order, findings);
  if (payment) examineKnown(order, payment, totals, findings);
  else if (order.refunds.some(({ status }) => status === 'REQUESTED'))
    findings.reportAfter('refunds', 'asked for a refund, and has no payment', 'payments', 'OrderRefundRequested');
}

function examineTotals(
  file: OrderFile,
  order: Order,
  payment: PaymentRow | undefined,
  { authorized, captured, voided, refunded }: Totals,
  findings: Findings,
): void {
  const money = (minor: bigint): string => `${formatAmount(minor, order.currency)} ${order.currency}`;
  const total = amountMinor(order.totalAmount, order.currency);
  const asked = askedToPay(file) ?? total;
  if (authorized > asked)
    findings.report('money', `authorized ${money(authorized)} where ${money(asked)} was asked for`);
  if (payment && payment.currency !== order.currency)
    findings.report('money', `is paid in ${payment.currency}, ordered in ${order.currency}`);
  const shipping = file.rowOf(shippingAudit);
  if (shipping && parcelsThatLeft(shipping).length > 0 && !ENDED_WITHOUT_SALE.has(order.status) && authorized < total)
    findings.report('shipped-paid', `has parcels that left; secured are ${money(authorized)} of ${money(total)}`);
  if (ENDED_WITHOUT_SALE.has(order.status)) {
    const held = authorized - captured - voided;
    if (captured !== refunded || held > 0n)
      findings.reportAfter(
        'ended-money',
        `is ${order.status} and holds ${money(captured - refunded)} captured, ${money(held)} authorized`,
        'payments',
        'OrderCancelled',
      );
  }
  // What ended elsewhere was paid as far as its event says.
  const [past] = eventsOf(file, 'OrderImported');
  const paid = past ? amountMinor(past.paidAmount, order.currency) : total;
  if (order.status === 'COMPLETED' && (past ? captured !== paid : captured < paid))
    findings.reportAfter(
      'completed-paid',
      `is over ${money(paid)}, captured are ${money(captured)}`,
      'payments',
      'OrderImported',
      'OrderPaymentRequested',
      // Where the money was taken at once, payments need not read that a parcel left.
      ...(order.shipments.some(({ amount }) => amount !== undefined) ? ['OrderPartiallyShipped', 'OrderShipped'] : []),
    );
}

/** What the order asked to be paid; pieces may have been cancelled since. */
function askedToPay({ events }: OrderFile): bigint | undefined {
  // One that was paid again was asked for once more, and nothing was taken before.
  const data = events.findLast(({ type }) => type === 'OrderPaymentRequested')?.data as
    | EventData<'OrderPaymentRequested'>
    | undefined;
  return data && amountMinor(data.amount, data.currency);
}

/** Whether the customer has to get back what nobody has asked for. An order that ended is held against its payment. */
function examineOwed(order: Order, findings: Findings): void {
  if (!ONCE_PAID.has(order.status)) return;
  const { owed, leftToPerson } = accountOf(order);
  // What is owed while the customer's bank decides is asked for once it has.
  if (isDisputed(order)) return;
  if (owed > leftToPerson)
    findings.report(
      'owed',
      `owes ${formatAmount(owed - leftToPerson, order.currency)} ${order.currency} that nobody has asked for`,
    );
}

/** What the order knows of its payment, and the payment of the refunds that the order asked for. */
function examineKnown(order: Order, payment: PaymentRow, { refunded }: Totals, findings: Findings): void {
  const status = shownStatus(payment);
  if (order.paymentStatus !== status)
    findings.reportAfter(
      'payment-status',
      `takes its payment to be ${order.paymentStatus}, payments say ${status}`,
      'orders',
      'PaymentSucceeded',
      'PaymentFailed',
      'PaymentPending',
      'PaymentCaptured',
      'PaymentVoided',
      'PaymentRefunded',
    );
  if (amountMinor(order.refundedAmount, order.currency) !== refunded)
    findings.reportAfter(
      'refunds',
      `says ${order.refundedAmount} refunded, payments ${formatAmount(refunded, order.currency)} ${order.currency}`,
      'orders',
      'PaymentRefunded',
    );
  for (const { refundId, amount, status } of order.refunds) {
    const operation = payment.operations.find(({ id, refundId: asked = id }) => asked === refundId);
    if (status === 'REQUESTED' && !operation)
      findings.reportAfter(
        'refunds',
        `asked for a refund of ${amount} ${order.currency} that payments know nothing of`,
        'payments',
        'OrderRefundRequested',
      );
    else if (operation && CONTRADICTING[status].includes(operation.state))
      findings.reportAfter(
        'refunds',
        `says the refund of ${amount} ${order.currency} is ${status}, payments ${operation.state}`,
        'orders',
        'PaymentRefunded',
        'PaymentRefundFailed',
      );
  }
}

/** States of an operation that contradict what the order says of the refund. */
const CONTRADICTING: Readonly<Record<Order['refunds'][number]['status'], readonly string[]>> = {
  REQUESTED: ['succeeded', 'failed'],
  DONE: ['failed', 'pending', 'in_doubt'],
  FAILED: ['succeeded'],
};
