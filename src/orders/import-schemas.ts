import { Type } from 'typebox';
import { ERRORS } from '#contracts/errors.ts';
import { Amount, Id, Reason, strict, Text } from '#platform/http/schemas.ts';
import { EXAMPLE_IMPORT } from './example-order.ts';
import { ENDS, IMPORT_KINDS } from './rules/imports.ts';
import { PlaceOrder } from './schemas.ts';

/** Schemas of `POST /orders/imports`. */

const SET_MAX = 100;
const REFUNDS_MAX = 100;

const { payment, requiresReview: _r, allowBackorder: _b, ...content } = PlaceOrder.properties;
const Decimal = Type.String({ pattern: '^\\d{1,16}(\\.\\d{1,18})?$', description: 'Decimal string, e.g. "19.90"' });
const OrderNumber = Text(100, {
  minLength: 1,
  pattern: '^[^\\u0000-\\u001f\\u007f]+$',
  description: 'Of the order, elsewhere',
});

const ImportedOrder = Type.Object(
  {
    number: OrderNumber,
    ...content,
    createdAt: Type.Optional(
      Type.String({ format: 'date-time', maxLength: 40, description: 'When it was placed; history must say it' }),
    ),
    payment: Type.Optional(payment),
    status: Type.Optional(Type.String({ enum: [...ENDS], description: 'History: where it ended' })),
    paidAmount: Type.Optional({
      ...Decimal,
      description:
        'History: what was paid; by default the total of a completed order, and of another what was refunded',
    }),
    refunds: Type.Optional(
      Type.Array(Type.Object({ amount: Decimal, reason: Type.Optional(Reason) }, strict), { maxItems: REFUNDS_MAX }),
    ),
    endReason: Type.Optional(Reason),
  },
  { ...strict, title: 'OrderToImport' },
);

export const ImportOrders = Type.Object(
  {
    source: Type.String({
      pattern: '^[A-Za-z0-9._-]{1,50}$',
      description: 'The other system; with the number it names an order for good',
    }),
    as: Type.String({
      enum: [...IMPORT_KINDS],
      description:
        'live: placed like any order, and charged. open: paid elsewhere, to be fulfilled here. history: ended elsewhere; nothing follows from it',
    }),
    dryRun: Type.Optional(Type.Boolean({ description: 'Say what would become of each, and keep nothing' })),
    orders: Type.Array(ImportedOrder, { minItems: 1, maxItems: SET_MAX }),
  },
  {
    ...strict,
    title: 'ImportOrders',
    examples: [EXAMPLE_IMPORT],
  },
);

export const ImportedOrders = Type.Object(
  {
    counts: Type.Object({
      taken: Type.Integer(),
      repeated: Type.Integer({ description: 'Taken before' }),
      refused: Type.Integer(),
    }),
    orders: Type.Array(
      Type.Object({
        number: Type.String(),
        outcome: Type.String({ enum: ['taken', 'repeated', 'refused'] }),
        id: Type.Optional(Id),
        totalAmount: Type.Optional(Amount),
        code: Type.Optional(Type.String({ enum: Object.keys(ERRORS), description: 'Why it was refused' })),
        detail: Type.Optional(Type.String()),
      }),
      { description: 'In the order of the request' },
    ),
  },
  { title: 'ImportedOrders' },
);
