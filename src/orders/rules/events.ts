import { amountMinor } from '#contracts/money.ts';
import type { EventData, LinePart, NewEvent, PaymentStatus } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { ignore, type Ignored } from '#platform/processor/aggregate.ts';
import type { DecideContext, OrderCommand } from './commands.ts';
import { amended } from './amend.ts';
import { cancelItems, lapsed, recordFreeze, stillWanted } from './change.ts';
import { arrived, openClaim, recordFollowUp } from './claims.ts';
import { deadline, paymentDeadline, deadlineUnder, expiryReason, heldUntil } from './deadlines.ts';
import { evolve } from './evolve.ts';
import { rowsFor } from './lifecycle.ts';
import { closed, isAwaited, receiveReturn } from './receipts.ts';
import { refundedLines } from './refunded.ts';
import { returnOf } from './returns.ts';
import { saleOf, shippedContent, standingContent, totalOf, unshippedContent } from './standing.ts';
import { amountToCapture, mostToRefund, refundAtProvider, refundByPerson, refundOfLines } from './settle.ts';
import { because, HOLD_STEPS, isPaused, mayPayAgain, type Order } from './state.ts';

/** The hold of an order whose reserved goods are not there. */
const SHORTAGE = 'shortage';
/** Refusals of payments until an order ends, whatever time is left. */
const REFUSALS_MAX = 10;
/** So many of them are named. */
const NAMED_MAX = 5;

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
    const deadlineAt = isPaused(order, 'payment')
      ? heldUntil(order.holds, context)
      : deadline('RESERVED', false, context);
    return [{ type: 'OrderReserved', data: { allocations: stillWanted(order, allocations), deadlineAt } }];
  },
  recordShortage: ({ shortages }) => [{ type: 'OrderRejected', data: { shortages: [...shortages] } }],
  recordBackorder: ({ shortages }, _, context) => {
    const deadlineAt = deadline('BACKORDERED', false, context);
    return [{ type: 'OrderBackordered', data: { shortages: [...shortages], deadlineAt } }];
  },

  // An order that ended while the charge was in flight only records what became of it: payments undoes it.
  recordPayment: ({ captured }, order, context) => {
    const whole = captured === order.totalAmount;
    const paymentStatus: PaymentStatus =
      amountMinor(captured, order.currency) > 0n || whole ? 'CAPTURED' : 'AUTHORIZED';
    const capturedAmount = whole ? {} : { capturedAmount: captured };
    // What was paid elsewhere is known before the stock is decided on.
    if (rowsFor(order.status, 'recordPayment')[0]!.event === 'OrderPaymentRecorded')
      return paymentRecorded(paymentStatus, capturedAmount);
    return [paid({ paymentStatus, ...capturedAmount }, order, context)];
  },
  recordPaymentPending: ({ reason, status }, order, context) => {
    const paymentStatus = status ?? 'PENDING';
    if (order.status === 'CANCELLED') return paymentRecorded(paymentStatus);
    const waits = order.status === 'PAYMENT_PENDING';
    if (waits && order.paymentStatus === paymentStatus) return ignore('the order waits for the outcome already');
    // However often that changes, it waits no longer for it.
    const deadlineAt = (waits ? order.deadlineAt : undefined) ?? paymentDeadline(order, context);
    return [{ type: 'OrderPaymentPending', data: { reason, deadlineAt, ...(status && { paymentStatus: status }) } }];
  },
  recordPaymentFailure: ({ reason }, order, context) => {
    if (order.status === 'CANCELLED') return paymentRecorded('FAILED');
    const { until, refusals = 0 } = order.payAgain ?? {};
    const deadlineAt = until ?? isoTime(context.nowMs + context.deadlines.payAgain);
    return deadlineAt > isoTime(context.nowMs) && refusals + 1 < REFUSALS_MAX
      ? [{ type: 'OrderPaymentRefused', data: { reason, deadlineAt } }]
      : [{ type: 'OrderPaymentFailed', data: { reason } }];
  },
  payAgain: ({ provider, token }, order, context) => {
    const { data } = paymentRequest({ ...order, payment: { provider, token } });
    const deadlineAt = deadline('RESERVED', false, context);
    return [{ type: 'OrderPaymentRequested', data: { ...data, deadlineAt } }];
  },
  recordCapture: ({ captured, status, atProvider }) =>
    paymentRecorded(status ?? 'CAPTURED', {
      capturedAmount: captured,
      ...(atProvider !== undefined && { capturedAtProvider: atProvider }),
    }),
  recordVoid: ({ status }) => paymentRecorded(status ?? 'VOIDED'),
  recordDispute: ({ disputeId, amount, reason, dueAt }, order) =>
    order.disputes?.some((dispute) => dispute.disputeId === disputeId)
      ? ignore('the dispute is known')
      : [{ type: 'OrderDisputed', data: { disputeId, amount, reason, ...(dueAt !== undefined && { dueAt }) } }],
  recordDisputeEnd: ({ disputeId, outcome }, order) =>
    order.disputes?.some((dispute) => dispute.disputeId === disputeId && dispute.status === 'open')
      ? [{ type: 'OrderDisputeEnded', data: { disputeId, outcome } }]
      : ignore('the dispute has ended'),
  recordRefund: (command, order, context) => {
    const { refundId, amount, captured, refunded, status, disputeId } = command;
    const whole = amountMinor(refunded, order.currency) >= amountMinor(captured, order.currency);
    const paymentStatus: PaymentStatus = status ?? (whole ? 'REFUNDED' : 'PARTIALLY_REFUNDED');
    const known = order.refunds.find((refund) => refund.refundId === refundId);
    if (!known && order.status !== 'CANCELLED') {
      const asked = refundAtProvider(order, command, disputeId);
      const done = EVENTS_OF.recordRefund(command, evolve(order, asked), context);
      return Array.isArray(done) ? [asked, ...done] : done;
    }
    if (!known) {
      const reason = order.endReason ?? 'the order ended';
      return paymentRecorded(paymentStatus, { refundedAmount: refunded, refund: { refundId, amount, reason } });
    }
    const { uninvoiced, customerMessage } = known;
    // Done once more, it is for what it was for, which may have its credit note already.
    const lines = uninvoiced ? undefined : ((known.lines as LinePart[] | undefined) ?? refundedLines(order, known));
    const data = {
      refundId,
      amount,
      refundedAmount: refunded,
      paymentStatus,
      ...(lines && { lines }),
      ...(uninvoiced && { uninvoiced }),
      ...(customerMessage !== undefined && { customerMessage }),
    };
    return [{ type: 'OrderRefunded', data }];
  },
  recordRefundFailure: ({ refundId, reason, returned }) => [
    {
      type: 'OrderRefundFailed',
      data: {
        refundId,
        reason,
        ...(returned && { returned: { refundedAmount: returned.refunded, paymentStatus: returned.status } }),
      },
    },
  ],

  recordDispatch: ({ shipmentId, carrier, trackingNumber, trackingUrl, items, last, by }, order, context) => {
    const deadlineAt = deadline(last ? 'SHIPPED' : 'PARTIALLY_SHIPPED', false, context);
    const amount = amountToCapture(order, items);
    const data = {
      shipmentId,
      carrier,
      trackingNumber,
      ...(trackingUrl !== undefined && { trackingUrl }),
      items: [...items],
      ...(amount !== undefined && { amount }),
      deadlineAt,
      ...(by !== undefined && { by }),
    };
    const shipped: NewEvent = { type: last ? 'OrderShipped' : 'OrderPartiallyShipped', data };
    const sold = soldWith(shipmentId, shipped, order, context);
    if (order.cancellation) return [lapsedCancellation, shipped, ...sold];
    const late = last && order.change ? [lapsed(order, 'the last parcel had left already')] : [];
    return [...late, shipped, ...sold];
  },
  recordDelivery: ({ shipmentId, by }, order) => {
    if (order.status === 'SHIPPED' && arrived(order, shipmentId)) return completed(order, by, shipmentId);
    const parcel = order.shipments.find((candidate) => candidate.shipmentId === shipmentId);
    if (order.status === 'COMPLETED' && parcel?.problem === undefined)
      return ignore('an operator completed the order before the carrier reported');
    return [{ type: 'OrderDeliveryRecorded', data: { shipmentId, ...(by !== undefined && { by }) } }];
  },
  recordLoss: ({ shipmentId, kind, reason }) => [
    { type: 'OrderLossRecorded', data: { shipmentId, kind, ...(reason !== undefined && { reason }) } },
  ],
  recordTracking: ({ shipmentId, carrier, trackingNumber, trackingUrl }) => {
    const data = { shipmentId, carrier, trackingNumber, ...(trackingUrl !== undefined && { trackingUrl }) };
    return [{ type: 'OrderTrackingCorrected', data }];
  },
  openClaim,
  recordFollowUp,
  complete: ({ by }, order) => completed(order, by),
  recordShipmentsStopped: (_, order) => {
    const why = order.cancellation ?? { reason: 'stopped by the warehouse', by: 'shipping' };
    return [{ type: 'OrderCancelled', data: because(why) }];
  },

  cancel: (command, order) => {
    // With the warehouse it is asked for, before that it is done: the table says which.
    const type = rowsFor(order.status, 'cancel')[0]!.event as 'OrderCancellationRequested' | 'OrderCancelled';
    const cancelled: NewEvent = { type, data: because(command) };
    // Asked for first, so that nothing leaves in between.
    return order.change ? [cancelled, lapsed(order, 'the whole order is being cancelled')] : [cancelled];
  },
  cancelItems,
  recordFreeze,
  recordStockLoss: ({ missing }, order, context) => {
    if (order.holds.some(({ type }) => type === SHORTAGE))
      return ignore('the order is on hold for its shortage already');
    const pieces = missing.map(({ sku, location, quantity }) => `${quantity} of ${sku} at ${location}`);
    const more = pieces.length > NAMED_MAX ? ` and ${pieces.length - NAMED_MAX} more` : '';
    const reason = `a count found less than is reserved; missing: ${pieces.slice(0, NAMED_MAX).join(', ')}${more}`;
    const holds = [...order.holds, { type: SHORTAGE, reason, by: 'inventory', steps: HOLD_STEPS }];
    const deadlineAt = deadlineUnder(order, holds, context);
    return [{ type: 'OrderHeld', data: { hold: SHORTAGE, reason, by: 'inventory', deadlineAt } }];
  },
  recordStockRecovery: (_, order, context) => {
    if (!order.holds.some(({ type }) => type === SHORTAGE)) return ignore('the hold was released before');
    const holds = order.holds.filter(({ type }) => type !== SHORTAGE);
    const deadlineAt = deadlineUnder(order, holds, context);
    const reason = 'what was missing is there again';
    return [{ type: 'OrderReleased', data: { hold: SHORTAGE, reason, by: 'inventory', deadlineAt } }];
  },
  hold: ({ hold, reason, by }, order, context) => {
    const holds = [...order.holds, { type: hold, reason, by, steps: HOLD_STEPS }];
    return [{ type: 'OrderHeld', data: { hold, reason, by, deadlineAt: deadlineUnder(order, holds, context) } }];
  },
  release: ({ hold, reason, by }, order, context) => {
    if (!order.holds.some((present) => present.type === hold)) return ignore('the hold was released before');
    const holds = order.holds.filter((present) => present.type !== hold);
    return [{ type: 'OrderReleased', data: { hold, reason, by, deadlineAt: deadlineUnder(order, holds, context) } }];
  },
  amend: ({ changes, by }, order) => [{ type: 'OrderAmended', data: { ...amended(order, changes), by } }],
  expire: (_, order, context) => {
    const now = isoTime(context.nowMs);
    const events: NewEvent[] = [];
    if (order.change && order.change.deadlineAt <= now)
      events.push(lapsed(order, 'the warehouse did not decide in time'));
    for (const entry of order.returns)
      if (entry.deadlineAt !== undefined && entry.deadlineAt <= now && isAwaited(entry))
        events.push(closed(entry.returnId, 'nothing more came in time', 'timer'));
    if (order.deadlineAt !== undefined && order.deadlineAt <= now) events.push(expired(order));
    return events.length > 0 ? events : ignore('the deadline was moved');
  },

  requestReturn: (command, order, context) => [
    {
      type: 'OrderReturnRequested',
      data: {
        returnId: context.newId(),
        ...returnOf(order, command),
        reason: command.reason,
        by: command.by,
        deadlineAt: isoTime(context.nowMs + context.deadlines.returns),
      },
    },
  ],
  receiveReturn,
  closeReturn: ({ returnId, reason, by }) => [closed(returnId, reason, by)],
  requestRefund: (command, order, context) => {
    const { amount, lines, kind, reasonCode } = command;
    const why = { ...because(command), ...(reasonCode !== undefined && { reasonCode }) };
    if (lines) return refundOfLines(order, lines, why, context);
    const minor = amount === undefined ? mostToRefund(order, kind) : amountMinor(amount, order.currency);
    return refundByPerson(order, minor, kind, why, context);
  },
};

