import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { firstIdAt } from '#contracts/ids.ts';
import { orderBody } from '#tests/support/api.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { NO_PEERS } from '#tests/support/peers.ts';
import { OPEN_STATUSES } from './rules/lifecycle.ts';
import { orders } from './service.ts';
import { LATE_ORDERS, OPEN_ORDERS, openOrders } from './store/open-orders.ts';

/** How many orders are open and for how long, looked up every few seconds beside all others, on a real PostgreSQL. */

const one = useOneService(orders);
const ENDED = 60_000;
const OPEN = [...OPEN_STATUSES];

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

async function scansOf(text: string, values: unknown[]): Promise<Plan[]> {
  const [row] = await one.database.queryOnce<{ 'QUERY PLAN': { Plan: Plan }[] }>(
    `explain (analyze, format json) ${text}`,
    values,
  );
  return nodesOf(row!['QUERY PLAN'][0]!.Plan).filter((node) => node['Relation Name'] === 'order_states');
}

test('the orders that are open are counted by indexes, however many have ended', async () => {
  const now = Date.now();
  const ids = (from: number, count: number): string[] =>
    Array.from({ length: count }, (_, i) => firstIdAt(now - 1_000_000 + from + i));
  const insert = (rows: readonly string[], status: string, since: number): Promise<unknown> =>
    one.database.query(
      `insert into orders.order_states (order_id, status, payment_status, fulfillment_status, return_status, deadline_at, updated_at, status_since, version, sequence, seen, detail)
       select id, $2, 'NONE', 'UNFULFILLED', 'NONE', null, $3, $3, 1, 1, '{}', '{}' from unnest($1::uuid[]) as t(id)`,
      [rows, status, new Date(since)],
    );
  await insert(ids(0, ENDED), 'COMPLETED', now);
  await insert(ids(ENDED, 30), 'SHIPPED', now - 50_000);
  await insert(ids(ENDED + 100, 20), 'PAID', now - 9_000);
  await one.database.query('analyze orders.order_states');

  const { statuses, late } = await openOrders(one.database, OPEN, now);
  expect(statuses.filter(({ count }) => count > 0).toSorted((a, b) => a.count - b.count)).toEqual([
    { status: 'PAID', count: 20, seconds: 9 },
    { status: 'SHIPPED', count: 30, seconds: 50 },
  ]);
  expect(statuses.map(({ status }) => status).toSorted()).toEqual(OPEN.toSorted());
  expect(late).toBe(0);

  const scans = await scansOf(OPEN_ORDERS, [OPEN, new Date(now)]);
  expect(scans.map((node) => node['Index Name'])).toEqual(['order_states_status']);
  expect(scans[0]!['Actual Rows'] * scans[0]!['Actual Loops']).toBeLessThan(100);
  const due = await scansOf(LATE_ORDERS, [new Date(now)]);
  expect(due.map((node) => node['Index Name'])).toEqual(['order_states_deadline']);
});

test('an order has been in its status since it came there, whatever else happened to it meanwhile', async () => {
  const lookupProducts: typeof NO_PEERS.lookupProducts = async ({ skus }) =>
    skus.map((sku) => ({ id: randomUUID(), sku, name: sku }));
  const service = await one.start({}, { peers: { ...NO_PEERS, lookupProducts } });
  const api = one.api(service);
  const ask = async (url: string, body: object): Promise<Record<string, string>> => {
    const answer = await api.inject({ method: 'POST', url, headers: { 'idempotency-key': randomUUID() }, body });
    expect(answer.statusCode, answer.body).toBeLessThan(300);
    return answer.json();
  };
  const stored = async (): Promise<{ status: string; since: Date; at: Date }> =>
    (
      await one.database.query<{ status: string; since: Date; at: Date }>(
        'select status, status_since as since, updated_at as at from orders.order_states where order_id = $1',
        [id],
      )
    )[0]!;
  const { id } = await ask('/orders', orderBody({ sku: 'MUG' }));
  // Of a version that knew nothing of it.
  await one.database.query('update orders.order_states set status_since = null where order_id = $1', [id]);
  const placed = await stored();
  one.clock.aheadMs = 60_000;
  await ask(`/orders/${id}/hold`, { reason: 'address to be checked' });
  expect(await stored()).toMatchObject({ status: 'CREATED', since: placed.at });
  expect((await stored()).at.getTime()).toBeGreaterThan(placed.at.getTime() + 50_000);
  await one.happen(one.event(id!, 'StockReserved', { allocations: [{ sku: 'MUG', location: 'main', quantity: 1 }] }));
  const reserved = await one.eventually(stored, ({ status }) => status === 'RESERVED');
  expect(reserved.since).toEqual(reserved.at);
});
