import { formatAmount } from '#contracts/money.ts';
import { type EventData, EXTERNAL } from '#contracts/order-events.ts';
import { INITIAL, type OrderOwnEvent, nextStatus, type Status } from './lifecycle.ts';
import { HOLD_STEPS, type Hold, type Order } from './state.ts';

/** A new order out of its first event. */
export function created(data: EventData<'OrderCreated'>): Order {
  return {
    status: INITIAL,
    paymentStatus: 'NONE',
    fulfillmentStatus: 'UNFULFILLED',
    returnStatus: 'NONE',
    holds: data.reviewReasons.length > 0 ? [reviewHold(data)] : [],
    customerId: data.customerId,
    currency: data.currency,
    channel: data.channel,
    reference: data.reference,
    items: data.items,
    taxLines: data.taxLines,
    discountLines: data.discountLines,
    shippingLines: data.shippingLines,
    totalAmount: data.totalAmount,
    refundedAmount: formatAmount(0n, data.currency),
    shippingAddress: data.shippingAddress,
    contact: data.contact,
    payment: data.payment,
    metadata: data.metadata,
    origin: data.origin,
    reviewReasons: data.reviewReasons,
    allowBackorder: data.allowBackorder,
    allocations: [],
    paymentRequested: false,
    shipments: [],
    returns: [],
    refunds: [],
    deadlineAt: data.deadlineAt,
  };
}

/** Rests on an order from its first event until its review is decided. */
function reviewHold({ reviewReasons, review }: EventData<'OrderCreated'>): Hold {
  const hold = { type: 'review', reason: reviewReasons.join(', '), by: 'orders', steps: HOLD_STEPS };
  return review ? { ...hold, reviewId: review.reviewId, endsAt: review.deadlineAt } : hold;
}

/** An order that ended elsewhere, out of its one event: what it was, and nothing that waits. */
export function imported(data: EventData<'OrderImported'>): Order {
  const payment = { provider: EXTERNAL, token: EXTERNAL };
  const { status, paymentStatus, refundedAmount, refunds, endReason } = data;
  return {
    ...created({ ...data, payment, reviewReasons: [], allowBackorder: false, deadlineAt: '' }),
    status: status as Status,
    paymentStatus,
    fulfillmentStatus: status === 'COMPLETED' ? 'DELIVERED' : 'CANCELLED',
    ...(data.paidAmount !== data.totalAmount && { capturedAmount: data.paidAmount }),
    refundedAmount,
    refunds: refunds.map((refund) => ({ ...refund, status: 'DONE' })),
    endReason,
    deadlineAt: undefined,
  };
}

type Evolver = { readonly [E in OrderOwnEvent]: (order: Order, data: EventData<E>) => Partial<Order> };

