import { type ErrorCode, refuse, type Refusal } from '#contracts/errors.ts';
import { amountMinor, formatAmount, lineAmount } from '#contracts/money.ts';
import type {
  Address,
  Allocation,
  ChargeLine,
  Contact,
  EventData,
  NewEvent,
  OrderItem,
  PaymentStatus,
  Shortage,
  SkuQuantity,
} from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { ignore, type Ignored } from '#platform/processor/aggregate.ts';
import {
  ACTIONS,
  type Action,
  type CommandName,
  INITIAL,
  lateFact,
  nextStatus,
  type OrderOwnEvent,
  rowsFor,
  type Status,
  STATUSES,
} from './lifecycle.ts';

/**
 * The order aggregate. `decide` says which events a command leads to, or why it is refused; `evolve` folds
 * one event. Both are pure: time and ids come in with the command.
 */

export type Step = 'payment' | 'shipment';

/** A hold pauses the named steps until it is released. */
export interface Hold {
  readonly type: string;
  readonly reason: string;
  readonly by: string;
  readonly steps: readonly Step[];
}

export const FULFILLMENT_STATUSES = [
  'UNFULFILLED',
  'SCHEDULED',
  'PARTIALLY_SHIPPED',
  'SHIPPED',
  'DELIVERED',
  'CANCELLED',
] as const;

export interface Order {
  readonly status: Status;
  readonly paymentStatus: PaymentStatus;
  readonly fulfillmentStatus: (typeof FULFILLMENT_STATUSES)[number];
  readonly returnStatus: 'NONE' | 'REQUESTED' | 'RECEIVED';
  readonly holds: readonly Hold[];
  readonly customerId: string;
  readonly currency: string;
  readonly channel: string;
  readonly reference?: string | undefined;
  readonly items: readonly OrderItem[];
  readonly taxLines?: readonly ChargeLine[] | undefined;
  readonly discountLines?: readonly ChargeLine[] | undefined;
  readonly shippingLines?: readonly ChargeLine[] | undefined;
  readonly totalAmount: string;
  readonly refundedAmount: string;
  readonly shippingAddress?: Address | undefined;
  readonly contact?: Contact | undefined;
  readonly payment: { readonly provider: string; readonly token: string };
  readonly metadata?: Record<string, unknown> | undefined;
  readonly reviewReasons: readonly string[];
  readonly allowBackorder: boolean;
  readonly allocations: readonly Allocation[];
  readonly shortages?: readonly Shortage[] | undefined;
  readonly paymentRequested: boolean;
  /** Why the order ended or its payment failed. */
  readonly endReason?: string | undefined;
  /** A cancellation the warehouse is deciding on. */
  readonly cancellation?: { readonly reason: string; readonly by: string } | undefined;
  readonly shipments: readonly {
    readonly shipmentId: string;
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly delivered: boolean;
    readonly items: readonly SkuQuantity[];
  }[];
  readonly returns: readonly {
    readonly returnId: string;
    readonly items: readonly SkuQuantity[];
    readonly reason: string;
    readonly received: boolean;
  }[];
  readonly refunds: readonly {
    readonly refundId: string;
    readonly amount: string;
    readonly reason: string;
    readonly status: 'REQUESTED' | 'DONE' | 'FAILED';
  }[];
  /** When the present waiting ends by itself (RFC 3339); undefined where nothing is waited for. */
  readonly deadlineAt?: string | undefined;
}

/** How long each waiting may last, in milliseconds, before the timer acts. */
export interface Deadlines {
  readonly CREATED: number;
  readonly BACKORDERED: number;
  readonly RESERVED: number;
  readonly PAYMENT_PENDING: number;
  readonly PAID: number;
  readonly READY_FOR_SHIPMENT: number;
  readonly PARTIALLY_SHIPPED: number;
  readonly SHIPPED: number;
  /** Instead of the status' own, while a hold keeps the order from going on. */
  readonly held: number;
}

export interface DecideContext {
  readonly nowMs: number;
  newId(): string;
  readonly deadlines: Deadlines;
}

