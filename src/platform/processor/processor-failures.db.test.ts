import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal } from '#contracts/errors.ts';
import { Database } from '#platform/database/database.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { listParked } from '#platform/log/parked.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { Proxy } from '#tests/support/proxy.ts';
import { rowStore } from '#tests/support/row-store.ts';
import { until } from '#tests/support/until.ts';
import type { Rules } from './aggregate.ts';
import { Processor } from './processor.ts';

/** What a processor makes of the failures of a real PostgreSQL: what waits, what parks, and what must not happen twice. */

interface Tally {
  readonly count: number;
}

const invoice = { type: 'InvoiceIssued', data: { invoiceNumber: '1', totalAmount: '0', currency: 'EUR' } } as const;

const rules: Rules<Tally, 'count'> = {
  source: '/olms/billing',
  consumes: ['OrderAmended'],
  react: (_, tally) => ({ state: { count: (tally?.count ?? 0) + 1 }, events: [invoice] }),
  decide: (_, tally) => ({ state: { count: (tally?.count ?? 0) + 1 }, events: [invoice] }),
};

const store = rowStore<Tally>('tally');

const TABLES = `
  create table tally (order_id uuid primary key, revision integer, sequence integer, consumed json, state json);
  create table slow (order_id uuid);
  -- An order whose row takes longer to be written than a statement may.
  create function wait_for_slow() returns trigger language plpgsql as $$
  begin
    if exists (select from slow where order_id = new.order_id) then perform pg_sleep(5); end if;
    return new;
  end $$;
  create trigger slow before insert or update on tally for each row execute function wait_for_slow();
`;

let server: TestPostgres;
let direct: Database;
let proxy: Proxy;
let database: Database;
let bus: PostgresBus;
let processor: Processor<Tally, 'count'>;

beforeAll(async () => {
  server = await startTestPostgres([LOG_MIGRATIONS]);
});
afterAll(() => server?.stop());

beforeEach(async () => {
  const url = await server.createDatabase();
  const { port, searchParams } = new URL(url);
  const host = searchParams.get('host');
  proxy = await Proxy.listen(
    host === null ? { port: Number(port) } : { path: `${host}/.s.PGSQL.${searchParams.get('port') ?? (port || 5432)}` },
  );
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(proxy.port);
  through.searchParams.delete('host');
  through.searchParams.delete('port');
  direct = new Database({ url, poolSize: 2, statementTimeoutMs: 0, applicationName: 'operator' });
  await direct.queryOnce(TABLES);
  database = new Database({ url: through.href, poolSize: 4, statementTimeoutMs: 500, applicationName: 'failures' });
  bus = await PostgresBus.open(database);
  processor = new Processor<Tally, 'count'>({
    name: 'tally',
    rules,
    store,
    database,
    bus,
    clock: systemClock,
    logger: createLogger('silent'),
    metrics: { committed: () => {}, conflict: () => {}, lag: () => {} },
  });
  await processor.start();
});

afterEach(async () => {
  await processor?.stop();
  await bus?.close();
  await database?.close();
  await direct?.close();
  await proxy?.close();
});

function amended(subject: string): Envelope {
  return {
    id: uuidv7(),
    source: '/olms/orders',
    type: 'OrderAmended',
    subject,
    sequence: 1,
    time: new Date().toISOString(),
    correlationid: 'test',
    causationid: 'test',
    data: {},
  };
}

async function countOf(orderId: string): Promise<number | undefined> {
  return (await store.load(direct, [orderId])).get(orderId)?.state?.count;
}

async function eventsOf(orderId: string): Promise<number> {
  const rows = await direct.query('select 1 from log.order_outbox where subject = $1 and source = $2', [
    orderId,
    rules.source,
  ]);
  return rows.length;
}

test('a command without a key whose commit lost its reply is recognized, and happens once', async () => {
  const [orderId, other] = [uuidv7(), uuidv7()];
  const cause = { causationid: `lost ${orderId}`, correlationid: 'test' };
  proxy.loseReplyTo(cause.causationid);
  const [answer, beside] = await Promise.all([
    processor.submit({ orderId, command: 'count', cause }),
    processor.submit({ orderId: other, command: 'count', cause: { causationid: 'other', correlationid: 'test' } }),
  ]);
  expect(isRefusal(answer) || answer.row.state).toEqual({ count: 1 });
  expect(isRefusal(beside) || beside.row.state).toEqual({ count: 1 });
  expect([await countOf(orderId), await eventsOf(orderId)]).toEqual([1, 1]);
  expect([await countOf(other), await eventsOf(other)]).toEqual([1, 1]);
  // The next one builds on it.
  const next = await processor.submit({ orderId, command: 'count', cause: { ...cause, causationid: 'next' } });
  expect(isRefusal(next) || next.row.state).toEqual({ count: 2 });
});

test('a statement that takes too long is halved until the order at fault stands alone, and that one is parked', async () => {
  const orders = Array.from({ length: 12 }, uuidv7);
  const slow = orders[7]!;
  await direct.query('insert into slow values ($1)', [slow]);
  await direct.write([appendEvents(orders.map(amended))]);
  await until('the others to be counted', async () => {
    const counts = await Promise.all(orders.map(countOf));
    return counts.filter((count) => count === 1).length === orders.length - 1;
  });
  await until('the slow one to be parked', async () => (await listParked(direct)).length === 1, { timeoutMs: 20_000 });
  expect(await listParked(direct)).toMatchObject([
    { orderId: slow, reason: 'canceling statement due to statement timeout' },
  ]);
  expect(processor.healthy().ok).toBe(true);
  await direct.query('delete from slow');
  expect(await processor.unpark(slow, { action: 'retry', actor: 'test' })).toBe(1);
  expect(await countOf(slow)).toBe(1);
});

test('a database that does not fit parks nothing, says so, and fails commands at once', async () => {
  const orderId = uuidv7();
  await direct.queryOnce('alter table tally rename column state to condition');
  await direct.write([appendEvents([amended(orderId)])]);
  await until('the processor to say so', async () => !processor.healthy().ok);
  expect(processor.healthy().detail).toMatch(
    /^the database does not fit this version \(42703\): .*column "state".*olms migrate/,
  );
  const startedMs = performance.now();
  const refused = processor.submit({ orderId, command: 'count', cause: { causationid: 'c', correlationid: 'c' } });
  await sleep(500);
  expect(await listParked(direct)).toEqual([]);
  await direct.queryOnce('alter table tally rename column condition to state');
  await until('the event to be counted', async () => ((await countOf(orderId)) ?? 0) >= 1);
  await refused.catch((error: unknown) => expect((error as { code: string }).code).toBe('42703'));
  expect(performance.now() - startedMs).toBeLessThan(10_000);
  expect(await listParked(direct)).toEqual([]);
  expect(processor.healthy().ok).toBe(true);
});

test('over a connection whose other end is gone, nothing waits for ever', async () => {
  const orderId = uuidv7();
  const silent = new Database({
    url: database.pool.options.connectionString!,
    poolSize: 1,
    statementTimeoutMs: 1,
    applicationName: 'silent',
  });
  try {
    await silent.query('select 1').catch(() => {});
    proxy.freeze();
    const startedMs = performance.now();
    await expect(silent.query('select $1::uuid', [orderId])).rejects.toThrow(/timeout/);
    expect(performance.now() - startedMs).toBeLessThan(12_000);
  } finally {
    proxy.thaw();
    await silent.close();
  }
});
