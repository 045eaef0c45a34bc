import { Type } from 'typebox';
import { Location, Sku } from '#contracts/catalog.ts';
import { Amount, Currency, Id, Reason, Text, Time, pageParameters, strict } from '#platform/http/schemas.ts';

/** Schemas of the inventory API: what is asked, and what is answered. */

export const PutProduct = Type.Object(
  {
    name: Text(300, { minLength: 1 }),
    price: Type.Optional(Type.String({ pattern: '^\\d{1,16}(\\.\\d{1,18})?$' })),
    currency: Type.Optional(Currency),
  },
  { ...strict, title: 'PutProduct', examples: [{ name: 'Mug', price: '9.95', currency: 'EUR' }] },
);
const QUANTITY_MAX = 1_000_000_000;
export const Adjust = Type.Object(
  {
    sku: Sku,
    location: Type.Optional(Location),
    delta: Type.Optional(Type.Integer({ minimum: -QUANTITY_MAX, maximum: QUANTITY_MAX })),
    onHand: Type.Optional(Type.Integer({ minimum: 0, maximum: QUANTITY_MAX })),
    reason: Reason,
  },
  {
    ...strict,
    title: 'AdjustStock',
    oneOf: [{ required: ['delta'] }, { required: ['onHand'] }],
    examples: [{ sku: 'MUG-1', delta: 100, reason: 'delivery' }],
  },
);
export const PutLocation = Type.Object({}, { ...strict, title: 'PutLocation' });
export const LocationView = Type.Object({ name: Type.String(), createdAt: Time }, { title: 'Location' });
export const PageQuery = Type.Object(pageParameters, strict);
export const ProductView = Type.Object(
  {
    id: Id,
    sku: Type.String(),
    name: Type.String(),
    price: Type.Optional(Amount),
    currency: Type.Optional(Currency),
  },
  { title: 'Product' },
);
/** Those that were given theirs last are short; each of them is on hold `shortage`. */
const ShortOrders = Type.Array(Type.Object({ orderId: Id, quantity: Type.Integer() }), {
  description: 'Orders whose reserved goods are not there, and how many pieces each lacks',
});
const level = {
  onHand: Type.Integer({ description: 'On the shelf' }),
  reserved: Type.Integer({ description: 'Set aside for orders' }),
  available: Type.Integer({ description: 'On hand and not reserved' }),
  short: Type.Integer({ description: 'Reserved and not there: a count found less' }),
};
export const StockView = Type.Object(
  {
    sku: Type.String(),
    ...level,
    waiting: Type.Integer({
      description: 'Pieces that backordered orders wait for; what is available is kept for them',
    }),
    locations: Type.Array(Type.Object({ location: Type.String(), ...level })),
    shortOrders: Type.Optional(ShortOrders),
  },
  { title: 'Stock' },
);
export const AdjustmentView = Type.Object(
  {
    sku: Type.String(),
    location: Type.String(),
    delta: Type.Optional(Type.Integer()),
    onHand: Type.Optional(Type.Integer()),
    reason: Type.String(),
    at: Time,
    shortOrders: Type.Optional(ShortOrders),
  },
  { title: 'StockAdjustment' },
);
