import { isObject, type Json, type JsonObject } from './json.ts';

/**
 * What may happen to a published event schema. Events lie in the log for years and are read by programs
 * nobody here knows: an old event must fit the new schema, and a reader of the old schema must understand new
 * events. So a new optional field is fine, and a new value of an enumeration, which readers must expect.
 * Everything else is a new event type.
 */

/**
 * Fields that were widened once, knowingly (docs/decisions/0025-customers-and-phones-as-given.md): readers of the old
 * schema meet texts there that it did not allow.
 */
const WIDENED: Readonly<Record<string, readonly string[]>> = {
  OrderCreated: ['data.customerId', 'data.contact.phone'],
  OrderAmended: ['data.contact.phone'],
  OrderCompleted: ['data.customerId'],
};

const LIMITS = ['format', 'pattern', 'maxLength'];

/** Whether a difference that {@link incompatibilities} found is one of those that were decided. */
export function isWidening(eventType: string, difference: string): boolean {
  return (WIDENED[eventType] ?? []).some(
    (field) =>
      difference === `${field} is no longer required` ||
      LIMITS.some((limit) => difference.startsWith(`${limit} of ${field} changed from `)),
  );
}

/** Keywords that say something to people and nothing to a validator. */
const ANNOTATIONS = new Set(['$schema', 'title', 'description', 'examples', '$comment', 'default', 'deprecated']);
const COMPARED_APART = new Set(['properties', 'required', 'items', 'anyOf', 'enum', 'const']);

/** The values of an enumeration, however it is written; undefined where the schema is none. */
function valuesOf(schema: JsonObject): readonly string[] | undefined {
  const { enum: values, const: only, anyOf } = schema;
  if (Array.isArray(values)) return values.map((value) => JSON.stringify(value));
  if (only !== undefined) return [JSON.stringify(only)];
  if (!Array.isArray(anyOf)) return undefined;
  const each = anyOf.map((entry) => (isObject(entry) ? valuesOf(entry) : undefined));
  return each.every((found) => found !== undefined) ? each.flat() : undefined;
}

const same = (a: Json | undefined, b: Json | undefined): boolean => JSON.stringify(a) === JSON.stringify(b);
const object = (value: Json | undefined): JsonObject => (isObject(value) ? value : {});
const names = (value: Json | undefined): readonly string[] => (Array.isArray(value) ? (value as string[]) : []);

/** Everything that makes `after` incompatible with what was published as `before`; both with sorted keys. */
export function incompatibilities(before: JsonObject, after: JsonObject, at = 'data'): string[] {
  const found: string[] = [];
  const old = object(before['properties']);
  const now = object(after['properties']);
  for (const [name, schema] of Object.entries(old)) {
    const field = `${at}.${name}`;
    if (now[name] === undefined) found.push(`${field} was removed`);
    else found.push(...incompatibilities(object(schema), object(now[name]), field));
  }
  const required = { before: names(before['required']), after: names(after['required']) };
  for (const name of required.after) {
    if (required.before.includes(name)) continue;
    found.push(`${at}.${name} ${name in old ? 'became required' : 'is new and required'}`);
  }
  for (const name of required.before) {
    if (name in now && !required.after.includes(name)) found.push(`${at}.${name} is no longer required`);
  }
  if (isObject(before['items']) && isObject(after['items'])) {
    found.push(...incompatibilities(before['items'], after['items'], `${at}[]`));
  } else if (!same(before['items'], after['items'])) found.push(`${at} has other entries`);
  found.push(...changedValues(before, after, at));
  for (const keyword of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (ANNOTATIONS.has(keyword) || COMPARED_APART.has(keyword) || same(before[keyword], after[keyword])) continue;
    // An enumeration of texts may be written with its type or without.
    if (keyword === 'type' && valuesOf(before) && valuesOf(after)) continue;
    const text = (value: Json | undefined): string => (value === undefined ? 'nothing' : JSON.stringify(value));
    found.push(`${keyword} of ${at} changed from ${text(before[keyword])} to ${text(after[keyword])}`);
  }
  return found;
}

function changedValues(before: JsonObject, after: JsonObject, at: string): string[] {
  const old = valuesOf(before);
  const now = valuesOf(after);
  if (old && now) {
    const gone = old.filter((value) => !now.includes(value));
    return gone.length > 0 ? [`${at} can no longer be ${gone.join(', ')}`] : [];
  }
  if (old || now) return [`${at} ${now ? 'was limited to' : 'is no longer limited to'} ${(old ?? now)!.join(', ')}`];
  return same(before['anyOf'], after['anyOf']) ? [] : [`${at} has other alternatives`];
}
