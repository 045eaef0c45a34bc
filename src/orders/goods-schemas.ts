import { type TInteger, type TOptional, Type } from 'typebox';
import { Location, Sku } from '#contracts/catalog.ts';
import {
  LinePart,
  LineQuantity,
  OrderItem,
  ParcelFailure,
  ReceivedPieces,
  ReturnedLine,
  SkuQuantity,
} from '#contracts/order-events.ts';
import { CustomerMessage, Id, IdText, Reason, SlipUrl, strict, Text, Time } from '#platform/http/schemas.ts';
import { REASON_CODES } from './rules/commands.ts';
import { EXAMPLE_ID } from './example-order.ts';

/** Schemas of the orders API about pieces of an order: what is asked about them, and what is answered. */

export const ITEMS_MAX = 2_000;
export const QUANTITY_MAX = 1_000_000;

export const Decimal = Type.String({
  pattern: '^-?\\d{1,16}(\\.\\d{1,18})?$',
  description: 'Decimal string, e.g. "19.90"',
});
const charge = { name: Type.Optional(Text(200)), amount: Decimal };
export const Charges = Type.Array(Type.Object(charge, strict), { maxItems: 100 });
export const lineTax = {
  taxRate: Type.Optional(
    Text(8, {
      pattern: '^\\d{1,3}(\\.\\d{1,4})?$',
      description: 'Percent, such as `19`: the tax is computed. All lines and shipping lines have one, or none',
    }),
  ),
  taxExemption: Type.Optional(
    Text(200, { minLength: 1, description: 'Why no tax is charged, as the invoice says it; with the rate 0 alone' }),
  ),
};
export const ShippingCharges = Type.Array(Type.Object({ ...charge, ...lineTax }, strict), { maxItems: 100 });
/** Why goods or money go back. */
export const ReasonCode = Type.String({ title: 'ReasonCode', enum: [...REASON_CODES] });

/** Pieces by the number of their line. */
const LineQuantities = Type.Array(
  Type.Object(
    {
      line: Type.Integer({ minimum: 1, maximum: ITEMS_MAX }),
      quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }),
    },
    strict,
  ),
  { minItems: 1, maxItems: ITEMS_MAX },
);
const ReturnedQuantity = Type.Integer({ minimum: 1, maximum: QUANTITY_MAX });
const ReturnedItems = Type.Array(
  Type.Object({ sku: Sku, quantity: ReturnedQuantity, reasonCode: Type.Optional(ReasonCode) }, strict),
  { minItems: 1, maxItems: ITEMS_MAX, description: 'By SKU: it fills the lines that hold it, in ascending order' },
);
const ReturnedLines = Type.Array(
  Type.Object(
    {
      line: Type.Integer({ minimum: 1, maximum: ITEMS_MAX }),
      quantity: ReturnedQuantity,
      reasonCode: Type.Optional(ReasonCode),
    },
    strict,
  ),
  { minItems: 1, maxItems: ITEMS_MAX, description: 'By line of the order; instead of `items`' },
);
export const RequestReturn = Type.Object(
  {
    items: Type.Optional(ReturnedItems),
    lines: Type.Optional(ReturnedLines),
    reason: Reason,
    reasonCode: Type.Optional(ReasonCode),
  },
  strict,
);
export const CancelItems = Type.Object(
  {
    items: Type.Optional({
      ...LineQuantities,
      description: 'Without them, everything that can still be stopped',
    } as typeof LineQuantities),
    atMost: Type.Optional(
      Type.Boolean({ description: 'As many of them as can still be stopped, instead of all or none' }),
    ),
    reason: Reason,
    customerMessage: Type.Optional(CustomerMessage),
  },
  { ...strict, examples: [{ items: [{ line: 1, quantity: 1 }], reason: 'ordered twice' }] },
);
const ParcelItems = Type.Array(
  Type.Object({ sku: Sku, quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }) }, strict),
  { minItems: 1, maxItems: ITEMS_MAX },
);
export const OpenClaim = Type.Object(
  {
    shipmentId: IdText,
    kind: ParcelFailure,
    items: Type.Optional({
      ...ParcelItems,
      description: 'Without them, everything in the parcel',
    } as typeof ParcelItems),
    resolution: Type.String({
      enum: ['refund', 'reship'],
      description: 'Give the money back, or send the goods again',
    }),
    reason: Reason,
    customerMessage: Type.Optional(CustomerMessage),
  },
  { ...strict, examples: [{ shipmentId: EXAMPLE_ID, kind: 'lost', resolution: 'reship', reason: 'not found' }] },
);
const Pieces = (description: string): TOptional<TInteger> => Type.Optional(Type.Integer({ minimum: 1, description }));
export const ItemView = Type.Object(
  {
    ...OrderItem.properties,
    cancelled: Pieces('Pieces that were cancelled; absent where none was'),
    shipped: Pieces('Pieces that have left; absent where none has'),
    returned: Pieces('Pieces that came back, or never arrived and were refunded; absent where none did'),
    allowed: Type.Object(
      { cancel: Type.Integer({ minimum: 0 }), return: Type.Integer({ minimum: 0 }) },
      { description: 'How many pieces may be cancelled or sent back now' },
    ),
  },
  { title: 'OrderLine' },
);

