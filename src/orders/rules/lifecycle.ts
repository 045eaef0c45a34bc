/**
 * What can happen to an order. This table is the business: in status S, command C leads to event E and
 * status T. Deciding, folding, the API's allowed actions, the console's buttons, the database check, the
 * tests and the diagram in docs/lifecycle.md all read it; nothing else in the system names a next status.
 */

export const STATUSES = {
  CREATED: { meaning: 'Taken; waiting for the stock decision', final: false },
  BACKORDERED: { meaning: 'Stock is short and the buyer waits for more', final: false },
  RESERVED: {
    meaning:
      'Every line is reserved; waiting for the payment, for another one after it failed, or for a hold to be released',
    final: false,
  },
  PAYMENT_PENDING: { meaning: 'The provider is slow or down; the outcome is being found out', final: false },
  PAID: { meaning: 'The total is secured; a hold keeps it from the warehouse', final: false },
  READY_FOR_SHIPMENT: { meaning: 'With the warehouse', final: false },
  PARTIALLY_SHIPPED: { meaning: 'Some of its parcels have left', final: false },
  SHIPPED: { meaning: 'All of its parcels have left', final: false },
  COMPLETED: { meaning: 'Delivered, or declared complete; invoiced', final: true },
  REJECTED: { meaning: 'Ended: not enough stock; nothing reserved, nothing charged', final: true },
  PAYMENT_FAILED: { meaning: 'Ended: the payment was refused; stock released', final: true },
  CANCELLED: { meaning: 'Ended before shipment; stock and money given back', final: true },
} as const;

export type Status = keyof typeof STATUSES;

/** Who may give a command: people through the API, another service by its event, the orders service itself, or the clock. */
export type Actor = 'client' | 'inventory' | 'payments' | 'shipping' | 'reviews' | 'orders' | 'timer';

export interface Transition {
  readonly from: readonly Status[];
  readonly command: string;
  readonly event: string;
  /** `same`: the event changes something beside the status. */
  readonly to: Status | 'same';
  readonly who: readonly Actor[];
}

const beforePayment = ['CREATED', 'BACKORDERED', 'RESERVED', 'PAYMENT_PENDING'] as const;
const beforeWarehouse = [...beforePayment, 'PAID'] as const;
const beforeShipment = [...beforeWarehouse, 'READY_FOR_SHIPMENT'] as const;
const withWarehouse = ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'] as const;
const goodsToGo = ['PAID', ...withWarehouse] as const;
const open = [...beforeShipment, 'PARTIALLY_SHIPPED'] as const;
const withGoods = ['RESERVED', 'PAYMENT_PENDING', 'PAID', 'READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'] as const;
const onceShipping = ['PARTIALLY_SHIPPED', 'SHIPPED', 'COMPLETED'] as const;
const onceWithWarehouse = ['READY_FOR_SHIPMENT', ...onceShipping] as const;
const oncePaid = ['PAID', ...onceWithWarehouse] as const;

const statusesThat = (are: (status: Status) => boolean): ReadonlySet<Status> =>
  new Set((Object.keys(STATUSES) as Status[]).filter(are));
/** An order in one of these goes on. */
export const OPEN_STATUSES = statusesThat((status) => !STATUSES[status].final);
/** An order in one of these has ended. */
export const FINAL_STATUSES = statusesThat((status) => STATUSES[status].final);
/** Those of them in which nothing was sold. */
export const ENDED_WITHOUT_SALE = statusesThat((status) => STATUSES[status].final && status !== 'COMPLETED');
/** The total is secured. */
export const ONCE_PAID: ReadonlySet<Status> = new Set(oncePaid);
/** Goods are promised to the order, and whether they have left or not. */
export const ONCE_PROMISED: ReadonlySet<Status> = new Set([...withGoods, ...onceShipping]);
/** Its goods are with the warehouse, or were. */
export const ONCE_WITH_WAREHOUSE: ReadonlySet<Status> = new Set(onceWithWarehouse);
/** Its goods are with the warehouse, all or some of them. */
export const WITH_WAREHOUSE: ReadonlySet<Status> = new Set(withWarehouse);
/** Paid, with goods that are still to leave. */
export const GOODS_TO_GO: ReadonlySet<Status> = new Set(goodsToGo);

