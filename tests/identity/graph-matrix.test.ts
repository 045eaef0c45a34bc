import { randomUUID } from 'node:crypto';
import {
  buildSchema,
  getNamedType,
  type GraphQLField,
  type GraphQLInputType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
} from 'graphql';
import { beforeAll, describe, expect, test } from 'vitest';
import { Graph } from '#tests/support/graph.ts';
import type { Api } from '#tests/support/api.ts';
import { publishedTable, readDocument } from '#tests/support/published.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/**
 * Every field of GraphQL that is an operation of the API, asked by everybody there can be: what comes back is what the
 * published table of roles and permissions says. Fields, operations and table are read from the documents.
 */

const system = useSystem();
const schema = buildSchema(readDocument('docs/api/schema.graphql'));
const { paths } = JSON.parse(readDocument('docs/api/openapi.json')) as {
  paths: Record<string, Record<string, { operationId: string; 'x-permission'?: string }>>;
};
const PERMISSIONS = new Map(
  Object.values(paths).flatMap((methods) =>
    Object.values(methods).map((operation) => [operation.operationId, operation['x-permission']] as const),
  ),
);

const { roles: ROLES, rights: RIGHTS } = publishedTable();

const UNKNOWN = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** A value that fits a type and that no operation takes, where there is one. */
function valueOf(type: GraphQLInputType): string {
  if (isNonNullType(type)) return valueOf(type.ofType);
  if (isListType(type)) return '[]';
  // Many orders at once need what their command needs as well: one that all may give who may do that.
  if (isEnumType(type)) return type.getValue('hold')?.name ?? type.getValues()[0]!.name;
  if (isInputObjectType(type)) {
    const needed = Object.values(type.getFields()).filter(isRequiredInputField);
    return `{ ${needed.map(({ name, type: of }) => `${name}: ${valueOf(of)}`).join(', ')} }`;
  }
  return { ID: `"${UNKNOWN}"`, Int: '0', SafeInt: '0', Boolean: 'false', Float: '0', JSON: '{}' }[type.name] ?? '""';
}

/** A selection of one field, as small as it can be. */
function asked({ name, args, type }: GraphQLField<unknown, unknown>): string {
  const needed = args.filter(isRequiredArgument).map((arg) => `${arg.name}: ${valueOf(arg.type)}`);
  if (args.some((arg) => arg.name === 'first')) needed.push('first: 1');
  return `${name}${needed.length > 0 ? `(${needed.join(', ')})` : ''}${isLeafType(getNamedType(type)) ? '' : ' { __typename }'}`;
}

interface Asked {
  readonly field: string;
  readonly text: string;
  readonly permission: string;
}

/** The fields of a type with the permission of the operation that each is. */
function fieldsOf(typeName: string, operationsOf: (field: string) => readonly string[]): Asked[] {
  const type = schema.getType(typeName);
  if (!isObjectType(type)) throw new Error(`${typeName} is no type of the schema`);
  return Object.values(type.getFields()).map((field) => {
    const operation = operationsOf(field.name).find((id) => PERMISSIONS.has(id));
    const permission = operation && PERMISSIONS.get(operation);
    if (permission === undefined) throw new Error(`${typeName}.${field.name} is no operation with a permission`);
    return { field: field.name, text: asked(field), permission };
  });
}
const OTHERWISE: Readonly<Record<string, string>> = { stockLevels: 'listStock', bulkRuns: 'listBulk' };
const QUERIES = fieldsOf('Query', (field) => [
  OTHERWISE[field] ?? '',
  `read${capital(field)}`,
  `list${capital(field)}`,
]);
const MUTATIONS = fieldsOf('Mutation', (field) => [field]);

/** The fields that a caller is refused for want of a permission. */
async function refusedTo(api: Api, kind: 'query' | 'mutation', fields: readonly Asked[]): Promise<string[]> {
  const { status, body, text } = await new Graph(api).call(
    `${kind} { ${fields.map(({ text: one }) => one).join(' ')} }`,
  );
  expect(status, text.slice(0, 1_000)).toBe(200);
  const errors = body.errors ?? [];
  const others = errors.filter(({ extensions: { code } }) => !['FORBIDDEN', 'VALIDATION_FAILED'].includes(code));
  expect(others).toEqual([]);
  return errors
    .filter(({ extensions: { code } }) => code === 'FORBIDDEN')
    .map(({ path }) => String(path![0]))
    .toSorted();
}

async function keyOf(body: object): Promise<string> {
  const name = `g-${randomUUID().slice(0, 13)}`;
  return (await system.api.ok<{ key: string }>('POST', '/api-keys', { body: { name, ...body } })).key;
}
const keyWith = (role: string): Promise<string> =>
  keyOf({ role, ...(role === 'customer' && { customer: `c-${randomUUID()}` }) });

