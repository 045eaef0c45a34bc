import { type Static, Type } from 'typebox';

/** What events of several services are made of. */

/** Where an event comes from: one source per service. */
export const SOURCES = {
  orders: '/olms/orders',
  inventory: '/olms/inventory',
  payments: '/olms/payments',
  shipping: '/olms/shipping',
  reviews: '/olms/reviews',
  billing: '/olms/billing',
} as const;

export const AMOUNT_PATTERN = '^-?\\d+(\\.\\d+)?$';
export const Amount = Type.String({
  pattern: AMOUNT_PATTERN,
  description: 'Decimal string in the currency of the order',
});
export const Id = Type.String({ format: 'uuid' });
export const Time = Type.String({ format: 'date-time' });
export const Reason = Type.String();
export const Actor = Type.String({
  description: 'Who did it: the name of an API key, a service, a carrier or the timer',
});
export const CustomerId = Type.String({ maxLength: 100, description: 'As the channel names its customer' });
export const CustomerMessage = Type.String({
  maxLength: 500,
  description: 'Written for the customer, who reads nothing else of what was said about it',
});

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
  phone: Type.Optional(Type.String({ maxLength: 100, description: 'As the customer gave it, an extension included' })),
  pushSubscription: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type Contact = Static<typeof Contact>;

/**
 * The tax of a line that names its rate. The lines of an order and of its shipping all have one, or none has: then the tax
 * of the order is amounts on top of all (`taxLines`).
 */
const lineTax = {
  taxRate: Type.Optional(Type.String({ pattern: '^\\d{1,3}(\\.\\d{1,4})?$', description: 'Percent, such as `19`' })),
  taxExemption: Type.Optional(
    Type.String({
      maxLength: 200,
      description: 'Why no tax is charged, as the invoice says it; with the rate 0 alone',
    }),
  ),
  discount: Type.Optional(
    Type.String({ pattern: AMOUNT_PATTERN, description: 'Its share of the discounts of the order, not yet taken off' }),
  ),
  tax: Type.Optional(
    Type.String({
      pattern: AMOUNT_PATTERN,
      description: 'By the rate: on top of the amount less the discount, or inside it where `pricesIncludeTax`',
    }),
  ),
};

export const OrderItem = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  sku: Type.String(),
  name: Type.Optional(Type.String()),
  quantity: Type.Integer({ minimum: 1 }),
  unitPrice: Amount,
  amount: Amount,
  ...lineTax,
});
export type OrderItem = Static<typeof OrderItem>;

/**
 * A tax, discount or shipping line of an order; a discount's amount is positive and subtracted. A shipping line is taxed
 * as goods are; a tax line that was computed says by which rate.
 */
export const ChargeLine = Type.Object({
  name: Type.Optional(Type.String({ maxLength: 200 })),
  amount: Amount,
  ...lineTax,
});
export type ChargeLine = Static<typeof ChargeLine>;

export const PricesIncludeTax = Type.Boolean({ description: 'True: prices and charges have the tax in them' });
export const Locale = Type.String({
  maxLength: 35,
  description: 'The language of the customer (BCP 47), such as `de-AT`',
});

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

/** Pieces of a line of the order, and why they come back. */
export const ReturnedLine = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  quantity: Type.Integer({ minimum: 1 }),
  reasonCode: Type.Optional(Type.String()),
});
export type ReturnedLine = Static<typeof ReturnedLine>;

/** Pieces of a line that came back, how they were found, and what becomes of them; missing ones did not come. */
export const ReceivedPieces = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  sku: Type.String(),
  quantity: Type.Integer({ minimum: 1 }),
  condition: Type.Union([
    Type.Literal('sellable'),
    Type.Literal('damaged'),
    Type.Literal('unchecked'),
    Type.Literal('missing'),
  ]),
  disposition: Type.Optional(Type.Union([Type.Literal('restock'), Type.Literal('hold'), Type.Literal('scrap')])),
});
export type ReceivedPieces = Static<typeof ReceivedPieces>;

/** A part of an item line (`line`) or of a shipping line (`shipping`), what it is worth to the customer, and the tax in it where there is any. */
export const LinePart = Type.Object({
  line: Type.Optional(Type.Integer({ minimum: 1, description: 'Number of the item line' })),
  shipping: Type.Optional(Type.Integer({ minimum: 1, description: 'Number of the shipping line, from 1' })),
  quantity: Type.Optional(Type.Integer({ minimum: 1, description: 'Pieces; absent where only money moves' })),
  amount: Amount,
  tax: Type.Optional(Amount),
  waived: Type.Optional(Type.Boolean({ description: 'True: came back without a refund' })),
});
export type LinePart = Static<typeof LinePart>;

/** What went wrong with a parcel that has left. */
export const ParcelFailure = Type.Union([
  Type.Literal('lost'),
  Type.Literal('damaged'),
  Type.Literal('returned_to_sender'),
]);
export type ParcelFailure = Static<typeof ParcelFailure>;

/** Pieces of a line of the order. */
export const LineQuantity = Type.Object({
  line: Type.Integer({ minimum: 1 }),
  sku: Type.String(),
  quantity: Type.Integer({ minimum: 1 }),
});
export type LineQuantity = Static<typeof LineQuantity>;

/** Pieces of a line with what they are worth: `amount` with tax, `tax` of it. */
export const LineValue = Type.Object({ ...LineQuantity.properties, amount: Amount, tax: Type.Optional(Amount) });
export type LineValue = Static<typeof LineValue>;

export const PaymentStatus = Type.Union([
  Type.Literal('NONE'),
  Type.Literal('PENDING'),
  Type.Literal('REQUIRES_ACTION'),
  Type.Literal('AUTHORIZED'),
  Type.Literal('CAPTURED'),
  Type.Literal('FAILED'),
  Type.Literal('VOIDED'),
  Type.Literal('PARTIALLY_REFUNDED'),
  Type.Literal('REFUNDED'),
]);
export type PaymentStatus = Static<typeof PaymentStatus>;

/** Name of the payment provider of orders that were paid in another system: it takes no calls, people act for it. */
export const EXTERNAL = 'external';

/** Where an order comes from that another system took. */
export const Origin = Type.Object({
  kind: Type.Literal('import'),
  source: Type.String({ description: 'The other system, as whoever imported it called it' }),
  number: Type.String({ description: 'The number of the order there' }),
});
export type Origin = Static<typeof Origin>;

/** The order of which another one sends again what did not arrive. */
export const Replaced = Type.String({
  format: 'uuid',
  description: 'The order of which it sends again what did not arrive',
});

export const exampleItems: OrderItem[] = [
  { line: 1, sku: 'MUG-1', name: 'Mug', quantity: 2, unitPrice: '9.95', amount: '19.90' },
];
export const exampleId = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
export const exampleTime = '2026-11-22T12:00:00.000Z';
export const exampleAllocations: Allocation[] = [{ sku: 'MUG-1', location: 'main', quantity: 2 }];

/** What carriers say of a parcel. */
export const TrackingStatus = Type.Union([
  Type.Literal('dispatched'),
  Type.Literal('in_transit'),
  Type.Literal('out_for_delivery'),
  Type.Literal('delivered'),
  Type.Literal('exception'),
  Type.Literal('lost'),
  Type.Literal('returned_to_sender'),
]);
export type TrackingStatus = Static<typeof TrackingStatus>;
export const TRACKING_STATUSES: readonly TrackingStatus[] = TrackingStatus.anyOf.map((one) => one.const);
export const TrackingUrl = Type.String({ description: 'Page of the carrier on which the parcel is followed' });
