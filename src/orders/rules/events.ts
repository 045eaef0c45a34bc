import { amountMinor, formatAmount } from '#contracts/money.ts';
import type { NewEvent, PaymentStatus } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { ignore, type Ignored } from '#platform/processor/aggregate.ts';
import type { DecideContext, OrderCommand } from './commands.ts';
import { deadline, deadlineUnder, EXPIRY_REASONS } from './deadlines.ts';
import { rowsFor } from './lifecycle.ts';
import { refundable, refundForReturn, returnable } from './returns.ts';
import { HOLD_STEPS, isPaused, type Order } from './state.ts';

type Emitters = {
  readonly [Name in OrderCommand['type']]: (
    command: Extract<OrderCommand, { type: Name }>,
    order: Order,
    context: DecideContext,
  ) => NewEvent[] | Ignored;
};

/**
 * The events of each command, where the lifecycle table and the policies allow it; `ignored` where it finds its
 * purpose fulfilled.
 */
export const EVENTS_OF: Emitters = {
  recordReservation: ({ allocations }, order, context) => {
    const deadlineAt = deadline('RESERVED', isPaused(order, 'payment'), context);
    return [{ type: 'OrderReserved', data: { allocations: [...allocations], deadlineAt } }];
  },
  recordShortage: ({ shortages }) => [{ type: 'OrderRejected', data: { shortages: [...shortages] } }],
  recordBackorder: ({ shortages }, _, context) => {
    const deadlineAt = deadline('BACKORDERED', false, context);
    return [{ type: 'OrderBackordered', data: { shortages: [...shortages], deadlineAt } }];
  },

  // An order that ended while the charge was in flight only records what became of it: payments undoes it.
  recordPayment: ({ captured }, order, context) => {
    const paymentStatus: PaymentStatus =
      amountMinor(captured, order.currency) > 0n || order.totalAmount === captured ? 'CAPTURED' : 'AUTHORIZED';
    if (order.status === 'CANCELLED') return paymentRecorded(paymentStatus);
    const deadlineAt = deadline('PAID', isPaused(order, 'shipment'), context);
    return [{ type: 'OrderPaid', data: { paymentStatus, deadlineAt } }];
  },
  recordPaymentPending: ({ reason }, order, context) => {
    if (order.status === 'CANCELLED') return paymentRecorded('PENDING');
    return [{ type: 'OrderPaymentPending', data: { reason, deadlineAt: deadline('PAYMENT_PENDING', false, context) } }];
  },
  recordPaymentFailure: ({ reason }, order) =>
    order.status === 'CANCELLED' ? paymentRecorded('FAILED') : [{ type: 'OrderPaymentFailed', data: { reason } }],
  recordCapture: () => paymentRecorded('CAPTURED'),
  recordVoid: () => paymentRecorded('VOIDED'),
  recordRefund: ({ refundId, amount, captured, refunded }, order) => {
    const whole = amountMinor(refunded, order.currency) >= amountMinor(captured, order.currency);
    const paymentStatus: PaymentStatus = whole ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
    return order.refunds.some((refund) => refund.refundId === refundId)
      ? [{ type: 'OrderRefunded', data: { refundId, amount, refundedAmount: refunded, paymentStatus } }]
      : [{ type: 'OrderPaymentRecorded', data: { paymentStatus, refundedAmount: refunded } }];
  },
  recordRefundFailure: ({ refundId, reason }) => [{ type: 'OrderRefundFailed', data: { refundId, reason } }],

  recordDispatch: ({ shipmentId, carrier, trackingNumber, items, last }, order, context) => {
    const deadlineAt = deadline(last ? 'SHIPPED' : 'PARTIALLY_SHIPPED', false, context);
    const data = { shipmentId, carrier, trackingNumber, items: [...items], deadlineAt };
    const shipped: NewEvent = { type: last ? 'OrderShipped' : 'OrderPartiallyShipped', data };
    return order.cancellation
      ? [{ type: 'OrderCancellationLapsed', data: { reason: 'a parcel had left already' } }, shipped]
      : [shipped];
  },
  recordDelivery: ({ shipmentId, last }, order) =>
    last && order.status === 'SHIPPED'
      ? [completion(order)]
      : [{ type: 'OrderDeliveryRecorded', data: { shipmentId } }],
  complete: (_, order) => [completion(order)],
  recordShipmentsStopped: (_, order) => {
    const { reason, by } = order.cancellation ?? { reason: 'stopped by the warehouse', by: 'shipping' };
    return [{ type: 'OrderCancelled', data: { reason, by } }];
  },

  cancel: ({ reason, by }, order) => [
    {
      // With the warehouse it is asked for, before that it is done: the table says which.
      type: rowsFor(order.status, 'cancel')[0]!.event as 'OrderCancellationRequested' | 'OrderCancelled',
      data: { reason, by },
    },
  ],
  hold: ({ hold, reason, by }, order, context) => {
    const holds = [...order.holds, { type: hold, reason, by, steps: HOLD_STEPS }];
    return [{ type: 'OrderHeld', data: { hold, reason, by, deadlineAt: deadlineUnder(order, holds, context) } }];
  },
  release: ({ hold, reason, by }, order, context) => {
    if (!order.holds.some((present) => present.type === hold)) return ignore('the hold was released before');
    const holds = order.holds.filter((present) => present.type !== hold);
    return [{ type: 'OrderReleased', data: { hold, reason, by, deadlineAt: deadlineUnder(order, holds, context) } }];
  },
  amend: ({ changes }) => [{ type: 'OrderAmended', data: changes }],
  expire: (_, order, context) => {
    if (order.deadlineAt === undefined || order.deadlineAt > isoTime(context.nowMs))
      return ignore('the deadline was moved');
    if (rowsFor(order.status, 'expire')[0]!.event !== 'OrderCancelled')
      return [{ type: 'OrderOverdue', data: { status: order.status } }];
    const reason = EXPIRY_REASONS[order.status] ?? 'deadline passed';
    return [{ type: 'OrderCancelled', data: { reason, by: 'timer' } }];
  },

  requestReturn: ({ items, reason }, order, context) => [
    {
      type: 'OrderReturnRequested',
      data: { returnId: context.newId(), items: [...(items ?? returnable(order))], reason },
    },
  ],
  receiveReturn: ({ returnId, location, refund, by }, order, context) => {
    const returned = order.returns.find((entry) => entry.returnId === returnId)!;
    const received: NewEvent = {
      type: 'OrderReturnReceived',
      data: { returnId, items: [...returned.items], location },
    };
    const amount = refund ? refundForReturn(order, returned.items) : 0n;
    if (amount <= 0n) return [received];
    const data = {
      refundId: context.newId(),
      amount: formatAmount(amount, order.currency),
      reason: `return: ${returned.reason}`,
      by,
    };
    return [received, { type: 'OrderRefundRequested', data }];
  },
  requestRefund: ({ amount, reason, by }, order, context) => [
    {
      type: 'OrderRefundRequested',
      data: {
        refundId: context.newId(),
        amount: amount ?? formatAmount(refundable(order), order.currency),
        reason,
        by,
      },
    },
  ],
};

function paymentRecorded(paymentStatus: PaymentStatus): NewEvent[] {
  return [{ type: 'OrderPaymentRecorded', data: { paymentStatus } }];
}

function completion(order: Order): NewEvent {
  const {
    customerId,
    currency,
    items,
    taxLines,
    discountLines,
    shippingLines,
    totalAmount,
    reference,
    shippingAddress,
  } = order;
  const refunds = order.refunds.filter(({ status }) => status === 'DONE');
  return {
    type: 'OrderCompleted',
    data: {
      customerId,
      currency,
      items: [...items],
      ...(taxLines && { taxLines: [...taxLines] }),
      ...(discountLines && { discountLines: [...discountLines] }),
      ...(shippingLines && { shippingLines: [...shippingLines] }),
      totalAmount,
      ...(refunds.length > 0 && { refunds: refunds.map(({ refundId, amount }) => ({ refundId, amount })) }),
      ...(reference === undefined ? {} : { reference }),
      ...(shippingAddress && { billingAddress: shippingAddress }),
    },
  };
}
