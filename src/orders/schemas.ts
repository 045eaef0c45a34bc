import { type TProperties, type TSchema, Type } from 'typebox';
import { CloudEvent } from '#contracts/envelope.ts';
import { ERRORS } from '#contracts/errors.ts';
import {
  Address,
  Allocation,
  ChargeLine,
  Contact,
  ParcelFailure,
  PaymentStatus,
  Shortage,
  SkuQuantity,
  TrackingUrl,
} from '#contracts/order-events.ts';
import { Sku } from '#contracts/catalog.ts';
import {
  Amount,
  Currency,
  CustomerMessage,
  Id,
  IdText,
  PageOf,
  pageParameters,
  Reason,
  strict,
  Text,
  Time,
  TimeText,
  UntilText,
  AddressInput,
} from '#platform/http/schemas.ts';
import { Several } from '#platform/http/several.ts';
import { EXAMPLE_ID, EXAMPLE_ORDER } from './example-order.ts';
import {
  ChangeView,
  Charges,
  ClaimView,
  Decimal,
  ITEMS_MAX,
  ItemView,
  lineTax,
  OriginView,
  QUANTITY_MAX,
  ReturnView,
  ShippingCharges,
} from './goods-schemas.ts';
import { METADATA_MAX } from './rules/amend.ts';
import { ACTIONS, STATUSES } from './rules/lifecycle.ts';
import { DisputesView, NextActionView, PayAgainUntil, PaymentGiven } from './payment-schemas.ts';
import { RefundView } from './refund-schemas.ts';
import { PARKED_ACTIONS, ParkedView } from './parked.ts';
import { FULFILLMENT_STATUSES } from './rules/state.ts';
import { TAX_ROUNDINGS } from './rules/taxes.ts';

/** Schemas of the orders API: what is asked, and what is answered. */

// What is asked ------------------------------------------------------------------------------------------------

/** Whatever a channel names its customer by, on one line. */
const CustomerId = Text(100, {
  minLength: 1,
  pattern: '^[^\\u0000-\\u001f\\u007f]*[^\\s\\u0000-\\u001f\\u007f][^\\u0000-\\u001f\\u007f]*$',
  description: 'As the channel names its customer; none: a guest',
});
const PHONE = '^[^\\u0000-\\u001f\\u007f]*[0-9][^\\u0000-\\u001f\\u007f]*$';
const Reference = Text(100, { minLength: 1, pattern: '^[^\\u0000-\\u001f]+$' });

const StrictContact = Type.Object(
  {
    ...Contact.properties,
    phone: Type.Optional(Text(100, { pattern: PHONE, description: 'As the customer gives it, an extension included' })),
    email: Type.Optional(Text(254, { pattern: '^[^\\s@\\u0000]+@[^\\s@\\u0000]+$' })),
  },
  { ...strict, title: 'ContactInput' },
);
export const Metadata = Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), { maxProperties: METADATA_MAX });
const itemFields = {
  name: Type.Optional(Text(300)),
  quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }),
  unitPrice: Decimal,
  ...lineTax,
};

/** An item names its product by `sku` or by `productId`. */
const Item = Type.Object(
  { sku: Type.Optional(Sku), productId: Type.Optional(IdText), ...itemFields },
  { ...strict, anyOf: [{ required: ['sku'] }, { required: ['productId'] }] },
);

export const PlaceOrder = Type.Object(
  {
    customerId: Type.Optional(CustomerId),
    currency: Currency,
    channel: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' })),
    reference: Type.Optional(Reference),
    items: Type.Array(Item, { minItems: 1, maxItems: ITEMS_MAX }),
    taxLines: Type.Optional(Charges),
    discountLines: Type.Optional(Charges),
    shippingLines: Type.Optional(ShippingCharges),
    pricesIncludeTax: Type.Optional(
      Type.Boolean({ description: 'True: prices, charges and discounts have the tax of `taxRate` in them' }),
    ),
    taxRounding: Type.Optional(
      Type.String({
        enum: [...TAX_ROUNDINGS],
        description: 'Where the tax of `taxRate` is rounded: once per line (default), or once per rate',
      }),
    ),
    totalAmount: Type.Optional(Decimal),
    shippingAddress: Type.Optional(AddressInput),
    billingAddress: Type.Optional(AddressInput),
    locale: Type.Optional(
      Text(35, {
        pattern: '^[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*$',
        description: 'The language of the customer (BCP 47), such as `de-AT`; mails and documents are in it',
      }),
    ),
    contact: Type.Optional(StrictContact),
    payment: PaymentGiven,
    requiresReview: Type.Optional(Type.Boolean()),
    allowBackorder: Type.Optional(Type.Boolean()),
    metadata: Type.Optional(Metadata),
  },
  {
    ...strict,
    title: 'PlaceOrder',
    examples: [
      {
        customerId: EXAMPLE_ID,
        currency: 'EUR',
        channel: 'web',
        items: [{ sku: 'MUG-1', quantity: 2, unitPrice: '9.95' }],
        shippingAddress: { name: 'Ada Lovelace', line1: '12 St James’s Square', city: 'London', country: 'GB' },
        contact: { email: 'ada@example.com' },
        payment: { token: 'tok_approve' },
      },
    ],
  },
);