/** Rows of: status · command · event · next status · who may. */
// prettier-ignore
export const TRANSITIONS = [
  { from: ['CREATED', 'BACKORDERED'], command: 'recordReservation', event: 'OrderReserved', to: 'RESERVED', who: ['inventory'] },
  { from: ['CREATED'], command: 'recordShortage', event: 'OrderRejected', to: 'REJECTED', who: ['inventory'] },
  { from: ['CREATED'], command: 'recordBackorder', event: 'OrderBackordered', to: 'BACKORDERED', who: ['inventory'] },

  { from: ['RESERVED'], command: 'proceed', event: 'OrderPaymentRequested', to: 'same', who: ['orders'] },
  // Paid in another system before it came here: payments knows of the money at once, whatever becomes of the stock.
  { from: ['CREATED'], command: 'proceed', event: 'OrderPaymentRequested', to: 'same', who: ['orders'] },
  { from: ['CREATED', 'BACKORDERED'], command: 'recordPayment', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },
  { from: ['RESERVED'], command: 'proceed', event: 'OrderPaid', to: 'PAID', who: ['orders'] },
  { from: ['RESERVED'], command: 'recordPaymentPending', event: 'OrderPaymentPending', to: 'PAYMENT_PENDING', who: ['payments'] },
  // Whether the customer has to act changes while the outcome is open.
  { from: ['PAYMENT_PENDING'], command: 'recordPaymentPending', event: 'OrderPaymentPending', to: 'same', who: ['payments'] },
  { from: ['RESERVED', 'PAYMENT_PENDING'], command: 'recordPayment', event: 'OrderPaid', to: 'PAID', who: ['payments'] },
  { from: ['RESERVED', 'PAYMENT_PENDING'], command: 'recordPaymentFailure', event: 'OrderPaymentFailed', to: 'PAYMENT_FAILED', who: ['payments'] },
  // Within the window for it the goods are kept, and the order may be paid again.
  { from: ['RESERVED', 'PAYMENT_PENDING'], command: 'recordPaymentFailure', event: 'OrderPaymentRefused', to: 'RESERVED', who: ['payments'] },
  { from: ['RESERVED'], command: 'payAgain', event: 'OrderPaymentRequested', to: 'same', who: ['client'] },
  { from: ['RESERVED'], command: 'expire', event: 'OrderPaymentFailed', to: 'PAYMENT_FAILED', who: ['timer'] },

  { from: ['PAID'], command: 'proceed', event: 'OrderReadyForShipment', to: 'READY_FOR_SHIPMENT', who: ['orders'] },
  { from: ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'], command: 'recordDispatch', event: 'OrderPartiallyShipped', to: 'PARTIALLY_SHIPPED', who: ['shipping'] },
  { from: ['READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED'], command: 'recordDispatch', event: 'OrderShipped', to: 'SHIPPED', who: ['shipping'] },
  // Where each parcel has its invoice; when the order is completed, what is left of it.
  { from: ['PARTIALLY_SHIPPED', 'SHIPPED'], command: 'proceed', event: 'OrderPartSold', to: 'same', who: ['orders'] },
  { from: onceShipping, command: 'recordDelivery', event: 'OrderDeliveryRecorded', to: 'same', who: ['shipping'] },
  { from: ['SHIPPED'], command: 'recordDelivery', event: 'OrderCompleted', to: 'COMPLETED', who: ['shipping'] },
  { from: ['SHIPPED'], command: 'complete', event: 'OrderCompleted', to: 'COMPLETED', who: ['client'] },

  { from: beforeWarehouse, command: 'cancel', event: 'OrderCancelled', to: 'CANCELLED', who: ['client', 'reviews'] },
  // With the warehouse only shipping knows whether the parcel can still be stopped: ask, then end or go on.
  { from: ['READY_FOR_SHIPMENT'], command: 'cancel', event: 'OrderCancellationRequested', to: 'same', who: ['client', 'reviews'] },
  { from: ['READY_FOR_SHIPMENT'], command: 'recordShipmentsStopped', event: 'OrderCancelled', to: 'CANCELLED', who: ['shipping'] },
  { from: ['READY_FOR_SHIPMENT'], command: 'recordDispatch', event: 'OrderCancellationLapsed', to: 'same', who: ['shipping'] },

  // Pieces taken off the order: at once while nothing is with the warehouse, else when shipping has said what is still here.
  { from: beforeWarehouse, command: 'cancelItems', event: 'OrderCancelled', to: 'CANCELLED', who: ['client'] },
  { from: ['BACKORDERED', 'RESERVED', 'PAYMENT_PENDING', 'PAID'], command: 'cancelItems', event: 'OrderChanged', to: 'same', who: ['client'] },
  { from: ['READY_FOR_SHIPMENT'], command: 'cancelItems', event: 'OrderCancellationRequested', to: 'same', who: ['client'] },
  { from: withWarehouse, command: 'cancelItems', event: 'OrderChangeRequested', to: 'same', who: ['client'] },
  { from: withWarehouse, command: 'recordFreeze', event: 'OrderChanged', to: 'same', who: ['shipping'] },
  { from: withWarehouse, command: 'recordFreeze', event: 'OrderChangeLapsed', to: 'same', who: ['shipping'] },
  { from: withWarehouse, command: 'expire', event: 'OrderChangeLapsed', to: 'same', who: ['timer'] },
  { from: withWarehouse, command: 'recordDispatch', event: 'OrderChangeLapsed', to: 'same', who: ['shipping'] },
  { from: ['READY_FOR_SHIPMENT'], command: 'cancel', event: 'OrderChangeLapsed', to: 'same', who: ['client', 'reviews'] },
  { from: ['PARTIALLY_SHIPPED'], command: 'proceed', event: 'OrderChangeRequested', to: 'same', who: ['orders'] },
  { from: ['PARTIALLY_SHIPPED'], command: 'proceed', event: 'OrderShippingClosed', to: 'SHIPPED', who: ['orders'] },
  { from: ['SHIPPED'], command: 'proceed', event: 'OrderCompleted', to: 'COMPLETED', who: ['orders'] },

  { from: open, command: 'hold', event: 'OrderHeld', to: 'same', who: ['client'] },
  { from: open, command: 'release', event: 'OrderReleased', to: 'same', who: ['client', 'reviews'] },
  // A count found less than is reserved: nothing goes on until a person decides, or it is there again.
  { from: withGoods, command: 'recordStockLoss', event: 'OrderHeld', to: 'same', who: ['inventory'] },
  { from: withGoods, command: 'recordStockRecovery', event: 'OrderReleased', to: 'same', who: ['inventory'] },
  { from: beforeShipment, command: 'amend', event: 'OrderAmended', to: 'same', who: ['client'] },

  { from: beforePayment, command: 'expire', event: 'OrderCancelled', to: 'CANCELLED', who: ['timer'] },
  { from: ['PAID', 'READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED', 'SHIPPED'], command: 'expire', event: 'OrderOverdue', to: 'same', who: ['timer'] },

  { from: oncePaid, command: 'requestRefund', event: 'OrderRefundRequested', to: 'same', who: ['client'] },
  // Whatever was credited or cancelled is paid back as soon as it can be.
  { from: oncePaid, command: 'proceed', event: 'OrderRefundRequested', to: 'same', who: ['orders'] },
  { from: [...oncePaid, 'CANCELLED'], command: 'recordRefund', event: 'OrderRefunded', to: 'same', who: ['payments'] },
  // Money that went back without being asked for here: at the provider, or by a dispute.
  { from: oncePaid, command: 'recordRefund', event: 'OrderRefundRequested', to: 'same', who: ['payments'] },
  { from: ['CANCELLED'], command: 'recordRefund', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },
  { from: [...oncePaid, 'CANCELLED'], command: 'recordDispute', event: 'OrderDisputed', to: 'same', who: ['payments'] },
  { from: [...oncePaid, 'CANCELLED'], command: 'recordDisputeEnd', event: 'OrderDisputeEnded', to: 'same', who: ['payments'] },
  { from: [...oncePaid, 'CANCELLED'], command: 'recordRefundFailure', event: 'OrderRefundFailed', to: 'same', who: ['payments'] },
  { from: [...oncePaid, 'CANCELLED'], command: 'recordCapture', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },
  { from: [...oncePaid, 'CANCELLED'], command: 'recordVoid', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },
  // The order ended while the charge was in flight: payments undoes it, the order only notes the facts.
  { from: ['CANCELLED'], command: 'recordPayment', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },
  { from: ['CANCELLED'], command: 'recordPaymentPending', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },
  { from: ['CANCELLED'], command: 'recordPaymentFailure', event: 'OrderPaymentRecorded', to: 'same', who: ['payments'] },

  { from: onceShipping, command: 'closeReturn', event: 'OrderReturnClosed', to: 'same', who: ['client'] },
  { from: onceShipping, command: 'receiveReturn', event: 'OrderReturnClosed', to: 'same', who: ['client'] },
  { from: onceShipping, command: 'expire', event: 'OrderReturnClosed', to: 'same', who: ['timer'] },
  { from: onceShipping, command: 'recordLoss', event: 'OrderLossRecorded', to: 'same', who: ['shipping'] },
  { from: onceShipping, command: 'recordTracking', event: 'OrderTrackingCorrected', to: 'same', who: ['shipping'] },
  { from: onceShipping, command: 'openClaim', event: 'OrderClaimOpened', to: 'same', who: ['client'] },
  { from: onceShipping, command: 'recordFollowUp', event: 'OrderFollowUpClosed', to: 'same', who: ['orders'] },
  { from: goodsToGo, command: 'proceed', event: 'OrderHeld', to: 'same', who: ['orders'] },
  { from: goodsToGo, command: 'proceed', event: 'OrderReleased', to: 'same', who: ['orders'] },

  { from: onceShipping, command: 'requestReturn', event: 'OrderReturnRequested', to: 'same', who: ['client'] },
  { from: onceShipping, command: 'receiveReturn', event: 'OrderReturnReceived', to: 'same', who: ['client'] },
] as const satisfies readonly Transition[];

export type CommandName = (typeof TRANSITIONS)[number]['command'];
export type OrderOwnEvent = (typeof TRANSITIONS)[number]['event'];

interface LateFact {
  readonly in: readonly Status[];
  readonly command: CommandName;
  readonly because: string;
}

/** Facts that may arrive late, early or twice and change nothing, and why that is right. */
// prettier-ignore
export const LATE_FACTS: readonly LateFact[] = [
  { in: ['CANCELLED'], command: 'recordReservation', because: 'inventory releases the reservation when it reads OrderCancelled' },
  { in: ['CANCELLED'], command: 'recordShortage', because: 'the order had ended already; nothing is reserved' },
  { in: ['CANCELLED'], command: 'recordBackorder', because: 'inventory forgets the backorder when it reads OrderCancelled' },
  { in: ['CANCELLED', 'PAYMENT_FAILED', 'SHIPPED', 'COMPLETED'], command: 'recordStockLoss', because: 'nothing is set aside for the order any more' },
  { in: ['CANCELLED', 'PAYMENT_FAILED', 'SHIPPED', 'COMPLETED'], command: 'recordStockRecovery', because: 'nothing is set aside for the order any more' },
  { in: ['CANCELLED'], command: 'recordFreeze', because: 'the order ended while its change was decided' },
  { in: ['SHIPPED', 'COMPLETED'], command: 'recordFreeze', because: 'the change lapsed when the last parcel left' },
  { in: ['CANCELLED'], command: 'release', because: 'the review was decided after the order had ended' },
  { in: ['REJECTED', 'PAYMENT_FAILED'], command: 'release', because: 'the review was decided after the order had ended' },
  { in: ['REJECTED', 'PAYMENT_FAILED', 'CANCELLED'], command: 'cancel', because: 'the review was decided after the order had ended' },
];

/** Actions a person can ask for, and the command behind each. */
export const ACTIONS = [
  'payAgain',
  'cancel',
  'cancelItems',
  'hold',
  'release',
  'amend',
  'complete',
  'openClaim',
  'requestReturn',
  'receiveReturn',
  'closeReturn',
  'requestRefund',
] as const satisfies readonly CommandName[];
export type Action = (typeof ACTIONS)[number];

export const INITIAL: Status = 'CREATED';

/** Rows that apply to a command in a status; empty where the command is not allowed there. */
export function rowsFor(status: Status, command: CommandName): readonly Transition[] {
  return ROWS.get(`${status} ${command}`) ?? [];
}

/** Why a fact changes nothing in a status, where that is planned. */
export function lateFact(status: Status, command: CommandName): string | undefined {
  return LATE.get(`${status} ${command}`);
}

/** The status after an event; throws for an event the table does not know there, because that is a bug. */
export function nextStatus(status: Status, event: string): Status {
  const next = NEXT.get(`${status} ${event}`);
  if (next === undefined) throw new Error(`${event} cannot happen to an order in ${status}`);
  return next;
}

const ROWS = new Map<string, Transition[]>();
const NEXT = new Map<string, Status>();
const LATE = new Map<string, string>();
for (const row of TRANSITIONS as readonly Transition[]) {
  for (const from of row.from) {
    const key = `${from} ${row.command}`;
    ROWS.set(key, [...(ROWS.get(key) ?? []), row]);
    const to = row.to === 'same' ? from : row.to;
    const known = NEXT.get(`${from} ${row.event}`);
    if (known !== undefined && known !== to) throw new Error(`${row.event} in ${from} leads to ${known} and to ${to}`);
    NEXT.set(`${from} ${row.event}`, to);
  }
}
for (const fact of LATE_FACTS) for (const status of fact.in) LATE.set(`${status} ${fact.command}`, fact.because);
