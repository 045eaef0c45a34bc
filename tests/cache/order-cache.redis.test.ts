import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isRefusal } from '#contracts/errors.ts';
import type { Cache } from '#platform/cache/cache.ts';
import { RedisCache } from '#platform/cache/redis-cache.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { Database } from '#platform/database/database.ts';
import { Processor } from '#platform/processor/processor.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { Intake } from '#orders/intake.ts';
import { OrderCache, type ShownOrder } from '#orders/order-cache.ts';
import type { Order } from '#orders/rules/state.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import { orderRules } from '#orders/rules.ts';
import { loadOrders, orderStore, type StoredRow } from '#orders/store.ts';
import { ArticleWords } from '#orders/store/words.ts';
import { NO_PEERS } from '#tests/support/peers.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { type OwnRedis, startOwnRedis } from '#tests/support/redis.ts';
import { until } from '#tests/support/until.ts';

const logger = createLogger('silent');
const NO_DEADLINES = new Proxy({}, { get: () => 3_600_000 }) as Parameters<typeof orderRules>[0];

/** What one process of the orders service has: connections of its own, a processor, and the shared cache. */
class OrdersProcess {
  readonly database: Database;
  readonly cache: RedisCache;
  readonly shown: OrderCache;
  readonly processor: Processor<Order, OrderCommand>;
  readonly intake: Intake;
  readonly #bus: PostgresBus;
  /** Runs between reading an order from PostgreSQL and remembering it. */
  afterLoad: () => Promise<void> = async () => {};

  private constructor(database: Database, cache: RedisCache, bus: PostgresBus) {
    this.database = database;
    this.cache = cache;
    this.#bus = bus;
    const options = { database, bus, clock: systemClock, logger };
    this.processor = new Processor<Order, OrderCommand>({
      ...options,
      name: 'orders',
      rules: orderRules(NO_DEADLINES),
      store: orderStore(() => true),
      metrics: createMetrics().processor('orders'),
    });
    this.intake = new Intake({
      ...options,
      peers: {
        ...NO_PEERS,
        lookupProducts: async ({ skus }) => skus.map((sku) => ({ id: randomUUID(), sku, name: sku })),
      },
      policy: {
        createdDeadlineMs: 3_600_000,
        reviewDeadlineMs: 3_600_000,
        reviewTotals: new Map() as never,
        defaultProvider: 'sandbox',
      },
      articles: new ArticleWords(),
      queueMax: 1_000,
      closed: () => undefined,
      onTaken: (rows) => this.processor.remember(rows),
    });
    this.shown = new OrderCache({ cache, database, logger, load: (id) => this.load(id) });
    this.processor.onChange((row) => void this.shown.changed(row.id));
  }

  static async start(databaseUrl: string, redisUrl: string, prefix: string): Promise<OrdersProcess> {
    const database = new Database({
      url: databaseUrl,
      poolSize: 4,
      statementTimeoutMs: 10_000,
      applicationName: 'test',
    });
    const cache = await RedisCache.open({ url: redisUrl, prefix, logger, metrics: createMetrics() });
    return new OrdersProcess(database, cache, await PostgresBus.open(database));
  }

  async load(id: string): Promise<StoredRow | undefined> {
    const [row] = await loadOrders(this.database, [id]);
    await this.afterLoad();
    return row;
  }

  async place(): Promise<string> {
    const request = {
      customerId: randomUUID(),
      currency: 'EUR',
      items: [{ sku: 'A', quantity: 1, unitPrice: '1.00' }],
      payment: { token: 'tok' },
    };
    const cause = { causationid: randomUUID(), correlationid: randomUUID() };
    const taken = await this.intake.take(request as never, { key: randomUUID(), requestHash: 'x' }, cause);
    if (isRefusal(taken)) throw new Error(taken.detail);
    return taken.row.id;
  }

  /** Changes an order, and answers with its version once that is acknowledged. */
  async change(orderId: string, reference: string): Promise<number> {
    const cause = { causationid: randomUUID(), correlationid: randomUUID() };
    const done = await this.processor.submit({
      orderId,
      command: { type: 'amend', by: 'test', changes: { reference } },
      cause,
    });
    if (isRefusal(done)) throw new Error(done.detail);
    await this.shown.changed(orderId);
    return done.row.sequence;
  }

  async read(orderId: string): Promise<ShownOrder> {
    return (await this.shown.read(orderId))!;
  }

  async stop(): Promise<void> {
    this.shown.close();
    await this.processor.stop();
    await this.#bus.close();
    await this.cache.close();
    await this.database.close();
  }
}

