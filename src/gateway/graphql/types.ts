import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigMap,
  GraphQLFloat,
  GraphQLID,
  type GraphQLInputFieldConfig,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLNullableInputType,
  type GraphQLNullableOutputType,
  GraphQLObjectType,
  type GraphQLScalarType,
  GraphQLString,
} from 'graphql';
import type { CallContext } from './calls.ts';
import { type JsonSchema, nameOf, type OpenApiDocument } from './document.ts';
import { DATE_TIME, DECIMAL, JSON_VALUE, SAFE_INT } from './scalars.ts';

/**
 * GraphQL types out of the schemas of the REST API, so that the two cannot drift apart. What has a name there keeps it;
 * what stands inside something is named after its place: `OrderRefund` is an entry of `refunds` of an `Order`.
 */

export type Fields = GraphQLFieldConfigMap<Record<string, unknown>, CallContext>;
type Field = GraphQLFieldConfig<Record<string, unknown>, CallContext>;

/** Schemas that are shown as another one, which has all that they have and more. */
const SHOWN_AS: Readonly<Record<string, string>> = { OrderSummary: 'Order' };
/** Fields that are called otherwise here, because what belongs to the object and is loaded beside it has their name. */
const RENAMED: Readonly<Record<string, Readonly<Record<string, string>>>> = { Order: { shipments: 'parcels' } };
/** What a caller may lack the permission to read, who then reads null: whatever it is that has it, it can be null. */
const WITHHELD: ReadonlySet<string> = new Set(['by', 'reason', 'reasons', 'reviewReasons', 'metadata', 'recipient']);
/** How an amount is written: its pattern in the REST API begins with one of these. */
const DECIMAL_PATTERN = /^\^(-\?)?\\d(\+|\{1,\d+\})\(\\\.\\d(\+|\{1,\d+\})\)\?\$$/;
const ENUM_NAME = /^-?[A-Za-z][A-Za-z0-9_]*$/;
const NO_NAMES: ReadonlySet<unknown> = new Set(['true', 'false', 'null']);
/** What has more values is a list of codes that grows all the time, and stays a text. */
const ENUM_MAX = 40;
const INT32_MAX = 2 ** 31 - 1;

/** The name of the field that shows a property of a type. */
export function fieldOf(type: string, property: string): string {
  return RENAMED[type]?.[property] ?? property;
}

export class Types {
  readonly #schemas: OpenApiDocument['components']['schemas'];
  readonly #further: (type: string, properties: readonly string[]) => Fields;
  readonly #made = new Map<string, { readonly type: unknown; readonly from: string }>();

  /** `further` says what a type has beside the fields of its schema. */
  constructor(document: OpenApiDocument, further: (type: string, properties: readonly string[]) => Fields) {
    this.#schemas = document.components.schemas;
    this.#further = further;
  }

  /** What is answered by this schema; it can be null. `name` is for what has none. */
  output(schema: JsonSchema, name: string): GraphQLNullableOutputType {
    const { shape, title } = this.#plain(schema, name);
    const simple = this.#simple(shape, title);
    if (simple) return simple;
    if (shape.items) return new GraphQLList(new GraphQLNonNull(this.output(shape.items, singular(title))));
    if (!shape.properties) return JSON_VALUE;
    return this.#once(
      title,
      shape,
      () =>
        new GraphQLObjectType({
          name: title,
          ...described(shape),
          fields: () => ({ ...this.#further(title, Object.keys(shape.properties!)), ...this.#fields(shape, title) }),
        }),
    );
  }

  /** What is sent by this schema; it can be left out. */
  input(schema: JsonSchema, name: string): GraphQLNullableInputType {
    const { shape, title } = this.#plain(schema, name);
    const simple = this.#simple(shape, title);
    if (simple) return simple;
    if (shape.items) return new GraphQLList(new GraphQLNonNull(this.input(shape.items, singular(title))));
    if (!shape.properties) return JSON_VALUE;
    const own = `${title.replace(/Input$/, '')}Input`;
    return this.#once(
      own,
      shape,
      () =>
        new GraphQLInputObjectType({
          name: own,
          ...described(shape),
          fields: () =>
            Object.fromEntries(
              Object.entries(shape.properties!).map(([field, member]): [string, GraphQLInputFieldConfig] => {
                const type = this.input(member, `${title.replace(/Input$/, '')}${capital(field)}`);
                const required = shape.required?.includes(field) && !isNullable(member);
                return [field, { type: required ? new GraphQLNonNull(type) : type, ...described(member) }];
              }),
            ),
        }),
    );
  }

