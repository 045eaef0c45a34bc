import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { emptyRow, type Outcome, type Row, type Rules } from '#platform/processor/aggregate.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { insertRows, joinWrites, updateRows } from '#platform/database/statement.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { Processor } from '#platform/processor/processor.ts';
import type { Bus, Lag, Subscription } from '#platform/log/bus.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { listParked } from '#platform/log/parked.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { untilSeen } from '#tests/support/until.ts';
import { append, disorder, newEvent, save, stories, type TestDatabase, TestConsumer, untilEffects } from './support.ts';

/** What every bus promises, whichever carries the log. An adapter's test file hands in how to set one up. */
export interface BusUnderTest {
  readonly database: TestDatabase;
  /** A bus as one process opens it. */
  open(database: Database): Promise<Bus>;
}

/** How many events must lie before a consumer so that no memory of recent events helps it. */
const FAR_BEHIND = 26_000;

export function busContract(name: string, setUp: () => Promise<BusUnderTest>): void {
  describe(`the bus on ${name}`, () => {
    let target: BusUnderTest;
    let database: Database;
    let bus: Bus;
    /** Another process. */
    let elsewhere: Database;
    let otherBus: Bus;
    let count = 0;
    /** Names of one test, so that tests share a log and do not meet. */
    const names = (): { consumer: string; type: string } => ({
      consumer: `consumer-${++count}`,
      type: `Happened${count}`,
    });

    beforeAll(async () => {
      target = await setUp();
      database = target.database.connect();
      elsewhere = target.database.connect();
      bus = await target.open(database);
      otherBus = await target.open(elsewhere);
    });

    afterAll(async () => {
      await bus?.close();
      await otherBus?.close();
    });

    test('keeps the order of each order and loses nothing, with several writers', async () => {
      const { consumer, type } = names();
      const running = await TestConsumer.start(bus, database, consumer, type);
      const mine = stories(40, 10, type);
      const theirs = stories(40, 10, type);
      await Promise.all([append(database, mine, 30, bus), append(elsewhere, theirs, 17)]);
      const effects = await untilEffects(database, consumer, mine.length + theirs.length);
      expect(disorder(effects)).toEqual([]);
      expect(new Set(effects.map(({ event }) => event))).toEqual(new Set([...mine, ...theirs].map(({ id }) => id)));
      await untilSeen(
        'no lag',
        () => running.lag,
        (lag) => lag === 0,
      );
      await running.stop();
    });

    test('gives only the types a consumer asked for, with all they carry', async () => {
      const { consumer, type } = names();
      const subject = uuidv7();
      const wanted: Envelope = {
        ...newEvent(subject, 2, type, { price: '12.50', note: 'naïve 😀', aFieldOfTheFuture: [1, { deep: null }] }),
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        authtype: 'user',
        authid: 'Ada Lovelace',
      };
      await append(database, [newEvent(subject, 1, `${type}Else`), wanted, newEvent(subject, 3, 'NobodyKnowsThis')]);
      const running = await TestConsumer.start(otherBus, elsewhere, consumer, type);
      await untilEffects(database, consumer, 1);
      expect(running.delivered).toEqual([wanted]);
      await untilSeen(
        'no lag',
        () => running.lag,
        (lag) => lag === 0,
      );
      await running.stop();
    });

    test('gives an event whose transaction began early and committed late, which a naive reader loses', async () => {
      const { consumer, type } = names();
      const running = await TestConsumer.start(bus, database, consumer, type);
      const naive = new NaiveReader(database, type);
      const slow = await target.database.client();
      const [early, late] = [newEvent(uuidv7(), 1, type), newEvent(uuidv7(), 1, type)];
      await slow.query('begin');
      await slow.query(joinWrites([appendEvents([early])]));
      await append(elsewhere, [late]);
      expect(await naive.read()).toEqual([late.id]);
      await slow.query('commit');
      expect(await naive.read()).toEqual([]); // lost for ever: its position is behind the reader
      const effects = await untilEffects(database, consumer, 2);
      // Two orders: which comes first is nobody's promise.
      expect(new Set(effects.map(({ event }) => event))).toEqual(new Set([early.id, late.id]));
      await running.stop();
    });

    test('never sees version 6 before version 5: the version check refuses who waited, where a naive writer does not', async () => {
      const { consumer, type } = names();
      const naiveOrder = await secondTrap(target, type, false);
      const checkedOrder = await secondTrap(target, type, true);
      const running = await TestConsumer.start(bus, database, consumer, type);
      const effects = await untilEffects(database, consumer, 4);
      const sequences = (order: string): number[] =>
        effects.filter(({ subject }) => subject === order).map(({ sequence }) => sequence);
      expect(sequences(naiveOrder)).toEqual([6, 5]);
      expect(sequences(checkedOrder)).toEqual([5, 6]);
      await running.stop();
    });

    test('gives again what was taken and not saved before a crash, and goes on where it was saved', async () => {
      const { consumer, type } = names();
      const events = stories(5, 4, type);
      await append(database, events);
      const crashed = await bus.subscribe({ consumer, types: new Set([type]), database, onReady: () => {} });
      const taken = await untilSeen(
        'a delivery',
        () => crashed.take(7),
        (delivery) => delivery !== undefined,
      );
      expect(idlePartitions(crashed), 'progress behind an unsaved delivery').not.toContain(taken!.moves[0]!.partition);
      await save(database, consumer, taken!);
      crashed.saved(taken!.moves);
      const unsaved = await untilSeen(
        'a delivery',
        () => crashed.take(7),
        (delivery) => delivery !== undefined,
      );
      expect(idlePartitions(crashed), 'progress behind an unsaved delivery').not.toContain(
        unsaved!.moves[0]!.partition,
      );
      await crashed.close(); // nothing of `unsaved` was stored

      const running = await TestConsumer.start(otherBus, elsewhere, consumer, type);
      const effects = await untilEffects(database, consumer, events.length);
      expect(disorder(effects)).toEqual([]);
      const again = new Set(running.delivered.map(({ id }) => id));
      for (const { id } of unsaved!.events) expect(again).toContain(id);
      for (const { id } of taken!.events) expect(again).not.toContain(id);
      await running.stop();
    });

    test('refuses the late save of a consumer that lost its place, effects included', async () => {
      const { consumer, type } = names();
      const events = stories(60, 2, type);
      await append(database, events);
      const paused = await bus.subscribe({ consumer, types: new Set([type]), database, onReady: () => {} });
      const late = await takeAll(paused, events.length);
      const successor = await TestConsumer.start(otherBus, elsewhere, consumer, type);
      await untilSeen(
        'the successor to save something',
        () => successor.delivered.length,
        (n) => n > 0,
      );
      const before = await untilSeen(
        'its effects',
        async () => (await untilEffects(database, consumer, 1)).length,
        (n) => n === successor.delivered.length,
      );
      await expect(save(database, consumer, late)).rejects.toBeInstanceOf(ConflictError);
      expect((await untilEffects(database, consumer, 1)).length).toBe(before);

      // Refused, it starts over from what is stored, and both finish the work together.
      await paused.reset();
      await paused.close();
      const effects = await untilEffects(database, consumer, events.length);
      expect(disorder(effects)).toEqual([]);
      await successor.stop();
    });

    test('has every effect once and in order while consumers of one name come and go', async () => {
      const { consumer, type } = names();
      const events = stories(100, 30, type);
      const first = await TestConsumer.start(bus, database, consumer, type);
      const writing = append(database, events, 60, bus);
      for (let round = 0; round < 3; round++) {
        const guest = await TestConsumer.start(otherBus, elsewhere, consumer, type);
        await sleep(700);
        await guest.stop();
      }
      await writing;
      const effects = await untilEffects(database, consumer, events.length, 45_000);
      expect(disorder(effects)).toEqual([]);
      await first.stop();
    }, 60_000);

    test('parks the order of a poisoned event, with what follows it, and goes on with all others', async () => {
      const { consumer, type } = names();
      const events = stories(20, 5, type);
      const poisoned = events.find(({ sequence }) => sequence === 2)!;
      (poisoned.data as { poison?: string }).poison = 'the rules cannot take this';
      const processor = newLane(bus, database, consumer, type);
      await processor.start();
      await append(database, events, 25, bus);
      const parked = await untilSeen(
        'the order to be parked',
        () => listParked(database),
        (list) => list.some((entry) => entry.consumer === consumer && entry.events === 4),
      );
      const entry = parked.find((each) => each.consumer === consumer)!;
      expect(entry).toMatchObject({
        orderId: poisoned.subject,
        eventId: poisoned.id,
        reason: 'the rules cannot take this',
      });
      await untilEffects(database, consumer, events.length - 4);

      expect(await processor.unpark(poisoned.subject, { action: 'retry', data: { sequence: 2 }, actor: 'test' })).toBe(
        4,
      );
      expect(disorder(await untilEffects(database, consumer, events.length))).toEqual([]);
      await processor.stop();
    });

    test('catches up from the start when far behind', async () => {
      const { consumer, type } = names();
      const events = stories(FAR_BEHIND / 20, 20, type);
      await append(elsewhere, events, 2_000);
      const startedMs = performance.now();
      const running = await TestConsumer.start(bus, database, consumer, type);
      const effects = await untilEffects(database, consumer, events.length, 60_000);
      const seconds = (performance.now() - startedMs) / 1000;
      console.log(
        `${name}: caught up over ${events.length} events in ${seconds.toFixed(1)} s (${Math.round(events.length / seconds)}/s, saved in sets of 100)`,
      );
      expect(disorder(effects)).toEqual([]);
      await append(database, [newEvent(uuidv7(), 1, type)], 1, bus);
      await untilEffects(database, consumer, events.length + 1);
      await untilSeen(
        'no lag',
        () => running.lag,
        (lag) => lag === 0,
      );
      await running.stop();
    }, 120_000);

    test('shows live events to observers, in order', async () => {
      const { type } = names();
      const seen: Envelope[] = [];
      const stop = bus.observe((event) => {
        if (event.type === type) seen.push(event);
      });
      await untilSeen(
        'the observer to be live',
        async () => {
          await append(database, [newEvent(uuidv7(), 1, type)]);
          return seen.length;
        },
        (n) => n > 0,
      );
      const events = stories(10, 5, type);
      await append(elsewhere, events, 7);
      const last = new Set(events.map(({ id }) => id));
      await untilSeen(
        'all events',
        () => seen.filter(({ id }) => last.has(id)).length,
        (n) => n === events.length,
      );
      expect(disorder(seen)).toEqual([]);
      stop();
    });

    test('a consumer that was set back learns of it, and what it reads again counts as no delay', async () => {
      const { consumer, type } = names();
      const old = new Date(Date.now() - 3_600_000).toISOString();
      const events = stories(6, 2, type).map((event) => ({ ...event, time: old }));
      await append(database, events);
      const first = await TestConsumer.start(bus, database, consumer, type);
      await untilEffects(database, consumer, events.length);
      await untilSeen(
        'no lag',
        () => first.lag,
        (lag) => lag === 0,
      );
      await first.stop();

      const reading = { consumer, types: new Set([type]), database, onReady: () => {} };
      const subscription = await bus.subscribe(reading);
      await untilSeen(
        'no lag',
        () => subscription.lag().events,
        (lag) => lag === 0,
      );
      expect(await subscription.moved()).toBe(false);
      await database.query(
        'update log.consumer_offsets set again_txid = txid, again_position = position, txid = 0, position = 0 where consumer = $1',
        [consumer],
      );
      expect(await subscription.moved()).toBe(true);
      await subscription.reset();
      expect(await subscription.moved()).toBe(false);
      // Taking nothing is what makes a subscription fetch what lies behind.
      const lag = (): Lag => {
        subscription.take(0);
        return subscription.lag();
      };
      await untilSeen(
        'the old events to be there',
        () => lag().events,
        (count) => count >= events.length,
      );
      const ages = await Promise.all(
        Array.from({ length: 20 }, async (_, i) => {
          await sleep(i * 10);
          return subscription.lag().ageMs;
        }),
      );
      expect(ages).toEqual(ages.map(() => 0));

      // Never read before, they would have been waiting.
      await database.query(
        'update log.consumer_offsets set again_txid = null, again_position = null where consumer = $1',
        [consumer],
      );
      await subscription.reset();
      await untilSeen(
        'their age',
        () => lag().ageMs,
        (age) => age > 0,
      );
      await subscription.close();
    });

    test('says that it is healthy', () => {
      expect(bus.healthy()).toMatchObject({ ok: true });
    });
  });
}

