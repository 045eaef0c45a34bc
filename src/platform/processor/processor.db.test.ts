import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { uuidv7 } from 'uuidv7';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, refuse } from '#contracts/errors.ts';
import type { EventData } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { ROW_COLUMNS, rowStore } from '#tests/support/row-store.ts';
import { until } from '#tests/support/until.ts';
import type { Rules } from './aggregate.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { Database } from '#platform/database/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { migrate } from '#platform/database/migrate.ts';
import { insertRows } from '#platform/database/statement.ts';
import type { CommandRequest } from './batch.ts';
import { Processor } from './processor.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { listParked } from '#platform/log/parked.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';

/** A processor with the smallest service there can be, on a real PostgreSQL: it keeps the references an order was given. */

interface Notes {
  readonly references: readonly string[];
  readonly added: number;
}
type AddCommand = { readonly type: 'add'; readonly atMost?: number };

const POISON = 'poison';
/** The rules take this, but the table does not: an event whose effects cannot be saved. */
const INDIGESTIBLE = 'indigestible';
/** The rules take this only after a command, or after the first event. */
const NEEDS_COMMAND = 'needs a command';
const NEEDS_FIRST = 'needs the first';
const FIRST = 'first';
const COMMAND_QUEUE_MAX = 4_000;

const rules: Rules<Notes, AddCommand> = {
  source: '/olms/billing',
  consumes: ['OrderAmended'],
  react(event, notes) {
    const { reference = '' } = event.data as EventData<'OrderAmended'>;
    if (reference === NEEDS_COMMAND && !notes?.added) throw new Error('nothing was added yet');
    if (reference === NEEDS_FIRST && notes?.references[0] !== FIRST) throw new Error('not the first');
    if (reference === POISON) throw new Error('the rules cannot take this');
    const invoice = { invoiceNumber: reference, totalAmount: '0', currency: 'EUR' };
    return {
      state: { references: [...(notes?.references ?? []), reference], added: notes?.added ?? 0 },
      events: [{ type: 'InvoiceIssued', data: invoice }],
    };
  },
  decide({ atMost }, notes) {
    const added = notes?.added ?? 0;
    if (atMost !== undefined && added >= atMost) return refuse('ACTION_NOT_ALLOWED', 'enough');
    return { state: { references: notes?.references ?? [], added: added + 1 }, events: [] };
  },
};

const store = rowStore<Notes>('notes', (rows) => ({
  ...insertRows('fresh', 'notes', ROW_COLUMNS, rows, { onConflict: 'do nothing' }),
  expect: rows.length,
}));

const folder = mkdtempSync(join(tmpdir(), 'olms-processor-'));
const dataDir = join(folder, 'postgres');
const cause = { causationid: 'test', correlationid: 'test' };
let server: EmbeddedPostgres;
let database: Database;
let bus: PostgresBus;
let conflicts = 0;
const processors: Processor<Notes, AddCommand>[] = [];
const sequences = new Map<string, number>();

function openDatabase(): Database {
  return new Database({ url: server.url, poolSize: 4, statementTimeoutMs: 10_000, applicationName: 'processor-test' });
}

function newProcessor(more: { readonly opensWith?: readonly string[] } = {}): Processor<Notes, AddCommand> {
  const metrics = { committed: () => {}, conflict: () => void conflicts++, lag: () => {} };
  const logger = createLogger('silent');
  const processor = new Processor<Notes, AddCommand>({
    ...more,
    name: 'notes',
    rules,
    store,
    database,
    bus,
    clock: systemClock,
    logger,
    metrics,
  });
  processors.push(processor);
  return processor;
}

async function startProcessor(): Promise<Processor<Notes, AddCommand>> {
  const processor = newProcessor();
  await processor.start();
  return processor;
}

function amended(orderId: string, reference: string): Envelope {
  const sequence = (sequences.get(orderId) ?? 0) + 1;
  sequences.set(orderId, sequence);
  const time = isoTime(Date.now());
  return {
    id: uuidv7(),
    source: '/olms/orders',
    type: 'OrderAmended',
    subject: orderId,
    sequence,
    time,
    ...cause,
    data: { reference },
  };
}