export type OrderCommand =
  | { readonly type: 'recordReservation'; readonly allocations: readonly Allocation[] }
  | { readonly type: 'recordShortage'; readonly shortages: readonly Shortage[] }
  | { readonly type: 'recordBackorder'; readonly shortages: readonly Shortage[] }
  | { readonly type: 'recordPayment'; readonly amount: string; readonly captured: string }
  | { readonly type: 'recordPaymentPending'; readonly reason: string }
  | { readonly type: 'recordPaymentFailure'; readonly reason: string }
  | { readonly type: 'recordCapture'; readonly captured: string }
  | { readonly type: 'recordVoid' }
  | {
      readonly type: 'recordRefund';
      readonly refundId: string;
      readonly amount: string;
      readonly captured: string;
      readonly refunded: string;
    }
  | { readonly type: 'recordRefundFailure'; readonly refundId: string; readonly reason: string }
  | {
      readonly type: 'recordDispatch';
      readonly shipmentId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      readonly items: readonly SkuQuantity[];
      readonly last: boolean;
    }
  | { readonly type: 'recordDelivery'; readonly shipmentId: string; readonly last: boolean }
  | { readonly type: 'recordShipmentsStopped' }
  | { readonly type: 'cancel'; readonly reason: string; readonly by: string; readonly fact?: boolean }
  | { readonly type: 'hold'; readonly hold: string; readonly reason: string; readonly by: string }
  | {
      readonly type: 'release';
      readonly hold: string;
      readonly reason: string;
      readonly by: string;
      readonly fact?: boolean;
    }
  | { readonly type: 'amend'; readonly changes: EventData<'OrderAmended'> }
  | { readonly type: 'complete' }
  | { readonly type: 'expire' }
  | { readonly type: 'requestReturn'; readonly items?: readonly SkuQuantity[] | undefined; readonly reason: string }
  | {
      readonly type: 'receiveReturn';
      readonly returnId: string;
      readonly location: string;
      readonly refund: boolean;
      readonly by: string;
    }
  | {
      readonly type: 'requestRefund';
      readonly amount?: string | undefined;
      readonly reason: string;
      readonly by: string;
    };

/** Decides and folds: the events of a command and the order after them, or the refusal. */
export function decide(
  command: OrderCommand,
  order: Order,
  context: DecideContext,
): { events: NewEvent[]; order: Order } | Refusal | Ignored {
  const allowed = rowsFor(order.status, command.type);
  if (allowed.length === 0) {
    const late = lateFact(order.status, command.type);
    if (late !== undefined && isFact(command)) return ignore(late);
    return notAllowed(order, command.type);
  }
  const refused = POLICIES[command.type]?.(order, command as never);
  if (refused) return refused;
  const events = eventsOf(command, order, context);
  if (!Array.isArray(events)) return events;
  let after = order;
  for (const event of events) after = evolve(after, event);
  for (const event of proceed(after, context)) {
    events.push(event);
    after = evolve(after, event);
  }
  return { events, order: after };
}

/** True where another service tells what happened; a person who asks for something is refused, not ignored. */
function isFact(command: OrderCommand): boolean {
  return command.type === 'cancel' || command.type === 'release' ? command.fact === true : true;
}

/** Every step the order can take by itself: ask for the payment, hand over to the warehouse. */
function proceed(order: Order, context: DecideContext): NewEvent[] {
  if (order.status === 'RESERVED' && !order.paymentRequested && !isPaused(order, 'payment')) {
    const { provider, token } = order.payment;
    return [
      { type: 'OrderPaymentRequested', data: { provider, token, amount: order.totalAmount, currency: order.currency } },
    ];
  }
  if (order.status === 'PAID' && !isPaused(order, 'shipment')) {
    const data = {
      allocations: [...order.allocations],
      shippingAddress: order.shippingAddress,
      deadlineAt: deadline('READY_FOR_SHIPMENT', false, context),
    };
    return [{ type: 'OrderReadyForShipment', data }];
  }
  return [];
}

export function isPaused(order: Order, step: Step): boolean {
  return order.holds.some((hold) => hold.steps.includes(step));
}

function deadline(status: keyof Deadlines, held: boolean, context: DecideContext): string {
  return isoTime(context.nowMs + context.deadlines[held ? 'held' : status]);
}

/** The deadline that follows from a change of holds in the order's present status. */
function deadlineUnder(order: Order, holds: readonly Hold[], context: DecideContext): string | undefined {
  return order.status in context.deadlines
    ? deadline(
        order.status as keyof Deadlines,
        holds.some((hold) => hold.steps.length > 0),
        context,
      )
    : undefined;
}

