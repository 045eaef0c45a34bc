import { amountMinor, formatAmount } from '#contracts/money.ts';
import { type EventData, EXTERNAL, type NewEvent } from '#contracts/order-events.ts';
import { paymentRequest } from '#orders/rules/events.ts';
import { created, evolve, imported } from '#orders/rules/evolve.ts';
import { historyOrder } from '#orders/rules/imports.ts';
import type { Order } from '#orders/rules/state.ts';
import { fail } from './log.ts';
import { START_MS } from './plan.ts';

/** How orders begin: placed here, brought in open, or ended elsewhere. */

export interface Begun {
  readonly order: Order;
  readonly events: readonly NewEvent[];
}

const ORIGIN = { kind: 'import', source: 'old-shop', number: '1' } as const;
const PAID_ELSEWHERE = { provider: EXTERNAL, token: EXTERNAL };

/** An order as its first events leave it. */
export function begun(placed: EventData<'OrderCreated'>, open: boolean): Begun {
  const data = open
    ? { ...placed, origin: ORIGIN, payment: PAID_ELSEWHERE, reviewReasons: [], allowBackorder: true }
    : placed;
  const order = created(data);
  const taken: NewEvent = { type: 'OrderCreated', data };
  if (!open) return { order, events: [taken] };
  const asked = paymentRequest(order);
  return { order: evolve(order, asked), events: [taken, asked] };
}

/** An order that ended elsewhere, the dearer ones cancelled there. */
export function ended(placed: EventData<'OrderCreated'>, newId: () => string): Begun {
  const total = amountMinor(placed.totalAmount, placed.currency);
  const back = total > 1n ? [{ amount: formatAmount(total > 1_000n ? total : total / 2n, placed.currency) }] : [];
  const data = historyOrder(
    {
      ...placed,
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
  return { order: imported(data), events: [{ type: 'OrderImported', data }] };
}

function ending(total: bigint): { status: 'COMPLETED' | 'CANCELLED'; paidAmount?: string } {
  return { status: total > 1_000n ? 'CANCELLED' : 'COMPLETED' };
}
