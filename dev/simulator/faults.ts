import type { EventType } from '#contracts/order-events.ts';
import { ignore, type Rules } from '#platform/processor/aggregate.ts';
import type { BillingRules } from '#billing/rules.ts';
import type { InventoryRules, StockOfSku } from '#inventory/rules.ts';
import type { Order } from '#orders/rules/state.ts';
import type { OrderRules } from '#orders/rules.ts';
import type { PaymentEffect } from '#payments/rules/model.ts';
import type { PaymentRules } from '#payments/rules.ts';
import type { ReviewRules } from '#reviews/rules.ts';
import type { ShippingRules } from '#shipping/rules.ts';
import { PLANTED_IN_PARTS } from './money-faults.ts';

/**
 * Faults planted on purpose. A simulator that never fails proves nothing: each of these is a mistake
 * somebody could make, and a test expects the simulator to find every one of them.
 */
export interface Faults {
  readonly orders?: (rules: OrderRules) => OrderRules;
  readonly inventory?: (rules: InventoryRules) => InventoryRules;
  readonly payments?: (rules: PaymentRules) => PaymentRules;
  readonly shipping?: (rules: ShippingRules) => ShippingRules;
  readonly reviews?: (rules: ReviewRules) => ReviewRules;
  readonly billing?: (rules: BillingRules) => BillingRules;
  /** False: services do not recognize what they have read before. */
  readonly dedupe?: false;
  /** False: backorders are given their turn whoever stands before them. */
  readonly turnsInOrder?: false;
  /** False: nothing in the database refuses a second notification for the same event and channel. */
  readonly uniqueNotifications?: false;
  /** False: the database takes whatever stock levels it is given. */
  readonly stockGuard?: false;
  /** False: rows are overwritten whatever version they have. */
  readonly versions?: false;
  /** False: a refusal or a failure is final even where it was decided on a row that another replica has changed. */
  readonly freshRefusals?: false;
}

/** Billing as it once was: of refunds it heard from payments, whose numbers say nothing about the order's. */
function hearingRefundsFromPayments(rules: BillingRules): BillingRules {
  return {
    ...rules,
    consumes: ['OrderCompleted', 'PaymentRefunded'],
    react: (event, state, context) =>
      rules.react(
        event.type === 'PaymentRefunded' ? ({ ...event, type: 'OrderRefunded' } as never) : event,
        state,
        context,
      ),
  };
}

/** Lets a service ignore events of a type, where `when` says so. */
function deaf<State, Command, Effect, Value>(
  rules: Rules<State, Command, Effect, Value>,
  type: EventType,
  when: (state: State | undefined) => boolean = () => true,
): Rules<State, Command, Effect, Value> {
  return {
    source: rules.source,
    consumes: rules.consumes,
    react: (event, state, context) =>
      event.type === type && when(state) ? ignore('planted: not listening') : rules.react(event, state, context),
    decide: (command, state, context) => rules.decide(command, state, context),
  };
}

/** Changes what a service calls for. */
function calling(
  rules: PaymentRules,
  change: (effect: PaymentEffect, newId: () => string) => PaymentEffect,
): PaymentRules {
  return {
    source: rules.source,
    consumes: rules.consumes,
    react: (event, state, context) => {
      const outcome = rules.react(event, state, context);
      return 'ignored' in outcome
        ? outcome
        : { ...outcome, effects: (outcome.effects ?? []).map((effect) => change(effect, context.newId)) };
    },
    decide: (command, state, context) => {
      const outcome = rules.decide(command, state, context);
      return 'refused' in outcome
        ? outcome
        : { ...outcome, effects: (outcome.effects ?? []).map((effect) => change(effect, context.newId)) };
    },
  };
}