/** What each event changes beside the status, which the table gives. Exported for the test that every event has one. */
export const EVOLVERS: Evolver = {
  OrderReserved: (_, { allocations, deadlineAt }) => ({ allocations, deadlineAt, shortages: undefined }),
  OrderRejected: (_, { shortages }) => ({
    shortages,
    endReason: 'not enough stock',
    deadlineAt: undefined,
    holds: [],
    fulfillmentStatus: 'CANCELLED',
  }),
  OrderBackordered: (_, { shortages, deadlineAt }) => ({ shortages, deadlineAt }),
  OrderPaymentRequested: () => ({ paymentRequested: true, paymentStatus: 'PENDING' }),
  OrderPaymentPending: (_, { deadlineAt }) => ({ paymentStatus: 'PENDING', deadlineAt }),
  OrderPaid: (_, { paymentStatus, capturedAmount, deadlineAt }) => ({
    paymentStatus,
    ...(capturedAmount !== undefined && { capturedAmount }),
    deadlineAt,
  }),
  OrderPaymentFailed: (_, { reason }) => ({
    paymentStatus: 'FAILED',
    endReason: reason,
    deadlineAt: undefined,
    holds: [],
    fulfillmentStatus: 'CANCELLED',
  }),
  OrderPaymentRecorded: (order, { paymentStatus, capturedAmount, refundedAmount, refund }) => ({
    paymentStatus,
    ...(capturedAmount !== undefined && { capturedAmount }),
    refundedAmount: refundedAmount ?? order.refundedAmount,
    ...(refund && { refunds: [...order.refunds, { ...refund, status: 'DONE' as const, cause: 'owed' as const }] }),
  }),
  OrderReadyForShipment: (_, { deadlineAt }) => ({ fulfillmentStatus: 'SCHEDULED', deadlineAt }),
  OrderPartiallyShipped: (order, data) => ({ ...shippedWith(order, data), fulfillmentStatus: 'PARTIALLY_SHIPPED' }),
  OrderShipped: (order, data) => ({ ...shippedWith(order, data), fulfillmentStatus: 'SHIPPED', holds: [] }),
  OrderPartSold: (order, { shipmentId }) => ({
    shipments: order.shipments.map((shipment) =>
      shipment.shipmentId === shipmentId ? { ...shipment, invoiced: true } : shipment,
    ),
  }),
  OrderDeliveryRecorded: (order, { shipmentId }) => ({
    shipments: order.shipments.map((shipment) =>
      shipment.shipmentId === shipmentId ? { ...shipment, delivered: true } : shipment,
    ),
  }),
  OrderCompleted: (order) => ({
    fulfillmentStatus: 'DELIVERED',
    deadlineAt: undefined,
    holds: [],
    shipments: order.shipments.map((shipment) => ({ ...shipment, delivered: true })),
  }),
  OrderCancellationRequested: (order, { reason, by, customerMessage }) => ({
    cancellation: { reason, by, ...(customerMessage !== undefined && { customerMessage }) },
    holds: [...order.holds, { type: 'cancellation', reason, by, steps: ['shipment'] }],
  }),
  OrderCancellationLapsed: (order) => ({
    cancellation: undefined,
    holds: order.holds.filter((hold) => hold.type !== 'cancellation'),
  }),
  OrderCancelled: (_, { reason }) => ({
    endReason: reason,
    deadlineAt: undefined,
    holds: [],
    cancellation: undefined,
    fulfillmentStatus: 'CANCELLED',
  }),
  OrderHeld: (order, { hold, reason, by, deadlineAt }) => ({
    holds: [...order.holds, { type: hold, reason, by, steps: HOLD_STEPS }],
    deadlineAt: deadlineAt ?? order.deadlineAt,
  }),
  OrderReleased: (order, { hold, deadlineAt }) => ({
    holds: order.holds.filter((present) => present.type !== hold),
    deadlineAt: deadlineAt ?? order.deadlineAt,
  }),
  OrderAmended: (_, { by: _by, removed = [], ...changes }) => ({
    ...changes,
    ...Object.fromEntries(removed.map((name) => [name, undefined])),
  }),
  OrderOverdue: (order, { status }) => ({
    deadlineAt: undefined,
    holds: [
      ...order.holds.filter((hold) => hold.type !== 'overdue'),
      { type: 'overdue', reason: `waiting too long in ${status}`, by: 'timer', steps: [] },
    ],
  }),
  OrderReturnRequested: (order, { returnId, items, lines, reason }) => ({
    returnStatus: 'REQUESTED',
    returns: [...order.returns, { returnId, items, ...(lines && { lines }), reason, received: false }],
  }),
  OrderReturnReceived: (order, { returnId, credited }) => {
    const returns = order.returns.map((entry) =>
      entry.returnId === returnId ? { ...entry, received: true, ...(credited && { credited }) } : entry,
    );
    return { returns, returnStatus: returns.every((entry) => entry.received) ? 'RECEIVED' : 'REQUESTED' };
  },
  OrderRefundRequested: (order, { refundId, amount, reason, cause, credited, uninvoiced }) => ({
    refunds: [
      ...order.refunds,
      {
        refundId,
        amount,
        reason,
        status: 'REQUESTED',
        ...(cause && { cause }),
        ...(credited && { credited }),
        ...(uninvoiced && { uninvoiced }),
      },
    ],
  }),
  OrderRefunded: (order, { refundId, refundedAmount, paymentStatus }) => ({
    refunds: withRefund(order, refundId, 'DONE'),
    refundedAmount,
    paymentStatus,
  }),
  OrderRefundFailed: (order, { refundId }) => ({ refunds: withRefund(order, refundId, 'FAILED') }),
};

function shippedWith(order: Order, data: EventData<'OrderShipped'>): Partial<Order> {
  const { shipmentId, carrier, trackingNumber, items, amount, deadlineAt } = data;
  return {
    shipments: [
      ...order.shipments,
      { shipmentId, carrier, trackingNumber, delivered: false, items, ...(amount !== undefined && { amount }) },
    ],
    deadlineAt,
  };
}

function withRefund(order: Order, refundId: string, status: 'DONE' | 'FAILED'): Order['refunds'] {
  return order.refunds.map((refund) => (refund.refundId === refundId ? { ...refund, status } : refund));
}

/** The order after an event. Throws for an event that the lifecycle table does not know in the order's status. */
export function evolve(order: Order, event: { readonly type: string; readonly data: unknown }): Order {
  const change = EVOLVERS[event.type as OrderOwnEvent] as ((order: Order, data: unknown) => Partial<Order>) | undefined;
  if (!change) throw new Error(`No evolve for ${event.type}`);
  return { ...order, ...change(order, event.data), status: nextStatus(order.status, event.type) };
}

/** Folds an order's own events from the first; undefined where there are none. */
export function fold(events: Iterable<{ readonly type: string; readonly data: unknown }>): Order | undefined {
  let order: Order | undefined;
  for (const event of events) {
    if (event.type === 'OrderCreated') order = created(event.data as EventData<'OrderCreated'>);
    else if (event.type === 'OrderImported') order = imported(event.data as EventData<'OrderImported'>);
    else if (order) order = evolve(order, event);
  }
  return order;
}
