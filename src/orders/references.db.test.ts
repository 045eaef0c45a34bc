import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Service } from '#platform/service.ts';
import { orderBody } from '#tests/support/api.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { NO_PEERS } from '#tests/support/peers.ts';
import { orders } from './service.ts';

/** References on a real PostgreSQL, taken by several processes at the same time. */

const one = useOneService(orders);
const peers = {
  ...NO_PEERS,
  lookupProducts: async ({ skus }: { skus: readonly string[] }) =>
    skus.map((sku) => ({ id: randomUUID(), sku, name: sku })),
};
const start = (env: Record<string, string> = {}): Promise<Service> => one.start(env, { peers });

function placing(service: Service): (reference: string) => Promise<{ status: number; id: string }> {
  const app = one.api(service);
  return async (reference) => {
    const body = orderBody({ sku: 'MUG', channel: 'web', reference });
    const headers = { 'idempotency-key': randomUUID() };
    const answer = await app.inject({ method: 'POST', url: '/orders', headers, body });
    const { id, orderId } = answer.json<{ id?: string; orderId?: string }>();
    return { status: answer.statusCode, id: id ?? orderId! };
  };
}

async function ordersWith(reference: string): Promise<string[]> {
  const rows = await one.database.query<{ id: string }>('select id from orders.orders where reference = $1', [
    reference,
  ]);
  return rows.map(({ id }) => id);
}

describe('a reference', () => {
  test('is taken once by three processes on one database, whatever batches its orders come in', async () => {
    const processes = [await start(), await start(), await start()].map(placing);
    const references = Array.from({ length: 12 }, () => randomUUID());
    const answers = await Promise.all(
      Array.from({ length: 360 }, async (_, index) => {
        const reference = references[index % references.length]!;
        return { reference, ...(await processes[index % 3]!(reference)) };
      }),
    );
    for (const reference of references) {
      const stored = await ordersWith(reference);
      expect(stored).toHaveLength(1);
      const mine = answers.filter((answer) => answer.reference === reference);
      expect(mine.filter(({ status }) => status === 201)).toHaveLength(1);
      expect(mine.filter(({ status }) => status === 409)).toHaveLength(mine.length - 1);
      expect(new Set(mine.map(({ id }) => id))).toEqual(new Set(stored));
    }
    const [events] = await one.database.query<{ count: number }>(
      "select count(*)::int as count from log.order_outbox where type = 'OrderCreated'",
    );
    expect(events!.count).toBe(references.length);
  });

  test('that stored orders share is held by the first of them', async () => {
    const place = placing(await start({ ORDERS_REPEATED_REFERENCES: '*' }));
    const [shared, single] = [randomUUID(), randomUUID()];
    const first = await place(shared);
    expect([first.status, (await place(shared)).status, (await place(single)).status]).toEqual([201, 201, 201]);
    await one.database.query('drop table orders.order_references');
    const migration = await readFile(join(import.meta.dirname, 'migrations/0004-references.sql'), 'utf8');
    await one.database.pool.query(migration);
    const strict = placing(await start());
    expect(await strict(shared)).toEqual({ status: 409, id: first.id });
    expect((await strict(single)).status).toBe(409);
    expect((await strict(randomUUID())).status).toBe(201);
  });

  test('is looked for by its key, however many there are', async () => {
    await one.database.query(
      "insert into orders.order_references select 'big', 'r' || n, gen_random_uuid() from generate_series(1, 20000) n",
    );
    await one.database.query('analyze orders.order_references');
    const rows = await one.database.query<{ 'QUERY PLAN': string }>(
      `explain select t.order_id from unnest('{big}'::text[], '{r7}'::text[]) as r(channel, reference)
       join orders.order_references t on t.channel = r.channel and t.reference = r.reference`,
    );
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('order_references_pkey');
  });
});
