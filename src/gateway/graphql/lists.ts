import {
  GraphQLBoolean,
  type GraphQLFieldConfig,
  GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLString,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { errorOf, read, type CallContext, type RestPage } from './calls.ts';
import { type JsonSchema, nameOf, type Operation, pageItem } from './document.ts';
import { capital, type Types } from './types.ts';

/** Lists as connections: pages that are read on by a cursor (the GraphQL Cursor Connections Specification). */

export const FIRST_DEFAULT = 50;
export const FIRST_MAX = 200;
const PAGE_PARAMETERS: ReadonlySet<string> = new Set(['limit', 'cursor', 'sort']);

interface ListArguments {
  readonly filter?: Readonly<Record<string, unknown>> | null;
  readonly sort?: string | null;
  readonly first?: number | null;
  readonly after?: string | null;
}

interface Connection {
  readonly nodes: readonly unknown[];
  readonly edges: () => readonly { readonly node: unknown; readonly cursor: string }[];
  readonly pageInfo: () => {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
}

/** A list with more of each entry than another: read instead of that one where more is asked for. */
export interface FullList {
  readonly operation: Operation;
  /** Properties that the other one has of each entry. */
  readonly brief: ReadonlySet<string>;
  /** Of each field of an entry the property that it shows. */
  readonly properties: ReadonlyMap<string, string>;
}

const PAGE_INFO = new GraphQLObjectType({
  name: 'PageInfo',
  description: 'Where a page of a list ends, and whether there is more',
  fields: {
    hasNextPage: { type: new GraphQLNonNull(GraphQLBoolean) },
    hasPreviousPage: { type: new GraphQLNonNull(GraphQLBoolean) },
    startCursor: { type: GraphQLString },
    endCursor: { type: GraphQLString },
  },
});

/** The field of a list operation. */
export function connectionField(
  types: Types,
  operation: Operation,
  full?: FullList,
): GraphQLFieldConfig<unknown, CallContext, ListArguments> {
  const item = pageItem(operation.answer)!;
  const entry = types.output(item, capital(operation.id.replace(/^list/, '')).replace(/s$/, ''));
  const { name } = entry as GraphQLObjectType;
  return {
    type: connectionType(name, entry as GraphQLObjectType),
    ...(operation.summary !== undefined && { description: operation.summary }),
    args: {
      ...filterArgument(types, operation, name),
      first: { type: GraphQLInt, defaultValue: FIRST_DEFAULT, description: `Entries, at most ${FIRST_MAX}` },
      after: { type: GraphQLString, description: 'A cursor; the entries that follow it' },
    },
    resolve(_source, args, context, info) {
      const { operation: list, fields } = listFor(operation, full, info);
      return readPage(context, list, args, fields);
    },
  };
}

const connections = new WeakMap<GraphQLObjectType, GraphQLObjectType>();

function connectionType(name: string, node: GraphQLObjectType): GraphQLObjectType {
  const before = connections.get(node);
  if (before) return before;
  const edge = new GraphQLObjectType({
    name: `${name}Edge`,
    fields: { node: { type: new GraphQLNonNull(node) }, cursor: { type: new GraphQLNonNull(GraphQLString) } },
  });
  const type = new GraphQLObjectType({
    name: `${name}Connection`,
    fields: {
      nodes: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(node))) },
      edges: { type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(edge))) },
      pageInfo: { type: new GraphQLNonNull(PAGE_INFO) },
    },
  });
  connections.set(node, type);
  return type;
}

function filterArgument(
  types: Types,
  { id, parameters }: Operation,
  entry: string,
): Record<string, { type: GraphQLInputType }> {
  const typeOf = (schema: JsonSchema, name: string): GraphQLInputType =>
    types.input(schema, nameOf(schema) ?? `${entry}${capital(name)}`);
  const asked = parameters.filter(({ in: place, name }) => place === 'query' && !PAGE_PARAMETERS.has(name));
  const sort = parameters.find(({ in: place, name }) => place === 'query' && name === 'sort');
  return {
    ...(asked.length > 0 && {
      filter: {
        type: new GraphQLInputObjectType({
          name: `${capital(id.replace(/^list/, ''))}Filter`,
          fields: Object.fromEntries(
            asked.map(({ name, description, schema }) => [
              name,
              { type: typeOf(schema, name), ...(description !== undefined && { description }) },
            ]),
          ),
        }),
      },
    }),
    ...(sort && { sort: { type: types.input(sort.schema, `${capital(id.replace(/^list/, ''))}Sort`) } }),
  };
}

