import type { Order, OrderSummary } from '#client';
import { useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';

/** What an order waits for, until when and why, in one sentence. */

export interface Waiting {
  readonly sentence: string;
  readonly tone: 'going' | 'late' | 'ended';
}

const ENDED = new Set(['COMPLETED', 'REJECTED', 'PAYMENT_FAILED', 'CANCELLED']);

export function useWaiting(order: OrderSummary | Order): Waiting {
  const { waiting } = useText();
  const { relative } = useTimes();
  const { status, holds, parked, paymentStatus } = order;
  const { deadlineAt, cancellation, change, endReason, payAgainUntil, payment, shortages } = order as Partial<Order>;
  const ended = ENDED.has(status);
  const late = deadlineAt !== undefined && Date.parse(deadlineAt) < Date.now();
  const hold = holds.find(({ steps }) => steps.length > 0) ?? holds[0];
  const stuck = parked?.[0];
  const more = holds.length > 1 ? waiting.moreHolds(holds.length - 1) : '';
  const byStatus: Readonly<Record<string, string | undefined>> = {
    CREATED: waiting.stock,
    BACKORDERED:
      shortages && shortages.length > 0
        ? waiting.short(
            shortages.map(({ sku, requested, available }) => `${requested - available} × ${sku}`).join(', '),
          )
        : waiting.backorder,
    RESERVED: payAgainUntil === undefined ? undefined : waiting.refusedPayment(endReason ?? ''),
    PAYMENT_PENDING:
      paymentStatus === 'REQUIRES_ACTION'
        ? waiting.confirmation
        : payment?.provider === 'manual'
          ? waiting.transfer
          : waiting.provider,
    PAID: waiting.paid,
    READY_FOR_SHIPMENT: waiting.warehouse,
    PARTIALLY_SHIPPED: waiting.rest,
    SHIPPED: waiting.carrier,
  };
  const why = stuck
    ? waiting.parked(stuck.consumer, stuck.reason ?? stuck.eventType)
    : ended
      ? endReason
      : cancellation
        ? waiting.cancellation
        : change
          ? waiting.change
          : hold
            ? waiting.hold(hold.type, hold.by, hold.reason) + more
            : late
              ? waiting.stillWaits
              : byStatus[status];
  const what =
    status === 'RESERVED' && payAgainUntil !== undefined
      ? waiting.anotherPayment
      : status === 'PAYMENT_PENDING' && paymentStatus === 'REQUIRES_ACTION'
        ? waiting.customer
        : (waiting.for[status] ?? status);
  const until = ended ? undefined : (change?.deadlineAt ?? hold?.endsAt ?? payAgainUntil ?? deadlineAt);
  const parts = [
    what,
    ...(until === undefined
      ? []
      : [late && until === deadlineAt ? waiting.overdue(relative(until)) : waiting.until(relative(until))]),
    ...(why === undefined || why === '' ? [] : [waiting.because(why)]),
  ];
  return { sentence: `${parts.join(', ')}.`, tone: stuck || late || hold ? 'late' : ended ? 'ended' : 'going' };
}