function idlePartitions(subscription: Subscription): number[] {
  return subscription.idleMoves().map(({ partition }) => partition);
}

/** Reads as one should not: by position. */
class NaiveReader {
  readonly #database: Database;
  readonly #type: string;
  #last = 0;

  constructor(database: Database, type: string) {
    this.#database = database;
    this.#type = type;
  }

  async read(): Promise<string[]> {
    const rows = await this.#database.query<{ id: string; position: number }>(
      'select id, position from log.order_outbox where position > $1 and type = $2 order by position',
      [this.#last, this.#type],
    );
    this.#last = rows.at(-1)?.position ?? this.#last;
    return rows.map(({ id }) => id);
  }
}

/**
 * A transaction that got its id early, then waited for another one on the same order. Without a version check it
 * builds on what it waited for, and its event lies before the event it builds on; with it, it must decide again.
 */
async function secondTrap(target: BusUnderTest, type: string, checked: boolean): Promise<string> {
  const order = uuidv7();
  const [early, other] = [await target.database.client(), await target.database.client()];
  await other.query('insert into test.orders values ($1, 4)', [order]);
  const change = (version: number) =>
    updateRows('orders', 'test.orders', ['id'], { id: 'uuid', version: 'integer' }, [{ id: order, version }], {
      revision: 'version',
    });

  await early.query('begin');
  await early.query("insert into test.notes values ('has its transaction id now')");
  await other.query('begin');
  await other.query(joinWrites([change(5), appendEvents([newEvent(order, 5, type)])]));
  const waiting = checked
    ? early.query(joinWrites([change(5), appendEvents([newEvent(order, 5, type)])]))
    : early.query('update test.orders set version = version + 1 where id = $1 returning version', [order]);
  const refused = waiting.then(
    () => false,
    (error: { code?: string }) => error.code === 'OL001',
  );
  await untilSeen(
    'the early transaction to wait',
    async () =>
      await target.database.client().then(async (client) => {
        const { rows } = await client.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        await client.end();
        return rows.length;
      }),
    (n) => n > 0,
  );
  await other.query('commit');
  expect(await refused).toBe(checked);
  if (checked) {
    await early.query('rollback');
    await early.query(joinWrites([change(6), appendEvents([newEvent(order, 6, type)])]));
  } else {
    await early.query(joinWrites([appendEvents([newEvent(order, 6, type)])]));
    await early.query('commit');
  }
  return order;
}

