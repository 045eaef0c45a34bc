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

  /** What a processor writes is what is interrupted. */
  override get reserved(): this {
    return this;
  }

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

  /** Orders in line for a SKU, first come first. */
  async function lineOf(sku: string): Promise<string[]> {
    const rows = await reader.query<{ order_id: string }>(
      'select order_id from inventory.waiting where sku = $1 order by order_id',
      [sku],
    );
    return rows.map((row) => row.order_id);
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
      const [scarce, sku] = [await product(process, 0), await product(process, 1300)];
      const [many, last] = [Array.from({ length: 1200 }, uuidv7), uuidv7()];
      // They lack the one and not the other; then that is short, too, and they stand in both lines.
      const both = (id: string, pieces: number): Envelope =>
        event(id, 'OrderCreated', {
          items: [scarce, sku].map((name, index) => ({
            ...ORDER_EVENTS.OrderCreated.example.items[0]!,
            line: index + 1,
            sku: name,
            quantity: pieces,
          })),
          allowBackorder: true,
        });
      for (let from = 0; from < many.length; from += 400)
        await say(...many.slice(from, from + 400).map((id) => both(id, 1)));
      await untilIs(many.at(-1)!, 'BACKORDERED');
      const buyer = uuidv7();
      await say(ordered(buyer, sku, 1300));
      await untilIs(buyer, 'RESERVED');
      await say(ordered(last, sku, 2));
      await untilIs(last, 'BACKORDERED');
      // All that was wanted of it so far, by them and by the last.
      await process.adjust(sku, { delta: 2 });
      await untilIs(last, 'RESERVED');
      expect(await statusOf(many[0]!)).toBe('BACKORDERED');
      await process.adjust(scarce, { delta: 1 });
      await until('the first of them to ask', async () => (await lineOf(sku)).length === 1);
      expect(await statusOf(many[0]!)).toBe('BACKORDERED');
      const next = uuidv7();
      await say(ordered(next, sku, 1));
      await untilIs(next, 'BACKORDERED');
      await process.adjust(sku, { delta: 1 });
      await untilIs(many[0]!, 'RESERVED');
      expect(await statusOf(next)).toBe('BACKORDERED');
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

    test('a new order that was decided before somebody else joined the line is decided once more', async () => {
      const process = await start({ soleWriter: false });
      const sku = await product(process, 3);
      const [first, next] = [uuidv7(), uuidv7()];
      // As another process does that consumes other partitions.
      process.database.interrupt.before = () =>
        reader.query(
          `with line as (insert into inventory.waiting (sku, order_id, quantity) values ($1, $2, 4) returning sku),
             counted as (update inventory.products p set waiting = waiting + 4 from line where p.sku = line.sku)
           update inventory.stock s set line = s.line + 1 from line where s.sku = line.sku`,
          [sku, first],
        ) as Promise<never>;
      await say(ordered(next, sku, 2, false));
      await untilIs(next, 'REJECTED');
      expect((await levels(sku))['main']).toEqual({ onHand: 3, reserved: 0, held: 0 });
      await reader.query('delete from inventory.waiting where sku = $1', [sku]);
      await reader.query('update inventory.products set waiting = 0 where sku = $1', [sku]);
    });

    test('who joins a line has seen every place, also one that was opened meanwhile', async () => {
      const process = await start({ soleWriter: false });
      const sku = await product(process, 1);
      const orderId = uuidv7();
      process.database.interrupt.before = async () => {
        expect(await process.adjust(sku, { delta: 3, location: 'returns' })).toBe(201);
      };
      await say(ordered(orderId, sku, 4));
      await untilIs(orderId, 'RESERVED');
      const [events] = await reader.query<{ types: string[] }>(
        'select array_agg(type order by position) as types from log.order_outbox where subject = $1 and source = $2',
        [orderId, '/olms/inventory'],
      );
      expect(events!.types).toEqual(['StockReserved']);
    });

    test('goods go to those who waited first, while small orders and small deliveries come all the time', async () => {
      const processes = [
        await start({ soleWriter: false }),
        await start({ soleWriter: false }),
        await start({ soleWriter: false }),
      ];
      const skus = await Promise.all([product(processes[0]!, 1), product(processes[0]!, 0)]);
      const line = Array.from({ length: 40 }, (_, index) => ({ id: uuidv7(), pieces: 2 + (index % 3) }));
      const small: string[] = [];
      for (const [index, { id, pieces }] of line.entries()) await say(ordered(id, skus[index % 2]!, pieces));
      await untilIs(line.at(-1)!.id, 'BACKORDERED');
      await Promise.all([
        ...processes.map(async (process) => {
          for (let i = 0; i < 12; i++) await process.adjust(skus[i % 2]!, { delta: 1 + (i % 3) });
        }),
        (async () => {
          for (let i = 0; i < 60; i++) {
            small.push(uuidv7());
            await say(ordered(small.at(-1)!, skus[i % 2]!, 1, i % 3 === 0));
          }
        })(),
      ]);
      for (const process of processes) await process.service.settled!();
      for (const [index, sku] of skus.entries()) {
        const { onHand } = (await levels(sku))['main']!;
        let left = onHand;
        const served: string[] = [];
        for (const { id, pieces } of line.filter((_, position) => position % 2 === index)) {
          if (pieces > left) break;
          left -= pieces;
          served.push(id);
        }
        await until('those whose turn has come to be served', async () => {
          const there = await Promise.all(served.map(statusOf));
          return there.every((status) => status === 'RESERVED');
        });
        expect((await levels(sku))['main']).toEqual({ onHand, reserved: onHand - left, held: onHand - left });
      }
      await until('every small order to be decided', async () => {
        const statuses = await Promise.all(small.map(statusOf));
        return statuses.every((status) => status !== undefined);
      });
      const statuses = new Set(await Promise.all(small.map(statusOf)));
      expect([...statuses].sort()).toEqual(['BACKORDERED', 'REJECTED']);
      const counts = await reader.query(
        `select p.sku from inventory.products p where p.waiting <> (select coalesce(sum(quantity), 0) from inventory.waiting w where w.sku = p.sku)
           or p.places <> (select count(*) from inventory.stock s where s.sku = p.sku)`,
      );
      expect(counts).toEqual([]);
    });

    test('a count below what is reserved that comes before a decision is saved leaves nothing to promise', async () => {
      const [process, other] = [await start({ soleWriter: false }), await start({ soleWriter: false })];
      const sku = await product(process, 5);
      const [holder, next] = [uuidv7(), uuidv7()];
      await say(ordered(holder, sku, 3));
      await untilIs(holder, 'RESERVED');
      const counting = async (): Promise<void> => {
        for (const { database } of [process, other]) database.interrupt.before = undefined;
        expect(await other.adjust(sku, { onHand: 1 })).toBe(201);
      };
      for (const { database } of [process, other]) database.interrupt.before = counting;
      await say(ordered(next, sku, 2, false));
      await until('the next to be decided', async () => (await statusOf(next)) !== undefined);
      // Whoever is not interrupted may decide before the count is saved.
      await until('the count', async () => (await levels(sku))['main']?.onHand === 1);
      const [level] = await reader.query<{ on_hand: number; reserved: number; short: number }>(
        'select on_hand, reserved, short from inventory.stock where sku = $1',
        [sku],
      );
      // Whichever of them was first: what is promised is what is there, or named as missing.
      expect(level).toEqual(
        (await statusOf(next)) === 'REJECTED'
          ? { on_hand: 1, reserved: 3, short: 2 }
          : { on_hand: 1, reserved: 5, short: 4 },
      );
      const reported = async (): Promise<number> => {
        const [row] = await reader.query<{ pieces: number }>(
          'select coalesce(sum(quantity), 0)::int as pieces from inventory.shortages where sku = $1',
          [sku],
        );
        return row!.pieces;
      };
      await until('whoever is short to be reported', async () => (await reported()) === level!.short);
      expect(await process.adjust(sku, { delta: 4 })).toBe(201);
      await until('nobody to be short', async () => (await reported()) === 0);
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