test('the documents have every field and its permission', () => {
  expect([QUERIES.length > 20, MUTATIONS.length > 25]).toEqual([true, true]);
  expect([...QUERIES, ...MUTATIONS].filter(({ permission }) => !RIGHTS.has(permission))).toEqual([]);
});

describe('every field that is an operation', () => {
  test.each(ROLES)('answers the role %s as the table says', async (role) => {
    const api = system.api.as(await keyWith(role));
    for (const [kind, fields] of [
      ['query', QUERIES],
      ['mutation', MUTATIONS],
    ] as const)
      expect(await refusedTo(api, kind, fields)).toEqual(
        fields
          .filter(({ permission }) => !RIGHTS.get(permission)!.has(role))
          .map(({ field }) => field)
          .toSorted(),
      );
  });

  test('answers a key of another scope as the scope says', async () => {
    const api = system.api.as(await keyOf({ scopes: ['products:read'] }));
    const refused = await refusedTo(api, 'query', QUERIES);
    expect(QUERIES.map(({ field }) => field).filter((field) => !refused.includes(field))).toEqual(
      QUERIES.filter(({ permission }) => ['products:read', 'me:read'].includes(permission)).map(({ field }) => field),
    );
    expect((await refusedTo(api, 'mutation', MUTATIONS)).length).toBe(MUTATIONS.length);
  });

  test('is answered 401 to nobody, and to a key that has ended', async () => {
    const expiresAt = new Date(Date.now() + 500).toISOString();
    const ended = await keyOf({ role: 'admin', expiresAt });
    await until('its end', () => Date.now() > Date.parse(expiresAt));
    for (const key of [undefined, ended])
      for (const [kind, fields] of [
        ['query', QUERIES],
        ['mutation', MUTATIONS],
      ] as const)
        for (const { text } of fields) {
          const answer = await system.api.as(key).call('POST', '/graphql', { body: { query: `${kind} { ${text} }` } });
          expect(answer.status).toBe(401);
        }
  });
});

describe('a customer', () => {
  const [mine, other] = [`c-${randomUUID()}`, `c-${randomUUID()}`];
  let order: Order;
  let me: Graph;
  let them: Graph;

  beforeAll(async () => {
    const sku = await system.api.product(10);
    order = await system.api.placeOrder({ sku, customerId: mine });
    await system.api.untilStatus(order.id, 'COMPLETED');
    const graphOf = async (customer: string): Promise<Graph> =>
      new Graph(system.api.as(await keyOf({ role: 'customer', customer })));
    me = await graphOf(mine);
    them = await graphOf(other);
  });

  test('reads own orders', async () => {
    const { data } = await me.done(
      `{ order(id: "${order.id}") { id items { sku } shipments { status } } orders { nodes { id } } }`,
    );
    expect(data).toMatchObject({ order: { id: order.id, shipments: [{}] }, orders: { nodes: [{ id: order.id }] } });
  });

  test('finds nothing of others, by any way', async () => {
    const { data } = await them.done(
      `query ($id: ID!) {
        order(id: $id) { id }
        again: order(id: "${UNKNOWN}") { id }
        invoice(id: $id) { invoiceNumber }
        orderEvents(id: $id) { id }
        orders(filter: { id: [$id] }) { nodes { id items { sku } } }
        shipments(filter: { orderId: [$id] }) { nodes { id order { id } } }
        invoices(filter: { orderId: [$id] }) { nodes { invoiceNumber order { id } } }
      }`,
      { id: order.id },
    );
    const none = { nodes: [] };
    expect(data).toEqual({
      order: null,
      again: null,
      invoice: null,
      orderEvents: null,
      orders: none,
      shipments: none,
      invoices: none,
    });
    const cancelled = await them.done(`mutation { cancelOrder(id: "${order.id}") { order { id } problem { code } } }`);
    expect(cancelled.data['cancelOrder']).toEqual({ order: null, problem: { code: 'ORDER_NOT_FOUND' } });
  });

  test('reads nothing that is for others of an own order', async () => {
    const { data, errors } = (
      await me.call(`{ order(id: "${order.id}") { id reviews { id } notifications { id } payments { status } } }`)
    ).body;
    expect(data['order']).toEqual({ id: order.id, reviews: null, notifications: null, payments: null });
    expect(errors!.map(({ path, extensions: { code } }) => [path!.at(-1), code]).toSorted()).toEqual([
      ['notifications', 'FORBIDDEN'],
      ['payments', 'FORBIDDEN'],
      ['reviews', 'FORBIDDEN'],
    ]);
  });
});
