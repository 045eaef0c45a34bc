import type { Json } from './openapi.ts';

/** Schemas as rows of a page: types, limits and nested properties in words. */

export interface Schema extends Json {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
}
const DEPTH_MAX = 4;
const UUID_MARK = '[0-9a-f]{8}-[0-9a-f]{4}-';

export function escape(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function nameOf({ $ref = '' }: { readonly $ref?: string }): string {
  return $ref.split('/').at(-1)!;
}

/** A copy whose references lead to objects only, which have a place of their own on the page; others are filled in. */
export function filledIn<Value>(value: Value, schemas: Readonly<Record<string, Schema>>): Value {
  if (Array.isArray(value)) return value.map((entry: unknown) => filledIn(entry, schemas)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as Schema;
  const target = typeof $ref === 'string' ? schemas[nameOf({ $ref })] : undefined;
  if (target) return target.type === 'object' ? value : (filledIn(target, schemas) as Value);
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, filledIn(entry as unknown, schemas)]),
  ) as Value;
}

/** What a schema or a route says of itself, with its code as code. */
export function prose(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

/** Values of an enumeration, however it is written; undefined where the schema is none. */
function choices(schema: Schema): readonly unknown[] | undefined {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  const each = (schema.anyOf ?? schema.oneOf)?.map(choices);
  return each && each.length > 0 && each.every((found) => found !== undefined) ? each.flat() : undefined;
}

export function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return `<a href="#object-${nameOf(schema)}">${nameOf(schema)}</a>`;
  if (choices(schema)) return 'string';
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`;
  if (schema.type === 'string' && (schema['format'] === 'uuid' || String(schema['pattern']).includes(UUID_MARK)))
    return 'UUID';
  if (schema['format'] === 'date-time') return 'time';
  if (schema['format'] === 'date') return 'date';
  if (typeof schema.type === 'string') return escape(schema.type);
  const types = (schema.anyOf ?? schema.oneOf ?? []).map(typeOf);
  return types.length > 0 ? [...new Set(types)].join(' or ') : 'anything';
}

/** A lower and an upper bound in words. */
function range(least: unknown, most: unknown, unit: string): string[] {
  if (least === undefined && most === undefined) return [];
  const number = (value: unknown): string => Number(value).toLocaleString('en-GB');
  if (least === most) return [`exactly ${number(least)}${unit}`];
  if (most === undefined) return [unit !== '' && least === 1 ? 'not empty' : `at least ${number(least)}${unit}`];
  return [least === undefined ? `at most ${number(most)}${unit}` : `${number(least)} to ${number(most)}${unit}`];
}

/** A longer text does not get in at all: such a limit says nothing to a reader. */
const LENGTH_MAX = 100_000;

function limits(schema: Schema): string {
  const longest = Number(schema['maxLength']) > LENGTH_MAX ? undefined : schema['maxLength'];
  const found: string[] = [
    ...range(schema['minimum'], schema['maximum'], ''),
    ...range(schema['minLength'], longest, ' characters'),
    ...range(schema['minItems'], schema['maxItems'], ' entries'),
  ].map(escape);
  const values = choices(schema);
  if (values) found.push(values.map((value) => `<code>${escape(value)}</code>`).join(' '));
  return found.join(', ');
}

/** "one of sku, productId": which properties an object needs together. */
export function alternatives(schema: Schema): string {
  const list = schema.anyOf ?? schema.oneOf;
  if (!list?.every((entry) => entry.required)) return '';
  const names = list.map((entry) => entry.required!.map((name) => `<code>${escape(name)}</code>`).join(' with '));
  return `${schema.anyOf ? 'At least' : 'Exactly'} one of ${names.join(', ')}.`;
}

export function row(name: string, depth: number, schema: Schema, required: boolean, description?: string): string {
  const inside = schema.type === 'array' && schema.items ? schema.items : schema;
  const notes = [description ?? schema.description, limits(schema), inside === schema ? '' : limits(inside)];
  const text = [...notes.slice(0, 1).map((note) => (note ? prose(note) : '')), ...notes.slice(1), alternatives(inside)];
  const indent = depth === 0 ? '' : ` class="in${depth}"`;
  return `<tr><th scope="row"${indent}><code>${escape(name)}</code>${required ? ' <abbr title="required">*</abbr>' : ''}</th><td>${typeOf(schema)}</td><td>${text.filter(Boolean).join('<br>')}</td></tr>`;
}

export function propertyRows(schema: Schema, depth = 0): string {
  if (depth > DEPTH_MAX) return '';
  return Object.entries(schema.properties ?? {})
    .map(([name, property]) => {
      const inside = property.type === 'array' && property.items ? property.items : property;
      return row(name, depth, property, schema.required?.includes(name) ?? false) + propertyRows(inside, depth + 1);
    })
    .join('');
}

export function table(caption: string, rows: string): string {
  return rows === ''
    ? ''
    : `${caption && `<h4>${escape(caption)}</h4>`}<div class="scroll"><table>${rows}</table></div>`;
}