const HoldType = Type.String({ minLength: 1, maxLength: 50, pattern: '^[a-z0-9_-]+$' });

export const CancelOrder = Type.Object(
  { reason: Type.Optional(Reason), customerMessage: Type.Optional(CustomerMessage) },
  strict,
);
export const HoldOrder = Type.Object({ type: Type.Optional(HoldType), reason: Reason }, strict);
export const ReleaseOrder = Type.Object({ type: Type.Optional(HoldType), reason: Type.Optional(Reason) }, strict);
export const CompleteOrder = Type.Object({}, strict);

/** What a merge patch may hold in the place of a field: null takes it away. */
function OrNull<Field extends TSchema>(field: Field) {
  return Type.Optional(Type.Union([field, Type.Null()]));
}
/** An object as a merge patch changes it: each field given, or null. */
function PatchOf<Fields extends TProperties>(fields: Fields, title: string) {
  const patched = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, OrNull(field)]));
  return Type.Object(patched as { [Name in keyof Fields]: ReturnType<typeof OrNull<Fields[Name]>> }, {
    ...strict,
    title,
  });
}

export const AmendOrder = Type.Object(
  {
    shippingAddress: OrNull(PatchOf(AddressInput.properties, 'AddressPatch')),
    contact: OrNull(PatchOf(StrictContact.properties, 'ContactPatch')),
    reference: OrNull(Reference),
    metadata: OrNull(Metadata),
  },
  { ...strict, minProperties: 1 },
);

const Status = Type.String({ title: 'OrderStatus', enum: Object.keys(STATUSES) });
const FulfillmentStatus = Type.String({ title: 'FulfillmentStatus', enum: [...FULFILLMENT_STATUSES] });

const ReturnStatus = Type.String({ enum: ['NONE', 'REQUESTED', 'RECEIVED'] });
const TotalText = Type.String({
  maxLength: 30,
  pattern: '^\\d{1,15}(\\.\\d{1,4})?$',
  description: 'Total, itself included; with it goes the one `currency` that it is in',
});

export const ListQuery = Type.Object(
  {
    id: Type.Optional(Several(IdText)),
    status: Type.Optional(Several(Status)),
    paymentStatus: Type.Optional(Several(PaymentStatus)),
    fulfillmentStatus: Type.Optional(Several(FulfillmentStatus)),
    returnStatus: Type.Optional(Several(ReturnStatus)),
    hold: Type.Optional(
      Several(Text(50, { minLength: 1 }), 'Types of holds, of which it has one: `review`, `overdue` …'),
    ),
    overdue: Type.Optional(
      Type.String({ enum: ['true', 'false'], description: 'Whether it waits for longer than it should' }),
    ),
    customerId: Type.Optional(Several(CustomerId)),
    channel: Type.Optional(Several(Text(50, { minLength: 1 }))),
    country: Type.Optional(Several(Text(100, { minLength: 1 }), 'Of the shipping address, as it is written there')),
    sku: Type.Optional(Several(Sku)),
    text: Type.Optional(
      Text(200, {
        minLength: 1,
        pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
        description:
          'Words, or their beginnings from three characters on, that all occur in reference, e-mail, name, company, phone, postcode, tracking number, SKU or the name of an article; or the number of an order, of its invoice, or its id',
      }),
    ),
    number: Type.Optional(
      Several(
        Text(40, { minLength: 1 }),
        'What mails call an order: `K7M4-92QX-F`, however it is written, or the last twelve digits of its id. One that is mistyped is refused',
      ),
    ),
    currency: Type.Optional(Several(Currency)),
    totalMin: Type.Optional(TotalText),
    totalMax: Type.Optional(TotalText),
    updatedFrom: Type.Optional(TimeText),
    updatedTo: Type.Optional(UntilText),
    createdFrom: Type.Optional(TimeText),
    createdTo: Type.Optional(UntilText),
    sort: Type.Optional(
      Type.String({ enum: ['-createdAt', 'createdAt'], description: 'Newest first (default) or oldest first' }),
    ),
    ...pageParameters,
  },
  strict,
);

/** What is no id is the id of no order. */
const OrderId = Type.String({ maxLength: 100, description: 'The order id', examples: [EXAMPLE_ID] });
export const OrderParams = Type.Object({ id: OrderId });
export const ReturnParams = Type.Object({
  id: OrderId,
  returnId: Type.String({ maxLength: 100, examples: [EXAMPLE_ID] }),
});
export const AsOfQuery = Type.Object(
  {
    asOf: Type.Optional(
      Type.Union([Type.String({ pattern: '^\\d{1,9}$' }), ...TimeText.anyOf], {
        description: 'A version number, or an RFC 3339 time or date, which means its end',
      }),
    ),
  },
  strict,
);

// What is answered ---------------------------------------------------------------------------------------------

const Action = Type.String({ title: 'Action', enum: [...ACTIONS, ...PARKED_ACTIONS] });

