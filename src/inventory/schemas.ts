import { Type } from 'typebox';
import { Location, Sku } from '#contracts/catalog.ts';
import { Address } from '#contracts/order-events.ts';
import {
  AddressInput,
  Amount,
  Currency,
  Id,
  Reason,
  Text,
  Time,
  pageParameters,
  strict,
} from '#platform/http/schemas.ts';
import { Several } from '#platform/http/several.ts';

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
export const PutLocation = Type.Object(
  {
    address: Type.Optional(AddressInput),
  },
  { ...strict, title: 'PutLocation' },
);
export const LocationView = Type.Object(
  { name: Type.String(), createdAt: Time, address: Type.Optional(Address) },
  { title: 'Location' },
);
export const PageQuery = Type.Object(pageParameters, strict);
const PiecesText = (description: string) =>
  Type.String({ pattern: `^(0|[1-9]\\d{0,8}|${QUANTITY_MAX})$`, description, examples: ['5'] });
const Flag = (description: string) => Type.Optional(Type.String({ enum: ['true'], description }));
export const StockQuery = Type.Object(
  {
    sku: Type.Optional(Several(Sku)),
    location: Type.Optional(Several(Location, 'Products of which anything is, or was, at one of these')),
    text: Type.Optional(
      Text(100, { minLength: 1, description: 'How the SKU begins, or words of the name from their beginnings' }),
    ),
    short: Flag('Only what a count found less of than is reserved'),
    waiting: Flag('Only what backordered orders wait for'),
    availableMax: Type.Optional(PiecesText('At most so many pieces are available: at `location`, else in all')),
    ...pageParameters,
  },
  strict,
);
export const ReservationsQuery = Type.Object(
  { sku: Sku, location: Type.Optional(Several(Location)), ...pageParameters },
  strict,
);
export const BackordersQuery = Type.Object({ sku: Sku, ...pageParameters }, strict);
export const ForecastQuery = Type.Object(
  { sku: Sku, location: Type.Optional(Location), onHand: PiecesText('Pieces that were counted') },
  strict,
);
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
    name: Type.Optional(Type.String({ description: 'What the product is called' })),
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
export const ReservationView = Type.Object(
  {
    orderId: Id,
    location: Type.String(),
    quantity: Type.Integer({ minimum: 1, description: 'Pieces that are set aside' }),
    short: Type.Integer({ minimum: 0, description: 'How many of them are not there' }),
    since: Time,
  },
  { title: 'StockReservation' },
);
export const BackorderView = Type.Object(
  {
    orderId: Id,
    quantity: Type.Integer({ minimum: 1, description: 'Pieces that it waits for' }),
    ahead: Type.Integer({ minimum: 0, description: 'Pieces that those before it wait for' }),
    since: Time,
  },
  { title: 'Backorder' },
);
export const ForecastView = Type.Object(
  {
    sku: Type.String(),
    location: Type.String(),
    before: Type.Integer({ description: 'On hand now' }),
    onHand: Type.Integer({ description: 'On hand then' }),
    reserved: level.reserved,
    short: level.short,
    shortOrders: ShortOrders,
  },
  { title: 'CountForecast', description: 'What a count would do' },
);