/** Everything there is, in one delivery. */
async function takeAll(
  subscription: Subscription,
  count: number,
): Promise<{
  events: Envelope[];
  moves: { partition: number; from: { txid: number; position: number }; to: { txid: number; position: number } }[];
}> {
  const events: Envelope[] = [];
  const moves = new Map<
    number,
    { partition: number; from: { txid: number; position: number }; to: { txid: number; position: number } }
  >();
  const look = (): number => {
    const delivery = subscription.take(1_000);
    events.push(...(delivery?.events ?? []));
    for (const move of delivery?.moves ?? []) moves.set(move.partition, move);
    return events.length;
  };
  await untilSeen(`${count} events`, look, (n) => n >= count);
  return { events, moves: [...moves.values()] };
}

interface Count {
  readonly events: number;
}

/** A service with nothing in it but what a processor needs; its rules fail on data that says so. */
function newLane(bus: Bus, database: Database, consumer: string, type: string): Processor<Count, never> {
  const rules: Rules<Count, never> = {
    source: `/olms/${consumer}`,
    consumes: [type as 'OrderCreated'],
    react(event, state): Outcome<Count> {
      const { poison } = event.data as { poison?: string };
      if (poison !== undefined) throw new Error(poison);
      return { state: { events: (state?.events ?? 0) + 1 }, events: [] };
    },
    decide: () => {
      throw new Error('this service takes no commands');
    },
  };
  return new Processor({
    name: consumer,
    rules,
    store: effectStore(consumer),
    database,
    bus,
    clock: systemClock,
    logger: createLogger('silent'),
    metrics: createMetrics().processor(consumer),
  });
}

/** Keeps nothing but effects: one row for each event that was folded. */
function effectStore(consumer: string): ProcessorStore<Count, never> {
  const rows = new Map<string, Row<Count>>();
  return {
    load: async (_database, ids) => new Map(ids.map((id) => [id, rows.get(id) ?? emptyRow<Count>(id)])),
    save(changes) {
      const effects: Record<string, unknown>[] = [];
      for (const { before, after } of changes) {
        const [from, to] = [before.state?.events ?? 0, after.state?.events ?? 0];
        for (let sequence = from + 1; sequence <= to; sequence++)
          effects.push({ consumer, source: '/olms/test', subject: after.id, sequence, event: after.id });
        rows.set(after.id, after);
      }
      return [
        insertRows(
          'effects',
          'test.effects',
          { consumer: 'text', source: 'text', subject: 'uuid', sequence: 'integer', event: 'uuid' },
          effects,
        ),
      ];
    },
  };
}
