import type { OrderEvent } from '#contracts/order-events.ts';
import { isRefusal } from '#contracts/errors.ts';
import { ignore, type Ignored, type Outcome, type Rules } from '#platform/processor/aggregate.ts';
import { decide } from './rules/decide.ts';
import type { Deadlines, OrderCommand } from './rules/commands.ts';
import type { Order } from './rules/state.ts';

/**
 * The whole process on one page: when this happened elsewhere, give the order this command.
 */
const REACTIONS = {
  StockReserved: ({ data }) => ({ type: 'recordReservation', allocations: data.allocations }),
  StockRejected: ({ data }) => ({ type: 'recordShortage', shortages: data.shortages }),
  StockLost: ({ data }) => ({ type: 'recordStockLoss', missing: data.missing }),
  StockRecovered: () => ({ type: 'recordStockRecovery' }),
  StockBackordered: ({ data }) => ({ type: 'recordBackorder', shortages: data.shortages }),

  PaymentSucceeded: ({ data }) => ({ type: 'recordPayment', amount: data.amount, captured: data.captured }),
  PaymentPending: ({ data }) => ({ type: 'recordPaymentPending', reason: data.reason, status: data.status }),
  PaymentFailed: ({ data }) => ({ type: 'recordPaymentFailure', reason: data.reason }),
  PaymentCaptured: ({ data }) => ({
    type: 'recordCapture',
    captured: data.captured,
    status: data.status,
    atProvider: data.atProvider ? data.amount : undefined,
  }),
  PaymentVoided: ({ data }) => ({ type: 'recordVoid', status: data.status }),
  PaymentRefunded: ({ data }) => ({
    type: 'recordRefund',
    refundId: data.refundId,
    amount: data.amount,
    captured: data.captured,
    refunded: data.refunded,
    status: data.status,
    disputeId: data.disputeId,
  }),
  PaymentDisputed: ({ data }) => ({
    type: 'recordDispute',
    disputeId: data.disputeId,
    amount: data.amount,
    reason: data.reason,
    dueAt: data.dueAt,
  }),
  PaymentDisputeClosed: ({ data }) => ({
    type: 'recordDisputeEnd',
    disputeId: data.disputeId,
    outcome: data.outcome,
  }),
  PaymentRefundFailed: ({ data }) => ({
    type: 'recordRefundFailure',
    refundId: data.refundId,
    reason: data.reason,
    returned: data.returned,
  }),

  ShipmentDispatched: ({ data }) => ({ type: 'recordDispatch', ...data }),
  ShipmentDelivered: ({ data }) => ({ type: 'recordDelivery', ...data }),
  ShipmentsFrozen: ({ data }) => ({ type: 'recordFreeze', changeId: data.changeId, here: data.here }),
  ShipmentFailed: ({ data }) => ({
    type: 'recordLoss',
    shipmentId: data.shipmentId,
    kind: data.kind,
    reason: data.reason,
  }),
  ShipmentTrackingCorrected: ({ data: { shipmentId, carrier, trackingNumber, trackingUrl } }) => ({
    type: 'recordTracking',
    shipmentId,
    carrier,
    trackingNumber,
    trackingUrl,
  }),
  ShipmentCancelled: () => ({ type: 'recordShipmentsStopped' }),

  ReviewApproved: ({ data }) => ({ type: 'release', hold: 'review', reason: data.reason, by: data.by, fact: true }),
  ReviewRejected: ({ data }) => ({
    type: 'cancel',
    reason: `review rejected: ${data.reason}`,
    customerMessage: data.customerMessage,
    by: data.by,
    fact: true,
  }),
} as const satisfies { [T in OrderEvent['type']]?: (event: OrderEvent<T>) => OrderCommand };

export type OrderRules = Rules<Order, OrderCommand>;

/** The rules of the orders service under given deadlines; `invoicesDispatches`: each parcel gets an invoice of its own. */
export function orderRules(deadlines: Deadlines, invoicesDispatches = false): OrderRules {
  return {
    source: '/olms/orders',
    consumes: Object.keys(REACTIONS) as (keyof typeof REACTIONS)[],
    react(event, order, context): Outcome<Order> | Ignored {
      // Events of other services come after OrderCreated in the log, so the row exists; else the log is damaged.
      if (!order) throw new Error(`${event.type} for an order that is not known`);
      const command = (REACTIONS[event.type as keyof typeof REACTIONS] as (event: OrderEvent) => OrderCommand)(event);
      const decision = decide(command, order, {
        nowMs: context.nowMs,
        newId: context.newId,
        deadlines,
        invoicesDispatches,
      });
      if ('ignored' in decision) return ignore(decision.ignored);
      // A fact that the table does not expect is a hole in the table: the order waits for a person.
      if (isRefusal(decision)) throw new Error(`${event.type}: ${decision.detail}`);
      return { state: decision.order, events: decision.events };
    },
    decide(command, order, context) {
      if (!order) return { refused: 'ORDER_NOT_FOUND', detail: 'There is no such order.' };
      const decision = decide(command, order, {
        nowMs: context.nowMs,
        newId: context.newId,
        deadlines,
        invoicesDispatches,
      });
      if (isRefusal(decision)) return decision;
      if ('ignored' in decision) return { state: order, events: [] };
      return { state: decision.order, events: decision.events };
    },
  };
}
