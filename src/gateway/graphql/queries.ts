import {
  type GraphQLFieldConfig,
  GraphQLID,
  type GraphQLInputType,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLObjectType,
} from 'graphql';
import {
  type CallContext,
  type KeyedList,
  type ParameterValues,
  loaderOf,
  type ProblemDocument,
  callOf,
  errorOf,
  readByKey,
} from './calls.ts';
import { nameOf, type OpenApiDocument, type Operation, type Parameter, pageItem } from './document.ts';
import { connectionField, type FullList } from './lists.ts';
import { capital, fieldOf, type Fields, type Types } from './types.ts';

/** What can be read: a field for each operation that reads, and what belongs to an object beside its own fields. */

export type QueryField = GraphQLFieldConfig<unknown, CallContext>;

/** Fields of `Query` that are called otherwise than their operation says. */
const QUERY_NAMES: Readonly<Record<string, string>> = { listStock: 'stockLevels', listBulk: 'bulkRuns' };
/** Lists that are no fields of their own. */
const NO_FIELDS: ReadonlySet<string> = new Set(['listOrderDetails']);
/** Parameters that say how an answer is written. */
const NO_ARGUMENTS: ReadonlySet<string> = new Set(['readNotification.format']);
/** What belongs to an order and is one or nothing. */
const ONE: ReadonlySet<string> = new Set(['invoices']);
const NOT_FOUND = 404;
const SUCCESS_END = 300;

/** The name of the field that an operation is. */
function fieldName(id: string, prefix: string): string {
  const rest = id.slice(prefix.length);
  return QUERY_NAMES[id] ?? rest.charAt(0).toLowerCase() + rest.slice(1);
}

const isList = (operation: Operation): boolean =>
  operation.id.startsWith('list') && operation.method === 'GET' && pageItem(operation.answer) !== undefined;

export class Queries {
  readonly #types: Types;
  readonly #operations: ReadonlyMap<string, Operation>;
  readonly #fullOrders: FullList | undefined;

