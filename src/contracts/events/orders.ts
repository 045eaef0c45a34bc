import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import {
  AMOUNT_PATTERN,
  Actor,
  Address,
  Allocation,
  Amount,
  ChargeLine,
  Contact,
  CustomerId,
  CustomerMessage,
  Id,
  LinePart,
  Locale,
  OrderItem,
  Origin,
  ParcelFailure,
  PaymentStatus,
  PricesIncludeTax,
  Reason,
  ReceivedPieces,
  Replaced,
  ReturnedLine,
  SOURCES,
  Shortage,
  SkuQuantity,
  Time,
  TrackingUrl,
  exampleAllocations,
  exampleId,
  exampleItems,
  exampleTime,
} from './vocabulary.ts';
import { ORDER_PAYMENT_EVENTS } from './order-payments.ts';
import { RefundedLines, Sale } from './sale.ts';

const source = SOURCES.orders;

const AmountToCapture = Type.String({
  pattern: AMOUNT_PATTERN,
  description: 'To be captured with this dispatch, where the payment was only authorized',
});
const Uninvoiced = Type.Boolean({ description: 'True: for what no invoice is over, so no credit note either' });

/** What the orders service emits. */
export const ORDERS_EVENTS = {
  OrderCreated: defineEvent({
    source,
    meaning: 'An order was taken; its content is complete and priced.',
    data: Type.Object({
      customerId: Type.Optional(CustomerId),
      currency: Type.String(),
      channel: Type.String(),
      reference: Type.Optional(Type.String()),
      number: Type.Optional(Type.String({ description: 'What people call the order, such as `K7M4-92QX-F`' })),
      items: Type.Array(OrderItem),
      taxLines: Type.Optional(Type.Array(ChargeLine)),
      discountLines: Type.Optional(Type.Array(ChargeLine)),
      shippingLines: Type.Optional(Type.Array(ChargeLine)),
      pricesIncludeTax: Type.Optional(PricesIncludeTax),
      totalAmount: Amount,
      shippingAddress: Type.Optional(Address),
      billingAddress: Type.Optional(Address),
      locale: Type.Optional(Locale),
      contact: Type.Optional(Contact),
      payment: Type.Object({ provider: Type.String(), token: Type.String() }),
      reviewReasons: Type.Array(Type.String(), {
        description: 'Why the order waits for a manual review; empty: it does not',
      }),
      review: Type.Optional(
        Type.Object(
          { reviewId: Id, deadlineAt: Time },
          { description: 'The review that it waits for, and when that ends by itself' },
        ),
      ),
      allowBackorder: Type.Boolean(),
      metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      deadlineAt: Time,
      origin: Type.Optional(Origin),
      replaces: Type.Optional(Replaced),
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
    source,
    meaning: 'All lines of the order are reserved.',
    data: Type.Object({ allocations: Type.Array(Allocation), deadlineAt: Time }),
    example: { allocations: exampleAllocations, deadlineAt: exampleTime },
  }),
  OrderBackordered: defineEvent({
    source,
    meaning: 'Stock is short and the order waits for more.',
    data: Type.Object({ shortages: Type.Array(Shortage), deadlineAt: Time }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 0 }], deadlineAt: exampleTime },
  }),
  OrderRejected: defineEvent({
    source,
    meaning: 'Stock is short and the order ended; nothing is reserved, nothing charged.',
    data: Type.Object({ shortages: Type.Array(Shortage) }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 0 }] },
  }),
  ...ORDER_PAYMENT_EVENTS,
  OrderReadyForShipment: defineEvent({
    source,
    meaning: 'Paid and free of holds: the warehouse may ship these allocations.',
    data: Type.Object({
      allocations: Type.Array(Allocation),
      shippingAddress: Type.Optional(Address),
      deadlineAt: Time,
    }),
    example: { allocations: exampleAllocations, deadlineAt: exampleTime },
  }),
  OrderPartiallyShipped: defineEvent({
    source,
    meaning: 'One of several shipments of the order left the warehouse.',
    data: Type.Object({
      shipmentId: Id,
      carrier: Type.String(),
      trackingNumber: Type.String(),
      trackingUrl: Type.Optional(TrackingUrl),
      items: Type.Array(SkuQuantity),
      amount: Type.Optional(AmountToCapture),
      deadlineAt: Time,
      by: Type.Optional(Actor),
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
    source,
    meaning: 'Everything of the order has left the warehouse.',
    data: Type.Object({
      shipmentId: Id,
      carrier: Type.String(),
      trackingNumber: Type.String(),
      trackingUrl: Type.Optional(TrackingUrl),
      items: Type.Array(SkuQuantity),
      amount: Type.Optional(AmountToCapture),
      deadlineAt: Time,
      by: Type.Optional(Actor),
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
    source,
    meaning: 'One of several shipments was delivered.',
    data: Type.Object({ shipmentId: Id, by: Type.Optional(Actor) }),
    example: { shipmentId: exampleId },
  }),
  OrderPartSold: defineEvent({
    source,
    meaning: 'A part of the order is to be invoiced by itself: what left with a parcel, the first with the shipping.',
    data: Type.Object({
      ...Sale,
      shipmentId: Type.Optional(
        Type.String({ format: 'uuid', description: 'Absent: what was left to invoice when the order was completed' }),
      ),
    }),
    example: {
      shipmentId: exampleId,
      customerId: exampleId,
      currency: 'EUR',
      items: exampleItems,
      totalAmount: '19.90',
    },
  }),
  OrderCompleted: defineEvent({
    source,
    meaning:
      'Everything was delivered, or an operator declared the order complete; it is to be invoiced, where its parcels were not.',
    data: Type.Object({
      ...Sale,
      undelivered: Type.Optional(
        Type.Array(Type.Object({ shipmentId: Id, kind: ParcelFailure }), {
          description: 'Parcels that did not arrive and were settled otherwise',
        }),
      ),
      replaces: Type.Optional(Replaced),
      by: Type.Optional(Actor),
    }),
    example: { customerId: exampleId, currency: 'EUR', items: exampleItems, totalAmount: '19.90' },
  }),
  OrderCancellationRequested: defineEvent({
    source,
    meaning: 'The order shall be cancelled if the warehouse can still stop it; shipping decides.',
    data: Type.Object({
      reason: Reason,
      by: Type.String(),
      customerMessage: Type.Optional(CustomerMessage),
      rest: Type.Optional(Type.Boolean({ description: 'Where not everything can be stopped, what still can' })),
    }),
    example: { reason: 'changed my mind', by: 'customer' },
  }),
  OrderCancellationLapsed: defineEvent({
    source,
    meaning: 'The parcel left before the cancellation reached the warehouse; the order goes on.',
    data: Type.Object({ reason: Reason }),
    example: { reason: 'already dispatched' },
  }),
  OrderCancelled: defineEvent({
    source,
    meaning: 'The order ended before shipment; its stock and money are to be given back.',
    data: Type.Object({ reason: Reason, by: Type.String(), customerMessage: Type.Optional(CustomerMessage) }),
    example: { reason: 'changed my mind', by: 'customer' },
  }),
  OrderHeld: defineEvent({
    source,
    meaning: 'A hold pauses the named steps of the order.',
    data: Type.Object({ hold: Type.String(), reason: Reason, by: Type.String(), deadlineAt: Type.Optional(Time) }),
    example: { hold: 'manual', reason: 'address check', by: 'operator' },
  }),
  OrderReleased: defineEvent({
    source,
    meaning: 'A hold was removed.',
    data: Type.Object({ hold: Type.String(), reason: Reason, by: Type.String(), deadlineAt: Type.Optional(Time) }),
    example: { hold: 'manual', reason: 'address confirmed', by: 'operator' },
  }),
  OrderAmended: defineEvent({
    source,
    meaning: 'Address, contact, reference or metadata of the order were changed before shipment.',
    data: Type.Object({
      shippingAddress: Type.Optional(Address),
      contact: Type.Optional(Contact),
      reference: Type.Optional(Type.String()),
      metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
      removed: Type.Optional(
        Type.Array(Type.String(), { description: 'Which of these the order has no longer; others are as given' }),
      ),
      by: Type.Optional(Actor),
    }),
    example: { reference: 'PO-77' },
  }),
  OrderOverdue: defineEvent({
    source,
    meaning: 'A waiting order passed its deadline and needs an operator; it is held under "overdue".',
    data: Type.Object({ status: Type.String(), deadlineAt: Type.Optional(Time) }),
    example: { status: 'READY_FOR_SHIPMENT' },
  }),
  OrderReturnRequested: defineEvent({
    source,
    meaning: 'The customer sends goods back.',
    data: Type.Object({
      returnId: Id,
      items: Type.Array(SkuQuantity),
      lines: Type.Optional(Type.Array(ReturnedLine, { description: 'The same pieces by line' })),
      reason: Reason,
      by: Type.Optional(Actor),
      deadlineAt: Type.Optional(
        Type.String({ format: 'date-time', description: 'When it is closed, whatever has come by then' }),
      ),
    }),
    example: { returnId: exampleId, items: [{ sku: 'MUG-1', quantity: 1 }], reason: 'too small' },
  }),
  OrderReturnReceived: defineEvent({
    source,
    meaning: 'Returned goods arrived, all or some; `items` go back into stock.',
    data: Type.Object({
      returnId: Id,
      items: Type.Array(SkuQuantity),
      location: Type.String(),
      received: Type.Optional(
        Type.Array(ReceivedPieces, { description: 'All that arrived, and what was found to be missing' }),
      ),
      shelved: Type.Optional(
        Type.Array(Allocation, { description: 'Where the items go back, if not all to `location`' }),
      ),
      credited: Type.Optional(
        Type.Array(LinePart, { description: 'What came back and what it is worth, shipping with the last piece' }),
      ),
      elsewhere: Type.Optional(
        Type.Boolean({ description: 'True: another system had shipped them, so nothing was set aside for them here' }),
      ),
      by: Type.Optional(Actor),
    }),
    example: { returnId: exampleId, items: [{ sku: 'MUG-1', quantity: 1 }], location: 'main' },
  }),
  OrderRefundRequested: defineEvent({
    source,
    meaning: 'Money is to be given back; payments carries it out.',
    data: Type.Object({
      refundId: Id,
      amount: Amount,
      reason: Reason,
      by: Type.String(),
      cause: Type.Optional(
        Type.Literal('owed', { description: 'It pays what was credited or cancelled before; absent: a person asked' }),
      ),
      credited: Type.Optional(
        Type.Array(LinePart, { description: 'What it credits itself; the rest of it pays what was owed' }),
      ),
      uninvoiced: Type.Optional(Uninvoiced),
      atProvider: Type.Optional(
        Type.Boolean({ description: 'True: the money has gone back already, at the provider or by a dispute' }),
      ),
      reasonCode: Type.Optional(Type.String()),
      customerMessage: Type.Optional(CustomerMessage),
    }),
    example: { refundId: exampleId, amount: '9.95', reason: 'return', by: 'operator' },
  }),
  OrderRefunded: defineEvent({
    source,
    meaning: 'A requested refund was carried out.',
    data: Type.Object({
      refundId: Id,
      amount: Amount,
      refundedAmount: Amount,
      paymentStatus: PaymentStatus,
      lines: Type.Optional(RefundedLines),
      uninvoiced: Type.Optional(Uninvoiced),
      customerMessage: Type.Optional(CustomerMessage),
    }),
    example: { refundId: exampleId, amount: '9.95', refundedAmount: '9.95', paymentStatus: 'PARTIALLY_REFUNDED' },
  }),
  OrderRefundFailed: defineEvent({
    source,
    meaning:
      'A requested refund was definitely refused by the provider; with `returned`: it was done, its money came back, and it is to be done once more.',
    data: Type.Object({
      refundId: Id,
      reason: Reason,
      returned: Type.Optional(Type.Object({ refundedAmount: Amount, paymentStatus: PaymentStatus })),
    }),
    example: { refundId: exampleId, reason: 'charge_disputed' },
  }),
} as const satisfies Record<string, EventDefinition>;
