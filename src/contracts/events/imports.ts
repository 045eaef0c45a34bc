import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import {
  Address,
  Amount,
  ChargeLine,
  Contact,
  CustomerId,
  Id,
  Locale,
  OrderItem,
  Origin,
  PaymentStatus,
  PricesIncludeTax,
  Reason,
  SOURCES,
  exampleId,
  exampleItems,
} from './vocabulary.ts';

const source = SOURCES.orders;

/** What the orders service emits about orders that other systems took. */
export const IMPORT_EVENTS = {
  OrderImported: defineEvent({
    source,
    meaning:
      'An order that ended in another system was recorded, with what became of it there; nothing is to be done about it.',
    data: Type.Object({
      origin: Origin,
      status: Type.String({ enum: ['COMPLETED', 'CANCELLED', 'PAYMENT_FAILED'] }),
      paymentStatus: PaymentStatus,
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
      paidAmount: Amount,
      refundedAmount: Amount,
      refunds: Type.Array(Type.Object({ refundId: Id, amount: Amount, reason: Reason })),
      endReason: Type.Optional(Reason),
      shipmentId: Type.Optional(
        Type.String({ format: 'uuid', description: 'The parcel that stands for all that reached the customer there' }),
      ),
      shippingAddress: Type.Optional(Address),
      billingAddress: Type.Optional(Address),
      locale: Type.Optional(Locale),
      contact: Type.Optional(Contact),
      metadata: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    }),
    example: {
      origin: { kind: 'import', source: 'old-shop', number: '1001' },
      status: 'COMPLETED',
      paymentStatus: 'PARTIALLY_REFUNDED',
      customerId: exampleId,
      currency: 'EUR',
      channel: 'old-shop',
      reference: '1001',
      items: exampleItems,
      totalAmount: '19.90',
      paidAmount: '19.90',
      refundedAmount: '9.95',
      refunds: [{ refundId: exampleId, amount: '9.95', reason: 'refunded in old-shop' }],
    },
  }),
} as const satisfies Record<string, EventDefinition>;
