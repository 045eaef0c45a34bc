/** The order that the description of the API shows: ready for shipment, two mugs. */

export const EXAMPLE_ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';

export const EXAMPLE_ORDER = {
  id: EXAMPLE_ID,
  number: 'K7M4-92QX-F',
  status: 'READY_FOR_SHIPMENT',
  paymentStatus: 'CAPTURED',
  fulfillmentStatus: 'SCHEDULED',
  returnStatus: 'NONE',
  holds: [],
  totalAmount: '19.90',
  currency: 'EUR',
  customerId: EXAMPLE_ID,
  channel: 'web',
  itemCount: 1,
  version: 5,
  createdAt: '2026-11-22T12:00:00.000Z',
  updatedAt: '2026-11-22T12:00:01.250Z',
  items: [
    {
      line: 1,
      sku: 'MUG-1',
      name: 'Mug',
      quantity: 2,
      unitPrice: '9.95',
      amount: '19.90',
      allowed: { cancel: 2, return: 0 },
    },
  ],
  taxLines: [],
  discountLines: [],
  shippingLines: [],
  capturedAmount: '19.90',
  refundedAmount: '0.00',
  contact: { email: 'ada@example.com' },
  payment: { provider: 'sandbox' },
  requiresReview: false,
  reviewReasons: [],
  allowBackorder: false,
  metadata: {},
  allocations: [{ sku: 'MUG-1', location: 'main', quantity: 2 }],
  shipments: [],
  returns: [],
  refunds: [],
  deadlineAt: '2026-11-29T12:00:01.250Z',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  allowedActions: ['cancel', 'cancelItems', 'hold', 'amend', 'requestRefund'],
  refusedActions: {
    release: { code: 'HOLD_NOT_FOUND', reason: 'The order has no hold.' },
    complete: {
      code: 'ACTION_NOT_ALLOWED',
      reason: '"complete" is not possible while the order is READY_FOR_SHIPMENT.',
    },
    openClaim: {
      code: 'ACTION_NOT_ALLOWED',
      reason: '"openClaim" is not possible while the order is READY_FOR_SHIPMENT.',
    },
    requestReturn: {
      code: 'ACTION_NOT_ALLOWED',
      reason: '"requestReturn" is not possible while the order is READY_FOR_SHIPMENT.',
    },
    closeReturn: {
      code: 'ACTION_NOT_ALLOWED',
      reason: '"closeReturn" is not possible while the order is READY_FOR_SHIPMENT.',
    },
    receiveReturn: {
      code: 'ACTION_NOT_ALLOWED',
      reason: '"receiveReturn" is not possible while the order is READY_FOR_SHIPMENT.',
    },
  },
};

/** A set of orders that ended elsewhere. */
export const EXAMPLE_IMPORT = {
  source: 'old-shop',
  as: 'history',
  orders: [
    {
      number: '1001',
      createdAt: '2025-12-01T08:26:00Z',
      status: 'COMPLETED',
      customerId: EXAMPLE_ID,
      currency: 'EUR',
      items: [{ sku: 'MUG-1', quantity: 2, unitPrice: '9.95' }],
    },
  ],
};
