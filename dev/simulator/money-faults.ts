import { amountMinor, formatAmount, part } from '#contracts/money.ts';
import type { EventData, LinePart, NewEvent } from '#contracts/order-events.ts';
import { evolve } from '#orders/rules/evolve.ts';
import { creditedParts, rulersOf } from '#orders/rules/ruler.ts';
import type { Order } from '#orders/rules/state.ts';
import type { OrderRules } from '#orders/rules.ts';
import type { Outcome } from '#platform/processor/aggregate.ts';
import type { Faults } from './faults.ts';

/** Mistakes about what parts of an order are worth, and about goods that are cancelled, lost or come back. */

/** Changes what orders say, or leaves it out (undefined); what they store follows from it. */
function saying(rules: OrderRules, change: (event: NewEvent, order: Order) => NewEvent | undefined): OrderRules {
  const changed = <Result extends Outcome<Order>>(outcome: Result, order: Order | undefined): Result => {
    if (!order || outcome.events.length === 0) return outcome;
    let state = order;
    const events = outcome.events.flatMap((event) => {
      const said = change(event, state);
      if (said) state = evolve(state, said);
      return said ?? [];
    });
    return { ...outcome, events, state };
  };
  return {
    ...rules,
    react: (event, order, context) => {
      const outcome = rules.react(event, order, context);
      return 'ignored' in outcome ? outcome : changed(outcome, order);
    },
    decide: (command, order, context) => {
      const outcome = rules.decide(command, order, context);
      return 'refused' in outcome ? outcome : changed(outcome, order);
    },
  };
}

/** Changes the data of one type of event. */
function rephrasing<Type extends NewEvent['type']>(
  type: Type,
  change: (data: EventData<Type>, order: Order) => EventData<Type> | undefined,
): Faults {
  return {
    orders: (rules) =>
      saying(rules, (event, order) => {
        if (event.type !== type) return event;
        const data = change(event.data as EventData<Type>, order);
        return data && ({ type, data } as unknown as NewEvent);
      }),
  };
}

/** Changes what pieces that come back are worth. */
function crediting(worth: (part: LinePart, order: Order) => bigint): Faults {
  return rephrasing('OrderReturnReceived', (data, order) => ({
    ...data,
    credited: data.credited?.map((one) =>
      one.quantity === undefined ? one : { ...one, amount: formatAmount(worth(one, order), order.currency) },
    ),
  }));
}

/** Changes what pieces that are cancelled take off the total. */
function cancelling(worth: (part: LinePart, order: Order) => bigint): Faults {
  return rephrasing('OrderChanged', (data, order) => {
    const { currency } = order;
    let total = amountMinor(order.totalAmount, currency);
    const removed = data.removed.map((one) => {
      const amount = worth(one, order);
      total -= amount;
      return { ...one, amount: formatAmount(amount, currency) };
    });
    return { ...data, removed, totalAmount: formatAmount(total, currency) };
  });
}

/** So many pieces of a line, each rounded by itself. */
const oneByOne = ({ line, quantity }: LinePart, order: Order): bigint => {
  const { total, pieces } = rulersOf(order).find((ruler) => ruler.line === line)!;
  return part(total, 1, pieces) * BigInt(quantity!);
};

/** So many pieces of a line without what the order's discounts and taxes do to it. */
const atListPrice = ({ line, quantity }: LinePart, { items, currency }: Order): bigint => {
  const item = items.find((candidate) => candidate.line === line)!;
  return part(amountMinor(item.amount, currency), quantity!, item.quantity);
};

export const PLANTED_IN_PARTS: Readonly<Record<string, Faults>> = {
  'pieces that come back are rounded one by one': crediting(oneByOne),
  'pieces that come back are worth their list price': crediting(atListPrice),
  'a return is worth what was to come, not what came': rephrasing('OrderReturnReceived', (data, order) => {
    const { lines = [] } = order.returns.find(({ returnId }) => returnId === data.returnId)!;
    return { ...data, credited: creditedParts(order, lines) };
  }),
  'damaged goods go back into stock': rephrasing('OrderReturnReceived', (data) => ({
    ...data,
    items: data.received?.map(({ sku, quantity }) => ({ sku, quantity })) ?? data.items,
  })),
  'shipping is kept although everything came back': rephrasing('OrderReturnReceived', (data) => ({
    ...data,
    credited: data.credited?.filter(({ shipping }) => shipping === undefined),
  })),
  'what is owed is never asked for': rephrasing('OrderRefundRequested', (data) =>
    data.cause === 'owed' ? undefined : data,
  ),
  'pieces that are cancelled are rounded one by one': cancelling(oneByOne),
  'the discount of a line that is cancelled falls on those that are left': cancelling(atListPrice),
  'a claim is settled and nothing is credited': rephrasing(
    'OrderClaimOpened',
    ({ credited: _credited, ...data }) => data,
  ),
  'a replacement is never sent and nothing is credited': rephrasing(
    'OrderFollowUpClosed',
    ({ credited: _credited, ...data }) => data,
  ),
  'inventory releases cancelled pieces at another location': {
    inventory: (rules) => ({
      ...rules,
      react: (event, reservation, context) => {
        if (event.type !== 'OrderChanged') return rules.react(event, reservation, context);
        const released = event.data.released.map((one) => ({
          ...one,
          location: one.location === 'east' ? 'west' : 'east',
        }));
        return rules.react({ ...event, data: { ...event.data, released } }, reservation, context);
      },
    }),
  },
};
