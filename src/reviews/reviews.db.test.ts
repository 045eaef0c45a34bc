import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { Database } from '#platform/database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { migrate } from '#platform/database/migrate.ts';
import { createHttp } from '#platform/http/server.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import type { Service } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { reviews } from './service.ts';

const CONDITION_PATIENCE_MS = 10_000;

describe('reviews on a real database', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let database: Database;
  let bus: PostgresBus;
  const running: Service[] = [];
  const clock = { aheadMs: 0, nowMs: (): number => systemClock.nowMs() + clock.aheadMs };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-reviews-'));
    postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: { shared_buffers: '32MB' } });
    await migrate(postgres.url, [LOG_MIGRATIONS, { owner: 'reviews', folder: reviews.migrations! }]);
    database = new Database({ url: postgres.url, poolSize: 4, statementTimeoutMs: 10_000, applicationName: 'test' });
    bus = await PostgresBus.open(database);
  });
  afterEach(async () => {
    for (const service of running.splice(0)) await service.stop();
    clock.aheadMs = 0;
  });
  afterAll(async () => {
    await bus?.close();
    await database?.close();
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(env: Record<string, string> = {}): Promise<Service> {
    const logger = createLogger('silent');
    const service = reviews.create({
      env,
      database,
      bus,
      clock,
      logger,
      metrics: createMetrics(),
      soleWriter: false,
      peers: {} as never,
    });
    running.push(service);
    await service.start();
    return service;
  }

  function api(service: Service): ReturnType<typeof createHttp> {
    const app = createHttp({
      logger: createLogger('silent'),
      metrics: createMetrics(),
      authenticate: () => ({ name: 'ada', role: 'operator' }),
    });
    service.routes!(app);
    return app;
  }

  let sequence = 0;
  function event<T extends EventType>(order: string, type: T, changes: Partial<EventData<T>> = {}): Envelope {
    const { source, example } = ORDER_EVENTS[type];
    const time = new Date().toISOString();
    return {
      id: uuidv7(),
      source,
      type,
      subject: order,
      sequence: ++sequence,
      time,
      correlationid: 'request',
      causationid: 'k',
      data: { ...example, ...changes },
    };
  }

  async function happen(...events: Envelope[]): Promise<void> {
    await database.write([appendEvents(events)]);
    bus.wake();
  }

  /** Waits until `read` gives what `condition` accepts. */
  async function eventually<T>(read: () => Promise<T>, condition: (value: T) => boolean): Promise<T> {
    const untilMs = Date.now() + CONDITION_PATIENCE_MS;
    for (;;) {
      const value = await read();
      if (condition(value)) return value;
      if (Date.now() > untilMs) throw new Error(`It never came to that: ${JSON.stringify(value)}`);
      for (const service of running) await service.settled!();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** What the service told about an order, in order. */
  const told = async (order: string): Promise<{ type: string; correlationid: string; sequence: number }[]> =>
    database.query<{ type: string; correlationid: string; sequence: number }>(
      "select type, correlationid, sequence from log.order_outbox where subject = $1 and source = '/olms/reviews' order by sequence",
      [order],
    );

  interface Page {
    readonly items: {
      readonly id: string;
      readonly orderId: string;
      readonly status: string;
      readonly decidedBy?: string;
    }[];
    readonly nextCursor: string | null;
  }

  test('are listed newest first, decided once, closed with their order and rejected at the deadline', async () => {
    const service = await start({ REVIEW_DEADLINE_MS: '60000' });
    const app = api(service);
    const list = async (query: string): Promise<Page> => (await app.inject(`/reviews${query}`)).json() as Page;
    const decide = async (id: string, action: string, payload: object = { reason: 'fine' }) =>
      (await app.inject({ method: 'POST', url: `/reviews/${id}/${action}`, payload })).json() as unknown;

    const orders = Array.from({ length: 4 }, () => uuidv7());
    await happen(
      ...orders.map((order) => event(order, 'OrderCreated', { reviewReasons: ['requested'] })),
      event(uuidv7(), 'OrderCreated'),
    );
    const first = await eventually(
      () => list('?status=pending&limit=3'),
      (page) => page.items.length === 3,
    );
    expect(first.items.map((item) => item.orderId)).toEqual(orders.toReversed().slice(0, 3));
    const second = await list(`?status=pending&limit=3&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ items: [{ orderId: orders[0] }], nextCursor: null });
    expect((await app.inject('/reviews?cursor=made-up')).statusCode).toBe(400);
    expect((await app.inject('/reviews?status=lost')).statusCode).toBe(400);

    const [approved, closed] = first.items;
    expect(await decide(approved!.id, 'approve')).toMatchObject({
      status: 'approved',
      decidedBy: 'ada',
      reason: 'fine',
    });
    expect(await decide(approved!.id, 'reject')).toMatchObject({ code: 'REVIEW_DECIDED' });
    expect(await decide(uuidv7(), 'reject')).toMatchObject({ code: 'REVIEW_NOT_FOUND' });
    expect(await decide(approved!.id, 'reject', {})).toMatchObject({ code: 'VALIDATION_FAILED' });
    await happen(event(closed!.orderId, 'OrderCancelled'));
    await eventually(
      () => list('?status=closed'),
      (page) => page.items.length === 1,
    );

    clock.aheadMs = 61_000;
    const rejected = await eventually(
      () => list('?status=rejected'),
      (page) => page.items.length === 2,
    );
    expect(rejected.items.map((item) => item.decidedBy)).toEqual(['timer', 'timer']);
    expect((await list('')).items).toHaveLength(4);
    expect((await told(orders[0]!)).map(({ type }) => type)).toEqual(['OrderOnHold', 'ReviewRejected']);
  });
});