function eventsOf(command: OrderCommand, order: Order, context: DecideContext): NewEvent[] | Refusal | Ignored {
  switch (command.type) {
    case 'recordReservation':
      return [
        {
          type: 'OrderReserved',
          data: {
            allocations: [...command.allocations],
            deadlineAt: deadline('RESERVED', isPaused(order, 'payment'), context),
          },
        },
      ];
    case 'recordShortage':
      return [{ type: 'OrderRejected', data: { shortages: [...command.shortages] } }];
    case 'recordBackorder':
      return [
        {
          type: 'OrderBackordered',
          data: { shortages: [...command.shortages], deadlineAt: deadline('BACKORDERED', false, context) },
        },
      ];
    case 'recordPayment': {
      const paymentStatus: PaymentStatus =
        amountMinor(command.captured, order.currency) > 0n || order.totalAmount === command.captured
          ? 'CAPTURED'
          : 'AUTHORIZED';
      if (order.status === 'CANCELLED') return [{ type: 'OrderPaymentRecorded', data: { paymentStatus } }];
      return [
        {
          type: 'OrderPaid',
          data: { paymentStatus, deadlineAt: deadline('PAID', isPaused(order, 'shipment'), context) },
        },
      ];
    }
    case 'recordPaymentPending':
      if (order.status === 'CANCELLED') return [{ type: 'OrderPaymentRecorded', data: { paymentStatus: 'PENDING' } }];
      return [
        {
          type: 'OrderPaymentPending',
          data: { reason: command.reason, deadlineAt: deadline('PAYMENT_PENDING', false, context) },
        },
      ];
    case 'recordPaymentFailure':
      if (order.status === 'CANCELLED') return [{ type: 'OrderPaymentRecorded', data: { paymentStatus: 'FAILED' } }];
      return [{ type: 'OrderPaymentFailed', data: { reason: command.reason } }];
    case 'recordCapture':
      return [{ type: 'OrderPaymentRecorded', data: { paymentStatus: 'CAPTURED' } }];
    case 'recordVoid':
      return [{ type: 'OrderPaymentRecorded', data: { paymentStatus: 'VOIDED' } }];
    case 'recordRefund': {
      const whole = amountMinor(command.refunded, order.currency) >= amountMinor(command.captured, order.currency);
      const paymentStatus: PaymentStatus = whole ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
      const { refundId, amount, refunded } = command;
      if (order.refunds.some((refund) => refund.refundId === refundId)) {
        return [{ type: 'OrderRefunded', data: { refundId, amount, refundedAmount: refunded, paymentStatus } }];
      }
      return [{ type: 'OrderPaymentRecorded', data: { paymentStatus, refundedAmount: refunded } }];
    }
    case 'recordRefundFailure':
      return [{ type: 'OrderRefundFailed', data: { refundId: command.refundId, reason: command.reason } }];
    case 'recordDispatch': {
      const { shipmentId, carrier, trackingNumber, items, last } = command;
      const next = last ? 'SHIPPED' : 'PARTIALLY_SHIPPED';
      const data = {
        shipmentId,
        carrier,
        trackingNumber,
        items: [...items],
        deadlineAt: deadline(next, false, context),
      };
      const shipped: NewEvent = { type: last ? 'OrderShipped' : 'OrderPartiallyShipped', data };
      return order.cancellation
        ? [{ type: 'OrderCancellationLapsed', data: { reason: 'a parcel had left already' } }, shipped]
        : [shipped];
    }
    case 'recordDelivery':
      return command.last && order.status === 'SHIPPED'
        ? [completion(order)]
        : [{ type: 'OrderDeliveryRecorded', data: { shipmentId: command.shipmentId } }];
    case 'complete':
      return [completion(order)];
    case 'recordShipmentsStopped': {
      const { reason, by } = order.cancellation ?? { reason: 'stopped by the warehouse', by: 'shipping' };
      return [{ type: 'OrderCancelled', data: { reason, by } }];
    }
    case 'cancel': {
      const data = { reason: command.reason, by: command.by };
      return [{ type: order.status === 'READY_FOR_SHIPMENT' ? 'OrderCancellationRequested' : 'OrderCancelled', data }];
    }
    case 'hold': {
      const { hold, reason, by } = command;
      const holds = [...order.holds, { type: hold, reason, by, steps: HOLD_STEPS }];
      return [{ type: 'OrderHeld', data: { hold, reason, by, deadlineAt: deadlineUnder(order, holds, context) } }];
    }
    case 'release': {
      const { hold, reason, by } = command;
      if (!order.holds.some((present) => present.type === hold)) return ignore('the hold was released before');
      const holds = order.holds.filter((present) => present.type !== hold);
      return [{ type: 'OrderReleased', data: { hold, reason, by, deadlineAt: deadlineUnder(order, holds, context) } }];
    }
    case 'amend':
      return [{ type: 'OrderAmended', data: command.changes }];
    case 'expire':
      if (order.deadlineAt === undefined || order.deadlineAt > isoTime(context.nowMs))
        return ignore('the deadline was moved');
      if (rowsFor(order.status, 'expire')[0]!.event === 'OrderCancelled')
        return [
          { type: 'OrderCancelled', data: { reason: EXPIRY_REASONS[order.status] ?? 'deadline passed', by: 'timer' } },
        ];
      return [{ type: 'OrderOverdue', data: { status: order.status } }];
    case 'requestReturn':
      return [
        {
          type: 'OrderReturnRequested',
          data: { returnId: context.newId(), items: [...(command.items ?? returnable(order))], reason: command.reason },
        },
      ];
    case 'receiveReturn': {
      const returned = order.returns.find((entry) => entry.returnId === command.returnId)!;
      const received: NewEvent = {
        type: 'OrderReturnReceived',
        data: { returnId: command.returnId, items: [...returned.items], location: command.location },
      };
      const amount = command.refund ? refundForReturn(order, returned.items) : 0n;
      if (amount <= 0n) return [received];
      const data = {
        refundId: context.newId(),
        amount: formatAmount(amount, order.currency),
        reason: `return: ${returned.reason}`,
        by: command.by,
      };
      return [received, { type: 'OrderRefundRequested', data }];
    }
    case 'requestRefund': {
      const amount = command.amount ?? formatAmount(refundable(order), order.currency);
      return [
        {
          type: 'OrderRefundRequested',
          data: { refundId: context.newId(), amount, reason: command.reason, by: command.by },
        },
      ];
    }
  }
}

