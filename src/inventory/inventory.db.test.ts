import { uuidv7 } from 'uuidv7';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { Database } from '#platform/database/database.ts';
import type { Write } from '#platform/database/statement.ts';
import { createHttp } from '#platform/http/server.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import type { Service } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { NO_PEERS } from '#tests/support/peers.ts';
import { useServiceDatabase } from '#tests/support/one-service.ts';
import { until } from '#tests/support/until.ts';
import { inventory } from './service.ts';

/** Reservations and stock on a real PostgreSQL, in the interleavings where one could lose sight of the other. */

interface Interruptions {
  /** Before the next save of reservations is sent, once. */
  before: (() => Promise<void>) | undefined;
  /** After a save is committed and before its caller hears of it. */
  after: ((writes: readonly Write[]) => Promise<void>) | undefined;
}

class InterruptedDatabase extends Database {
  readonly interrupt: Interruptions = { before: undefined, after: undefined };

  override async write(writes: readonly Write[]): Promise<void> {
    const { before } = this.interrupt;
    if (before && writes.some(({ name }) => name.includes('reservations'))) {
      this.interrupt.before = undefined;
      await before();
    }
    await super.write(writes);
    await this.interrupt.after?.(writes);
  }
}

/** One process with the inventory service. */
interface Process {
  readonly database: InterruptedDatabase;
  readonly service: Service;
  adjust(sku: string, change: { delta?: number; onHand?: number; location?: string }, key?: string): Promise<number>;
  stop(): Promise<void>;
}

