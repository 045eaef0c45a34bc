import type { Order, Payment } from '#client';
import { useMoney, useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import type { ActName } from './acts.ts';
import { isPositive } from './money.ts';
import { awaited, openReturns } from './start.ts';

/** Something of the order that is open beside what its status waits for. */
export interface OpenMatter {
  readonly text: string;
  /** What may be done about it. */
  readonly act?: ActName;
}

/** What of an order is open beside its status: returns, claims, disputes, refunds, money owed or too much. */
export function useOpenMatters(order: Order, payment: Payment | undefined): OpenMatter[] {
  const { waiting, parcel } = useText();
  const money = useMoney();
  const { relative } = useTimes();
  const of = (amount: string): string => money(amount, order.currency);
  const matters: OpenMatter[] = [];
  for (const { status, amount, reason, dueAt } of order.disputes ?? [])
    if (status === 'open')
      matters.push({ text: waiting.dispute(of(amount), reason, dueAt === undefined ? undefined : relative(dueAt)) });
  const underWay = order.refunds.filter(({ status }) => status === 'REQUESTED');
  for (const { amount, reason } of underWay) matters.push({ text: waiting.refund(of(amount), reason) });
  if (order.owedAmount !== undefined && underWay.length === 0)
    matters.push({
      text: order.refunds.some(({ status }) => status === 'FAILED')
        ? waiting.owedAfterRefusal(of(order.owedAmount))
        : waiting.owed(of(order.owedAmount)),
      act: 'requestRefund',
    });
  for (const entry of openReturns(order)) {
    const pieces = [...awaited(entry, order).values()].reduce((sum, quantity) => sum + quantity, 0);
    const until = entry.deadlineAt === undefined ? undefined : relative(entry.deadlineAt);
    matters.push({ text: waiting.return(pieces, until), act: 'receiveReturn' });
  }
  const claimed = new Set((order.claims ?? []).map(({ shipmentId }) => shipmentId));
  for (const { shipmentId, problem, carrier, trackingNumber } of order.shipments)
    if (problem !== undefined && !claimed.has(shipmentId))
      matters.push({ text: waiting.parcel(`${carrier} ${trackingNumber}`, parcel.failure[problem]), act: 'openClaim' });
  for (const { followUpId, status, found } of order.claims ?? [])
    if (followUpId !== undefined && status === undefined && found !== true) matters.push({ text: waiting.replacement });
  if (payment) {
    const unsure = payment.operations.filter(({ state }) => state === 'in_doubt');
    for (const { kind, amount, nextAttemptAt } of unsure)
      matters.push({
        text: waiting.inDoubt(kind, of(amount), nextAttemptAt === undefined ? undefined : relative(nextAttemptAt)),
      });
    if (payment.overpaid !== undefined && isPositive(payment.overpaid))
      matters.push({ text: waiting.overpaid(of(payment.overpaid)) });
    if (payment.due !== undefined && isPositive(payment.due) && payment.provider === 'manual')
      matters.push({ text: waiting.due(of(payment.due)) });
  }
  return matters;
}
