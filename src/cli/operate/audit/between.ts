import { ENDED_WITHOUT_SALE } from '#orders/rules/lifecycle.ts';
import { ordersAudit } from '#orders/audit.ts';
import { paymentsAudit } from '#payments/audit.ts';
import { reviewsAudit } from '#reviews/audit.ts';
import { examineDocuments } from './documents.ts';
import { type Finding, Findings } from './findings.ts';
import { examineGoods } from './goods.ts';
import { examineMoney } from './money.ts';
import type { OrderFile } from './pages.ts';
import type { Reading } from './reading.ts';
import { examineReplacements, reshipments } from './replacements.ts';
import type { Tallies } from './tallies.ts';

/** Counts the checks between services that an order is held against. */
export function tallyBetween(file: OrderFile, { examined }: Tallies): void {
  const order = file.rowOf(ordersAudit)?.stored?.state;
  if (!order) return;
  const { status } = order;
  examined('replacements', reshipments(order).length);
  for (const check of ['reviews', 'set-aside', 'parcels', 'shipped-stock', 'returned-stock']) examined(check);
  if (file.rowOf(paymentsAudit))
    for (const check of ['refunds', 'payment-status', 'owed', 'shipped-paid']) examined(check);
  if (ENDED_WITHOUT_SALE.has(status))
    for (const check of ['ended-money', 'ended-stock', 'ended-goods']) examined(check);
  if (status === 'COMPLETED')
    for (const check of ['completed-paid', 'ended-stock', 'invoices', 'credit-notes']) examined(check);
}

/** Everything about one order in which its services do not agree. */
export function examineBetween(file: OrderFile, reading: Reading): Finding[] {
  const findings = new Findings(file, reading);
  const order = file.rowOf(ordersAudit)?.stored?.state;
  if (!order) return findings.all;
  examineReview(
    file,
    order.holds.some(({ type }) => type === 'review'),
    findings,
  );
  examineGoods(file, order, findings);
  try {
    examineMoney(file, order, findings);
  } catch (error) {
    findings.report('money', (error as Error).message);
  }
  examineDocuments(file, order, findings);
  examineReplacements(file, order, findings);
  return findings.all;
}

function examineReview(file: OrderFile, held: boolean, findings: Findings): void {
  const review = file.rowOf(reviewsAudit);
  if (review && held && review.status !== 'pending')
    findings.reportAfter(
      'reviews',
      `is held for a review that was ${review.status}`,
      'orders',
      'ReviewApproved',
      'ReviewRejected',
    );
}