async function say(...events: Envelope[]): Promise<void> {
  await database.write([appendEvents(events)]);
  bus.pollSoon();
}

function add(orderId: string, more: Partial<CommandRequest<AddCommand>> = {}): CommandRequest<AddCommand> {
  return { orderId, command: { type: 'add' }, cause, ...more };
}

async function notesOf(orderId: string): Promise<Notes | undefined> {
  return (await store.load(database, [orderId])).get(orderId)?.state;
}

function untilNoted(orderId: string, ...references: string[]): Promise<unknown> {
  let notes: Notes | undefined;
  const wanted = references.join();
  return until(`the notes ${wanted}`, async () => (notes = await notesOf(orderId))?.references.join() === wanted, {
    describe: () => JSON.stringify(notes),
  });
}

async function saidAbout(orderId: string): Promise<string[]> {
  const rows = await database.query<{ data: { invoiceNumber: string }; sequence: number }>(
    "select data, sequence from log.order_outbox where subject = $1 and source = '/olms/billing' order by sequence",
    [orderId],
  );
  assert.deepEqual(
    rows.map((row) => row.sequence),
    rows.map((_, index) => index + 1),
  );
  return rows.map((row) => row.data.invoiceNumber);
}

const parkedOrders = async (): Promise<string[]> => (await listParked(database)).map(({ orderId }) => orderId);

beforeAll(async () => {
  server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', shared_buffers: '32MB' } });
  await migrate(server.url, [LOG_MIGRATIONS]);
  const setup = openDatabase();
  await setup.query(
    `create table notes (order_id uuid primary key, revision integer not null, sequence integer not null, consumed json not null,
     state json not null check (state::text not like '%${INDIGESTIBLE}%'))`,
  );
  await setup.close();
});

beforeEach(async () => {
  database = openDatabase();
  await database.query(
    'truncate notes, log.order_outbox, log.consumer_offsets, log.parked_events, log.park_audit, log.idempotency_keys',
  );
  bus = await PostgresBus.open(database);
  conflicts = 0;
});

afterEach(async () => {
  for (const processor of processors.splice(0)) await processor.stop();
  await bus.close();
  await database.close();
});

afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a poison event', () => {
  test.each([
    ['the rules throw on', POISON],
    ['the database refuses to store', INDIGESTIBLE],
  ])('that %s parks its own order and delays no other', async (_, reference) => {
    const [bad, ...good] = Array.from({ length: 6 }, uuidv7) as [string, ...string[]];
    const events = good.flatMap((id) => [amended(id, 'a'), amended(id, 'b')]);
    events.splice(3, 0, amended(bad, 'before'), amended(bad, reference), amended(bad, 'behind'));
    await say(...events);
    const processor = await startProcessor();
    for (const id of good) await untilNoted(id, 'a', 'b');
    await until('the order is parked', async () => (await parkedOrders()).includes(bad));
    await untilNoted(bad, 'before');
    expect(await parkedOrders()).toEqual([bad]);
    expect(processor.parkedCount).toBe(1);
    // Later events of the order queue behind, those of others do not; a new process knows of it, too.
    await processor.stop();
    const next = await startProcessor();
    await say(amended(bad, 'later'), amended(good[0]!, 'c'));
    await untilNoted(good[0]!, 'a', 'b', 'c');
    const [parked] = await listParked(database);
    expect(parked).toMatchObject({ consumer: 'notes', orderId: bad, eventType: 'OrderAmended', events: 3 });
    expect(parked!.reason).toMatch(reference === POISON ? /cannot take this/ : /check constraint/);
    expect(next.parkedCount).toBe(1);
    await untilNoted(bad, 'before');
  });

  async function parkOne(): Promise<{ processor: Processor<Notes, AddCommand>; bad: string }> {
    const bad = uuidv7();
    await say(amended(bad, 'before'), amended(bad, POISON), amended(bad, 'behind'));
    const processor = await startProcessor();
    await until('the order is parked', async () => (await listParked(database))[0]?.events === 2);
    return { processor, bad };
  }

  async function audit(): Promise<unknown[]> {
    return database.query(
      "select actor, action, consumer, event->'data'->>'reference' as reference from log.park_audit order by number",
    );
  }

  test('can be edited and retried: what waits behind it follows', async () => {
    const { processor, bad } = await parkOne();
    expect(await processor.unpark(bad, { action: 'retry', data: { reference: 'cured' }, actor: 'anna' })).toBe(2);
    await untilNoted(bad, 'before', 'cured', 'behind');
    expect(await saidAbout(bad)).toEqual(['before', 'cured', 'behind']);
    expect([await parkedOrders(), processor.parkedCount]).toEqual([[], 0]);
    expect(await audit()).toEqual([{ actor: 'anna', action: 'retry', consumer: 'notes', reference: POISON }]);
    await say(amended(bad, 'after'));
    await untilNoted(bad, 'before', 'cured', 'behind', 'after');
  });

  test('can be skipped', async () => {
    const { processor, bad } = await parkOne();
    expect(await processor.unpark(bad, { action: 'skip', actor: 'anna' })).toBe(2);
    await untilNoted(bad, 'before', 'behind');
    expect(await audit()).toEqual([{ actor: 'anna', action: 'skip', consumer: 'notes', reference: POISON }]);
  });

  test('that is no better when retried stays parked, and says who tried', async () => {
    const { processor, bad } = await parkOne();
    expect(await processor.unpark(bad, { action: 'retry', actor: 'anna' })).toBe(0);
    expect(await listParked(database)).toMatchObject([
      { orderId: bad, events: 2, reason: 'the rules cannot take this' },
    ]);
    expect(await audit()).toMatchObject([{ actor: 'anna', action: 'retry' }]);
    await say(amended(bad, 'later'));
    await until('the third event queues up', async () => (await listParked(database))[0]?.events === 3);
    await untilNoted(bad, 'before');
  });

  test('of an order that is not parked is nobody’s to retry', async () => {
    const { processor } = await parkOne();
    expect(await processor.unpark(uuidv7(), { action: 'retry', actor: 'anna' })).toBe(0);
    expect(await audit()).toEqual([]);
  });
});

