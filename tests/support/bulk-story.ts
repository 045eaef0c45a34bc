import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect } from 'vitest';
import { startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import type { BulkRun } from '#client/types.ts';
import { ApiClient } from '#cli/client.ts';
import { KillableSystem } from './killable.ts';
import { placeMug } from './mug-orders.ts';
import { freePort } from './ports.ts';
import { until } from './until.ts';

const KEY = 'bulk-test';
const AT_A_TIME = 64;

/** One bulk command to so many orders, killed without warning when a part of them is done: each is done once. */
export async function killedHalfway(orders: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'olms-bulk-'));
  const system = new KillableSystem({
    folder,
    port: await freePort(),
    providerPort: await freePort(),
    key: KEY,
    env: { SANDBOX_CARRIER_DELAY_MS: 'off' },
  });
  const api = new ApiClient(system.url, KEY, AT_A_TIME);
  try {
    system.spawn();
    await system.ready();
    await api.putProduct({ sku: 'MUG' }, { name: 'Mug' });
    await api.adjustStock({ sku: 'MUG', delta: orders, reason: 'test' });
    let left = orders;
    await Promise.all(
      Array.from({ length: AT_A_TIME }, async () => {
        while (left-- > 0) await placeMug(api, 'tok_approve');
      }),
    );
    const body = { command: 'hold', arguments: { type: 'recall', reason: 'test' }, query: {} } as const;
    const { id, total } = (await api.runBulk(body)) as BulkRun;
    expect(total).toBe(orders);
    await until('a part of it to be done', async () => (await api.readBulk({ id })).done > orders / 4, { everyMs: 5 });
    await system.kill();

    system.spawn();
    await system.ready();
    // Halfway: what was done before is known, and the rest is still to come.
    const begun = await api.readBulk({ id });
    expect(begun.done).toBeGreaterThan(0);
    expect(begun.waiting).toBeGreaterThan(0);
    const whole = { status: 'done', total: orders, done: orders, refused: 0, waiting: 0 };
    expect(await ended(api, id)).toMatchObject(whole);
    await system.kill();
    expect(await holdsIn(system)).toEqual({ events: orders, orders });

    // As a process leaves it that did everything and recorded nothing of it.
    await inDatabase(system, async (client) => {
      await client.query('update orders.bulk_items set outcome = null where bulk_id = $1', [id]);
      await client.query(
        "update orders.bulk_runs set status = 'running', done = 0, ended_at = null, claimed_until = null where id = $1",
        [id],
      );
    });
    system.spawn();
    await system.ready();
    expect(await ended(api, id)).toMatchObject(whole);
    await system.kill();
    expect(await holdsIn(system)).toEqual({ events: orders, orders });
  } finally {
    await api.close();
    await system.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

function ended(api: ApiClient, id: string): Promise<BulkRun> {
  return until(
    'the run to be gone on with to its end',
    async () => {
      const run = await api.readBulk({ id });
      return run.status !== 'running' && run;
    },
    { timeoutMs: 120_000 },
  );
}

/** Holds of the run in the log, and the orders that have one. */
function holdsIn(system: KillableSystem): Promise<{ events: number; orders: number }> {
  return inDatabase(system, async (client) => {
    const { rows } = await client.query<{ events: number; orders: number }>(
      "select count(*)::int as events, count(distinct subject)::int as orders from log.order_outbox where type = 'OrderHeld' and data->>'hold' = 'recall'",
    );
    return rows[0]!;
  });
}

async function inDatabase<Result>(
  system: KillableSystem,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const postgres = await startEmbeddedPostgres({ dataDir: join(system.dataFolder, 'postgres') });
  const client = new pg.Client({ connectionString: postgres.url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
    await postgres.stop();
  }
}
