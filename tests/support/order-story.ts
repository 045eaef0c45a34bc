import assert from 'node:assert/strict';
import type { EventData } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { type OrderRules, orderRules } from '#orders/rules.ts';
import type { Status } from '#orders/rules/lifecycle.ts';
import type { Deadlines, OrderCommand } from '#orders/rules/commands.ts';
import { decide } from '#orders/rules/decide.ts';
import { evolve, fold } from '#orders/rules/evolve.ts';
import type { Order } from '#orders/rules/state.ts';
import { RulesStory } from './rules.ts';

/** The story of one order under the rules of the orders service, and the commands that it is made of. */

const HOUR_MS = 3_600_000;
export const NOW_MS = Date.UTC(2026, 10, 22, 12);
export const inHours = (hours: number): string => isoTime(NOW_MS + hours * HOUR_MS);
export const deadlines: Deadlines = {
  CREATED: HOUR_MS,
  BACKORDERED: 2 * HOUR_MS,
  RESERVED: 3 * HOUR_MS,
  payAgain: 0,
  PAYMENT_PENDING: 4 * HOUR_MS,
  manualPayment: 40 * HOUR_MS,
  PAID: 5 * HOUR_MS,
  READY_FOR_SHIPMENT: 6 * HOUR_MS,
  PARTIALLY_SHIPPED: 7 * HOUR_MS,
  SHIPPED: 8 * HOUR_MS,
  held: 99 * HOUR_MS,
  change: HOUR_MS / 4,
  returns: 50 * HOUR_MS,
};

/** The same rules, with the ids id-1, id-2 and so on for what a decision creates: refunds and returns. */
function shortIds(rules: OrderRules): OrderRules {
  let ids = 0;
  return {
    ...rules,
    decide: (command, order, context) => rules.decide(command, order, { ...context, newId: () => `id-${++ids}` }),
  };
}

/** given(commands).when(a command).emits(its events): a test states only what matters to it. */
export class OrderStory extends RulesStory<Order, OrderCommand> {
  #decision: ReturnType<typeof decide> | undefined;

  readonly #invoicesDispatches: boolean;

  constructor(data: Partial<EventData<'OrderCreated'>> = {}, invoicesDispatches = false) {
    // The tests name shipments, refunds and returns by short ids.
    super(shortIds(orderRules(deadlines, invoicesDispatches)), { nowMs: NOW_MS, checkEvents: false });
    const items = [
      { line: 1, sku: 'MUG', quantity: 3, unitPrice: '9.95', amount: '29.85' },
      { line: 2, sku: 'CUP', quantity: 1, unitPrice: '0.0375', amount: '0.04' },
    ];
    const created: EventData<'OrderCreated'> = {
      customerId: 'c',
      currency: 'EUR',
      channel: 'web',
      items,
      totalAmount: '29.89',
      payment: { provider: 'sandbox', token: 't' },
      reviewReasons: [],
      allowBackorder: false,
      deadlineAt: inHours(1),
      ...data,
    };
    this.#invoicesDispatches = invoicesDispatches;
    this.store({ ...this.row, state: fold([{ type: 'OrderCreated', data: created }]) });
  }

  get order(): Order {
    return this.state;
  }

  /** Commands that went before and must have been taken. */
  given(...commands: OrderCommand[]): this {
    for (const command of commands) if (this.when(command).refused !== undefined) throw new Error(this.refused);
    return this;
  }

  override when(command: OrderCommand): this {
    const before = this.order;
    const context = { nowMs: this.nowMs, newId: () => 'id', deadlines, invoicesDispatches: this.#invoicesDispatches };
    this.#decision = decide(command, before, context);
    super.when(command);
    if (this.refused === undefined) assert.deepStrictEqual(this.events.reduce<Order>(evolve, before), this.order);
    return this;
  }

  /** The rules take an ignored command for done; why it was ignored is in the decision alone. */
  override ignores(because: string): this {
    assert.deepStrictEqual(this.#decision, { ignored: because });
    return this.emits();
  }

  is(status: Status, more: Partial<Order> = {}): this {
    assert.partialDeepStrictEqual(this.order, { status, ...more });
    return this;
  }

  laterHours(hours: number): this {
    return this.later(hours * HOUR_MS);
  }
}

export const allocations = [
  { sku: 'CUP', location: 'east', quantity: 1 },
  { sku: 'MUG', location: 'west', quantity: 3 },
];
export const reserve: OrderCommand = { type: 'recordReservation', allocations };
export const pay: OrderCommand = { type: 'recordPayment', amount: '29.89', captured: '29.89' };
export const authorize: OrderCommand = { type: 'recordPayment', amount: '29.89', captured: '0.00' };
export const pending: OrderCommand = { type: 'recordPaymentPending', reason: 'timeout' };
export const decline: OrderCommand = { type: 'recordPaymentFailure', reason: 'card_declined' };
export const dispatch = (shipmentId: string, last: boolean): OrderCommand => ({
  type: 'recordDispatch',
  shipmentId,
  carrier: 'x',
  trackingNumber: '1',
  items: shipmentId === 'east' ? [{ sku: 'CUP', quantity: 1 }] : [{ sku: 'MUG', quantity: 3 }],
  last,
});
export const deliver = (shipmentId: string, last: boolean): OrderCommand => ({
  type: 'recordDelivery',
  shipmentId,
  last,
});
export const cancel: OrderCommand = { type: 'cancel', reason: 'changed my mind', by: 'customer' };
export const expire: OrderCommand = { type: 'expire' };
export const hold = (name: string): OrderCommand => ({ type: 'hold', hold: name, reason: 'look', by: 'operator' });
export const release = (name: string): OrderCommand => ({
  type: 'release',
  hold: name,
  reason: 'fine',
  by: 'operator',
});
export const refund = (amount?: string): OrderCommand => ({
  type: 'requestRefund',
  amount,
  reason: 'kind',
  by: 'operator',
});
export const refunded = (refundId: string, amount: string, sum: string): OrderCommand => ({
  type: 'recordRefund',
  refundId,
  amount,
  captured: '29.89',
  refunded: sum,
});
export const sendBack = (items?: { sku: string; quantity: number }[]): OrderCommand => ({
  type: 'requestReturn',
  items,
  reason: 'too small',
  by: 'ada',
});
export const receive = (returnId: string, gives = true): OrderCommand => ({
  type: 'receiveReturn',
  returnId,
  location: 'west',
  refund: gives,
  by: 'operator',
});

export const newOrder = (data?: Partial<EventData<'OrderCreated'>>): OrderStory => new OrderStory(data);
export const readyOrder = (): OrderStory => newOrder().given(reserve, pay);
export const shippedOrder = (): OrderStory => readyOrder().given(dispatch('east', false), dispatch('west', true));
export const completeOrder = (): OrderStory => shippedOrder().given(deliver('east', false), deliver('west', true));