describe('an outage', () => {
  test('of the database parks nothing and loses nothing', async () => {
    const orders = Array.from({ length: 20 }, uuidv7);
    const processor = await startProcessor();
    await say(...orders.map((id) => amended(id, 'a')));
    const early = processor.submit(add(orders[0]!)).catch((error: unknown) => error);
    await server.stop();
    // A command that arrives now waits; a caller whose patience ends gets that as the answer, and has changed nothing.
    const during = processor.submit(add(orders[1]!)).catch((error: unknown) => error);
    server = await startEmbeddedPostgres({ dataDir, settings: { fsync: 'off', shared_buffers: '32MB' } });
    await until(
      'the database is back',
      () =>
        say(...orders.map((id) => amended(id, 'b'))).then(
          () => true,
          () => false,
        ),
      { everyMs: 100 },
    );
    for (const id of orders) {
      const { references } = (await until('the order is noted', async () =>
        (await notesOf(id))?.references.includes('b') ? notesOf(id) : undefined,
      ))!;
      // A write whose reply was lost may have been repeated by this test; the processor itself notes every event once.
      const said = await saidAbout(id);
      expect(references).toEqual(said);
      expect(said[0]).toBe('a');
    }
    expect(await parkedOrders()).toEqual([]);
    for (const [id, answer] of [
      [orders[0]!, await early],
      [orders[1]!, await during],
    ] as const) {
      if (!(answer instanceof Error) && !isRefusal(answer)) expect((await notesOf(id))!.added).toBe(1);
    }
  }, 60_000);

  test('in which the database only reads, as during a failover, parks nothing and is waited out', async () => {
    const orders = Array.from({ length: 10 }, uuidv7);
    const processor = await startProcessor();
    const operator = new pg.Client({ connectionString: server.url });
    await operator.connect();
    try {
      await operator.query('set default_transaction_read_only = off');
      await say(...orders.map((id) => amended(id, 'a')));
      await operator.query('alter system set default_transaction_read_only = on');
      await operator.query('select pg_reload_conf()');
      await until('the database to refuse writes', async () =>
        database.query('create temporary table t (x int)').then(
          () => false,
          (error: unknown) => (error as { code?: string }).code === '25006',
        ),
      );
      const during = processor.submit(add(orders[0]!));
      await until('the processor to say so', async () => !processor.healthy().ok);
      expect(processor.healthy().detail).toMatch(/read-only/);
      expect(await parkedOrders()).toEqual([]);
      await operator.query('alter system reset default_transaction_read_only');
      await operator.query('select pg_reload_conf()');
      expect(isRefusal(await during)).toBe(false);
      for (const id of orders) await untilNoted(id, 'a');
      expect(await parkedOrders()).toEqual([]);
      expect(processor.healthy().ok).toBe(true);
    } finally {
      await operator.query('alter system reset default_transaction_read_only');
      await operator.query('select pg_reload_conf()');
      await operator.end();
    }
  });

  test('of connections alone is not even noticed', async () => {
    const orders = Array.from({ length: 10 }, uuidv7);
    const processor = await startProcessor();
    for (let round = 0; round < 5; round++) {
      await say(...orders.map((id) => amended(id, String(round))));
      const ends = database.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and application_name = $1',
        ['processor-test'],
      );
      await Promise.allSettled([ends, ...orders.map((id) => processor.submit(add(id)))]);
    }
    for (const id of orders) await untilNoted(id, '0', '1', '2', '3', '4');
    expect(await parkedOrders()).toEqual([]);
    for (const id of orders) expect(await saidAbout(id)).toEqual(['0', '1', '2', '3', '4']);
  });
});

