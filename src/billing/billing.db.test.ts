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
import { billing } from './service.ts';

const CONDITION_PATIENCE_MS = 10_000;

describe('billing on a real database', () => {
  let folder: string;
  let postgres: EmbeddedPostgres;
  let database: Database;
  let bus: PostgresBus;
  const running: Service[] = [];
  const clock = { aheadMs: 0, nowMs: (): number => systemClock.nowMs() + clock.aheadMs };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-billing-'));
    postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres'), settings: { shared_buffers: '32MB' } });
    await migrate(postgres.url, [LOG_MIGRATIONS, { owner: 'billing', folder: billing.migrations! }]);
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
    const service = billing.create({
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
      "select type, correlationid, sequence from log.order_outbox where subject = $1 and source = '/olms/billing' order by sequence",
      [order],
    );

  test('an invoice and its credit notes are read as they were issued', async () => {
    const app = api(await start());
    const order = uuidv7();
    const read = async (headers: Record<string, string> = {}) =>
      (await app.inject({ url: `/orders/${order}/invoice`, headers })).json() as Record<string, unknown>;
    expect(await read()).toMatchObject({ code: 'INVOICE_NOT_ISSUED', status: 404 });

    const items = [{ line: 1, sku: 'MUG-1', quantity: 2, unitPrice: '9.95', amount: '19.90' }];
    await happen(
      event(order, 'OrderCompleted', { items, totalAmount: '19.90', taxLines: [{ name: 'VAT', amount: '3.18' }] }),
    );
    const invoice = await eventually(read, (found) => 'invoiceNumber' in found);
    expect(invoice).toMatchObject({
      invoiceNumber: 'INV-00000001',
      orderId: order,
      totalAmount: '19.90',
      currency: 'EUR',
      lines: items,
      taxLines: [{ name: 'VAT', amount: '3.18' }],
      creditNotes: [],
    });

    await happen(event(order, 'OrderRefunded', { amount: '9.95' }));
    const credited = await eventually(read, (found) => (found['creditNotes'] as unknown[]).length === 1);
    expect(credited).toMatchObject({
      ...invoice,
      creditNotes: [{ creditNoteNumber: 'CRN-00000001', amount: '9.95', currency: 'EUR' }],
    });
    expect(await read({ accept: 'application/pdf' })).toMatchObject({ code: 'NOT_ACCEPTABLE', status: 406 });
  });

  test('numbers have no gaps and no doubles while two processes issue them', async () => {
    await start();
    await start();
    const orders = Array.from({ length: 400 }, () => uuidv7());
    for (let from = 0; from < orders.length; from += 40)
      await happen(...orders.slice(from, from + 40).map((order) => event(order, 'OrderCompleted')));
    const read = (): Promise<{ number: string }[]> =>
      database.query<{ number: string }>(
        'select number from billing.invoices where order_id = any($1::uuid[]) order by number',
        [orders],
      );
    const issued = await eventually(read, (found) => found.length === orders.length);
    const numbers = issued.map((row) => Number(row.number.slice(4)));
    expect(numbers.every((number, index) => index === 0 || number === numbers[index - 1]! + 1)).toBe(true);
    const [counter] = await database.query<{ value: number }>(
      "select value from billing.counters where key = 'invoice'",
    );
    expect(counter!.value).toBe(numbers.at(-1));
    expect(await told(orders[0]!)).toMatchObject([{ type: 'InvoiceIssued', sequence: 1 }]);
  });
});
