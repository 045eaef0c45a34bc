import { amountMinor, formatAmount } from '#contracts/money.ts';
import { type EventData, EXTERNAL, type NewEvent } from '#contracts/order-events.ts';
import { firstEvents, historyOrder } from '#orders/rules/imports.ts';
import { fail } from './log.ts';
import { START_MS } from './plan.ts';

/** How orders begin: placed here, brought in open, or ended elsewhere. */

type Events = readonly [NewEvent, ...NewEvent[]];

const ORIGIN = { kind: 'import', source: 'old-shop', number: '1' } as const;
const PAID_ELSEWHERE = { provider: EXTERNAL, token: EXTERNAL };

/** The first events of an order that is placed here, or was paid elsewhere and is still open. */
export function begun(placed: EventData<'OrderCreated'>, open: boolean): Events {
  if (!open) return firstEvents('live', placed);
  return firstEvents('open', {
    ...placed,
    origin: ORIGIN,
    payment: PAID_ELSEWHERE,
    reviewReasons: [],
    allowBackorder: true,
  });
}

/** The one event of an order that ended elsewhere, the dearer ones cancelled there. */
export function ended(placed: EventData<'OrderCreated'>, newId: () => string): Events {
  const total = amountMinor(placed.totalAmount, placed.currency);
  const back = total > 1n ? [{ amount: formatAmount(total > 1_000n ? total : total / 2n, placed.currency) }] : [];
  const { taxLines, ...content } = placed;
  const data = historyOrder(
    {
      ...content,
      // Those that follow from the rates of the lines are not given beside them.
      ...(taxLines?.every(({ taxRate }) => taxRate === undefined) && { taxLines }),
      payment: PAID_ELSEWHERE,
      number: ORIGIN.number,
      createdAt: '2020-02-29T12:00:00Z',
      refunds: back,
      ...ending(total),
    },
    ORIGIN,
    { createdDeadlineMs: 0, reviewDeadlineMs: 0, reviewTotals: new Map(), defaultProvider: 'sandbox' },
    { nowMs: START_MS, newId },
  );
  if ('length' in data) return fail(`an order of the past is not taken: ${data[0]!.detail}`);
  return firstEvents('history', data);
}

function ending(total: bigint): { status: 'COMPLETED' | 'CANCELLED'; paidAmount?: string } {
  return { status: total > 1_000n ? 'CANCELLED' : 'COMPLETED' };
}
