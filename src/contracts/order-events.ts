import { type Static, Type } from 'typebox';
import { defineEvent, type EventDefinition } from './envelope.ts';

/**
 * Every event on the topic `order-events`, defined once: type name, source, one-sentence meaning, payload
 * schema and an example. TypeScript types, JSON Schemas, AsyncAPI and the contract tests derive from it.
 * Events are additive: a new optional field is fine, a changed meaning is a new type.
 */

/** Where an event comes from: one source per service. */
export const SOURCES = {
  orders: '/olms/orders',
  inventory: '/olms/inventory',
  payments: '/olms/payments',
  shipping: '/olms/shipping',
  reviews: '/olms/reviews',
  billing: '/olms/billing',
} as const;

const Amount = Type.String({
  pattern: '^-?\\d+(\\.\\d+)?$',
  description: 'Decimal string in the currency of the order',
});
const Id = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });
const Reason = Type.String();

export const Address = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 200 })),
  company: Type.Optional(Type.String({ maxLength: 200 })),
  line1: Type.Optional(Type.String({ maxLength: 300 })),
  line2: Type.Optional(Type.String({ maxLength: 300 })),
  city: Type.Optional(Type.String({ maxLength: 200 })),
  region: Type.Optional(Type.String({ maxLength: 200 })),
  postalCode: Type.Optional(Type.String({ maxLength: 40 })),
  country: Type.Optional(Type.String({ maxLength: 100 })),
});
export type Address = Static<typeof Address>;

export const Contact = Type.Object({
  email: Type.Optional(Type.String({ maxLength: 254, pattern: '^[^\\s@]+@[^\\s@]+$' })),
  phone: Type.Optional(Type.String({ maxLength: 40, pattern: '^[+0-9() ./-]{3,40}$' })),
  pushSubscription: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type Contact = Static<typeof Contact>;

export const OrderItem = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  sku: Type.String(),
  name: Type.Optional(Type.String()),
  quantity: Type.Integer({ minimum: 1 }),
  unitPrice: Amount,
  amount: Amount,
});
export type OrderItem = Static<typeof OrderItem>;

/** A tax, discount or shipping line of an order; a discount's amount is positive and subtracted. */
export const ChargeLine = Type.Object({ name: Type.Optional(Type.String({ maxLength: 200 })), amount: Amount });
export type ChargeLine = Static<typeof ChargeLine>;

export const Allocation = Type.Object({
  sku: Type.String(),
  location: Type.String(),
  quantity: Type.Integer({ minimum: 1 }),
});
export type Allocation = Static<typeof Allocation>;

export const Shortage = Type.Object({
  sku: Type.String(),
  requested: Type.Integer(),
  available: Type.Integer(),
});
export type Shortage = Static<typeof Shortage>;

export const SkuQuantity = Type.Object({ sku: Type.String(), quantity: Type.Integer({ minimum: 1 }) });
export type SkuQuantity = Static<typeof SkuQuantity>;

export const PaymentStatus = Type.Union([
  Type.Literal('NONE'),
  Type.Literal('PENDING'),
  Type.Literal('AUTHORIZED'),
  Type.Literal('CAPTURED'),
  Type.Literal('FAILED'),
  Type.Literal('VOIDED'),
  Type.Literal('PARTIALLY_REFUNDED'),
  Type.Literal('REFUNDED'),
]);
export type PaymentStatus = Static<typeof PaymentStatus>;

const exampleItems: OrderItem[] = [
  { line: 1, sku: 'MUG-1', name: 'Mug', quantity: 2, unitPrice: '9.95', amount: '19.90' },
];
const exampleId = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const exampleTime = '2026-11-22T12:00:00.000Z';
const exampleAllocations: Allocation[] = [{ sku: 'MUG-1', location: 'main', quantity: 2 }];

const orders = SOURCES.orders;
const inventory = SOURCES.inventory;
const payments = SOURCES.payments;
const shipping = SOURCES.shipping;

