import { Type } from 'typebox';
import { LinePart } from '#contracts/order-events.ts';
import { Amount, CustomerMessage, Id, Reason, strict } from '#platform/http/schemas.ts';
import { Decimal, ITEMS_MAX, QUANTITY_MAX, ReasonCode } from './goods-schemas.ts';

/** Schemas of the orders API about money that is given back. */

export const RequestRefund = Type.Object(
  {
    amount: Type.Optional(Decimal),
    kind: Type.Optional(
      Type.String({
        enum: ['goodwill', 'owed'],
        description:
          '`owed`: pays what is owed and left to a person; `goodwill`: gives more; neither: first the one, then the other',
      }),
    ),
    lines: Type.Optional(
      Type.Array(
        Type.Object(
          {
            line: Type.Integer({ minimum: 1, maximum: ITEMS_MAX }),
            amount: Type.Optional(Decimal),
            quantity: Type.Optional(
              Type.Integer({ minimum: 1, maximum: QUANTITY_MAX, description: 'What so many of its pieces are worth' }),
            ),
          },
          { ...strict, oneOf: [{ required: ['amount'] }, { required: ['quantity'] }] },
        ),
        {
          minItems: 1,
          maxItems: ITEMS_MAX,
          description: 'Money for lines of which nothing comes back, beyond what is owed; instead of `amount`',
        },
      ),
    ),
    reason: Reason,
    reasonCode: Type.Optional(ReasonCode),
    customerMessage: Type.Optional(CustomerMessage),
  },
  strict,
);

export const RefundView = Type.Object({
  refundId: Id,
  amount: Amount,
  reason: Type.String(),
  status: Type.String({ enum: ['REQUESTED', 'DONE', 'FAILED'] }),
  cause: Type.Optional(
    Type.String({
      enum: ['owed'],
      description: 'It pays what came back or was cancelled; absent: a person asked',
    }),
  ),
  credited: Type.Optional(Type.Array(LinePart, { description: 'What it gives beyond what was owed' })),
  lines: Type.Optional(Type.Array(LinePart, { description: 'What it was for, once it was carried out' })),
  returned: Type.Optional(
    Type.String({ description: 'It was done, and its money came back for this reason; it is to be done once more' }),
  ),
  uninvoiced: Type.Optional(Type.Boolean({ description: 'True: no invoice is over it, so no credit note either' })),
  atProvider: Type.Optional(
    Type.Boolean({ description: 'True: it was done at the payment provider, or a dispute was lost' }),
  ),
  reasonCode: Type.Optional(Type.String()),
  customerMessage: Type.Optional(Type.String({ description: 'What was written for the customer' })),
});
