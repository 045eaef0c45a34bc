import { INVOICE_AT } from '#contracts/shop.ts';
import type { Settings, Values } from '#platform/runtime/settings.ts';
import type { Deadlines } from './rules/commands.ts';

const HOUR_MS = 3_600_000;

export const ordersSettings = {
  createdDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_CREATED_DEADLINE_MS',
    default: HOUR_MS,
    meaning: 'A new order without a stock decision is cancelled after this time',
  },
  backorderDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_BACKORDER_DEADLINE_MS',
    default: 30 * 24 * HOUR_MS,
    meaning: 'A backordered order is cancelled after this time',
  },
  reservationDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_RESERVATION_DEADLINE_MS',
    default: HOUR_MS,
    meaning: 'A reservation whose order is not paid is given back after this time',
  },
  paymentDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_PAYMENT_DEADLINE_MS',
    default: 24 * HOUR_MS,
    meaning: 'An order whose payment stays pending is cancelled after this time',
  },
  manualPaymentDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_MANUAL_PAYMENT_DEADLINE_MS',
    default: 14 * 24 * HOUR_MS,
    meaning: 'The same of an order whose money people receive, such as a bank transfer',
  },
  payAgainMs: {
    type: 'integer',
    env: 'ORDERS_PAY_AGAIN_MS',
    default: 0,
    meaning:
      'How long an order whose payment failed keeps its goods and may be paid again by POST /orders/{id}/payment; 0: it ends at once',
  },
  holdDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_HOLD_DEADLINE_MS',
    default: 7 * 24 * HOUR_MS,
    meaning: 'A held order is cancelled (before payment) or marked overdue (after it) after this time',
  },
  shipmentDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_SHIPMENT_DEADLINE_MS',
    default: 3 * 24 * HOUR_MS,
    meaning: 'A paid order that has not been shipped is marked overdue after this time',
  },
  deliveryDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_DELIVERY_DEADLINE_MS',
    default: 30 * 24 * HOUR_MS,
    meaning: 'A shipped order that has not been delivered is marked overdue after this time',
  },
  changeDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_CHANGE_DEADLINE_MS',
    default: HOUR_MS / 4,
    meaning: 'A cancellation of items that the warehouse has not decided on lapses after this time',
  },
  returnDeadlineMs: {
    type: 'integer',
    env: 'ORDERS_RETURN_DEADLINE_MS',
    default: 60 * 24 * HOUR_MS,
    meaning: 'A return is closed this long after it was requested; what never came may be returned again',
  },
  reviewTotals: {
    type: 'string',
    env: 'ORDERS_REVIEW_TOTALS',
    default: '',
    meaning:
      'Totals above which an order is reviewed, as CURRENCY:AMOUNT pairs, e.g. EUR:5000,JPY:800000; empty: only on request',
  },
  repeatedReferences: {
    type: 'string',
    env: 'ORDERS_REPEATED_REFERENCES',
    default: '',
    meaning:
      'Channels, comma-separated, whose orders may have the reference of another order; * for all. Elsewhere a second one is refused with 409',
  },
  numbers: {
    type: 'choice',
    choices: ['on', 'off'],
    env: 'ORDERS_NUMBERS',
    default: 'on',
    meaning:
      '`on`: each new order has a number such as `K7M4-92QX-F`, by which mails, lists and people call it; `off`: it is called by the end of its id',
  },
  invoiceAt: INVOICE_AT,
  intakeQueueMax: {
    type: 'integer',
    env: 'ORDERS_INTAKE_QUEUE_MAX',
    default: 2_000,
    meaning: 'New orders that may wait for the database before more are refused with 503',
  },
  intakeLagMaxMs: {
    type: 'integer',
    env: 'ORDERS_INTAKE_LAG_MAX_MS',
    default: 60_000,
    meaning: 'New orders are refused with 503 while any consumer of the process is further behind the log than this',
  },
} as const satisfies Settings;

export type OrdersConfig = Values<typeof ordersSettings>;

export function deadlinesOf(config: OrdersConfig): Deadlines {
  return {
    CREATED: config.createdDeadlineMs,
    BACKORDERED: config.backorderDeadlineMs,
    RESERVED: config.reservationDeadlineMs,
    PAYMENT_PENDING: config.paymentDeadlineMs,
    payAgain: config.payAgainMs,
    manualPayment: config.manualPaymentDeadlineMs,
    PAID: config.shipmentDeadlineMs,
    READY_FOR_SHIPMENT: config.shipmentDeadlineMs,
    PARTIALLY_SHIPPED: config.shipmentDeadlineMs,
    SHIPPED: config.deliveryDeadlineMs,
    held: config.holdDeadlineMs,
    change: config.changeDeadlineMs,
    returns: config.returnDeadlineMs,
  };
}