  constructor(document: OpenApiDocument, operations: ReadonlyMap<string, Operation>, types: Types) {
    this.#types = types;
    this.#operations = operations;
    const details = operations.get('listOrderDetails');
    const propertiesOf = (schema: string): string[] =>
      Object.keys(document.components.schemas[schema]?.properties ?? {});
    this.#fullOrders = details && {
      operation: details,
      brief: new Set(propertiesOf('OrderSummary')),
      properties: new Map(propertiesOf('Order').map((property) => [fieldOf('Order', property), property])),
    };
  }

  /** The fields of `Query`. */
  fields(): Record<string, QueryField> {
    const fields: Record<string, QueryField> = {};
    for (const operation of this.#operations.values()) {
      const { id, method, answer, parameters } = operation;
      if (method !== 'GET' || NO_FIELDS.has(id)) continue;
      const inPath = parameters.some(({ in: place }) => place === 'path');
      if (isList(operation) && !inPath) fields[fieldName(id, 'list')] = this.#list(operation) as QueryField;
      else if (isList(operation)) fields[fieldName(id, 'list')] = this.#all(operation);
      else if (id.startsWith('read') && answer && nameOf(answer) !== undefined)
        fields[fieldName(id, 'read')] = this.#one(operation);
    }
    return fields;
  }

  #list(operation: Operation): ReturnType<typeof connectionField> {
    return connectionField(this.#types, operation, operation.id === 'listOrders' ? this.#fullOrders : undefined);
  }

  /** Everything that a path names, in one answer. */
  #all(operation: Operation): QueryField {
    const item = pageItem(operation.answer)!;
    const entry = this.#types.output(item, capital(operation.id.replace(/^list/, '')).replace(/s$/, ''));
    return {
      type: new GraphQLList(new GraphQLNonNull(entry)),
      ...about(operation),
      args: this.#arguments(operation),
      resolve: async (_source, args, context) =>
        ((await readOrNull(context, operation, args as ParameterValues)) as { items: unknown } | null)?.items ?? null,
    };
  }

  #one(operation: Operation): QueryField {
    const isOrder = operation.id === 'readOrder';
    return {
      type: this.#types.output(operation.answer!, capital(operation.id.slice('read'.length))),
      ...about(operation),
      args: this.#arguments(operation),
      resolve: (_source, args, context) =>
        isOrder && args['asOf'] === undefined
          ? this.order(context, args['id'] as string)
          : readOrNull(context, operation, args as ParameterValues),
    };
  }

  #arguments({ id, parameters }: Operation): Record<string, { type: GraphQLInputType; description?: string }> {
    const asked = parameters.filter(({ in: place, name }) => place !== 'header' && !NO_ARGUMENTS.has(`${id}.${name}`));
    return Object.fromEntries(asked.map((parameter) => [parameter.name, this.argument(parameter, capital(id))]));
  }

  /** An argument out of a parameter. */
  argument(
    { name, schema, required, description }: Parameter,
    prefix: string,
  ): { type: GraphQLInputType; description?: string } {
    const isId = name === 'id' || name.endsWith('Id');
    const type = isId ? GraphQLID : this.#types.input(schema, nameOf(schema) ?? `${prefix}${capital(name)}`);
    return {
      type: required ? new GraphQLNonNull(type) : type,
      ...(description !== undefined && { description }),
    };
  }

  /** An order as `GET /orders/{id}` shows it; null where there is none for this caller. Several of a level are one call. */
  order(context: CallContext, id: string): Promise<unknown> {
    const single = this.#operations.get('readOrder')!;
    const list = this.#operations.get('listOrderDetails');
    return loaderOf<unknown>(context, 'order', async (keys) => {
      if (keys.length === 1 || !list) {
        const orders = await Promise.all(keys.map((key) => readOrNull(context, single, { id: key })));
        return (key) => orders[keys.indexOf(key)];
      }
      // What is no id is the id of no order, and would be refused in a list.
      const ids = keys.filter((key) => UUID.test(key));
      const found = await readByKey(context, { operation: list, parameter: 'id', property: 'id' }, ids);
      return (key) => found.get(key)?.[0] ?? null;
    }).get(id.toLowerCase());
  }

  // What belongs to an object --------------------------------------------------------------------------------

  /** What a type has beside the fields of its schema: an order all that other services know of it, and what belongs to an order that order. */
  further(type: string, properties: readonly string[]): Fields {
    if (type === 'Order') return this.#ofOrder();
    if (!properties.includes('orderId')) return {};
    return {
      order: {
        type: this.#types.output({ $ref: '#/components/schemas/Order' }, 'Order'),
        description: 'The order that this belongs to',
        resolve: (source, _args, context) => this.order(context, String(source['orderId'])),
      },
    };
  }

  #ofOrder(): Fields {
    const fields: Fields = {};
    for (const operation of this.#operations.values()) {
      const keys = operation.parameters.find(({ in: place, name }) => place === 'query' && name === 'orderId');
      if (!isList(operation) || keys?.schema.type !== 'array') continue;
      const name = fieldName(operation.id, 'list');
      const item = pageItem(operation.answer)!;
      const entry = this.#types.output(item, nameOf(item) ?? capital(name)) as GraphQLObjectType;
      const one = ONE.has(name);
      const list: KeyedList = { operation, parameter: 'orderId', property: 'orderId' };
      fields[one ? name.replace(/s$/, '') : name] = {
        // Null where its service cannot be asked: the order is there all the same.
        type: one ? entry : new GraphQLList(new GraphQLNonNull(entry)),
        ...about(operation),
        resolve: (source, _args, context) => ofOrder(context, name, list, String(source['id']), one),
      };
    }
    return fields;
  }
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function ofOrder(context: CallContext, name: string, list: KeyedList, orderId: string, one: boolean): Promise<unknown> {
  return loaderOf<unknown>(context, name, async (keys) => {
    const found = await readByKey(context, list, keys);
    return one ? (key) => found.get(key)?.[0] ?? null : (key) => found.get(key) ?? [];
  }).get(orderId);
}

/** What an operation answers, or null where nothing is there. */
async function readOrNull(context: CallContext, operation: Operation, values: ParameterValues): Promise<unknown> {
  const { status, body } = await context.call(callOf(operation, values));
  if (status === NOT_FOUND) return null;
  if (status >= SUCCESS_END) throw errorOf(body as ProblemDocument);
  return body;
}

function about({ summary }: Operation): { description?: string } {
  return summary === undefined ? {} : { description: summary };
}
