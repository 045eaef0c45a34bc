import { withoutReleased } from '#contracts/allocations.ts';
import { traceIdOf } from '#contracts/envelope.ts';
import { amountMinor, formatAmount } from '#contracts/money.ts';
import { type EventData, EXTERNAL, type ParcelFailure } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import { INITIAL, type OrderOwnEvent, nextStatus, type Status } from './lifecycle.ts';
import { capturedOf } from './settle.ts';
import { because, HOLD_STEPS, type Hold, type Order } from './state.ts';

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
    number: data.number,
    items: data.items,
    taxLines: data.taxLines,
    discountLines: data.discountLines,
    shippingLines: data.shippingLines,
    pricesIncludeTax: data.pricesIncludeTax,
    totalAmount: data.totalAmount,
    refundedAmount: formatAmount(0n, data.currency),
    shippingAddress: data.shippingAddress,
    billingAddress: data.billingAddress,
    locale: data.locale,
    contact: data.contact,
    payment: data.payment,
    metadata: data.metadata,
    origin: data.replaces === undefined ? data.origin : { kind: 'replacement', orderId: data.replaces },
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
  const { status, paymentStatus, refundedAmount, refunds, endReason, shipmentId, items } = data;
  const parcel = {
    carrier: EXTERNAL,
    trackingNumber: '',
    delivered: true,
    items: skuQuantities(piecesBy('sku', items)),
  };
  return {
    ...created({ ...data, payment, reviewReasons: [], allowBackorder: false, deadlineAt: '' }),
    status: status as Status,
    paymentStatus,
    fulfillmentStatus: status === 'COMPLETED' ? 'DELIVERED' : 'CANCELLED',
    ...(data.paidAmount !== data.totalAmount && { capturedAmount: data.paidAmount }),
    refundedAmount,
    refunds: refunds.map((refund) => ({ ...refund, status: 'DONE' })),
    shipments: shipmentId === undefined ? [] : [{ shipmentId, ...parcel }],
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
  OrderPaymentRequested: (order, { provider, token, deadlineAt }) => ({
    paymentRequested: true,
    paymentStatus: 'PENDING',
    ...(order.payAgain && { payment: { provider, token }, endReason: undefined, deadlineAt }),
  }),
  OrderPaymentRefused: (order, { reason, deadlineAt }) => ({
    paymentStatus: 'FAILED',
    endReason: reason,
    deadlineAt,
    payAgain: { until: deadlineAt, refusals: (order.payAgain?.refusals ?? 0) + 1, reason },
  }),
  OrderPaymentPending: (_, { paymentStatus = 'PENDING', deadlineAt }) => ({ paymentStatus, deadlineAt }),
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
  OrderPaymentRecorded: (order, { paymentStatus, capturedAmount, capturedAtProvider, refundedAmount, refund }) => ({
    paymentStatus,
    ...(capturedAtProvider !== undefined && {
      capturedAtProvider: formatAmount(
        amountMinor(capturedAtProvider, order.currency) + amountMinor(order.capturedAtProvider ?? '0', order.currency),
        order.currency,
      ),
    }),
    ...(capturedAmount !== undefined && { capturedAmount }),
    refundedAmount: refundedAmount ?? order.refundedAmount,
    ...(refund && { refunds: [...order.refunds, { ...refund, status: 'DONE' as const, cause: 'owed' as const }] }),
  }),
  OrderDisputed: (order, dispute) => ({
    disputes: [...(order.disputes ?? []), { ...dispute, status: 'open' as const }],
  }),
  OrderDisputeEnded: (order, { disputeId, outcome: status }) => ({
    disputes: order.disputes!.map((dispute) => (dispute.disputeId === disputeId ? { ...dispute, status } : dispute)),
  }),
  OrderReadyForShipment: (_, { deadlineAt }) => ({ fulfillmentStatus: 'SCHEDULED', deadlineAt }),
  OrderPartiallyShipped: (order, data) => ({ ...shippedWith(order, data), fulfillmentStatus: 'PARTIALLY_SHIPPED' }),
  OrderShipped: (order, data) => ({
    ...shippedWith(order, data),
    fulfillmentStatus: 'SHIPPED',
    holds: [],
    restWanted: undefined,
  }),
  OrderPartSold: (order, { shipmentId }) => ({
    shipments: order.shipments.map((shipment) =>
      shipment.shipmentId === shipmentId ? { ...shipment, invoiced: true } : shipment,
    ),
  }),
  OrderDeliveryRecorded: (order, { shipmentId }) => delivered(order, shipmentId),
  OrderCompleted: (order, { undelivered = [] }) => {
    const missing = new Set(undelivered.map(({ shipmentId }) => shipmentId));
    const shipments = order.shipments.map((parcel) =>
      missing.has(parcel.shipmentId) ? parcel : { ...parcel, delivered: true },
    );
    const fulfillmentStatus = missing.size > 0 ? 'SHIPPED' : 'DELIVERED';
    return { fulfillmentStatus, deadlineAt: undefined, holds: [], shipments };
  },
  OrderTrackingCorrected: (order, { shipmentId, carrier, trackingNumber, trackingUrl }) => ({
    shipments: order.shipments.map((parcel) => {
      if (parcel.shipmentId !== shipmentId) return parcel;
      const { trackingUrl: _, ...rest } = parcel;
      return { ...rest, carrier, trackingNumber, ...(trackingUrl !== undefined && { trackingUrl }) };
    }),
  }),
  OrderLossRecorded: (order, { shipmentId, kind }) => ({ shipments: withProblem(order, shipmentId, kind) }),
  OrderClaimOpened: (order, { credited, ...claim }) => ({
    claims: [...(order.claims ?? []), claim],
    shipments: withProblem(order, claim.shipmentId, claim.kind),
    ...(credited && { credits: [...(order.credits ?? []), ...credited] }),
  }),
  OrderFollowUpClosed: (order, { claimId, status, credited }) => ({
    claims: order.claims!.map((claim) => (claim.claimId === claimId ? { ...claim, status } : claim)),
    ...(credited && { credits: [...(order.credits ?? []), ...credited] }),
  }),
  OrderChangeRequested: (order, { changeId, removes, atMost, deadlineAt, ...why }) => ({
    change: { changeId, removes, ...(atMost && { atMost }), ...because(why), deadlineAt },
    restWanted: undefined,
    holds: [...order.holds, { type: 'change', reason: why.reason, by: why.by, steps: ['shipment'] }],
  }),
  OrderChanged: (order, { removed, released, credited, totalAmount }) => ({
    ...changeEnded(order),
    ...(credited && { credits: [...(order.credits ?? []), ...credited] }),
    cancelled: [...(order.cancelled ?? []), ...removed.map(({ sku: _sku, ...part }) => part)],
    allocations: withoutReleased(order.allocations, released),
    totalAmount,
    placedAmount: order.placedAmount ?? order.totalAmount,
    // What was captured is what was asked for then, unless it is said.
    ...(order.capturedAmount === undefined && capturedOf(order) > 0n && { capturedAmount: order.totalAmount }),
  }),
  OrderChangeLapsed: changeEnded,
  OrderShippingClosed: (_, { deadlineAt }) => ({
    fulfillmentStatus: 'SHIPPED',
    holds: [],
    deadlineAt,
    restWanted: undefined,
  }),
  OrderCancellationRequested: (order, { rest, ...why }) => ({
    cancellation: { ...because(why), ...(rest && { rest }) },
    holds: [...order.holds, { type: 'cancellation', reason: why.reason, by: why.by, steps: ['shipment'] }],
  }),
  OrderCancellationLapsed: (order) => ({
    cancellation: undefined,
    ...(order.cancellation?.rest && { restWanted: because(order.cancellation) }),
    holds: order.holds.filter((hold) => hold.type !== 'cancellation'),
  }),
  OrderCancelled: (_, { reason }) => ({
    endReason: reason,
    deadlineAt: undefined,
    holds: [],
    cancellation: undefined,
    change: undefined,
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
  OrderReturnRequested: (order, { returnId, items, lines, reason, deadlineAt }) =>
    withReturns([
      ...order.returns,
      { returnId, items, ...(lines && { lines }), reason, received: false, ...(deadlineAt && { deadlineAt }) },
    ]),
  OrderReturnReceived: (order, { returnId, received, credited }) =>
    withReturns(
      order.returns.map((entry) => (entry.returnId === returnId ? withReceipt(entry, received, credited) : entry)),
    ),
  OrderReturnClosed: (order, { returnId }) =>
    withReturns(
      order.returns.map((entry) =>
        entry.returnId === returnId
          ? { ...entry, received: true, closed: true, credited: entry.credited ?? [], receipts: entry.receipts ?? [] }
          : entry,
      ),
    ),
  OrderRefundRequested: (order, { by: _by, ...refund }) => ({
    refunds: [...order.refunds, { ...refund, status: 'REQUESTED' }],
  }),
  OrderRefunded: (order, { refundId, refundedAmount, paymentStatus, lines }) => ({
    refunds: withRefund(order, refundId, { status: 'DONE', returned: undefined, ...(lines && { lines }) }),
    refundedAmount,
    paymentStatus,
  }),
  OrderRefundFailed: (order, { refundId, reason, returned }) =>
    returned
      ? { ...returned, refunds: withRefund(order, refundId, { status: 'REQUESTED', returned: reason }) }
      : { refunds: withRefund(order, refundId, { status: 'FAILED' }) },
};

/** A parcel has arrived; one that was lost has turned up. */
function delivered(order: Order, shipmentId: string): Partial<Order> {
  const parcel = order.shipments.find((candidate) => candidate.shipmentId === shipmentId);
  return {
    shipments: order.shipments.map((shipment) => {
      if (shipment.shipmentId !== shipmentId) return shipment;
      const { problem: _, ...found } = shipment;
      return { ...(shipment.problem === 'lost' ? found : shipment), delivered: true };
    }),
    ...(parcel?.problem === 'lost' &&
      order.claims && {
        claims: order.claims.map((claim) => (claim.shipmentId === shipmentId ? { ...claim, found: true } : claim)),
      }),
  };
}

function withProblem(order: Order, shipmentId: string, problem: ParcelFailure): Order['shipments'] {
  return order.shipments.map((parcel) => (parcel.shipmentId === shipmentId ? { ...parcel, problem } : parcel));
}

/** A change under way that has ended, one way or the other. */
function changeEnded(order: Order): Partial<Order> {
  return { change: undefined, holds: order.holds.filter((hold) => hold.type !== 'change') };
}

function shippedWith(order: Order, data: EventData<'OrderShipped'>): Partial<Order> {
  const { shipmentId, carrier, trackingNumber, trackingUrl, items, amount, deadlineAt } = data;
  const parcel = {
    shipmentId,
    carrier,
    trackingNumber,
    ...(trackingUrl !== undefined && { trackingUrl }),
    delivered: false,
    items,
    ...(amount !== undefined && { amount }),
  };
  return { shipments: [...order.shipments, parcel], deadlineAt };
}

type Return = Order['returns'][number];

/** The returns, and what they make of the order: some are expected, or pieces came with one, or nothing ever did. */
function withReturns(returns: readonly Return[]): Pick<Order, 'returns' | 'returnStatus'> {
  const came = ({ received, receipts }: Return): boolean =>
    receipts ? receipts.some(({ condition }) => condition !== 'missing') : received;
  if (returns.some(({ received }) => !received)) return { returns, returnStatus: 'REQUESTED' };
  return { returns, returnStatus: returns.some(came) ? 'RECEIVED' : 'NONE' };
}

/** A return with what one more receipt says. It is received when each piece is accounted for; one from before receipts named pieces, at once. */
function withReceipt(entry: Return, received: Return['receipts'], credited: Return['credited']): Return {
  const receipts = received && [...(entry.receipts ?? []), ...received];
  let left = 0;
  for (const { quantity } of entry.items) left += quantity;
  for (const { quantity } of receipts ?? []) left -= quantity;
  return {
    ...entry,
    received: !receipts || left <= 0,
    ...(receipts && { receipts }),
    ...(credited && { credited: [...(entry.credited ?? []), ...credited] }),
  };
}

function withRefund(
  order: Order,
  refundId: string,
  end: Pick<Order['refunds'][number], 'status' | 'lines' | 'returned'>,
): Order['refunds'] {
  return order.refunds.map((refund) => (refund.refundId === refundId ? { ...refund, ...end } : refund));
}

/** The order after an event. Throws for an event that the lifecycle table does not know in the order's status. */
export function evolve(order: Order, event: { readonly type: string; readonly data: unknown }): Order {
  const change = EVOLVERS[event.type as OrderOwnEvent] as ((order: Order, data: unknown) => Partial<Order>) | undefined;
  if (!change) throw new Error(`No evolve for ${event.type}`);
  return { ...order, ...change(order, event.data), status: nextStatus(order.status, event.type) };
}

/** What folding reads of an event. */
interface FoldedEvent {
  readonly type: string;
  readonly data: unknown;
  readonly traceparent?: string | undefined;
}

/** Folds an order's own events from the first; undefined where there are none. */
export function fold(events: Iterable<FoldedEvent>): Order | undefined {
  let order: Order | undefined;
  for (const event of events) {
    if (event.type === 'OrderCreated') order = traced(created(event.data as EventData<'OrderCreated'>), event);
    else if (event.type === 'OrderImported') order = traced(imported(event.data as EventData<'OrderImported'>), event);
    else if (order) order = evolve(order, event);
  }
  return order;
}

function traced(order: Order, { traceparent }: FoldedEvent): Order {
  return traceparent === undefined ? order : { ...order, traceId: traceIdOf(traceparent) };
}