const lapsedCancellation: NewEvent = {
  type: 'OrderCancellationLapsed',
  data: { reason: 'a parcel had left already' },
};

/** What follows where the order has waited too long in its status. */
function expired(order: Order): NewEvent {
  if (mayPayAgain(order)) return { type: 'OrderPaymentFailed', data: { reason: order.payAgain!.reason } };
  if (rowsFor(order.status, 'expire').every(({ event }) => event !== 'OrderCancelled'))
    return { type: 'OrderOverdue', data: { status: order.status } };
  return { type: 'OrderCancelled', data: { reason: expiryReason(order), by: 'timer' } };
}

function paymentRecorded(
  paymentStatus: PaymentStatus,
  more: Omit<EventData<'OrderPaymentRecorded'>, 'paymentStatus'> = {},
): NewEvent[] {
  return [{ type: 'OrderPaymentRecorded', data: { paymentStatus, ...more } }];
}

/** Asks for the total of the order. */
export function paymentRequest({ payment, totalAmount, currency }: Order): NewEvent<'OrderPaymentRequested'> {
  const { provider, token } = payment;
  return { type: 'OrderPaymentRequested', data: { provider, token, amount: totalAmount, currency } };
}

/** The total is secured. */
export function paid(
  payment: Omit<EventData<'OrderPaid'>, 'deadlineAt'>,
  order: Order,
  context: DecideContext,
): NewEvent<'OrderPaid'> {
  const deadlineAt = deadline('PAID', isPaused(order, 'shipment'), context);
  return { type: 'OrderPaid', data: { ...payment, deadlineAt } };
}

