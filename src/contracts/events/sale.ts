import { Type } from 'typebox';
import {
  Address,
  Amount,
  ChargeLine,
  CustomerId,
  Id,
  LinePart,
  Locale,
  OrderItem,
  PricesIncludeTax,
} from './vocabulary.ts';

/** What documents about an order are made of. */

export const RefundedLines = Type.Array(LinePart, {
  description: 'What the refund is for, line by line; absent where it is for no certain lines',
});

/** What an invoice is over. */
export const Sale = {
  customerId: Type.Optional(CustomerId),
  currency: Type.String(),
  items: Type.Array(OrderItem),
  taxLines: Type.Optional(Type.Array(ChargeLine)),
  discountLines: Type.Optional(Type.Array(ChargeLine)),
  shippingLines: Type.Optional(Type.Array(ChargeLine)),
  pricesIncludeTax: Type.Optional(PricesIncludeTax),
  totalAmount: Amount,
  refunds: Type.Optional(
    Type.Array(Type.Object({ refundId: Id, amount: Amount, lines: Type.Optional(RefundedLines) }), {
      description: 'Carried out before',
    }),
  ),
  reference: Type.Optional(Type.String()),
  number: Type.Optional(Type.String({ description: 'Of the order, as people call it' })),
  billingAddress: Type.Optional(Address),
  shippingAddress: Type.Optional(Address),
  locale: Type.Optional(Locale),
  payment: Type.Optional(
    Type.Object({ provider: Type.String(), paidAmount: Amount }, { description: 'What was paid for the whole order' }),
  ),
};
