import { GraphQLError, GraphQLScalarType, Kind, valueFromASTUntyped } from 'graphql';

/** What GraphQL has no type for. What a text must look like is checked by the REST operation that it goes to. */

function textScalar(name: string, description: string, example: string): GraphQLScalarType {
  const text = (value: unknown): string => {
    if (typeof value === 'string') return value;
    throw new GraphQLError(`${name} is written as a text, such as "${example}".`);
  };
  return new GraphQLScalarType({
    name,
    description,
    coerceOutputValue: (value) => value,
    coerceInputValue: text,
    coerceInputLiteral: (node) => text(node.kind === Kind.STRING ? node.value : undefined),
  });
}

/** Money and unit prices. */
export const DECIMAL = textScalar(
  'Decimal',
  'A decimal number as a text, exact; an amount has the scale of its currency',
  '19.90',
);
export const DATE_TIME = textScalar('DateTime', 'RFC 3339; in answers in UTC', '2026-01-31T12:00:00.000Z');

const whole = (value: unknown): number => {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value;
  throw new GraphQLError('SafeInt is a whole number of at most 53 bits.');
};
/** `Int` ends at 2^31. */
export const SAFE_INT = new GraphQLScalarType({
  name: 'SafeInt',
  description: 'A whole number of at most 53 bits',
  coerceOutputValue: (value) => value,
  coerceInputValue: whole,
  coerceInputLiteral: (node) => whole(node.kind === Kind.INT ? Number(node.value) : undefined),
});

export const JSON_VALUE = new GraphQLScalarType({
  name: 'JSON',
  description: 'Any JSON value',
  coerceOutputValue: (value) => value,
  coerceInputValue: (value) => value,
  coerceInputLiteral: (node) => valueFromASTUntyped(node),
});