/** The end of an order of which everything that stands has arrived, or was declared to have. */
export function completed(order: Order, by?: string, arriving?: string): NewEvent[] {
  const rest = order.shipments.some(({ invoiced }) => invoiced) ? unshippedContent(order) : undefined;
  const sale = saleOf(order, standingContent(order), order.totalAmount);
  const undelivered = order.shipments.flatMap(({ shipmentId, delivered, problem: kind }) =>
    kind !== undefined && !delivered && shipmentId !== arriving ? [{ shipmentId, kind }] : [],
  );
  const data = {
    ...sale,
    ...(undelivered.length > 0 && { undelivered }),
    ...(order.origin?.kind === 'replacement' && { replaces: order.origin.orderId }),
    ...(by !== undefined && { by }),
  };
  return [...(rest ? [partSold(order, rest)] : []), { type: 'OrderCompleted', data }];
}

/** What left with a parcel is invoiced by itself, where the first one was, or is to be. */
function soldWith(
  shipmentId: string,
  shipped: NewEvent,
  before: Order,
  { invoicesDispatches }: DecideContext,
): NewEvent[] {
  const [first] = before.shipments;
  // What is sent again was invoiced with the order it belongs to.
  if (before.origin?.kind === 'replacement') return [];
  if (first ? !first.invoiced : !invoicesDispatches) return [];
  const order = evolve(before, shipped);
  const content = shippedContent(order, before);
  return content ? [partSold(order, content, shipmentId)] : [];
}

function partSold(order: Order, content: Parameters<typeof saleOf>[1], shipmentId?: string): NewEvent {
  const sale = saleOf(order, content, totalOf(content, order.currency));
  return { type: 'OrderPartSold', data: { ...(shipmentId !== undefined && { shipmentId }), ...sale } };
}
