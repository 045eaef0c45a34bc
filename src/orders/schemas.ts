import { Type } from 'typebox';
import { UUID_PATTERN } from '#contracts/ids.ts';
import { Address, Contact, PaymentStatus } from '#contracts/order-events.ts';
import { STATUSES } from './lifecycle.ts';
import { FULFILLMENT_STATUSES } from './order.ts';

/** Request schemas of the orders API. Strict: an unknown property is refused, because it is a typo until proven otherwise. */
const strict = { additionalProperties: false } as const;

export const Uuid = Type.String({ pattern: UUID_PATTERN });
const Decimal = Type.String({ pattern: '^-?\\d{1,16}(\\.\\d{1,18})?$', description: 'Decimal string, e.g. "19.90"' });
export const Sku = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f]+$' });
/** PostgreSQL holds neither NUL nor half a surrogate pair. */
const UNSTORABLE = '\\u0000\\ud800-\\udfff';
const Text = (maxLength: number): ReturnType<typeof Type.String> =>
  Type.String({ maxLength, pattern: `^[^${UNSTORABLE}]*$` });
const Reference = Type.String({ minLength: 1, maxLength: 100, pattern: `^[^${UNSTORABLE}\\u0001-\\u001f]+$` });

const StrictAddress = Type.Object(
  Object.fromEntries(
    Object.entries(Address.properties).map(([name, schema]) => [
      name,
      Type.Optional(Text((schema as { maxLength?: number }).maxLength ?? 200)),
    ]),
  ) as unknown as typeof Address.properties,
  strict,
);
const StrictContact = Type.Object(
  {
    ...Contact.properties,
    email: Type.Optional(Type.String({ maxLength: 254, pattern: `^[^\\s@${UNSTORABLE}]+@[^\\s@${UNSTORABLE}]+$` })),
  },
  strict,
);
const Metadata = Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), { maxProperties: 50 });
const Charges = Type.Array(Type.Object({ name: Type.Optional(Text(200)), amount: Decimal }, strict), { maxItems: 100 });

export const ITEMS_MAX = 2_000;
const QUANTITY_MAX = 1_000_000;

const itemFields = {
  name: Type.Optional(Text(300)),
  quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }),
  unitPrice: Decimal,
};

/** An item names its product by `sku` or by `productId`. */
const Item = Type.Object(
  { sku: Type.Optional(Sku), productId: Type.Optional(Uuid), ...itemFields },
  { ...strict, anyOf: [{ required: ['sku'] }, { required: ['productId'] }] },
);

export const PlaceOrder = Type.Object(
  {
    customerId: Uuid,
    currency: Type.String({ minLength: 3, maxLength: 3, pattern: '^[A-Z]{3}$' }),
    channel: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' })),
    reference: Type.Optional(Reference),
    items: Type.Array(Item, { minItems: 1, maxItems: ITEMS_MAX }),
    taxLines: Type.Optional(Charges),
    discountLines: Type.Optional(Charges),
    shippingLines: Type.Optional(Charges),
    totalAmount: Type.Optional(Decimal),
    shippingAddress: Type.Optional(StrictAddress),
    contact: Type.Optional(StrictContact),
    payment: Type.Object(
      {
        provider: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[a-z0-9_-]+$' })),
        token: Type.String({ minLength: 1, maxLength: 300, pattern: '^[\\x21-\\x7e]+$' }),
      },
      strict,
    ),
    requiresReview: Type.Optional(Type.Boolean()),
    allowBackorder: Type.Optional(Type.Boolean()),
    metadata: Type.Optional(Metadata),
  },
  strict,
);

const Reason = Type.String({ minLength: 1, maxLength: 500, pattern: `^[^${UNSTORABLE}]*$` });
const SkuQuantities = Type.Array(
  Type.Object({ sku: Sku, quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }) }, strict),
  { minItems: 1, maxItems: ITEMS_MAX },
);
const HoldType = Type.String({ minLength: 1, maxLength: 50, pattern: '^[a-z0-9_-]+$' });

export const CancelOrder = Type.Object({ reason: Type.Optional(Reason) }, strict);
export const HoldOrder = Type.Object({ type: Type.Optional(HoldType), reason: Reason }, strict);
export const ReleaseOrder = Type.Object({ type: Type.Optional(HoldType), reason: Type.Optional(Reason) }, strict);
export const RequestReturn = Type.Object({ items: Type.Optional(SkuQuantities), reason: Reason }, strict);
export const ReceiveReturn = Type.Object(
  {
    location: Type.Optional(Type.String({ minLength: 1, maxLength: 50, pattern: '^[A-Za-z0-9._-]+$' })),
    refund: Type.Optional(Type.Boolean()),
  },
  strict,
);
export const RequestRefund = Type.Object({ amount: Type.Optional(Decimal), reason: Reason }, strict);
export const CompleteOrder = Type.Object({}, strict);
export const AmendOrder = Type.Object(
  {
    shippingAddress: Type.Optional(StrictAddress),
    contact: Type.Optional(StrictContact),
    reference: Type.Optional(Reference),
    metadata: Type.Optional(Metadata),
  },
  { ...strict, minProperties: 1 },
);

const TIME = '\\d{4}-\\d{2}-\\d{2}(T\\d{2}:\\d{2}(:\\d{2}(\\.\\d{1,9})?)?(Z|[+-]\\d{2}:\\d{2}))?$';
const Time = Type.String({ maxLength: 40, pattern: `^${TIME}`, description: 'RFC 3339 time or date' });

export const ListQuery = Type.Object(
  {
    status: Type.Optional(Type.Union(Object.keys(STATUSES).map((status) => Type.Literal(status)))),
    paymentStatus: Type.Optional(PaymentStatus),
    fulfillmentStatus: Type.Optional(Type.Union(FULFILLMENT_STATUSES.map((status) => Type.Literal(status)))),
    customerId: Type.Optional(Uuid),
    channel: Type.Optional(Type.String({ minLength: 1, maxLength: 50 })),
    sku: Type.Optional(Sku),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
        description: 'Words that all occur in reference, e-mail, phone or name; or an order id',
      }),
    ),
    createdFrom: Type.Optional(Time),
    createdTo: Type.Optional(Time),
    sort: Type.Optional(
      Type.Union([Type.Literal('-createdAt'), Type.Literal('createdAt')], {
        description: 'Newest first (default) or oldest first',
      }),
    ),
    limit: Type.Optional(Type.String({ pattern: '^[1-9]\\d{0,2}$', description: '1 to 200, default 50' })),
    cursor: Type.Optional(Type.String({ maxLength: 100, pattern: '^[A-Za-z0-9_-]+$' })),
  },
  strict,
);

export const OrderParams = Type.Object({ id: Type.String({ maxLength: 100 }) });
export const AsOfQuery = Type.Object(
  {
    asOf: Type.Optional(
      Type.String({
        maxLength: 40,
        pattern: `^\\d{1,9}$|^${TIME}`,
        description: 'A version number or an RFC 3339 time',
      }),
    ),
  },
  strict,
);
