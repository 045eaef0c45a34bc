export const status = {
  CREATED: 'New',
  BACKORDERED: 'Backordered',
  RESERVED: 'Reserved',
  PAYMENT_PENDING: 'Payment pending',
  PAID: 'Paid',
  READY_FOR_SHIPMENT: 'With the warehouse',
  PARTIALLY_SHIPPED: 'Partly shipped',
  SHIPPED: 'Shipped',
  COMPLETED: 'Completed',
  REJECTED: 'Rejected',
  PAYMENT_FAILED: 'Payment failed',
  CANCELLED: 'Cancelled',
} as Readonly<Record<string, string>>;

export const paymentStatus = {
  NONE: 'No payment',
  PENDING: 'Pending',
  REQUIRES_ACTION: 'Customer must confirm',
  AUTHORIZED: 'Authorized',
  CAPTURED: 'Captured',
  FAILED: 'Failed',
  VOIDED: 'Voided',
  PARTIALLY_REFUNDED: 'Partly refunded',
  REFUNDED: 'Refunded',
} as Readonly<Record<string, string>>;

/** Of shipments and returns in lists. */
export const partStatus = {
  UNFULFILLED: 'Nothing yet',
  SCHEDULED: 'Scheduled',
  PARTIALLY_SHIPPED: 'Partly shipped',
  SHIPPED: 'Shipped',
  DELIVERED: 'Delivered',
  CANCELLED: 'Cancelled',
  REQUESTED: 'Requested',
  RECEIVED: 'Received',
  NONE: '',
} as Readonly<Record<string, string>>;