  /** Whether an object of this schema can have anything in it. */
  hasMembers(schema: JsonSchema): boolean {
    const { shape } = this.#plain(schema, '');
    return shape.properties === undefined || Object.keys(shape.properties).length > 0;
  }

  #fields(shape: JsonSchema, title: string): Fields {
    return Object.fromEntries(
      Object.entries(shape.properties!).map(([key, member]): [string, Field] => {
        const name = fieldOf(title, key);
        const type = this.output(member, `${title}${capital(name)}`);
        const required = shape.required?.includes(key) && !isNullable(member) && !WITHHELD.has(key);
        return [
          name,
          {
            type: required ? new GraphQLNonNull(type) : type,
            ...described(member),
            ...(name !== key && { resolve: (source) => source[key] }),
          },
        ];
      }),
    );
  }

  /** What a schema says when references are followed, alternatives of null left out, and parts put together. */
  #plain(schema: JsonSchema, name: string): { readonly shape: JsonSchema; readonly title: string } {
    const named = nameOf(schema);
    if (named !== undefined) {
      const shown = SHOWN_AS[named] ?? named;
      return this.#plain(this.#schemas[shown]!, shown);
    }
    const choices = (schema.anyOf ?? schema.oneOf)?.filter(({ type }) => type !== 'null');
    if (choices?.length === 1) return this.#plain(choices[0]!, name);
    if (schema.allOf) {
      const parts = schema.allOf.map((part) => this.#plain(part, name).shape);
      return {
        title: name,
        shape: {
          ...described(schema),
          properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as JsonSchema['properties'] & {},
          required: parts.flatMap(({ required = [] }) => required),
        },
      };
    }
    return { shape: schema, title: name };
  }

  #simple(shape: JsonSchema, title: string): GraphQLEnumType | GraphQLScalarType | undefined {
    const { enum: values, format, pattern, minimum = -Infinity, maximum = Infinity } = shape;
    const type = [shape.type ?? []].flat().find((one) => one !== 'null');
    if (values && values.length <= ENUM_MAX && isEnum(values)) return this.#enum(title, values, shape);
    if (values?.every((value) => NO_NAMES.has(value))) return GraphQLBoolean;
    if (type === 'string') {
      if (format === 'uuid') return GraphQLID;
      if (format === 'date-time') return DATE_TIME;
      return pattern !== undefined && DECIMAL_PATTERN.test(pattern) ? DECIMAL : GraphQLString;
    }
    if (type === 'integer') return minimum >= -INT32_MAX && maximum <= INT32_MAX ? GraphQLInt : SAFE_INT;
    if (type === 'number') return GraphQLFloat;
    return type === 'boolean' ? GraphQLBoolean : undefined;
  }

  #enum(title: string, values: readonly string[], shape: JsonSchema): GraphQLEnumType {
    const entries = values.map((value) => [enumName(value, values), { value }] as const);
    return this.#once(
      title,
      { enum: values },
      () => new GraphQLEnumType({ name: title, ...described(shape), values: Object.fromEntries(entries) }),
    );
  }

  /** The type of this name; throws where two schemas would need the same name. */
  #once<Type>(name: string, shape: JsonSchema, make: () => Type): Type {
    const from = JSON.stringify(shape);
    const before = this.#made.get(name);
    if (before && before.from !== from) throw new Error(`Two GraphQL types would be called ${name}`);
    if (before) return before.type as Type;
    const type = make();
    this.#made.set(name, { type, from });
    return type;
  }
}

function isEnum(values: readonly unknown[]): values is readonly string[] {
  return values.every((value) => typeof value === 'string' && ENUM_NAME.test(value) && !NO_NAMES.has(value));
}

/** The name of a value. Where some are marked with `-` as descending, they are orders of a list: `createdAt` → `CREATED_AT_ASC`. */
function enumName(value: string, all: readonly string[]): string {
  if (!all.some((each) => each.startsWith('-'))) return value;
  const words = value.replace(/^-/, '').replace(/[A-Z]/g, (letter) => `_${letter}`);
  return `${words.toUpperCase()}_${value.startsWith('-') ? 'DESC' : 'ASC'}`;
}

function isNullable(schema: JsonSchema): boolean {
  const choices = schema.anyOf ?? schema.oneOf ?? [];
  return (
    [schema.type].flat().includes('null') ||
    schema['x-nullable'] === true ||
    choices.some(({ type }) => type === 'null')
  );
}

export function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function singular(name: string): string {
  if (name.endsWith('ies')) return `${name.slice(0, -3)}y`;
  return name.endsWith('s') && !name.endsWith('ss') && !name.endsWith('Status') ? name.slice(0, -1) : name;
}

function described({ description }: JsonSchema): { description?: string } {
  return description === undefined ? {} : { description };
}