const summary = {
  id: Id,
  status: Status,
  paymentStatus: PaymentStatus,
  fulfillmentStatus: FulfillmentStatus,
  returnStatus: ReturnStatus,
  holds: Type.Array(
    Type.Object({
      type: Type.String(),
      reason: Type.String(),
      by: Type.String(),
      steps: Type.Array(Type.String({ enum: ['payment', 'shipment'] }), { description: 'What it pauses' }),
      reviewId: Type.Optional(Type.String({ format: 'uuid', description: 'The review whose decision ends it' })),
      endsAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it ends by itself' })),
    }),
  ),
  totalAmount: Amount,
  currency: Currency,
  customerId: Type.Optional(Type.String({ description: 'None: a guest' })),
  channel: Type.String(),
  number: Type.String({
    description:
      'What people call it, such as `K7M4-92QX-F`; of orders from before there were numbers the end of the id',
  }),
  reference: Type.Optional(Type.String()),
  itemCount: Type.Integer({ description: 'Lines' }),
  parked: Type.Optional(Type.Array(ParkedView, { description: 'What of it waits for a person; absent: nothing' })),
  version: Type.Integer({ minimum: 1, description: 'The ETag' }),
  createdAt: Time,
  updatedAt: Time,
} as const;

export const OrderSummary = Type.Object(summary, { title: 'OrderSummary', description: 'An order as lists show it' });

export const OrderView = Type.Object(
  {
    ...summary,
    items: Type.Array(ItemView),
    taxLines: Type.Array(ChargeLine),
    discountLines: Type.Array(ChargeLine),
    shippingLines: Type.Array(ChargeLine),
    pricesIncludeTax: Type.Optional(Type.Boolean({ description: 'True: prices and charges have the tax in them' })),
    capturedAmount: Amount,
    placedAmount: Type.Optional(Type.String({ description: 'The total at placement, where it differs' })),
    refundedAmount: Amount,
    owedAmount: Type.Optional(
      Type.String({
        ...Amount,
        description: 'What the customer has to get back beyond the refunds done and under way',
      }),
    ),
    shippingAddress: Type.Optional(Address),
    billingAddress: Type.Optional(
      Type.Object(Address.properties, { description: 'Where the invoice goes, if not there' }),
    ),
    locale: Type.Optional(Type.String({ description: 'The language of the customer (BCP 47)' })),
    contact: Type.Optional(Contact),
    payment: Type.Object({ provider: Type.String() }, { description: 'The token is never shown' }),
    requiresReview: Type.Boolean(),
    reviewReasons: Type.Array(Type.String()),
    allowBackorder: Type.Boolean(),
    metadata: Type.Record(Type.String(), Type.Unknown()),
    origin: Type.Optional(OriginView),
    allocations: Type.Array(Allocation),
    shortages: Type.Optional(Type.Array(Shortage)),
    endReason: Type.Optional(Type.String({ description: 'Why the order ended or its payment failed' })),
    cancellation: Type.Optional(
      Type.Object(
        { reason: Type.String(), by: Type.String(), customerMessage: Type.Optional(Type.String()) },
        { description: 'A cancellation the warehouse is deciding on' },
      ),
    ),
    change: Type.Optional(ChangeView),
    claims: Type.Optional(
      Type.Array(ClaimView, { description: 'What was done about parcels that did not arrive as they should' }),
    ),
    shipments: Type.Array(
      Type.Object({
        shipmentId: Id,
        carrier: Type.String(),
        trackingNumber: Type.String(),
        trackingUrl: Type.Optional(TrackingUrl),
        delivered: Type.Boolean(),
        items: Type.Array(SkuQuantity),
        amount: Type.Optional(
          Type.String({ ...Amount, description: 'To be captured as it left, where the payment was only authorized' }),
        ),
        invoiced: Type.Optional(Type.Boolean({ description: 'True: it has an invoice of its own' })),
        problem: Type.Optional(ParcelFailure),
      }),
    ),
    returns: Type.Array(ReturnView),
    refunds: Type.Array(RefundView),
    disputes: Type.Optional(DisputesView),
    nextAction: Type.Optional(NextActionView),
    payAgainUntil: Type.Optional(PayAgainUntil),
    deadlineAt: Type.Optional(
      Type.String({ format: 'date-time', description: 'When the present waiting ends by itself' }),
    ),
    traceId: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{32}$',
        description: 'The trace that its first event belongs to (W3C trace context), as log lines and problems name it',
      }),
    ),
    allowedActions: Type.Array(Action, { description: 'What may be asked of the order now' }),
    refusedActions: Type.Partial(
      Type.Object(
        Object.fromEntries(
          ACTIONS.map((action) => [
            action,
            Type.Object({ code: Type.String({ enum: Object.keys(ERRORS) }), reason: Type.String() }),
          ]),
        ),
      ),
      { description: 'Why not, for every other action' },
    ),
  },
  {
    title: 'Order',
    examples: [EXAMPLE_ORDER],
  },
);

export const OrderPage = PageOf(OrderSummary);
export const EventPage = PageOf(Type.Object(CloudEvent.properties, { title: 'CloudEvent' }));