const HOLD_STEPS: readonly Step[] = ['payment', 'shipment'];

const EXPIRY_REASONS: Partial<Record<Status, string>> = {
  CREATED: 'no stock decision in time',
  BACKORDERED: 'no stock arrived in time',
  RESERVED: 'not paid in time',
  PAYMENT_PENDING: 'the payment did not come through in time',
};

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

/** What may still be refunded, in minor units: captured less refunds done or under way. */
export function refundable(order: Order): bigint {
  if (order.paymentStatus !== 'CAPTURED' && order.paymentStatus !== 'PARTIALLY_REFUNDED') return 0n;
  let left = amountMinor(order.totalAmount, order.currency) - amountMinor(order.refundedAmount, order.currency);
  for (const refund of order.refunds)
    if (refund.status === 'REQUESTED') left -= amountMinor(refund.amount, order.currency);
  return left;
}

/** Quantities shipped and not yet coming back, by SKU. */
export function returnable(order: Order): SkuQuantity[] {
  const left = new Map<string, number>();
  for (const shipment of order.shipments)
    for (const item of shipment.items) left.set(item.sku, (left.get(item.sku) ?? 0) + item.quantity);
  for (const entry of order.returns)
    for (const item of entry.items) left.set(item.sku, (left.get(item.sku) ?? 0) - item.quantity);
  return [...left].filter(([, quantity]) => quantity > 0).map(([sku, quantity]) => ({ sku, quantity }));
}

/** The value of returned goods at the prices paid, never more than what may still be refunded. */
function refundForReturn(order: Order, items: readonly SkuQuantity[]): bigint {
  let amount = 0n;
  for (const { sku, quantity } of items) {
    let left = quantity;
    for (const item of order.items) {
      if (item.sku !== sku || left === 0) continue;
      const taken = left < item.quantity ? left : item.quantity;
      amount +=
        taken === item.quantity
          ? amountMinor(item.amount, order.currency)
          : (lineAmount(taken, item.unitPrice, order.currency) ?? 0n);
      left -= taken;
    }
  }
  const most = refundable(order);
  return amount < most ? amount : most;
}

