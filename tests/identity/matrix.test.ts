import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { IDENTITY_HEADER, Identities } from '#platform/http/remote/identity.ts';
import type { Api } from '#tests/support/api.ts';
import { publishedTable, readDocument } from '#tests/support/published.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Page, Problem, Shipment } from '#tests/support/views.ts';

/**
 * Every operation of the API, called by everybody there can be: what comes back is what the published table of roles and
 * permissions says. The table and the operations are read from the documents, the answers from the system.
 */

const SECRET = 'a secret of at least thirty-two characters';
const system = useSystem({ env: { OLMS_INTERNAL_SECRET: SECRET } });

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  /** Undefined where it is public. */
  readonly permission: string | undefined;
  readonly changes: boolean;
}

const { paths } = JSON.parse(readDocument('docs/api/openapi.json')) as {
  paths: Record<string, Record<string, { operationId: string; security?: unknown[]; 'x-permission'?: string }>>;
};
const OPERATIONS: Operation[] = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, { operationId: id, security, 'x-permission': permission }]) => {
    if ((permission === undefined) !== (security?.length === 0)) throw new Error(`${id} is neither public nor not`);
    return { method: method.toUpperCase(), path, id, permission, changes: method !== 'get' };
  }),
);
const GUARDED = OPERATIONS.filter(({ permission }) => permission !== undefined);

const { roles: ROLES, rights: RIGHTS } = publishedTable();

const UNKNOWN = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
/** What stands for a parameter in a path: what is not there, so that nothing happens to what is. */
const PARAMETERS: Readonly<Record<string, string>> = { name: 'nobody', sku: 'NOTHING', consumer: 'orders', type: 'x' };

function urlOf({ path, id }: Operation, orderId = UNKNOWN, returnId = UNKNOWN): string {
  const parameters: typeof PARAMETERS = { ...PARAMETERS, returnId };
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) => parameters[name] ?? orderId);
  // It would be answered without end: after the question who calls, this filter is refused.
  return id === 'followEvents' ? `${url}?type=nothing` : url;
}

/** What an operation asks for beside its permission: who takes out a list as a file must be permitted to read the list. */
const ALSO: Readonly<Record<string, string>> = {
  exportOrders: 'orders:read',
  exportOrderLines: 'orders:read',
  exportRefunds: 'orders:read',
  exportReturns: 'orders:read',
  exportPayments: 'payments:read',
  exportInvoices: 'invoices:read',
  exportShipments: 'shipments:read',
  exportMovements: 'stock:read',
  exportReviews: 'reviews:read',
  exportAudit: 'audit:read',
};
const needs = ({ id, permission }: Operation): string[] => [permission!, ...(ALSO[id] === undefined ? [] : [ALSO[id]])];

/** How an operation answers a caller: admitted is whatever comes after the question who calls and what they may. */
type Seen = 'admitted' | 401 | 403;
async function ask(api: Api, operation: Operation, headers: Record<string, string> = {}): Promise<Seen> {
  const { method, changes } = operation;
  const answer = await api.call<Problem>(method, urlOf(operation), {
    // A body that no operation takes.
    ...(changes && { body: { nothingTakesThis: true }, key: randomUUID() }),
    headers,
  });
  expect(answer.status, `${method} ${operation.path}: ${answer.text.slice(0, 200)}`).toBeLessThan(500);
  if (answer.status === 401) expect(answer.body.code).toBe('UNAUTHENTICATED');
  if (answer.status === 403) expect(answer.body.code).toBe('FORBIDDEN');
  return answer.status === 401 || answer.status === 403 ? answer.status : 'admitted';
}

/** What each guarded operation answers a caller, by operation, next to what it should. */
async function compare(
  api: Api,
  expected: (operation: Operation) => Seen,
  headers?: Record<string, string>,
): Promise<void> {
  const seen: Record<string, Seen> = {};
  for (const operation of GUARDED) seen[operation.id] = await ask(api, operation, headers);
  expect(seen).toEqual(Object.fromEntries(GUARDED.map((operation) => [operation.id, expected(operation)])));
}

async function keyOf(body: object): Promise<string> {
  const name = `m-${randomUUID().slice(0, 13)}`;
  return (await system.api.ok<{ key: string }>('POST', '/api-keys', { body: { name, ...body } })).key;
}
const keyWith = (role: string): Promise<string> =>
  keyOf({ role, ...(role === 'customer' && { customer: `c-${randomUUID()}` }) });

describe('the documents', () => {
  test('have every operation and every permission', () => {
    expect(GUARDED.length).toBeGreaterThan(50);
    expect(ROLES).toEqual('reader client operator admin customer support warehouse finance reviewer'.split(' '));
    expect([...new Set(GUARDED.map(({ permission }) => permission!))].filter((name) => !RIGHTS.has(name))).toEqual([]);
  });
});

