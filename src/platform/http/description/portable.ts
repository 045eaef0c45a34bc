import type { Json } from './openapi.ts';

/**
 * Schemas as generators of clients understand them. What a request is checked by says more than they do: alternatives of
 * texts, and rules about which fields come together. A generator that meets one of these leaves out the field, the answer,
 * or everything. The document says the same more plainly; the description of the field says the rest.
 */

const isText = (entry: Json): boolean => entry['type'] === 'string';
const isConst = (entry: Json): boolean => typeof entry['const'] === 'string';
const isNull = (entry: Json): boolean => entry['type'] === 'null';
/** Which fields come together, and nothing about the fields. */
const isRule = (entry: Json): boolean => Object.keys(entry).every((key) => key === 'required');

const SIMPLE: ReadonlySet<string> = new Set(['string', 'integer', 'number', 'boolean']);
/** Bounds where a schema has none: every answer has some size. */
const TEXT_MAX = 1_000_000;
const LIST_MAX = 100_000;
/** Texts that their format bounds. */
const FORMAT_MAX: Readonly<Record<string, number>> = {
  uuid: 36,
  date: 10,
  'date-time': 40,
  uri: 2_000,
  'uri-reference': 2_000,
};
const INT32_MAX = 2 ** 31 - 1;

/** The same schema, its members left as they are. */
export function portable(schema: Json): Json {
  return bounded(withNames(plain(schema)));
}

/** Any names of properties, said as the field says it. */
function withNames(schema: Json): Json {
  const { patternProperties, ...rest } = schema;
  const [[pattern, value] = [], ...others] = Object.entries((patternProperties ?? {}) as Json);
  if (pattern !== '^.*$' || others.length > 0) return schema;
  return { ...rest, additionalProperties: Object.keys(value as Json).length === 0 ? true : value };
}

function plain(schema: Json): Json {
  const { anyOf, oneOf, ...rest } = schema;
  const choices = (anyOf ?? oneOf) as Json[] | undefined;
  if (!Array.isArray(choices) || choices.length === 0) return schema;
  if (choices.every(isRule)) return rest;
  const something = choices.filter((entry) => !isNull(entry));
  const orNull = something.length < choices.length;
  const one = something.length === 1 ? something[0]! : merged(something);
  if (!one) return schema;
  if (!orNull) return { ...one, ...rest };
  // An object of any names beside null is what the generator for Java cannot write.
  if (one['type'] === 'object' && one['properties'] === undefined && one['title'] === undefined)
    return { ...one, ...rest, 'x-nullable': true };
  // What has a name or members stands beside null.
  return SIMPLE.has(String(one['type'])) && one['title'] === undefined && one['enum'] === undefined
    ? { ...one, ...rest, type: [one['type'], 'null'] }
    : schema;
}

/** Several schemas of texts as one: their values, or any text as long as the longest. */
function merged(choices: readonly Json[]): Json | undefined {
  if (choices.every(isConst)) return { type: 'string', enum: choices.map((entry) => entry['const']) };
  if (!choices.every(isText)) return undefined;
  const lengths = choices.map(({ maxLength }) => (typeof maxLength === 'number' ? maxLength : TEXT_MAX));
  return { type: 'string', maxLength: Math.max(...lengths) };
}

function bounded(schema: Json): Json {
  const types = [schema['type']].flat();
  const counts = (key: string): boolean => types.includes(key);
  if (counts('string') && !['enum', 'const', 'maxLength'].some((key) => key in schema))
    return { ...schema, maxLength: FORMAT_MAX[String(schema['format'])] ?? TEXT_MAX };
  if (counts('integer') && !['enum', 'const'].some((key) => key in schema)) {
    const { minimum = Number.MIN_SAFE_INTEGER, maximum = Number.MAX_SAFE_INTEGER } = schema;
    const isSmall = Number(minimum) >= -INT32_MAX && Number(maximum) <= INT32_MAX;
    return { ...schema, minimum, maximum, format: isSmall ? 'int32' : 'int64' };
  }
  if (counts('array') && !('maxItems' in schema)) return { ...schema, maxItems: LIST_MAX };
  return schema;
}

/** A parameter that may come once or several times, as the list that it is. */
export function listParameter(schema: Json): Json {
  const choices = (schema['anyOf'] ?? []) as Json[];
  return choices.find(({ type }) => type === 'array') ?? schema;
}
