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
import { shipping } from './service.ts';

const CONDITION_PATIENCE_MS = 10_000;

describe('shipping on a real database', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let database: Database;
  let bus: PostgresBus;
  const running: Service[] = [];
  const clock = { aheadMs: 0, nowMs: (): number => systemClock.nowMs() + clock.aheadMs };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-shipping-'));
    postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: { shared_buffers: '32MB' } });
    await migrate(postgres.url, [LOG_MIGRATIONS, { owner: 'shipping', folder: shipping.migrations! }]);
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
    const service = shipping.create({
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
      "select type, correlationid, sequence from log.order_outbox where subject = $1 and source = '/olms/shipping' order by sequence",
      [order],
    );

  interface Item {
    readonly id: string;
    readonly status: string;
    readonly paused: boolean;
  }

  test('moves by hand: holds pause, keys repeat answers, unknown ones are not found', async () => {
    const service = await start({ SANDBOX_CARRIER_DELAY_MS: 'off' });
    const app = api(service);
    const order = uuidv7();
    const shipmentsOf = async (): Promise<Item[]> =>
      ((await app.inject(`/shipments?orderId=${order}`)).json() as { items: Item[] }).items;
    const post = (id: string, action: string, payload?: object, key?: string) =>
      app.inject({
        method: 'POST',
        url: `/shipments/${id}/${action}`,
        ...(payload && { payload }),
        headers: key === undefined ? {} : { 'idempotency-key': key },
      });
    const parcel = { carrier: 'dhl', trackingNumber: 'JJD-1' };

    const allocations = ['east', 'west'].map((location) => ({ sku: 'MUG', location, quantity: 1 }));
    await happen(event(order, 'OrderHeld'), event(order, 'OrderReadyForShipment', { allocations }));
    const [east, west] = await eventually(shipmentsOf, (items) => items.length === 2);
    expect([east!.paused, west!.paused]).toEqual([true, true]);
    expect((await post(east!.id, 'dispatch', parcel)).json()).toMatchObject({ code: 'SHIPMENT_ON_HOLD', status: 409 });
    expect((await post(uuidv7(), 'dispatch', parcel)).json()).toMatchObject({
      code: 'SHIPMENT_NOT_FOUND',
      status: 404,
    });
    expect((await post(east!.id, 'dispatch', { carrier: 'dhl' })).json()).toMatchObject({ code: 'VALIDATION_FAILED' });

    await happen(event(order, 'OrderReleased'));
    await eventually(shipmentsOf, (items) => !items[0]!.paused);
    const answers = await Promise.all([
      post(east!.id, 'dispatch', parcel, 'key-1'),
      post(east!.id, 'dispatch', parcel, 'key-1'),
    ]);
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200]);
    expect(answers[0]!.json()).toEqual(answers[1]!.json());
    expect((await post(east!.id, 'deliver', { unknown: true })).statusCode).toBe(400);
    expect((await post(east!.id, 'deliver')).json()).toMatchObject({
      status: 'DELIVERED',
      carrier: 'dhl',
      trackingNumber: 'JJD-1',
    });
    expect((await post(east!.id, 'dispatch', parcel, 'key-1')).json()).toEqual(answers[0]!.json());
    expect((await post(east!.id, 'dispatch', { ...parcel, carrier: 'ups' }, 'key-1')).json()).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect((await app.inject(`/shipments/${west!.id}`)).json()).toMatchObject({
      orderId: order,
      status: 'SCHEDULED',
      location: 'west',
    });
    expect((await told(order)).map(({ type }) => type)).toEqual([
      'ShipmentScheduled',
      'ShipmentScheduled',
      'ShipmentDispatched',
      'ShipmentDelivered',
    ]);
  });

  test('the sandbox carrier goes on after a restart, within the story the order began', async () => {
    const order = uuidv7();
    await start({ SANDBOX_CARRIER_DELAY_MS: '60000' });
    await happen(event(order, 'OrderReadyForShipment'));
    await eventually(
      () => told(order),
      (events) => events.length === 1,
    );
    for (const service of running.splice(0)) await service.stop();

    clock.aheadMs = 61_000;
    await start({ SANDBOX_CARRIER_DELAY_MS: '60000' });
    await eventually(
      () => told(order),
      (events) => events.length === 2,
    );
    clock.aheadMs = 122_000;
    const events = await eventually(
      () => told(order),
      (found) => found.length === 3,
    );
    expect(events.map(({ type }) => type)).toEqual(['ShipmentScheduled', 'ShipmentDispatched', 'ShipmentDelivered']);
    expect(new Set(events.map(({ correlationid }) => correlationid))).toEqual(new Set(['request']));
  });

  test('two processes with the same carrier move each parcel once', async () => {
    await start({ SANDBOX_CARRIER_DELAY_MS: '50' });
    await start({ SANDBOX_CARRIER_DELAY_MS: '50' });
    const orders = Array.from({ length: 100 }, () => uuidv7());
    await happen(...orders.map((order) => event(order, 'OrderReadyForShipment')));
    for (const order of orders) {
      const events = await eventually(
        () => told(order),
        (found) => found.length >= 3,
      );
      expect(events.map(({ type, sequence: number }) => [type, number])).toEqual([
        ['ShipmentScheduled', 1],
        ['ShipmentDispatched', 2],
        ['ShipmentDelivered', 3],
      ]);
    }
  });
});