/** Holds that only the system sets. */
const RESERVED_HOLDS: ReadonlySet<string> = new Set(['review', 'cancellation', 'overdue']);
/** Holds that a release does not end, and what does. */
const ENDS_OTHERWISE: Readonly<Record<string, string>> = {
  review: 'A review hold ends by approving or rejecting the review.',
  cancellation: 'This hold ends when the warehouse has decided on the cancellation.',
};

type Policies = {
  readonly [Name in CommandName]?: (
    order: Order,
    command: Extract<OrderCommand, { type: Name }>,
  ) => Refusal | undefined;
};

/** Whether *now*: the table says whether a command exists in a status, these say whether its conditions are met. */
export const POLICIES: Policies = {
  cancel: (order) =>
    order.cancellation
      ? refuse('CANCELLATION_PENDING', 'Shipping is deciding on an earlier cancellation of this order.')
      : undefined,
  hold: (order, command) => {
    if (RESERVED_HOLDS.has(command.hold))
      return refuse(
        'ACTION_NOT_ALLOWED',
        `"${command.hold}" is a hold that the system sets itself; choose another name.`,
      );
    return order.holds.some((hold) => hold.type === command.hold)
      ? refuse('HOLD_EXISTS', `The order is on hold "${command.hold}" already.`)
      : undefined;
  },
  release: (order, command) => {
    if (command.fact) return undefined;
    if (!order.holds.some((hold) => hold.type === command.hold)) {
      return refuse(
        'HOLD_NOT_FOUND',
        `The order has no hold "${command.hold}"; its holds: ${order.holds.map((hold) => hold.type).join(', ') || 'none'}.`,
      );
    }
    const endsOtherwise = ENDS_OTHERWISE[command.hold];
    return endsOtherwise === undefined ? undefined : refuse('ACTION_NOT_ALLOWED', endsOtherwise);
  },
  requestRefund: (order, command) =>
    refundWithinCaptured(order, command.amount === undefined ? undefined : amountMinor(command.amount, order.currency)),
  requestReturn: (order, command) => returnWithinShipped(order, command.items),
  receiveReturn: (order, command) => {
    const entry = order.returns.find((candidate) => candidate.returnId === command.returnId);
    if (!entry) return refuse('RETURN_NOT_FOUND', `The order has no return ${command.returnId}.`);
    return entry.received ? refuse('ACTION_NOT_ALLOWED', 'This return was received already.') : undefined;
  },
};

function refundWithinCaptured(order: Order, amount: bigint | undefined): Refusal | undefined {
  const most = refundable(order);
  if (most <= 0n || (amount !== undefined && (amount > most || amount <= 0n))) {
    return refuse(
      'REFUND_EXCEEDS_CAPTURED',
      `At most ${formatAmount(most, order.currency)} ${order.currency} can be refunded.`,
    );
  }
  return undefined;
}

function returnWithinShipped(order: Order, items: readonly SkuQuantity[] | undefined): Refusal | undefined {
  const left = new Map(returnable(order).map((item) => [item.sku, item.quantity]));
  const wanted = items ?? returnable(order);
  if (wanted.length === 0) return refuse('RETURN_EXCEEDS_SHIPPED', 'Nothing is left to return.');
  for (const { sku, quantity } of wanted) {
    const rest = (left.get(sku) ?? 0) - quantity;
    if (rest < 0) return refuse('RETURN_EXCEEDS_SHIPPED', `Of ${sku} at most ${left.get(sku) ?? 0} can be returned.`);
    left.set(sku, rest);
  }
  return undefined;
}

const REFUSAL_CODES: Partial<Record<Status, ErrorCode>> = {
  SHIPPED: 'ORDER_ALREADY_SHIPPED',
  PARTIALLY_SHIPPED: 'ORDER_ALREADY_SHIPPED',
};

function notAllowed(order: Order, command: CommandName): Refusal {
  const code: ErrorCode = STATUSES[order.status].final
    ? 'ORDER_FINAL'
    : command === 'cancel' || command === 'amend'
      ? (REFUSAL_CODES[order.status] ?? 'ACTION_NOT_ALLOWED')
      : 'ACTION_NOT_ALLOWED';
  return refuse(code, `"${command}" is not possible while the order is ${order.status}.`);
}

