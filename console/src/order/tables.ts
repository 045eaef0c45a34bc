/** What the page of an order has to know of the system's own tables, against which a test holds it. */

/** Events after which an order is in another status; held against the lifecycle by a test. */
export const LEADS_TO: Readonly<Record<string, string>> = {
  OrderCreated: 'CREATED',
  OrderReserved: 'RESERVED',
  OrderRejected: 'REJECTED',
  OrderBackordered: 'BACKORDERED',
  OrderPaymentPending: 'PAYMENT_PENDING',
  OrderPaymentRefused: 'RESERVED',
  OrderPaymentFailed: 'PAYMENT_FAILED',
  OrderPaid: 'PAID',
  OrderReadyForShipment: 'READY_FOR_SHIPMENT',
  OrderPartiallyShipped: 'PARTIALLY_SHIPPED',
  OrderShipped: 'SHIPPED',
  OrderShippingClosed: 'SHIPPED',
  OrderCompleted: 'COMPLETED',
  OrderCancelled: 'CANCELLED',
};

/** Events of an order that its customer gets a message about; held against the templates by a test. */
export const MAILED: ReadonlySet<string> = new Set([
  'OrderCreated',
  'OrderBackordered',
  'OrderRejected',
  'OrderPaymentPending',
  'OrderPaymentRefused',
  'OrderPaid',
  'OrderPaymentFailed',
  'OrderPartiallyShipped',
  'OrderShipped',
  'OrderTrackingCorrected',
  'OrderCompleted',
  'OrderCancelled',
  'OrderChanged',
  'OrderClaimOpened',
  'OrderReturnRequested',
  'OrderReturnReceived',
  'OrderReturnClosed',
  'OrderRefunded',
]);
