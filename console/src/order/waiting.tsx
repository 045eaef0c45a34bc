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
  const { status, holds, parked } = order;
  const { deadlineAt, cancellation, change, endReason } = order as Partial<Order>;
  const ended = ENDED.has(status);
  const late = deadlineAt !== undefined && Date.parse(deadlineAt) < Date.now();
  const hold = holds[0];
  const stuck = parked?.[0];
  const why = stuck
    ? waiting.parked(stuck.consumer, stuck.reason ?? stuck.eventType)
    : ended
      ? endReason
      : hold
        ? waiting.hold(hold.type, hold.by, hold.reason)
        : cancellation
          ? waiting.cancellation
          : change
            ? waiting.change
            : status === 'BACKORDERED'
              ? waiting.backorder
              : status === 'PAYMENT_PENDING'
                ? waiting.provider
                : undefined;
  const until = ended ? undefined : (hold?.endsAt ?? deadlineAt);
  const parts = [
    waiting.for[status] ?? status,
    ...(until === undefined
      ? []
      : [late && until === deadlineAt ? waiting.overdue(relative(until)) : waiting.until(relative(until))]),
    ...(why === undefined || why === '' ? [] : [waiting.because(why)]),
  ];
  return { sentence: `${parts.join(', ')}.`, tone: stuck || late || hold ? 'late' : ended ? 'ended' : 'going' };
}