/** Each action with undefined where it is allowed now, or the refusal a caller would meet. */
export function actionsOf(order: Order): Record<Action, Refusal | undefined> {
  const answers = {} as Record<Action, Refusal | undefined>;
  for (const action of ACTIONS)
    answers[action] =
      rowsFor(order.status, action).length === 0 ? notAllowed(order, action) : ACTION_PROBES[action]?.(order);
  return answers;
}

/** Policies of an action that hold whatever its details are. */
const ACTION_PROBES: Partial<Record<Action, (order: Order) => Refusal | undefined>> = {
  cancel: (order) => POLICIES.cancel!(order, undefined as never),
  release: (order) =>
    order.holds.some((hold) => !(hold.type in ENDS_OTHERWISE))
      ? undefined
      : refuse('HOLD_NOT_FOUND', 'The order has no hold that could be released.'),
  requestRefund: (order) => refundWithinCaptured(order, undefined),
  requestReturn: (order) => returnWithinShipped(order, undefined),
  receiveReturn: (order) =>
    order.returns.some((entry) => !entry.received) ? undefined : refuse('RETURN_NOT_FOUND', 'No return is on its way.'),
};

/** A new order out of its first event. */
export function created(data: EventData<'OrderCreated'>): Order {
  return {
    status: INITIAL,
    paymentStatus: 'NONE',
    fulfillmentStatus: 'UNFULFILLED',
    returnStatus: 'NONE',
    holds:
      data.reviewReasons.length > 0
        ? [{ type: 'review', reason: data.reviewReasons.join(', '), by: 'orders', steps: HOLD_STEPS }]
        : [],
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
  OrderPaid: (_, { paymentStatus, deadlineAt }) => ({ paymentStatus, deadlineAt }),
  OrderPaymentFailed: (_, { reason }) => ({
    paymentStatus: 'FAILED',
    endReason: reason,
    deadlineAt: undefined,
    holds: [],
    fulfillmentStatus: 'CANCELLED',
  }),
  OrderPaymentRecorded: (order, { paymentStatus, refundedAmount }) => ({
    paymentStatus,
    refundedAmount: refundedAmount ?? order.refundedAmount,
  }),
  OrderReadyForShipment: (_, { deadlineAt }) => ({ fulfillmentStatus: 'SCHEDULED', deadlineAt }),
  OrderPartiallyShipped: (order, data) => ({ ...shippedWith(order, data), fulfillmentStatus: 'PARTIALLY_SHIPPED' }),
  OrderShipped: (order, data) => ({ ...shippedWith(order, data), fulfillmentStatus: 'SHIPPED', holds: [] }),
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
  OrderCancellationRequested: (order, { reason, by }) => ({
    cancellation: { reason, by },
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
  OrderAmended: (_, changes) => changes,
  OrderOverdue: (order, { status }) => ({
    deadlineAt: undefined,
    holds: [
      ...order.holds.filter((hold) => hold.type !== 'overdue'),
      { type: 'overdue', reason: `waiting too long in ${status}`, by: 'timer', steps: [] },
    ],
  }),
  OrderReturnRequested: (order, { returnId, items, reason }) => ({
    returnStatus: 'REQUESTED',
    returns: [...order.returns, { returnId, items, reason, received: false }],
  }),
  OrderReturnReceived: (order, { returnId }) => {
    const returns = order.returns.map((entry) => (entry.returnId === returnId ? { ...entry, received: true } : entry));
    return { returns, returnStatus: returns.every((entry) => entry.received) ? 'RECEIVED' : 'REQUESTED' };
  },
  OrderRefundRequested: (order, { refundId, amount, reason }) => ({
    refunds: [...order.refunds, { refundId, amount, reason, status: 'REQUESTED' }],
  }),
  OrderRefunded: (order, { refundId, refundedAmount, paymentStatus }) => ({
    refunds: withRefund(order, refundId, 'DONE'),
    refundedAmount,
    paymentStatus,
  }),
  OrderRefundFailed: (order, { refundId }) => ({ refunds: withRefund(order, refundId, 'FAILED') }),
};

function shippedWith(order: Order, data: EventData<'OrderShipped'>): Partial<Order> {
  const { shipmentId, carrier, trackingNumber, items, deadlineAt } = data;
  return {
    shipments: [...order.shipments, { shipmentId, carrier, trackingNumber, delivered: false, items }],
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
    else if (order) order = evolve(order, event);
  }
  return order;
}
