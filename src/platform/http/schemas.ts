import { type Static, type TSchema, Type } from 'typebox';
import { ERRORS } from '#contracts/errors.ts';
import { Address } from '#contracts/order-events.ts';

/** Schemas that routes of several services share. What has a title stands once in the OpenAPI document, under that name. */

/** What a route answers where this is the schema of its answer; lists and their entries may be shared, so they are not changed. */
export type View<Schema extends TSchema> = Unchanged<Static<Schema>>;
type Unchanged<Value> = Value extends object ? { readonly [Key in keyof Value]: Unchanged<Value[Key]> } : Value;

/** An unknown property is refused, because it is a typo until proven otherwise. */
export const strict = { additionalProperties: false } as const;

/** PostgreSQL holds neither NUL nor half a surrogate pair; a pattern for the latter would stop programs of other languages. */
export const TEXT_FORMAT = 'text';
export function isText(value: string): boolean {
  return value.isWellFormed() && !value.includes('\0');
}

/** Text of any kind that can be stored. */
export function Text(
  maxLength: number,
  options: { readonly minLength?: number; readonly pattern?: string; readonly description?: string } = {},
) {
  return Type.String({ maxLength, format: TEXT_FORMAT, pattern: '^[^\\u0000]*$', ...options });
}

const UUID = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$';
/** An id as callers may write it: in capitals too, but not as a URN, which the format alone would let pass. */
export const IdText = Type.String({ format: 'uuid', pattern: UUID });
/** A time or a day as callers may write it. */
export const TimeText = Type.Union(
  [Type.String({ format: 'date-time', maxLength: 40 }), Type.String({ format: 'date', maxLength: 10 })],
  { description: 'RFC 3339 time or date' },
);
/** The end of a range of times. */
export const UntilText = Type.Union([...TimeText.anyOf], {
  description: 'RFC 3339 time, itself not included, or date, all of the day included',
});
export const Reason = Text(500, { minLength: 1 });
/** What staff write for the customer; it is mailed as it is. */
export const CustomerMessage = Text(500, {
  minLength: 1,
  description: 'Mailed to the customer, who reads nothing else of why',
});
export const Currency = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code' });

/** An address as callers write it. */
export const AddressInput = Type.Object(
  Object.fromEntries(
    Object.entries(Address.properties).map(([name, schema]) => [
      name,
      Type.Optional(Text((schema as { maxLength?: number }).maxLength ?? 200)),
    ]),
  ) as unknown as typeof Address.properties,
  { ...strict, title: 'AddressInput' },
);

/** Answers carry ids in small letters and times in UTC. */
export const Id = Type.String({ format: 'uuid' });
export const Time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC' });
/** Where a slip is printed. */
export const SlipUrl = Type.String({
  format: 'uri-reference',
  description: 'The slip as PDF, below the URL of the API',
});
export const Amount = Type.String({
  pattern: '^-?\\d+(\\.\\d+)?$',
  description: 'Decimal string in the scale of its currency',
});

export const LIMIT_MAX = 200;
export const LIMIT_DEFAULT = 50;
/** Parameters of a list that is read page by page. */
export const pageParameters = {
  limit: Type.Optional(
    Type.String({
      pattern: `^([1-9]\\d?|1\\d\\d|${LIMIT_MAX})$`,
      description: `Entries per page, at most ${LIMIT_MAX}; ${LIMIT_DEFAULT} by default`,
    }),
  ),
  cursor: Type.Optional(
    // The longest one names a SKU of 100 characters of four bytes.
    Type.String({ maxLength: 600, pattern: '^[A-Za-z0-9_-]+$', description: 'The nextCursor of the page before' }),
  ),
} as const;

export function limitOf(limit: string | undefined): number {
  return Number(limit ?? LIMIT_DEFAULT);
}

/** A page of a list. */
export function PageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    nextCursor: Type.Union([Type.String(), Type.Null()], {
      description: 'Send it as `cursor` for the next page; null on the last one',
    }),
  });
}

/** RFC 9457, with what every problem of this API has and what some have. */
export const Problem = Type.Object(
  {
    type: Type.String({ format: 'uri-reference', description: 'Leads to the meaning of the code' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What was wrong, and what to do' }),
    code: Type.String({ enum: Object.keys(ERRORS), description: 'Stable; programs decide by it' }),
    correlationId: Type.String(),
    traceId: Type.Optional(Type.String({ description: 'The trace of the request, where requests are traced' })),
    errors: Type.Optional(
      Type.Array(
        Type.Object({ pointer: Type.String({ description: 'JSON pointer (RFC 6901)' }), detail: Type.String() }),
        { description: 'Every field that is wrong' },
      ),
    ),
    orderId: Type.Optional(Type.String({ description: 'The order that is there already' })),
    orderStatus: Type.Optional(Type.String({ description: 'The status in which the order refused the command' })),
    allowedActions: Type.Optional(Type.Array(Type.String(), { description: 'What the order allows instead' })),
    service: Type.Optional(Type.String({ description: 'The service that is not reachable' })),
  },
  { title: 'Problem', description: 'A refusal (RFC 9457)' },
);