describe('another process', () => {
  test('that changed a row is met by its version: the command is decided again on what is stored', async () => {
    const order = uuidv7();
    const [here, there] = [newProcessor(), newProcessor()];
    for (const processor of [here, there, here, there, here]) await processor.submit(add(order));
    expect(await notesOf(order)).toEqual({ references: [], added: 5 });
    expect(conflicts).toBeGreaterThan(0);
    const answers = await Promise.all(
      [here, there, here, there].map((processor) =>
        processor.submit(add(order, { command: { type: 'add', atMost: 7 } })),
      ),
    );
    expect((await notesOf(order))!.added).toBe(7);
    expect(answers.filter(isRefusal)).toHaveLength(2);
  });

  test('that opened the same row first makes the batch decided once more, not fail', async () => {
    const orders = Array.from({ length: 30 }, uuidv7);
    const [here, there] = [newProcessor(), newProcessor()];
    await Promise.all(orders.flatMap((id) => [here.submit(add(id)), there.submit(add(id))]));
    for (const id of orders) expect((await notesOf(id))!.added).toBe(2);
  });

  test('on the same log shares its offset: each event acts once, whoever reads it first', async () => {
    const orders = Array.from({ length: 25 }, uuidv7);
    const references = Array.from({ length: 12 }, (_, index) => String(index));
    await startProcessor();
    await startProcessor();
    for (const reference of references) await say(...orders.map((id) => amended(id, reference)));
    for (const id of orders) await untilNoted(id, ...references);
    for (const id of orders) expect(await saidAbout(id)).toEqual(references);
    expect(await parkedOrders()).toEqual([]);
  });

  test('that took the offset over fences this one off: nothing of its batch is saved', async () => {
    const order = uuidv7();
    await say(amended(order, 'a'));
    const processor = await startProcessor();
    await untilNoted(order, 'a');
    // Another process claims to have read everything: what this one reads now is not its to act upon.
    await say(amended(order, 'b'));
    const stolen = await database.query<{ txid: number; position: number }>(
      "update log.consumer_offsets set txid = l.txid, position = l.position from (select txid::text::bigint as txid, position from log.order_outbox where source = '/olms/orders' order by position desc limit 1) l where consumer = 'notes' returning consumer_offsets.txid, consumer_offsets.position",
    );
    expect(stolen).toHaveLength(1);
    await say(amended(order, 'c'));
    await until('c is noted', async () => (await notesOf(order))?.references.includes('c'));
    const { references } = (await notesOf(order))!;
    // b was read by one of them: either before the offset was taken, or never here.
    expect([
      ['a', 'c'],
      ['a', 'b', 'c'],
    ]).toContainEqual(references);
    expect(await saidAbout(order)).toEqual(references);
    expect(processor.parkedCount).toBe(0);
  });

  test('that put the offset back makes events come twice, and they act once', async () => {
    const order = uuidv7();
    await say(amended(order, 'a'), amended(order, 'b'));
    const processor = await startProcessor();
    await untilNoted(order, 'a', 'b');
    await processor.stop();
    await database.query("update log.consumer_offsets set txid = 0, position = 0 where consumer = 'notes'");
    await startProcessor();
    await say(amended(order, 'c'));
    await untilNoted(order, 'a', 'b', 'c');
    expect(await saidAbout(order)).toEqual(['a', 'b', 'c']);
  });
});

