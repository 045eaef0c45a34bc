import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Database } from '#platform/database/database.ts';
import { partitionOf } from '#platform/kafka/partitioner.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { freePort } from '#tests/support/ports.ts';
import { placeMug } from '#tests/support/mug-orders.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { until } from '#tests/support/until.ts';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { startSystem, type System } from '#system/system.ts';
import { ApiClient } from '#cli/client.ts';
import type { RebuildReport } from './replay/rebuild.ts';
import { type ReplayOptions, runReplay } from './replay.ts';
import type { PreviewReport } from './replay/preview.ts';
import type { RewindReport } from './replay/rewind.ts';

const SERVICES = ['inventory', 'orders', 'reviews', 'payments', 'shipping', 'notifications', 'billing'] as const;
type Service = (typeof SERVICES)[number];
const PARTITIONS = 4;

/** The log is a topic, and every service has a database of its own. */
describe('olms replay on Kafka', { timeout: 90_000 }, () => {
  let folder: string;
  let kafka: Kafka;
  let postgres: TestPostgres;
  let env: Record<string, string>;
  let system: System;
  let api: ApiClient;
  const databases = new Map<Service, Database>();
  const ids: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'olms-replay-kafka-'));
    postgres = await startTestPostgres();
    kafka = await startKafka({ dir: join(folder, 'kafka'), port: await freePort(), log: () => {} });
    env = {
      PORT: '0',
      OLMS_BOOTSTRAP_API_KEY: 'replay-test',
      SANDBOX_PROVIDER_PORT: String(await freePort()),
      SANDBOX_CARRIER_DELAY_MS: '0',
      KAFKA_BROKERS: kafka.brokers,
      KAFKA_PARTITIONS: String(PARTITIONS),
      DATABASE_URL: await postgres.createDatabase(),
    };
    for (const service of SERVICES) {
      const url = await postgres.createDatabase();
      env[`${service.toUpperCase()}_DATABASE_URL`] = url;
      databases.set(service, new Database({ url, poolSize: 1, statementTimeoutMs: 10_000, applicationName: 'test' }));
    }
    await start();
    await api.putProduct({ sku: 'MUG' }, { name: 'Mug' });
    await api.adjustStock({ sku: 'MUG', delta: 1_000, reason: 'test' });
    // Ids fall where chance puts them; the tests below read from every partition.
    const filled = new Set<number>();
    for (let i = 0; i < 12 || filled.size < PARTITIONS; i++) {
      const id = await place(i % 4 === 3 ? 'tok_decline' : 'tok_approve');
      ids.push(id);
      filled.add(partitionOf(id, PARTITIONS));
    }
    await atRest();
  }, 300_000);

  afterAll(async () => {
    await api?.close();
    await system?.stop();
    for (const database of databases.values()) await database.close();
    await kafka?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function start(more: Record<string, string> = {}): Promise<void> {
    system = await startSystem({
      env: { ...env, ...more },
      logger: createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent'),
    });
    api = new ApiClient(system.url, 'replay-test');
  }

  const place = (token: string, more: object = {}): Promise<string> => placeMug(api, token, more);

  const sql = <Row extends Record<string, unknown>>(
    service: Service,
    text: string,
    values: unknown[] = [],
  ): Promise<Row[]> => databases.get(service)!.queryOnce<Row>(text, values);

  /** Every order has ended, and every consumer has read that. */
  async function atRest(): Promise<void> {
    let seen: unknown;
    const count = async (service: Service, from: string): Promise<number> =>
      (await sql<{ n: number }>(service, `select count(*)::int as n from ${from}`))[0]!.n;
    const emitted = (service: Service, type: string): Promise<number> =>
      count(service, `log.order_outbox where type = '${type}'`);
    await until(
      'every order to have ended and every event to be in the history',
      async () => {
        const completed = await count('orders', "orders.order_states where status = 'COMPLETED'");
        const open = await count('orders', "orders.order_states where status not in ('COMPLETED', 'PAYMENT_FAILED')");
        // The last events of an order that is completed.
        const [shipped, invoiced] = [
          await emitted('inventory', 'StockShipped'),
          await emitted('billing', 'InvoiceIssued'),
        ];
        let published = 0;
        for (const service of SERVICES) if (service !== 'orders') published += await count(service, 'log.order_outbox');
        const mirrored = await count('orders', 'orders.event_mirror');
        seen = { open, completed, shipped, invoiced, published, mirrored };
        return open === 0 && shipped === completed && invoiced === completed && published === mirrored;
      },
      { timeoutMs: 30_000, describe: () => JSON.stringify(seen) },
    );
    await system.settle();
  }

  const run = <Report>(options: ReplayOptions): Promise<Report> => runReplay(options, env) as Promise<Report>;
  const preview = (service: string, more: Partial<ReplayOptions> = {}): Promise<PreviewReport> =>
    run({ service, from: 'start', dryRun: true, ...more });
  const rewind = (service: string, more: Partial<ReplayOptions> = {}): Promise<RewindReport> =>
    run({ service, from: 'start', wait: true, actor: 'anna', ...more });

  async function effects(): Promise<unknown[]> {
    const found: unknown[] = [await sql('notifications', 'select * from notifications.notifications order by id')];
    found.push(await sql('billing', 'select order_id, number, body::text from billing.invoices order by order_id'));
    found.push(await sql('inventory', 'select * from inventory.ledger order by number'));
    found.push(await sql('shipping', 'select * from shipping.shipments order by id'));
    found.push(await sql('payments', 'select order_id, operations::text from payments.payments order by order_id'));
    found.push(await sql('orders', 'select id, number from orders.event_mirror order by number'));
    for (const service of SERVICES) found.push(await sql(service, 'select id from log.order_outbox order by position'));
    return found;
  }

  test('a preview finds that everything was taken, for every consumer, and changes nothing', async () => {
    const before = await effects();
    for (const service of [...SERVICES, 'orders-history'])
      expect(await preview(service), service).toMatchObject({ orders: 0, examples: [] });
    const { byType, partitions } = await preview('notifications');
    expect(byType['OrderCreated']).toMatchObject({ events: ids.length, taken: ids.length });
    expect(partitions.map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
    expect((await preview('notifications', { order: [ids[0]!] })).byType['OrderCreated']).toMatchObject({ events: 1 });
    expect(await effects()).toEqual(before);
  });

  test('begins at a time or at offsets, and says what the topic does not have', async () => {
    const all = (await preview('notifications')).events;
    expect((await preview('notifications', { from: '2020-01-01' })).events).toBe(all);
    expect((await preview('notifications', { from: '2120-01-01' })).partitions).toEqual([]);
    const { partitions } = await preview('notifications', { from: '1/2' });
    expect(partitions).toMatchObject([{ partition: 1, from: '1/2' }]);
    await expect(run({ service: 'billing', from: '9/0', dryRun: true })).rejects.toMatchObject({
      code: 'NO_SUCH_PARTITION',
    });
  });

  test('running services notice, read everything again and do nothing twice, while new orders come', async () => {
    const before = await effects();
    const fresh: string[] = [];
    let placing = true;
    const load = (async () => {
      while (placing) fresh.push(await place('tok_approve'));
    })();
    const reports = await Promise.all([...SERVICES, 'orders-history'].map((service) => rewind(service)));
    placing = false;
    await load;
    expect(reports.map(({ readAgain }) => readAgain)).toEqual(reports.map(() => true));
    await atRest();
    const after = await effects();
    const old = (rows: unknown): unknown =>
      (rows as Record<string, unknown>[]).filter((row) => !fresh.includes(String(row['order_id'])));
    // Notifications, invoices, ledger, shipments and payments of orders that were there are what they were.
    for (let i = 0; i < 5; i++) expect(old(after[i])).toEqual(before[i]);
    const [perOrder] = await sql<{ least: number; most: number }>(
      'orders',
      'select min(n)::int as least, max(n)::int as most from (select subject, count(*) as n from orders.event_mirror where subject = any($1::uuid[]) group by subject) s',
      [fresh],
    );
    expect(perOrder!.least).toBe(perOrder!.most);
    const [entry] = await sql('billing', 'select * from log.replay_audit order by number desc limit 1');
    expect(entry).toMatchObject({ actor: 'anna', action: 'set back', consumer: 'billing' });
  });

  test('a consumer whose offsets ran ahead gets back what it lost', async () => {
    await api.close();
    await system.stop();
    await start({ OLMS_CONSUME: 'false' });
    const lost = [await place('tok_approve'), await place('tok_approve'), await place('tok_approve')];
    await until('the relay to have published', async () => {
      const [row] = await sql<{ n: number }>(
        'orders',
        "select count(*)::int as n from log.order_outbox l, log.consumer_offsets o where o.consumer = 'relay' and l.subject = any($1::uuid[]) and (l.txid, l.position) <= (o.txid::text::xid8, o.position)",
        [lost],
      );
      return row!.n === lost.length;
    });
    await api.close();
    await system.stop();
    // Exactly over what was lost: a position beyond the end would be answered with a new beginning.
    for (const id of lost)
      await sql(
        'notifications',
        "update log.consumer_offsets set position = position + 1 where consumer = 'notifications' and partition = $1",
        [partitionOf(id, PARTITIONS)],
      );
    await start();
    await until(
      'the lost orders to go on',
      async () => {
        const [row] = await sql<{ n: number }>(
          'orders',
          "select count(*)::int as n from orders.order_states where status = 'COMPLETED' and order_id = any($1::uuid[])",
          [lost],
        );
        return row!.n === lost.length;
      },
      { timeoutMs: 20_000 },
    );
    await atRest();
    const missing = await preview('notifications');
    expect(missing.byType['OrderCreated']!.acts).toBe(lost.length);
    const [before] = await sql<{ n: number }>(
      'notifications',
      'select count(*)::int as n from notifications.notifications',
    );
    expect((await rewind('notifications')).readAgain).toBe(true);
    const acts = Object.values(missing.byType).reduce((sum, counts) => sum + counts.acts, 0);
    await until('what was lost to be notified', async () => {
      const [row] = await sql<{ n: number }>(
        'notifications',
        'select count(*)::int as n from notifications.notifications',
      );
      return row!.n === before!.n + acts;
    });
    expect(await preview('notifications')).toMatchObject({ orders: 0 });
  });

  const rebuild = (service: string, dryRun = false): Promise<RebuildReport> =>
    run({ service, rebuild: true, dryRun, actor: 'anna' });

  test.each(['orders', 'orders-history', 'billing', 'notifications'])(
    'the tables of %s are what the topic and its own log say',
    async (service) => {
      const report = await rebuild(service);
      expect(report).toMatchObject({ differences: 0, leftAlone: 0, incomplete: 0, swapped: 0 });
      expect(report.tables[0]!.built).toBeGreaterThan(ids.length / 2);
      for (const { built, live } of report.tables) expect(built).toBe(live);
    },
  );

  test('what is missing or wrong in a service’s database comes back from the topic', async () => {
    const [first] = ids as [string];
    const history = (): Promise<unknown[]> =>
      sql('orders', 'select id from orders.event_mirror where subject = $1 order by number', [first]);
    const before = await history();
    // Read again, a missing event comes behind those that were there; a rebuild puts it in its place.
    await sql('orders', "delete from orders.event_mirror where subject = $1 and type = 'StockReserved'", [first]);
    expect(await preview('orders-history')).toMatchObject({ orders: 1, byType: { StockReserved: { acts: 1 } } });
    expect((await rewind('orders-history')).readAgain).toBe(true);
    expect(await history()).toHaveLength(before.length);
    expect(await history()).not.toEqual(before);
    const found = await rebuild('orders-history', true);
    expect(found.examples).toEqual([
      { table: 'orders.event_mirror', order: first, what: 'out of order', mended: true },
    ]);
    await rebuild('orders-history');
    expect(await history()).toEqual(before);

    const invoices = (): Promise<unknown[]> =>
      sql('billing', 'select order_id, number, issued_at, total, body::jsonb from billing.invoices order by number');
    const issued = await invoices();
    await sql('billing', 'delete from billing.invoices where order_id = $1', [first]);
    await sql('notifications', 'delete from notifications.notifications where order_id = $1', [first]);
    expect(await rebuild('billing')).toMatchObject({ differences: 1, swapped: 1 });
    expect(await invoices()).toEqual(issued);
    expect((await rebuild('notifications')).swapped).toBeGreaterThan(3);
    for (const service of ['billing', 'notifications', 'orders-history'])
      expect(await rebuild(service, true), service).toMatchObject({ differences: 0 });
    expect(await sql('billing', "select relname from pg_class where relname like '%rebuild%'")).toEqual([]);
  });

  test('what the relay parked is neither lost nor overtaken by a rewind', async () => {
    const subject = uuidv7();
    const events = [1, 2, 3].map((sequence) => ({
      id: uuidv7(),
      source: '/olms/inventory',
      type: 'StockShipped',
      subject,
      sequence,
      time: new Date().toISOString(),
      correlationid: subject,
      causationid: subject,
      // The brokers do not take the second.
      data: { shipmentId: uuidv7(), allocations: [], ...(sequence === 2 && { note: 'x'.repeat(4_000_000) }) },
    }));
    await databases.get('orders')!.write([appendEvents(events)]);
    const parked = async (): Promise<number> => {
      const [row] = await sql<{ n: number }>(
        'orders',
        "select count(*)::int as n from log.parked_events where consumer = 'relay'",
      );
      return row!.n;
    };
    const mirrored = async (): Promise<number[]> =>
      (
        await sql<{ sequence: number }>(
          'orders',
          'select sequence from orders.event_mirror where subject = $1 order by number',
          [subject],
        )
      ).map((row) => row.sequence);
    await until('the relay to park', async () => (await parked()) === 2, { timeoutMs: 20_000 });
    await until('the first to be read', async () => (await mirrored()).length === 1);
    expect((await rewind('orders-history')).readAgain).toBe(true);
    expect(await mirrored()).toEqual([1]);
    expect(await parked()).toBe(2);
    await api.retryParkedOrder({ consumer: 'relay', orderId: subject }, { data: events[0]!.data });
    await until('all to be read', async () => (await mirrored()).length === 3, { timeoutMs: 20_000 });
    expect(await mirrored()).toEqual([1, 2, 3]);
  });
});