export const ChangeView = Type.Object(
  {
    changeId: Id,
    removes: Type.Array(LineQuantity),
    atMost: Type.Optional(Type.Boolean()),
    reason: Type.String(),
    by: Type.String(),
    customerMessage: Type.Optional(Type.String()),
    deadlineAt: Time,
  },
  { description: 'A cancellation of items the warehouse is deciding on' },
);

export const ClaimView = Type.Object({
  claimId: Id,
  shipmentId: Id,
  kind: ParcelFailure,
  resolution: Type.String({ enum: ['refund', 'reship'] }),
  items: Type.Array(LineQuantity),
  reason: Type.String(),
  by: Type.String(),
  customerMessage: Type.Optional(Type.String({ description: 'What was written for the customer' })),
  followUpId: Type.Optional(Type.String({ description: 'The order that sends the goods again' })),
  status: Type.Optional(Type.String({ description: 'How that order ended' })),
  found: Type.Optional(Type.Boolean({ description: 'The parcel was delivered after all' })),
});

export const OriginView = Type.Object(
  {
    kind: Type.String({ enum: ['import', 'replacement'] }),
    source: Type.Optional(Type.String({ description: 'The other system that took it' })),
    number: Type.Optional(Type.String({ description: 'Its number there' })),
    orderId: Type.Optional(Type.String({ format: 'uuid', description: 'The order whose goods it sends again' })),
  },
  { description: 'Where an order comes from that no customer placed here' },
);

const found = {
  quantity: Type.Integer({ minimum: 1, maximum: QUANTITY_MAX }),
  condition: Type.Optional(
    Type.String({
      enum: ['sellable', 'damaged', 'unchecked', 'missing'],
      description: 'As they were found; sellable unless said otherwise. Missing ones did not come and are not refunded',
    }),
  ),
  disposition: Type.Optional(
    Type.String({
      enum: ['restock', 'hold', 'scrap'],
      description:
        'What becomes of them: sellable ones go back into stock, others wait for a person, unless said otherwise',
    }),
  ),
} as const;
const ArrivedLine = Type.Object({ line: Type.Integer({ minimum: 1, maximum: ITEMS_MAX }), ...found }, strict);
export const ReceiveReturn = Type.Object(
  {
    items: Type.Optional(
      Type.Array(
        Type.Object(
          {
            sku: Type.Optional(Sku),
            line: Type.Optional(Type.Integer({ minimum: 1, maximum: ITEMS_MAX })),
            ...found,
          },
          { ...strict, oneOf: [{ required: ['sku'] }, { required: ['line'] }] },
        ),
        {
          minItems: 1,
          maxItems: ITEMS_MAX,
          description:
            'What arrived, by SKU or by line. Without `items` and `lines`, all that is still expected, sellable',
        },
      ),
    ),
    lines: Type.Optional(
      Type.Array(ArrivedLine, { minItems: 1, maxItems: ITEMS_MAX, description: 'What arrived, by line of the order' }),
    ),
    more: Type.Optional(Type.Boolean({ description: 'False: nothing more will come, and the return is closed' })),
    location: Type.Optional(Location),
    refund: Type.Optional(Type.Boolean()),
  },
  { ...strict, examples: [{ items: [{ sku: 'MUG-1', quantity: 1, condition: 'damaged' }] }] },
);
export const CloseReturn = Type.Object({ reason: Type.Optional(Reason) }, strict);

export const ReturnView = Type.Object({
  returnId: Id,
  returnNumber: Type.String({ description: 'What people call it, and the bar code of its slip' }),
  slipUrl: Type.Optional(SlipUrl),
  items: Type.Array(SkuQuantity),
  lines: Type.Optional(Type.Array(ReturnedLine)),
  reason: Type.String(),
  received: Type.Boolean({ description: 'Every piece is accounted for, or the return is closed' }),
  receipts: Type.Optional(
    Type.Array(ReceivedPieces, { description: 'What arrived, and what was found to be missing' }),
  ),
  closed: Type.Optional(Type.Boolean({ description: 'True: nothing more is expected, whatever has come' })),
  deadlineAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it is closed by itself' })),
  credited: Type.Optional(Type.Array(LinePart, { description: 'What came back, and what it is worth' })),
});