describe('an event that the rules refuse', () => {
  test('on a row that another process has moved on meanwhile is decided again, not parked', async () => {
    const order = uuidv7();
    await say(amended(order, 'a'));
    const here = await startProcessor();
    await untilNoted(order, 'a');
    // This one never consumes, so nothing shows the other that the row it remembers is old.
    await newProcessor().submit(add(order));
    await say(amended(order, NEEDS_COMMAND));
    await until(
      'the event was taken in',
      async () => (await notesOf(order))?.references.length === 2 || here.parkedCount > 0,
    );
    expect(await parkedOrders()).toEqual([]);
    await untilNoted(order, 'a', NEEDS_COMMAND);
  });

  test('on a row taken to be absent is decided again on the stored one, not parked', async () => {
    const order = uuidv7();
    const opening = amended(order, FIRST);
    await say(opening);
    const before = await startProcessor();
    await untilNoted(order, FIRST);
    await before.stop();
    // A relay that crashed publishes the opening event again; this process has never heard of the order.
    await say(
      { ...opening, sequence: 2, id: uuidv7(), data: { reference: 'again' } },
      { ...amended(order, NEEDS_FIRST), sequence: 3 },
    );
    const processor = newProcessor({ opensWith: ['OrderAmended'] });
    await processor.start();
    await until(
      'the events were taken in',
      async () => (await notesOf(order))?.references.length === 3 || processor.parkedCount > 0,
    );
    expect(await parkedOrders()).toEqual([]);
    await untilNoted(order, FIRST, 'again', NEEDS_FIRST);
  });
});

describe('a command', () => {
  test('is refused at once where too many wait', async () => {
    const processor = newProcessor();
    const answers = Array.from({ length: COMMAND_QUEUE_MAX + 10 }, () => processor.submit(add(uuidv7())));
    for (const answer of answers.slice(COMMAND_QUEUE_MAX))
      expect(await answer).toMatchObject({ refused: 'OVERLOADED' });
    const taken = await Promise.all(answers.slice(0, COMMAND_QUEUE_MAX));
    expect(taken.filter(isRefusal)).toEqual([]);
    expect(isRefusal(await processor.submit(add(uuidv7())))).toBe(false);
  });

  test('for another version of the row is refused', async () => {
    const order = uuidv7();
    await say(amended(order, 'a'));
    const processor = await startProcessor();
    await untilNoted(order, 'a');
    expect(await processor.submit(add(order, { expectedSequence: 7 }))).toMatchObject({ refused: 'VERSION_MISMATCH' });
    expect(await processor.submit(add(order, { expectedSequence: 1 }))).toMatchObject({ row: { state: { added: 1 } } });
  });

  test('under a key that was used already fails alone, and takes nothing with it', async () => {
    const processor = newProcessor();
    const [first, second, other] = [uuidv7(), uuidv7(), uuidv7()];
    const idempotency = { key: `key ${first}`, requestHash: 'h' };
    await processor.submit(add(first, { idempotency }));
    const [again, beside] = await Promise.allSettled([
      processor.submit(add(second, { idempotency })),
      processor.submit(add(other)),
    ]);
    expect([again.status, beside.status]).toEqual(['rejected', 'fulfilled']);
    expect([await notesOf(second), await notesOf(other)]).toEqual([undefined, { references: [], added: 1 }]);
  });

  test('is refused by a processor that stops', async () => {
    const processor = newProcessor();
    await processor.stop();
    expect(await processor.submit(add(uuidv7()))).toMatchObject({ refused: 'UNAVAILABLE' });
  });
});