/** Cache-aside as it is written first: what was read is put, what was changed is removed. */
async function naiveRead(cache: Cache, key: string, load: () => Promise<StoredRow | undefined>): Promise<number> {
  const found = await cache.getVersioned(key);
  if (found.value !== undefined) return Number(found.value);
  const row = await load();
  await cache.forget([key]);
  await cache.putVersioned(key, 0, String(row!.sequence), 60_000);
  return row!.sequence;
}

function gate(): { readonly reached: Promise<void>; readonly open: () => void; readonly pass: () => Promise<void> } {
  let open = (): void => {};
  let reach = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const reached = new Promise<void>((resolve) => (reach = resolve));
  return { reached, open: () => open(), pass: () => (reach(), opened) };
}

describe('orders in a shared cache', () => {
  let folder: string;
  let postgres: TestPostgres;
  let redis: OwnRedis;
  let a: OrdersProcess;
  let b: OrdersProcess;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-order-cache-'));
    [postgres, redis] = await Promise.all([startTestPostgres(), startOwnRedis(folder)]);
  }, 300_000);
  afterAll(async () => {
    await redis?.stop();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    const url = await postgres.createDatabase();
    const prefix = `test-${randomUUID()}:`;
    const start = (): Promise<OrdersProcess> => OrdersProcess.start(url, redis.url, prefix);
    [a, b] = await Promise.all([start(), start()]);
  });
  afterEach(() => Promise.all([a, b].map((process) => process?.stop())));

  /** The switch is for half a minute; a test does not wait for it. */
  async function switchOn(): Promise<void> {
    await a.database.query("update orders.cache_switch set off_until = '-infinity'");
    await sleep(300);
  }

  async function offUntil(): Promise<number> {
    const [row] = await a.database.query<{ ms: number }>(
      'select greatest(0, extract(epoch from off_until) * 1000)::float8 as ms from orders.cache_switch',
    );
    return row!.ms;
  }

  async function switchedOff(): Promise<boolean> {
    return (await offUntil()) > Date.now();
  }

  test('what one process looked up, the other finds, exactly as it is shown', async () => {
    const id = await a.place();
    const first = await a.read(id);
    await until(
      'the order to be remembered',
      async () => (await a.cache.getVersioned(`order:${id}`)).value !== undefined,
    );
    b.afterLoad = () => Promise.reject(new Error('it was looked up'));
    expect(await b.read(id)).toEqual(first);
    b.afterLoad = async () => {};
    expect(JSON.parse(first.body)).toMatchObject({ id, version: 1, status: 'CREATED' });
    expect(await b.shown.read(randomUUID())).toBeUndefined();
  });

  test('a reader that was overtaken by a change does not bring the old order back', async () => {
    const id = await a.place();
    const held = gate();
    b.afterLoad = held.pass;
    const overtaken = b.read(id);
    await held.reached;
    b.afterLoad = async () => {};
    // B has read version 1 and is about to remember it; A changes the order and acknowledges that.
    const acknowledged = await a.change(id, 'two');
    held.open();
    await overtaken;
    await sleep(50);
    for (const process of [a, b, a, b]) expect((await process.read(id)).sequence).toBe(acknowledged);
  });

  test('without lease and version the same interleaving shows the old order from then on', async () => {
    const id = await a.place();
    const key = `naive:${id}`;
    const held = gate();
    b.afterLoad = held.pass;
    const overtaken = naiveRead(b.cache, key, () => b.load(id));
    await held.reached;
    b.afterLoad = async () => {};
    const acknowledged = await a.change(id, 'two');
    await a.cache.forget([key]);
    held.open();
    await overtaken;
    expect(await naiveRead(a.cache, key, () => a.load(id))).toBeLessThan(acknowledged);
  });

  test('two processes write and read at random: nobody is shown less than was acknowledged', async () => {
    const ids = await Promise.all(Array.from({ length: 5 }, () => a.place()));
    const acknowledged = new Map(ids.map((id) => [id, 1]));
    let reads = 0;
    let hits = 0;
    const count = async (process: OrdersProcess): Promise<void> => {
      const before = (await process.cache.getVersioned(`order:${ids[reads % 5]}`)).value;
      if (before !== undefined) hits++;
    };
    // For three seconds, and on a busy machine until enough was done to prove something.
    const [endMs, limitMs] = [performance.now() + 3_000, performance.now() + 20_000];
    const isEnough = (): boolean => Math.max(...acknowledged.values()) > 10 && reads > 500 && hits > 0;
    const goesOn = (): boolean => performance.now() < (isEnough() ? endMs : limitMs);
    const writer = async (process: OrdersProcess): Promise<void> => {
      for (let n = 0; goesOn(); n++) {
        const id = ids[Math.floor(Math.random() * ids.length)]!;
        const version = await process.change(id, `r${n}`);
        acknowledged.set(id, Math.max(acknowledged.get(id)!, version));
        await sleep(Math.random() * 20);
      }
    };
    const reader = async (process: OrdersProcess): Promise<void> => {
      while (goesOn()) {
        const id = ids[Math.floor(Math.random() * ids.length)]!;
        const least = acknowledged.get(id)!;
        const { sequence, body } = await process.read(id);
        expect(sequence).toBeGreaterThanOrEqual(least);
        expect((JSON.parse(body) as { version: number }).version).toBe(sequence);
        if (reads++ % 10 === 0) await count(process);
      }
    };
    await Promise.all([writer(a), writer(b), ...[a, a, a, b, b, b].map(reader)]);
    expect(Math.max(...acknowledged.values())).toBeGreaterThan(10);
    expect(reads).toBeGreaterThan(500);
    expect(hits).toBeGreaterThan(0);
    expect(await switchedOff()).toBe(false);
  });

  test('one that cannot reach the cache switches it off for all before it acknowledges', async () => {
    const id = await a.place();
    await b.read(id);
    await until(
      'the order to be remembered',
      async () => (await b.cache.getVersioned(`order:${id}`)).value !== undefined,
    );
    // Only A loses its connection: B still finds the old order there.
    const forget = a.cache.forget.bind(a.cache);
    a.cache.forget = async () => false;
    try {
      const acknowledged = await a.change(id, 'unheard');
      expect((await b.cache.getVersioned(`order:${id}`)).value).toContain('"version":1,');
      expect((await b.read(id)).sequence).toBe(acknowledged);
      const offBefore = await offUntil();
      const again = await a.change(id, 'still unheard');
      // It is off for long enough: nothing is to be said or waited for.
      expect(await offUntil()).toBe(offBefore);
      expect((await b.read(id)).sequence).toBe(again);
    } finally {
      a.cache.forget = forget;
    }
  });

  for (const [trouble, cause, cure] of [
    ['stalled', () => redis.pause(), () => redis.resume()],
    ['killed', () => redis.kill(), () => redis.restart()],
  ] as const) {
    test(`Redis ${trouble} under writes and reads: slower for a moment, never wrong, and used again later`, async () => {
      const ids = await Promise.all(Array.from({ length: 4 }, () => a.place()));
      const acknowledged = new Map(ids.map((id) => [id, 1]));
      let running = true;
      let slowestReadMs = 0;
      const writer = async (process: OrdersProcess): Promise<void> => {
        for (let n = 0; running; n++) {
          const id = ids[n % ids.length]!;
          const version = await process.change(id, `r${n}`);
          acknowledged.set(id, Math.max(acknowledged.get(id)!, version));
          await sleep(5);
        }
      };
      const reader = async (process: OrdersProcess): Promise<void> => {
        while (running) {
          const id = ids[Math.floor(Math.random() * ids.length)]!;
          const least = acknowledged.get(id)!;
          const startMs = performance.now();
          expect((await process.read(id)).sequence).toBeGreaterThanOrEqual(least);
          slowestReadMs = Math.max(slowestReadMs, performance.now() - startMs);
          await sleep(1);
        }
      };
      const work = Promise.all([writer(a), writer(b), reader(a), reader(a), reader(b), reader(b)]);
      const trouble = (async () => {
        await sleep(500);
        await cause();
        await sleep(1_500);
        await cure();
        await until('Redis to be back', () => a.cache.healthy().ok && b.cache.healthy().ok);
        await sleep(500);
        running = false;
      })();
      await Promise.all([work, trouble]);
      expect(await switchedOff()).toBe(true);
      // A timeout of Redis, and what PostgreSQL takes with two busy processes on it.
      expect(slowestReadMs).toBeLessThan(1_000);
      await switchOn();
      const [id] = ids;
      await a.read(id!);
      await until(
        'the order to be remembered again',
        async () => (await b.cache.getVersioned(`order:${id}`)).value !== undefined,
      );
      expect((await b.read(id!)).sequence).toBe(acknowledged.get(id!));
    });
  }

  test('with Redis away for long a read costs what PostgreSQL costs', async () => {
    const id = await a.place();
    const measure = async (): Promise<number> => {
      const startMs = performance.now();
      for (let n = 0; n < 300; n++) await a.read(id);
      return (performance.now() - startMs) / 300;
    };
    await measure();
    const withRedisMs = await measure();
    await redis.kill();
    await until('Redis to be gone', () => !a.cache.healthy().ok);
    const withoutMs = await measure();
    console.log(
      `a read of an order: ${withRedisMs.toFixed(2)} ms from Redis, ${withoutMs.toFixed(2)} ms from PostgreSQL`,
    );
    expect(withoutMs).toBeLessThan(20);
    await redis.restart();
  });
});