// Pages --------------------------------------------------------------------------------------------------------

/**
 * A cursor of ours: where the page that holds an entry begins in the REST list, and which of its entries this is. The
 * last entry of a page has the cursor of the next one, which stays exact whatever happens to the entries before it.
 */
interface Place {
  readonly cursor: string;
  readonly skip: number;
}

const CURSOR = /^(\d{1,3})\.([A-Za-z0-9_-]{0,600})$/;

function parseCursor(after: string | null | undefined): Place {
  if (after === undefined || after === null) return { cursor: '', skip: 0 };
  const [, skip, cursor] = CURSOR.exec(after) ?? [];
  if (cursor === undefined || Number(skip) > FIRST_MAX)
    throw errorOf({
      code: 'VALIDATION_FAILED',
      detail: 'The cursor is not one that this list gave; start without one.',
    });
  return { cursor, skip: Number(skip) };
}

async function readPage(
  context: CallContext,
  operation: Operation,
  args: ListArguments,
  fields: readonly string[] | undefined,
): Promise<Connection> {
  const { filter, sort, after } = args;
  const first = args.first ?? FIRST_DEFAULT;
  if (first < 1 || first > FIRST_MAX)
    throw errorOf({ code: 'VALIDATION_FAILED', detail: `first is from 1 to ${FIRST_MAX}.` });
  const start = parseCursor(after);
  const limit = Math.min(first + start.skip, FIRST_MAX);
  const takesPages = operation.parameters.some(({ name }) => name === 'limit');
  const { items, nextCursor } = await read<RestPage>(context, operation, {
    ...filter,
    sort,
    fields,
    ...(takesPages && { limit, cursor: start.cursor === '' ? undefined : start.cursor }),
  });
  const shown = items.slice(start.skip, start.skip + first);
  const end = start.skip + shown.length;
  const cursorAt = (index: number): string =>
    index + 1 === items.length && nextCursor !== null ? `0.${nextCursor}` : `${index + 1}.${start.cursor}`;
  return {
    nodes: shown,
    edges: () => shown.map((node, index) => ({ node, cursor: cursorAt(start.skip + index) })),
    pageInfo: () => ({
      hasNextPage: nextCursor !== null || items.length > end,
      hasPreviousPage: after !== undefined && after !== null,
      startCursor: shown.length > 0 ? cursorAt(start.skip) : null,
      endCursor: shown.length > 0 ? cursorAt(end - 1) : null,
    }),
  };
}

/** The names of everything that a query wants of the entries. */
function wantedFields({ fieldNodes, fragments }: GraphQLResolveInfo): ReadonlySet<string> {
  const wanted = new Set<string>();
  const look = (set: SelectionSetNode | undefined, isEntry: boolean): void => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) look(fragments[selection.name.value]?.selectionSet, isEntry);
      else if (selection.kind === Kind.INLINE_FRAGMENT) look(selection.selectionSet, isEntry);
      else if (isEntry) wanted.add(selection.name.value);
      else look(selection.selectionSet, selection.name.value !== 'edges');
    }
  };
  for (const { selectionSet } of fieldNodes) look(selectionSet, false);
  return wanted;
}

/** The list to read, and of the full one the fields: what is loaded beside an entry needs its id alone. */
function listFor(
  brief: Operation,
  full: FullList | undefined,
  info: GraphQLResolveInfo,
): { readonly operation: Operation; readonly fields?: readonly string[] } {
  if (!full) return { operation: brief };
  const wanted = new Set(['id']);
  for (const field of wantedFields(info)) {
    const property = full.properties.get(field);
    if (property !== undefined) wanted.add(property);
  }
  const fields = [...wanted];
  return fields.every((property) => full.brief.has(property))
    ? { operation: brief }
    : { operation: full.operation, fields };
}