describe('every operation', () => {
  test('that is public answers anybody', async () => {
    const nobody = system.api.as(undefined);
    for (const operation of OPERATIONS.filter(({ permission }) => permission === undefined)) {
      const { status, body } = await nobody.call<Problem>(operation.method, urlOf(operation), {
        ...(operation.changes && { body: {} }),
      });
      // The webhook asks for a signature, or for a provider that there is.
      expect([operation.id, status === 401 && body.code === 'UNAUTHENTICATED', status === 403]).toEqual([
        operation.id,
        false,
        false,
      ]);
    }
  });

  test('is answered 401 to nobody', () => compare(system.api.as(undefined), () => 401));

  test('is answered 401 to a key that has ended', async () => {
    const expiresAt = new Date(Date.now() + 500).toISOString();
    const ended = await keyOf({ role: 'admin', expiresAt });
    await until('its end', () => Date.now() > Date.parse(expiresAt));
    await compare(system.api.as(ended), () => 401);
  });

  test.each(ROLES)('answers the role %s as the table says', async (role) => {
    await compare(system.api.as(await keyWith(role)), (operation) =>
      needs(operation).every((permission) => RIGHTS.get(permission)!.has(role)) ? 'admitted' : 403,
    );
  });

  test('admits a process of this system by its signed identity, and nobody by one that is not signed', async () => {
    const caller = { name: 'service:test', role: 'service' } as const;
    const signed = new Identities(SECRET, ['orders']).sign(caller, 'orders');
    const forged = new Identities('another secret of thirty-two characters', ['orders']).sign(caller, 'orders');
    const nobody = system.api.as(undefined);
    await compare(nobody, () => 'admitted', { [IDENTITY_HEADER]: signed });
    for (const operation of GUARDED.slice(0, 5))
      expect(await ask(nobody, operation, { [IDENTITY_HEADER]: forged })).toBe(401);
  });

  test('admits a key whose scope is its permission, and none that has every other', async () => {
    const all = [...RIGHTS.keys()];
    for (const permission of new Set(GUARDED.map((operation) => operation.permission!))) {
      // Everybody who is known has it.
      if (permission === 'me:read') continue;
      const operations = GUARDED.filter((one) => one.permission === permission);
      const alone = system.api.as(await keyOf({ scopes: [...new Set(operations.flatMap(needs))] }));
      const others = system.api.as(await keyOf({ scopes: all.filter((name) => name !== permission) }));
      for (const operation of operations) {
        expect([operation.id, await ask(alone, operation)]).toEqual([operation.id, 'admitted']);
        expect([operation.id, await ask(others, operation)]).toEqual([operation.id, 403]);
      }
    }
  });
});

describe('an order of another customer', () => {
  let owner: Api;
  let other: Api;
  let order: Order;
  let shipment: Shipment;
  beforeAll(async () => {
    const customer = `c-${randomUUID()}`;
    owner = system.api.as(await keyOf({ role: 'customer', customer }));
    other = system.api.as(await keyWith('customer'));
    order = await system.api.placeOrder({ sku: await system.api.product(), customerId: customer });
    await system.api.untilStatus(order.id, 'COMPLETED');
    const asked = await system.api.command(order.id, 'returns', { reason: 'too small' });
    ({ returnId } = asked.body.returns[0]!);
    [shipment] = (await owner.get<Page<Shipment>>(`/shipments?orderId=${order.id}`)).items as [Shipment];
    await until('the invoice', async () => (await owner.call('GET', `/orders/${order.id}/invoice`)).status === 200);
  });
  const OF_ONE = GUARDED.filter(({ path }) => path.includes('{id}') || path.includes('{orderId}'));
  const idIn = ({ path }: Operation): string => (path.startsWith('/shipments') ? shipment.id : order.id);
  let returnId: string;

  test('is there for no operation: 404 where customers may call it, 403 where they may not', async () => {
    expect(OF_ONE.length).toBeGreaterThan(20);
    let found = 0;
    for (const operation of OF_ONE) {
      const { status } = await other.call(operation.method, urlOf(operation, idIn(operation)), {
        ...(operation.changes && { body: {}, key: randomUUID() }),
      });
      const mayCall = RIGHTS.get(operation.permission!)!.has('customer');
      expect([operation.id, status]).toEqual([operation.id, mayCall ? 404 : 403]);
      if (mayCall) found++;
    }
    expect(found).toBeGreaterThanOrEqual(7);
    expect((await system.api.order(order.id)).version).toBe((await owner.order(order.id)).version);
  });

  test('is in no list', async () => {
    const lists = GUARDED.filter(
      ({ method, path, permission }) =>
        method === 'GET' && !path.includes('{') && RIGHTS.get(permission!)!.has('customer'),
    );
    for (const operation of lists) {
      if (operation.id === 'followEvents') continue;
      for (const query of ['', `?orderId=${order.id}`, `?id=${order.id}`, `?text=${order.id}`]) {
        const { text } = await other.call('GET', `${operation.path}${query}`);
        const isSilent = !text.includes(order.id) && !text.includes(shipment.id);
        expect([operation.id, query, isSilent || text.includes('"VALIDATION_FAILED"')]).toEqual([
          operation.id,
          query,
          true,
        ]);
      }
    }
  });

  test('is there for who has placed it', async () => {
    for (const operation of OF_ONE.filter(
      ({ method, permission }) => method === 'GET' && RIGHTS.get(permission!)!.has('customer'),
    ))
      expect([operation.id, (await owner.call('GET', urlOf(operation, idIn(operation), returnId))).status]).toEqual([
        operation.id,
        200,
      ]);
  });
});