export const PLANTED: Readonly<Record<string, Faults>> = {
  'billing credits a refund from before the invoice when it reads the log again': {
    billing: hearingRefundsFromPayments,
  },
  ...PLANTED_IN_PARTS,
  'shipping waits on after a change that lapsed': { shipping: (rules) => deaf(rules, 'OrderChangeLapsed') },
  'shipping leaves in a parcel what was cancelled': { shipping: (rules) => deaf(rules, 'OrderChanged') },
  'shipping lets goods go while a change is decided': {
    shipping: (rules) => ({
      ...rules,
      react: (event, state, context) => {
        const outcome = rules.react(event, state, context);
        return event.type !== 'OrderChangeRequested' || 'ignored' in outcome ? outcome : { ...outcome, state };
      },
    }),
  },
  'inventory forgets to release the stock of a cancelled order': {
    inventory: (rules) => deaf(rules, 'OrderCancelled'),
  },
  'inventory forgets to release the stock of an order whose payment failed': {
    inventory: (rules) => deaf(rules, 'OrderPaymentFailed'),
  },
  'a new order takes what others wait for': {
    inventory: (rules) => ({
      ...rules,
      react: (event, state, context) => {
        if (event.type !== 'OrderCreated') return rules.react(event, state, context);
        const { shared } = context;
        const blind = (sku: string): StockOfSku | undefined => {
          const stock = shared.get(sku);
          return stock && { ...stock, waiting: 0 };
        };
        const outcome = rules.react(event, state, { ...context, shared: { get: blind } });
        if ('ignored' in outcome || !outcome.shared) return outcome;
        const seen = [...outcome.shared].map(([sku, stock]): [string, StockOfSku] => [
          sku,
          { ...stock, waiting: stock.waiting + (shared.get(sku)?.waiting ?? 0) },
        ]);
        return { ...outcome, shared: new Map(seen) };
      },
    }),
  },
  'inventory releases without giving the goods back to the shelf': {
    inventory: (rules) => ({
      ...rules,
      react: (event, state, context) => {
        const outcome = rules.react(event, state, context);
        return event.type === 'OrderCancelled' ? { ...outcome, shared: new Map() } : outcome;
      },
    }),
  },
  'payments use a new key when they repeat a call': {
    payments: (rules) =>
      calling(rules, (effect, newId) =>
        effect.call === 'send' && effect.operation.calls > 1
          ? { ...effect, operation: { ...effect.operation, key: newId() } }
          : effect,
      ),
  },
  'payments believe a call as often as it reports that it never left': {
    payments: (rules) => ({
      ...rules,
      decide: (command, payment, context) => {
        if (!payment || command.type !== 'outcome' || command.result.type !== 'unknown' || !command.result.unsent)
          return rules.decide(command, payment, context);
        const openCall = { number: command.call!, type: 'send', atMs: context.nowMs } as const;
        const operations = payment.operations.map((operation) =>
          operation.key === command.key ? { ...operation, openCall } : operation,
        );
        return rules.decide(command, { ...payment, operations }, context);
      },
    }),
  },
  'payments do not hear that an order was cancelled': { payments: (rules) => deaf(rules, 'OrderCancelled') },
  'payments do not hear that an order was cancelled while its charge is in flight': {
    payments: (rules) => deaf(rules, 'OrderCancelled', (payment) => payment?.status === 'PENDING'),
  },
  'orders ignore a late PaymentSucceeded': {
    orders: (rules) =>
      deaf<Order, never, never, never>(
        rules as never,
        'PaymentSucceeded',
        (order) => order?.status === 'PAYMENT_PENDING',
      ) as never,
  },
  'orders ignore that the warehouse stopped the parcels': {
    orders: (rules) => deaf<Order, never, never, never>(rules as never, 'ShipmentCancelled') as never,
  },
  'orders never expire': {
    orders: (rules) => ({
      ...rules,
      decide: (command, order, context) =>
        command.type === 'expire' ? { state: order, events: [] } : rules.decide(command, order, context),
    }),
  },
  'orders store what their events do not say': {
    orders: (rules) => ({
      ...rules,
      react: (event, order, context) => {
        const outcome = rules.react(event, order, context);
        return 'ignored' in outcome || !outcome.state
          ? outcome
          : { ...outcome, state: { ...outcome.state, endReason: event.type } };
      },
    }),
  },
  'shipping does not hear of cancellations': { shipping: (rules) => deaf(rules, 'OrderCancellationRequested') },
  'shipping lets a parcel go although its order was cancelled': {
    shipping: (rules) => ({
      ...rules,
      react: (event, state, context) => {
        const outcome = rules.react(event, state, context);
        if (event.type !== 'OrderCancellationRequested' || 'ignored' in outcome || !state) return outcome;
        return { ...outcome, state };
      },
    }),
  },
  'a review that is not decided waits for ever': {
    reviews: (rules) => ({
      ...rules,
      decide: (command, review, context) =>
        command.type === 'expire' ? { state: review, events: [] } : rules.decide(command, review, context),
    }),
  },
  'an invoice number is taken and not used': {
    billing: (rules) => ({
      ...rules,
      react: (event, invoice, context) => {
        const outcome = rules.react(event, invoice, context);
        if ('ignored' in outcome || !outcome.shared) return outcome;
        return { ...outcome, shared: new Map([...outcome.shared].map(([key, last]) => [key, last === 1 ? 2 : last])) };
      },
    }),
  },
  'nobody recognizes repeated events': { dedupe: false },
  'the mailbox takes a notification twice': { uniqueNotifications: false },
  'a backorder is served before those that stand before it': { turnsInOrder: false },
  'stock levels are not guarded': { stockGuard: false },
  'rows are overwritten whatever their version': { versions: false },
  'a replica parks an order for what it remembers of it': { freshRefusals: false },
};