describe('stock and reservations', () => {
  const on = useServiceDatabase([inventory]);
  let reader: Database;
  const processes: Process[] = [];
  const sequences = new Map<string, number>();

  beforeAll(async () => {
    reader = on.database;
    await reader.query("insert into inventory.locations (name) values ('returns')");
  });
  afterEach(async () => {
    for (const process of processes.splice(0)) await process.stop();
  });

  async function start({ soleWriter }: { soleWriter: boolean }): Promise<Process> {
    const database = new InterruptedDatabase({
      url: on.url,
      poolSize: 4,
      statementTimeoutMs: 10_000,
      applicationName: 'test',
      soleWriter,
    });
    const bus = await PostgresBus.open(database);
    const [logger, metrics] = [createLogger('silent'), createMetrics()];
    const service = inventory.create({
      env: {},
      database,
      bus,
      clock: systemClock,
      logger,
      metrics,
      soleWriter,
      peers: NO_PEERS,
    });
    await service.start();
    const app = createHttp({ logger, metrics, authenticate: () => ({ name: 'test', role: 'admin' }) });
    service.routes!(app);
    const process: Process = {
      database,
      service,
      async adjust(sku, change, key = uuidv7()) {
        const body = { sku, reason: 'test', ...change };
        const answer = await app.inject({
          method: 'POST',
          url: '/stock/adjustments',
          headers: { 'idempotency-key': key },
          body,
        });
        return answer.statusCode;
      },
      async stop() {
        await app.close();
        await service.stop();
        await bus.close();
        await database.close();
      },
    };
    processes.push(process);
    return process;
  }

  async function product(process: Process, onHand: number): Promise<string> {
    const sku = `SKU-${uuidv7()}`;
    await reader.query('insert into inventory.products (sku, id, name) values ($1, $2, $1)', [sku, uuidv7()]);
    if (onHand > 0) await process.adjust(sku, { onHand });
    return sku;
  }

  function event<T extends EventType>(orderId: string, type: T, data: Partial<EventData<T>>): Envelope {
    const sequence = (sequences.get(orderId) ?? 0) + 1;
    sequences.set(orderId, sequence);
    return {
      id: uuidv7(),
      source: '/olms/orders',
      type,
      subject: orderId,
      sequence,
      time: isoTime(Date.now()),
      correlationid: 'c',
      causationid: 'x',
      data: { ...(ORDER_EVENTS[type].example as EventData<T>), ...data },
    };
  }
  const ordered = (orderId: string, sku: string, quantity: number, allowBackorder = true): Envelope =>
    event(orderId, 'OrderCreated', {
      items: [{ ...ORDER_EVENTS.OrderCreated.example.items[0]!, sku, quantity }],
      allowBackorder,
    });
  const cancelled = (orderId: string): Envelope => event(orderId, 'OrderCancelled', {});

  async function say(...events: Envelope[]): Promise<void> {
    await reader.write([appendEvents(events)]);
  }

  async function statusOf(orderId: string): Promise<string | undefined> {
    const [row] = await reader.query<{ status: string }>(
      'select status from inventory.reservations where order_id = $1',
      [orderId],
    );
    return row?.status;
  }
  const untilIs = (orderId: string, status: string): Promise<unknown> =>
    until(`${orderId} is ${status}`, async () => (await statusOf(orderId)) === status);

  /** On hand and reserved at each place, as stored; and what live reservations hold there. */
  async function levels(sku: string): Promise<Record<string, { onHand: number; reserved: number; held: number }>> {
    const rows = await reader.query<{ location: string; on_hand: number; reserved: number; held: number }>(
      `select location, on_hand, reserved, coalesce((select sum((a->>'quantity')::int)::int from inventory.reservations r, json_array_elements(r.detail->'allocations') a
         where a->>'sku' = s.sku and a->>'location' = s.location), 0) as held from inventory.stock s where sku = $1`,
      [sku],
    );
    return Object.fromEntries(
      rows.map((row) => [row.location, { onHand: row.on_hand, reserved: row.reserved, held: row.held }]),
    );
  }

  describe('of one process that keeps what it knows', () => {
    let process: Process;
    beforeEach(async () => {
      process = await start({ soleWriter: true });
    });

    test('goods of a cancelled order are for the next, although stock of something else is counted meanwhile', async () => {
      const [sku, other] = [await product(process, 3), await product(process, 1)];
      const [holder, waiting, next] = [uuidv7(), uuidv7(), uuidv7()];
      await say(ordered(holder, sku, 3));
      await untilIs(holder, 'RESERVED');
      await say(ordered(waiting, sku, 2));
      await untilIs(waiting, 'BACKORDERED');
      process.database.interrupt.before = async () => {
        expect(await process.adjust(other, { delta: 1 })).toBe(201);
      };
      await say(cancelled(holder));
      await untilIs(waiting, 'RESERVED');
      await say(cancelled(waiting), ordered(next, sku, 3, false));
      await untilIs(next, 'RESERVED');
      expect(Object.values(await levels(sku))).toEqual([{ onHand: 3, reserved: 3, held: 3 }]);
    });

    test('goods of a backorder that is cancelled while it is being filled are free again', async () => {
      const sku = await product(process, 1);
      const orderId = uuidv7();
      await say(ordered(orderId, sku, 2));
      await untilIs(orderId, 'BACKORDERED');
      // The order is cancelled while the set that fills it is on its way.
      process.database.interrupt.before = () => say(cancelled(orderId));
      await process.adjust(sku, { delta: 1 });
      await untilIs(orderId, 'RELEASED');
      await process.service.settled!();
      expect(Object.values(await levels(sku))).toEqual([{ onHand: 2, reserved: 0, held: 0 }]);
    });

    test('whoever can be served is, however many wait before them for something else', async () => {
      const [scarce, sku] = [await product(process, 0), await product(process, 0)];
      // Ids begin with the time: these are older than any order of this test.
      await reader.query(
        `insert into inventory.reservations (order_id, status, version, sequence, seen, detail)
         select ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'BACKORDERED', 1, 1, '{}', $1::json from generate_series(1, 1200) n`,
        [
          JSON.stringify({
            demand: [
              { sku: scarce, quantity: 1 },
              { sku, quantity: 1 },
            ],
            allocations: [],
          }),
        ],
      );
      const [first, second] = [uuidv7(), uuidv7()];
      await say(ordered(first, sku, 2), ordered(second, sku, 2));
      await untilIs(second, 'BACKORDERED');
      await process.adjust(sku, { delta: 3 });
      await untilIs(first, 'RESERVED');
      expect(await statusOf(second)).toBe('BACKORDERED');
      await reader.query("delete from inventory.reservations where order_id < '00000000-0000-7000-9000-000000000000'");
    });

    test('an adjustment that was saved counts, although its answer was lost', async () => {
      const sku = await product(process, 0);
      await process.adjust(sku, { onHand: 1 });
      const orderId = uuidv7();
      await say(ordered(orderId, sku, 2));
      await untilIs(orderId, 'BACKORDERED');
      const key = uuidv7();
      process.database.interrupt.after = async (writes) => {
        if (!writes.some(({ name }) => name === 'adjusted')) return;
        process.database.interrupt.after = undefined;
        throw Object.assign(new Error('Connection terminated unexpectedly'), { code: '57P01' });
      };
      expect(await process.adjust(sku, { delta: 1 }, key)).not.toBe(201);
      expect(await process.adjust(sku, { delta: 1 }, key)).toBe(201);
      await untilIs(orderId, 'RESERVED');
      expect(Object.values(await levels(sku))).toEqual([{ onHand: 2, reserved: 2, held: 2 }]);
    });
  });

  describe('of two processes on one database', () => {
    test('what is set aside where goods have just come back stays set aside, whoever else opens that place', async () => {
      const process = await start({ soleWriter: false });
      const sku = await product(process, 2);
      const [buyer, next] = [uuidv7(), uuidv7()];
      await say(ordered(buyer, sku, 2));
      await untilIs(buyer, 'RESERVED');
      const other = await start({ soleWriter: false });
      // Whichever of them decides, the other one is faster to open the place.
      process.database.interrupt.before = async () => {
        other.database.interrupt.before = undefined;
        await other.adjust(sku, { delta: 1, location: 'returns' });
      };
      other.database.interrupt.before = async () => {
        process.database.interrupt.before = undefined;
        await process.adjust(sku, { delta: 1, location: 'returns' });
      };
      const back = event(buyer, 'OrderReturnReceived', { items: [{ sku, quantity: 2 }], location: 'returns' });
      await say(back, ordered(next, sku, 2, false));
      await untilIs(next, 'RESERVED');
      expect((await levels(sku))['returns']).toEqual({ onHand: 3, reserved: 2, held: 2 });
    });

    test('a rush of cancellations, arrivals and retries leaves nothing set aside for a cancelled order', async () => {
      const [here, there] = [await start({ soleWriter: false }), await start({ soleWriter: false })];
      const skus = await Promise.all([product(here, 1), product(here, 2), product(here, 0)]);
      const orders = Array.from({ length: 120 }, uuidv7);
      await say(...orders.map((id, index) => ordered(id, skus[index % 3]!, 1 + (index % 4))));
      const cancel = orders.filter((_, index) => index % 5 !== 0);
      await Promise.all([
        (async () => {
          for (let i = 0; i < cancel.length; i += 4) await say(...cancel.slice(i, i + 4).map(cancelled));
        })(),
        ...[here, there].map(async (process, index) => {
          for (let i = 0; i < 40; i++) await process.adjust(skus[(i + index) % 3]!, { delta: 1 });
        }),
      ]);
      for (const id of cancel)
        await until('it ended', async () => ['RELEASED', 'REJECTED'].includes((await statusOf(id)) ?? ''));
      for (const process of [here, there]) await process.service.settled!();
      for (const sku of skus)
        for (const { reserved, held, onHand } of Object.values(await levels(sku))) {
          expect(reserved).toBe(held);
          expect(reserved).toBeLessThanOrEqual(onHand);
        }
      const [held] = await reader.query<{ orders: number }>(
        "select count(*)::int as orders from inventory.reservations where order_id = any($1::uuid[]) and json_array_length(detail->'allocations') > 0",
        [cancel],
      );
      expect(held!.orders).toBe(0);
    });
  });
});