export const ORDER_EVENTS = {
  // orders -----------------------------------------------------------------------------------------------
  OrderCreated: defineEvent({
    source: orders,
    meaning: 'An order was taken; its content is complete and priced.',
    data: Type.Object({
      customerId: Id,
      currency: Type.String(),
      channel: Type.String(),
      reference: Type.Optional(Type.String()),
      items: Type.Array(OrderItem),
      taxLines: Type.Optional(Type.Array(ChargeLine)),
      discountLines: Type.Optional(Type.Array(ChargeLine)),
      shippingLines: Type.Optional(Type.Array(ChargeLine)),
      totalAmount: Amount,
      shippingAddress: Type.Optional(Address),
      contact: Type.Optional(Contact),
      payment: Type.Object({ provider: Type.String(), token: Type.String() }),
      reviewReasons: Type.Array(Type.String(), {
        description: 'Why the order waits for a manual review; empty: it does not',
      }),
      allowBackorder: Type.Boolean(),
      metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      deadlineAt: Time,
    }),
    example: {
      customerId: exampleId,
      currency: 'EUR',
      channel: 'web',
      items: exampleItems,
      totalAmount: '19.90',
      payment: { provider: 'sandbox', token: 'tok_approve' },
      reviewReasons: [],
      allowBackorder: false,
      deadlineAt: exampleTime,
    },
  }),
  OrderReserved: defineEvent({
    source: orders,
    meaning: 'All lines of the order are reserved.',
    data: Type.Object({ allocations: Type.Array(Allocation), deadlineAt: Time }),
    example: { allocations: exampleAllocations, deadlineAt: exampleTime },
  }),
  OrderBackordered: defineEvent({
    source: orders,
    meaning: 'Stock is short and the order waits for more.',
    data: Type.Object({ shortages: Type.Array(Shortage), deadlineAt: Time }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 0 }], deadlineAt: exampleTime },
  }),
  OrderRejected: defineEvent({
    source: orders,
    meaning: 'Stock is short and the order ended; nothing is reserved, nothing charged.',
    data: Type.Object({ shortages: Type.Array(Shortage) }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 0 }] },
  }),
  OrderPaymentRequested: defineEvent({
    source: orders,
    meaning: 'The order may be charged now: stock is reserved and nothing holds it.',
    data: Type.Object({ provider: Type.String(), token: Type.String(), amount: Amount, currency: Type.String() }),
    example: { provider: 'sandbox', token: 'tok_approve', amount: '19.90', currency: 'EUR' },
  }),
  OrderPaymentPending: defineEvent({
    source: orders,
    meaning: 'The provider has not told the outcome; it is being found out.',
    data: Type.Object({ reason: Reason, deadlineAt: Time }),
    example: { reason: 'timeout', deadlineAt: exampleTime },
  }),
  OrderPaid: defineEvent({
    source: orders,
    meaning: 'The total of the order is secured.',
    data: Type.Object({ paymentStatus: PaymentStatus, deadlineAt: Time }),
    example: { paymentStatus: 'CAPTURED', deadlineAt: exampleTime },
  }),
  OrderPaymentFailed: defineEvent({
    source: orders,
    meaning: 'The payment was definitely refused and the order ended; its stock is to be released.',
    data: Type.Object({ reason: Reason }),
    example: { reason: 'card_declined' },
  }),
  OrderPaymentRecorded: defineEvent({
    source: orders,
    meaning: 'A payment fact became known that moves the payment status but not the order.',
    data: Type.Object({ paymentStatus: PaymentStatus, refundedAmount: Type.Optional(Amount) }),
    example: { paymentStatus: 'REFUNDED', refundedAmount: '19.90' },
  }),
  OrderReadyForShipment: defineEvent({
    source: orders,
    meaning: 'Paid and free of holds: the warehouse may ship these allocations.',
    data: Type.Object({
      allocations: Type.Array(Allocation),
      shippingAddress: Type.Optional(Address),
      deadlineAt: Time,
    }),
    example: { allocations: exampleAllocations, deadlineAt: exampleTime },
  }),
  OrderPartiallyShipped: defineEvent({
    source: orders,
    meaning: 'One of several shipments of the order left the warehouse.',
    data: Type.Object({
      shipmentId: Id,
      carrier: Type.String(),
      trackingNumber: Type.String(),
      items: Type.Array(SkuQuantity),
      deadlineAt: Time,
    }),
    example: {
      shipmentId: exampleId,
      carrier: 'sandbox',
      trackingNumber: 'SB1',
      items: [{ sku: 'MUG-1', quantity: 1 }],
      deadlineAt: exampleTime,
    },
  }),
  OrderShipped: defineEvent({
    source: orders,
    meaning: 'Everything of the order has left the warehouse.',
    data: Type.Object({
      shipmentId: Id,
      carrier: Type.String(),
      trackingNumber: Type.String(),
      items: Type.Array(SkuQuantity),
      deadlineAt: Time,
    }),
    example: {
      shipmentId: exampleId,
      carrier: 'sandbox',
      trackingNumber: 'SB1',
      items: [{ sku: 'MUG-1', quantity: 2 }],
      deadlineAt: exampleTime,
    },
  }),
  OrderDeliveryRecorded: defineEvent({
    source: orders,
    meaning: 'One of several shipments was delivered.',
    data: Type.Object({ shipmentId: Id }),
    example: { shipmentId: exampleId },
  }),
  OrderCompleted: defineEvent({
    source: orders,
    meaning: 'Everything was delivered, or an operator declared the order complete; it is to be invoiced.',
    data: Type.Object({
      customerId: Id,
      currency: Type.String(),
      items: Type.Array(OrderItem),
      taxLines: Type.Optional(Type.Array(ChargeLine)),
      discountLines: Type.Optional(Type.Array(ChargeLine)),
      shippingLines: Type.Optional(Type.Array(ChargeLine)),
      totalAmount: Amount,
      refunds: Type.Optional(
        Type.Array(Type.Object({ refundId: Id, amount: Amount }), { description: 'Carried out before' }),
      ),
      reference: Type.Optional(Type.String()),
      billingAddress: Type.Optional(Address),
    }),
    example: { customerId: exampleId, currency: 'EUR', items: exampleItems, totalAmount: '19.90' },
  }),
  OrderCancellationRequested: defineEvent({
    source: orders,
    meaning: 'The order shall be cancelled if the warehouse can still stop it; shipping decides.',
    data: Type.Object({ reason: Reason, by: Type.String() }),
    example: { reason: 'changed my mind', by: 'customer' },
  }),
  OrderCancellationLapsed: defineEvent({
    source: orders,
    meaning: 'The parcel left before the cancellation reached the warehouse; the order goes on.',
    data: Type.Object({ reason: Reason }),
    example: { reason: 'already dispatched' },
  }),
  OrderCancelled: defineEvent({
    source: orders,
    meaning: 'The order ended before shipment; its stock and money are to be given back.',
    data: Type.Object({ reason: Reason, by: Type.String() }),
    example: { reason: 'changed my mind', by: 'customer' },
  }),
  OrderHeld: defineEvent({
    source: orders,
    meaning: 'A hold pauses the named steps of the order.',
    data: Type.Object({ hold: Type.String(), reason: Reason, by: Type.String(), deadlineAt: Type.Optional(Time) }),
    example: { hold: 'manual', reason: 'address check', by: 'operator' },
  }),
  OrderReleased: defineEvent({
    source: orders,
    meaning: 'A hold was removed.',
    data: Type.Object({ hold: Type.String(), reason: Reason, by: Type.String(), deadlineAt: Type.Optional(Time) }),
    example: { hold: 'manual', reason: 'address confirmed', by: 'operator' },
  }),
  OrderAmended: defineEvent({
    source: orders,
    meaning: 'Address, contact, reference or metadata of the order were changed before shipment.',
    data: Type.Object({
      shippingAddress: Type.Optional(Address),
      contact: Type.Optional(Contact),
      reference: Type.Optional(Type.String()),
      metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
    example: { reference: 'PO-77' },
  }),
  OrderOverdue: defineEvent({
    source: orders,
    meaning: 'A waiting order passed its deadline and needs an operator; it is held under "overdue".',
    data: Type.Object({ status: Type.String(), deadlineAt: Type.Optional(Time) }),
    example: { status: 'READY_FOR_SHIPMENT' },
  }),
  OrderReturnRequested: defineEvent({
    source: orders,
    meaning: 'The customer sends goods back.',
    data: Type.Object({ returnId: Id, items: Type.Array(SkuQuantity), reason: Reason }),
    example: { returnId: exampleId, items: [{ sku: 'MUG-1', quantity: 1 }], reason: 'too small' },
  }),
  OrderReturnReceived: defineEvent({
    source: orders,
    meaning: 'Returned goods arrived and go back into stock.',
    data: Type.Object({ returnId: Id, items: Type.Array(SkuQuantity), location: Type.String() }),
    example: { returnId: exampleId, items: [{ sku: 'MUG-1', quantity: 1 }], location: 'main' },
  }),
  OrderRefundRequested: defineEvent({
    source: orders,
    meaning: 'Money is to be given back; payments carries it out.',
    data: Type.Object({ refundId: Id, amount: Amount, reason: Reason, by: Type.String() }),
    example: { refundId: exampleId, amount: '9.95', reason: 'return', by: 'operator' },
  }),
  OrderRefunded: defineEvent({
    source: orders,
    meaning: 'A requested refund was carried out.',
    data: Type.Object({ refundId: Id, amount: Amount, refundedAmount: Amount, paymentStatus: PaymentStatus }),
    example: { refundId: exampleId, amount: '9.95', refundedAmount: '9.95', paymentStatus: 'PARTIALLY_REFUNDED' },
  }),
  OrderRefundFailed: defineEvent({
    source: orders,
    meaning: 'A requested refund was definitely refused by the provider.',
    data: Type.Object({ refundId: Id, reason: Reason }),
    example: { refundId: exampleId, reason: 'charge_disputed' },
  }),
  // inventory --------------------------------------------------------------------------------------------
  StockReserved: defineEvent({
    source: inventory,
    meaning: 'Every line of the order is reserved at the named locations.',
    data: Type.Object({ allocations: Type.Array(Allocation) }),
    example: { allocations: exampleAllocations },
  }),
  StockRejected: defineEvent({
    source: inventory,
    meaning: 'At least one line is short; nothing is reserved.',
    data: Type.Object({ shortages: Type.Array(Shortage) }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 1 }] },
  }),
  StockBackordered: defineEvent({
    source: inventory,
    meaning: 'At least one line is short; nothing is reserved and the order waits in line for stock.',
    data: Type.Object({ shortages: Type.Array(Shortage) }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 1 }] },
  }),
  StockReleased: defineEvent({
    source: inventory,
    meaning: 'The reservation of the order was given back.',
    data: Type.Object({ allocations: Type.Array(Allocation), reason: Reason }),
    example: { allocations: exampleAllocations, reason: 'OrderCancelled' },
  }),
  StockShipped: defineEvent({
    source: inventory,
    meaning: 'Reserved goods left their location with a parcel.',
    data: Type.Object({ shipmentId: Id, allocations: Type.Array(Allocation) }),
    example: { shipmentId: exampleId, allocations: exampleAllocations },
  }),
  StockReturned: defineEvent({
    source: inventory,
    meaning: 'Returned goods are in stock again.',
    data: Type.Object({ returnId: Id, allocations: Type.Array(Allocation) }),
    example: { returnId: exampleId, allocations: exampleAllocations },
  }),
  // payments ---------------------------------------------------------------------------------------------
  PaymentSucceeded: defineEvent({
    source: payments,
    meaning: 'The provider authorized the total, and captured what `captured` says.',
    data: Type.Object({
      amount: Amount,
      captured: Amount,
      currency: Type.String(),
      provider: Type.String(),
      providerReference: Type.String(),
    }),
    example: { amount: '19.90', captured: '19.90', currency: 'EUR', provider: 'sandbox', providerReference: 'ch_1' },
  }),
  PaymentFailed: defineEvent({
    source: payments,
    meaning: 'The provider definitely refused the payment; no money is held.',
    data: Type.Object({ reason: Reason, provider: Type.String() }),
    example: { reason: 'card_declined', provider: 'sandbox' },
  }),
  PaymentPending: defineEvent({
    source: payments,
    meaning: 'The outcome of the payment is not known yet; reconciliation finds it out.',
    data: Type.Object({ reason: Reason, provider: Type.String() }),
    example: { reason: 'timeout', provider: 'sandbox' },
  }),
  PaymentCaptured: defineEvent({
    source: payments,
    meaning: 'An authorized amount was captured.',
    data: Type.Object({ amount: Amount, captured: Amount }),
    example: { amount: '19.90', captured: '19.90' },
  }),
  PaymentVoided: defineEvent({
    source: payments,
    meaning: 'An authorization was given up without a charge.',
    data: Type.Object({ amount: Amount }),
    example: { amount: '19.90' },
  }),
  PaymentRefunded: defineEvent({
    source: payments,
    meaning: 'A captured amount, or a part of it, was given back.',
    data: Type.Object({ refundId: Id, amount: Amount, captured: Amount, refunded: Amount, currency: Type.String() }),
    example: { refundId: exampleId, amount: '9.95', captured: '19.90', refunded: '9.95', currency: 'EUR' },
  }),
  PaymentRefundFailed: defineEvent({
    source: payments,
    meaning: 'The provider definitely refused a refund.',
    data: Type.Object({ refundId: Id, reason: Reason }),
    example: { refundId: exampleId, reason: 'charge_disputed' },
  }),
  // shipping ---------------------------------------------------------------------------------------------
  ShipmentScheduled: defineEvent({
    source: shipping,
    meaning: 'A parcel is to be packed at a location.',
    data: Type.Object({ shipmentId: Id, location: Type.String(), items: Type.Array(SkuQuantity) }),
    example: { shipmentId: exampleId, location: 'main', items: [{ sku: 'MUG-1', quantity: 2 }] },
  }),
  ShipmentDispatched: defineEvent({
    source: shipping,
    meaning: 'A parcel left its location; `last` tells that nothing of the order remains there.',
    data: Type.Object({
      shipmentId: Id,
      location: Type.String(),
      items: Type.Array(SkuQuantity),
      carrier: Type.String(),
      trackingNumber: Type.String(),
      last: Type.Boolean(),
    }),
    example: {
      shipmentId: exampleId,
      location: 'main',
      items: [{ sku: 'MUG-1', quantity: 2 }],
      carrier: 'sandbox',
      trackingNumber: 'SB1',
      last: true,
    },
  }),
  ShipmentDelivered: defineEvent({
    source: shipping,
    meaning: 'A parcel reached the customer; `last` tells that all parcels of the order have.',
    data: Type.Object({ shipmentId: Id, last: Type.Boolean() }),
    example: { shipmentId: exampleId, last: true },
  }),
  ShipmentCancelled: defineEvent({
    source: shipping,
    meaning: 'All parcels of the order were stopped before any left.',
    data: Type.Object({ shipmentIds: Type.Array(Id) }),
    example: { shipmentIds: [exampleId] },
  }),
  // reviews ----------------------------------------------------------------------------------------------
  OrderOnHold: defineEvent({
    source: SOURCES.reviews,
    meaning: 'A manual review of the order was opened; it is not charged before the review is approved.',
    data: Type.Object({ reviewId: Id, reasons: Type.Array(Type.String()), deadlineAt: Time }),
    example: { reviewId: exampleId, reasons: ['requested'], deadlineAt: exampleTime },
  }),
  ReviewApproved: defineEvent({
    source: SOURCES.reviews,
    meaning: 'The review allows the order to go on.',
    data: Type.Object({ reviewId: Id, reason: Reason, by: Type.String() }),
    example: { reviewId: exampleId, reason: 'known customer', by: 'operator' },
  }),
  ReviewRejected: defineEvent({
    source: SOURCES.reviews,
    meaning: 'The review ends the order.',
    data: Type.Object({ reviewId: Id, reason: Reason, by: Type.String() }),
    example: { reviewId: exampleId, reason: 'fraud', by: 'operator' },
  }),
  // billing ----------------------------------------------------------------------------------------------
  InvoiceIssued: defineEvent({
    source: SOURCES.billing,
    meaning: 'The invoice of a completed order got its number.',
    data: Type.Object({ invoiceNumber: Type.String(), totalAmount: Amount, currency: Type.String() }),
    example: { invoiceNumber: 'INV-00000001', totalAmount: '19.90', currency: 'EUR' },
  }),
  CreditNoteIssued: defineEvent({
    source: SOURCES.billing,
    meaning: 'A refund after the invoice was credited.',
    data: Type.Object({
      creditNoteNumber: Type.String(),
      invoiceNumber: Type.String(),
      amount: Amount,
      currency: Type.String(),
    }),
    example: { creditNoteNumber: 'CRN-00000001', invoiceNumber: 'INV-00000001', amount: '9.95', currency: 'EUR' },
  }),
} as const satisfies Record<string, EventDefinition>;

export type EventType = keyof typeof ORDER_EVENTS;
export type EventData<T extends EventType> = Static<(typeof ORDER_EVENTS)[T]['data']>;

/** A new event as the rules return it; the platform adds id, sequence, time and causation. */
export type NewEvent<T extends EventType = EventType> = {
  [K in T]: { readonly type: K; readonly data: EventData<K> };
}[T];

/** A recorded event, discriminated by type. */
export type OrderEvent<T extends EventType = EventType> = {
  [K in T]: import('./envelope.ts').Envelope<EventData<K>> & { readonly type: K };
}[T];
