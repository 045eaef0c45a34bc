import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { Api, orderBody } from '#tests/support/api.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { SseClient } from '#tests/support/sse.ts';
import { until } from '#tests/support/until.ts';
import type { CloudEvent } from '#tests/support/views.ts';

const KEY = 'a-key-for-the-stream-tests';

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres?.stop());

describe('GET /stream', () => {
  let databaseUrl: string;
  let system: System;
  let api: Api;
  let sql: pg.Pool;
  const clients: SseClient[] = [];

  async function start(more: Readonly<Record<string, string>> = {}): Promise<void> {
    const env = {
      DATABASE_URL: databaseUrl,
      PORT: String(await freePort()),
      SANDBOX_PROVIDER_PORT: String(await freePort()),
      SANDBOX_CARRIER_DELAY_MS: '0',
      STREAM_CLIENTS_MAX: '6',
      STREAM_AGE_MAX_MS: '60000',
      OLMS_BOOTSTRAP_API_KEY: KEY,
      ...more,
    };
    system = await startSystem({ env, logger: createLogger('silent') });
    api = new Api(system.url, KEY);
  }

  async function stop(): Promise<void> {
    await api.close();
    await system.stop();
  }

  beforeEach(async () => {
    databaseUrl = await postgres.createDatabase();
    sql = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    await start();
    await api.ok('PUT', '/products/A', { body: { name: 'A' } });
    await api.ok('POST', '/stock/adjustments', {
      body: { sku: 'A', onHand: 1_000_000, reason: 'test' },
      key: randomUUID(),
    });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await stop();
    await sql.end();
  });

  async function open(query = '', lastId?: string): Promise<SseClient> {
    const client = await SseClient.open(`${system.url}/stream${query}`, KEY, lastId);
    clients.push(client);
    return client.status === 200 ? client.ready() : client;
  }

  async function place(): Promise<string> {
    const { id } = await api.ok<{ id: string }>('POST', '/orders', {
      body: orderBody({ sku: 'A' }),
      key: randomUUID(),
    });
    return id;
  }

  async function placeAndFinish(count: number): Promise<string[]> {
    const ids = await Promise.all(Array.from({ length: count }, place));
    await until('the orders to end', async () => {
      const { byStatus, total } = await api.get<{ byStatus: Record<string, number>; total: number }>('/dashboard');
      return byStatus['COMPLETED'] === total;
    });
    await system.settle();
    return ids;
  }

  /** Ids of all events of the log in its order. */
  async function log(): Promise<string[]> {
    const { rows } = await sql.query<{ id: string }>('select id from log.order_outbox order by txid, position');
    return rows.map((row) => row.id);
  }

  /** Rows of a log that nobody consumes, in one transaction. */
  async function writeLog(count: number, bytes = 10): Promise<void> {
    await sql.query(
      `insert into log.order_outbox (id, source, type, subject, sequence, time, correlationid, causationid, data)
       select gen_random_uuid(), '/olms/test', 'OrderAmended', gen_random_uuid(), 1, now(), 'c', 'c', json_build_object('filling', repeat('x', $2))
       from generate_series(1, $1)`,
      [count, bytes],
    );
  }

  async function gauge(name: string, value: number): Promise<boolean> {
    return (await api.call('GET', '/metrics')).text.includes(`${name} ${value}\n`);
  }

  const idsOf = (events: readonly CloudEvent[]): string[] => events.map((event) => event.id);

  test('sends everything that happens to an order as CloudEvents, in the order of the log', async () => {
    const client = await open();
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(client.headers['x-correlation-id']).toBeTruthy();
    const [id] = await placeAndFinish(1);
    const { items } = await api.get<{ items: CloudEvent[] }>(`/orders/${id}/events`);
    expect(items.length).toBeGreaterThan(8);
    expect(await client.received(items.length)).toEqual(items);
    expect(client.events.map(({ event }) => event)).toEqual(items.map((item) => item.type));
    expect(new Set(client.events.map((event) => event.id)).size).toBe(items.length);
    expect(client.resets).toBe(0);
  });

  test('sends a client only what it asked for: some orders, some types, both', async () => {
    const [one, two] = (await placeAndFinish(2)) as [string, string];
    const past = 'log:0-0';
    const types = await open('?type=OrderCreated&type=OrderCompleted');
    const comma = await open('?type=OrderCreated,OrderCompleted');
    const orders = await open(`?orderId=${one}&orderId=${two.toUpperCase()}`, past);
    const both = await open(`?orderId=${one},${two}&type=OrderPaid`, past);
    await placeAndFinish(3);
    expect((await types.received(6)).filter((event) => event.type === 'OrderCreated').length).toBe(3);
    expect((await both.received(2)).map((event) => event.type)).toEqual(['OrderPaid', 'OrderPaid']);
    const ofBoth = await Promise.all(
      [one, two].map(async (id) => (await api.get<{ items: CloudEvent[] }>(`/orders/${id}/events`)).items),
    );
    expect(new Set(idsOf(await orders.received(ofBoth.flat().length)))).toEqual(new Set(idsOf(ofBoth.flat())));
    expect(types.cloudEvents.every((event) => ['OrderCreated', 'OrderCompleted'].includes(event.type))).toBe(true);
    expect(await comma.received(6)).toEqual(types.cloudEvents);
  });

  test('refuses who has no key, and filters that cannot be meant', async () => {
    expect((await SseClient.open(`${system.url}/stream`, undefined)).status).toBe(401);
    for (const query of ['?type=OrderExploded', '?orderId=4711', '?nonsense=1', `?lastEventId=${'x'.repeat(201)}`]) {
      const answer = await api.call<{ code: string }>('GET', `/stream${query}`);
      expect([query, answer.status, answer.body.code]).toEqual([query, 400, 'VALIDATION_FAILED']);
    }
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', { body: { name: 'watcher', role: 'reader' } });
    const reader = await SseClient.open(`${system.url}/stream`, key);
    clients.push(reader);
    expect(reader.status).toBe(200);
    expect((await api.call('HEAD', '/stream')).status).toBeGreaterThanOrEqual(404);
  });

  test('a client that comes back gets what it missed, once and in order, also after a restart of the system', async () => {
    const first = await open();
    await placeAndFinish(2);
    const received = (await first.received((await log()).length)).length;
    first.close();
    await placeAndFinish(2);
    const second = await open('', first.lastId);
    await placeAndFinish(1);
    await second.received((await log()).length - received);
    second.close();
    await placeAndFinish(1);
    await stop();
    await start();
    // The way of a client that cannot set headers.
    const third = await open(`?lastEventId=${encodeURIComponent(second.lastId)}`);
    await placeAndFinish(1);
    const all = await log();
    await third.received(all.length - received - second.cloudEvents.length);
    await sleep(50);
    expect([...idsOf(first.cloudEvents), ...idsOf(second.cloudEvents), ...idsOf(third.cloudEvents)]).toEqual(all);
    expect(first.resets + second.resets + third.resets).toBe(0);
  });

  test('under load, clients that break off at any moment and come back miss nothing and get nothing twice', async () => {
    let working = true;
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (working) await place();
      }),
    );
    const collect = async (): Promise<string[]> => {
      let client = await open('', 'log:0-0');
      const ids: string[] = [];
      while (working) {
        await sleep(20 + Math.random() * 150);
        client.close();
        ids.push(...idsOf(client.cloudEvents));
        expect(client.resets).toBe(0);
        client = await open('', client.lastId || 'log:0-0');
      }
      await load;
      await placeAndFinish(1);
      const total = (await log()).length;
      await client.received(total - ids.length);
      return [...ids, ...idsOf(client.cloudEvents)];
    };
    const collecting = Promise.all([collect(), collect(), collect()]);
    await sleep(2_500);
    working = false;
    const collected = await collecting;
    const all = await log();
    expect(all.length).toBeGreaterThan(200);
    for (const ids of collected) expect(ids).toEqual(all);
  });

  test('what is too much to be sent again, or of another log, begins with a reset', async () => {
    const early = await open();
    await place();
    await early.received(1);
    const { id } = early.events[0]!;
    early.close();
    await system.settle();
    for (const foreign of ['log:999999999-1', 'redis:1700000000000-0', 'nonsense']) {
      const client = await open('', foreign);
      expect(client.events[0]).toMatchObject({ event: 'reset', id: expect.stringMatching(/^log:/) });
    }
    for (const client of clients) client.close();
    await writeLog(9_000);
    const near = await open('', id);
    await near.received(9_000, 30_000);
    expect(near.resets).toBe(0);
    await writeLog(1_500);
    const far = await open('', id);
    expect(far.events).toEqual([
      { event: 'reset', data: expect.stringContaining('reason'), id: expect.stringMatching(/^log:/) },
    ]);
    // Ids by chance are of any time: while orders has not read them, it takes itself to be years behind.
    await system.settle();
    const next = await place();
    expect((await far.received(1))[0]!.subject).toBe(next);
  });

  test('a client that does not read is disconnected, and nobody else notices', async () => {
    const slow = await open();
    const quick = await open();
    slow.pause();
    for (let n = 0; n < 6; n++) await writeLog(100, 60_000);
    await quick.received(600, 30_000);
    await until('the slow one to be given up', () => slow.ended || gauge('olms_stream_clients', 1), {
      timeoutMs: 20_000,
    });
    expect(await gauge('olms_stream_dropped_total', 1)).toBe(true);
    expect(quick.ended).toBe(false);
    const id = await place();
    await until('the order', () => quick.cloudEvents.some((event) => event.subject === id));
  }, 60_000);

  test('refuses more clients than it may serve, and takes one when another has left', async () => {
    const many = await Promise.all(Array.from({ length: 6 }, () => open()));
    const refused = await api.call<{ code: string }>('GET', '/stream');
    expect([refused.status, refused.body.code]).toEqual([503, 'OVERLOADED']);
    expect(refused.headers['retry-after']).toBeTruthy();
    many[0]!.close();
    await until('a place', async () => (await open()).status === 200);
  });

  test('an event says where its schema is under the public URL, on the stream and in the log of its order', async () => {
    await stop();
    await expect(start({ OLMS_PUBLIC_URL: 'olms.example.com' })).rejects.toThrow('OLMS_PUBLIC_URL');
    await start({ OLMS_PUBLIC_URL: 'https://olms.example.com/shop/' });
    const client = await open();
    const id = await place();
    const [event] = await client.received(1);
    expect(event!.dataschema).toBe('https://olms.example.com/shop/schemas/events/OrderCreated/1');
    expect([event!.sequence, event!.sequencetype]).toEqual(['0000000001', 'Integer']);
    const { items } = await api.get<{ items: CloudEvent[] }>(`/orders/${id}/events`);
    expect(items[0]).toEqual(event);
    const schema = await api.get<{ $id: string }>('/schemas/events/OrderCreated/1');
    expect(schema.$id).toBe(event!.dataschema);
  });

  test('one key takes no more places than its own, and leaves those of the others', async () => {
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', { body: { name: 'greedy', role: 'reader' } });
    await stop();
    await start({ STREAM_CLIENTS_PER_KEY_MAX: '3' });
    const answers = await Promise.all(Array.from({ length: 9 }, () => SseClient.open(`${system.url}/stream`, key)));
    clients.push(...answers);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    const refused = answers.find(({ status }) => status !== 200)!;
    expect([refused.status, Number(refused.headers['retry-after'])]).toEqual([429, 15]);
    expect((await open()).status).toBe(200);
  });

  test('a stream ends when its key opens nothing any more, and when it is old; others go on', async () => {
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', { body: { name: 'leaver', role: 'reader' } });
    const nowMs = performance.now();
    vi.useFakeTimers({ toFake: ['setInterval', 'performance'] });
    // The faked clock begins at 0, and no clock runs backwards.
    vi.advanceTimersByTime(nowMs);
    try {
      const leaver = await SseClient.open(`${system.url}/stream`, key);
      clients.push(leaver);
      const stayer = await open();
      vi.advanceTimersByTime(15_000);
      await until('a heartbeat', () => leaver.comments > 0 && stayer.comments > 1);
      expect([leaver.ended, stayer.ended]).toEqual([false, false]);
      expect((await api.call('DELETE', '/api-keys/leaver')).status).toBe(204);
      vi.advanceTimersByTime(15_000);
      await until('the stream of the revoked key to end', () => leaver.ended);
      const id = await place();
      await until('the order', () => stayer.cloudEvents.some((event) => event.subject === id));
      expect(leaver.cloudEvents).toEqual([]);
      expect(stayer.ended).toBe(false);
      vi.advanceTimersByTime(60_000);
      await until('the old stream to end', () => stayer.ended);
      const again = await open('', stayer.lastId);
      expect(again.resets).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a client that hears of nothing hears that it is connected, and where it could go on', async () => {
    vi.useFakeTimers({ toFake: ['setInterval'] });
    try {
      const client = await open('?type=OrderCancelled');
      const before = { id: client.lastId, comments: client.comments };
      await placeAndFinish(1);
      vi.advanceTimersByTime(15_000);
      await until('a heartbeat', () => client.comments > before.comments);
      await until('a new place', () => client.lastId !== before.id);
      expect(client.events).toEqual([]);
      client.close();
      const again = await open('', client.lastId);
      const id = await place();
      expect((await again.received(1))[0]!.subject).toBe(id);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a stop of the system ends every stream at once, also of a client that does not read', async () => {
    const [reading, stuck] = [await open(), await open()];
    stuck.pause();
    await writeLog(200, 60_000);
    await reading.received(200);
    const startMs = performance.now();
    await stop();
    expect(performance.now() - startMs).toBeLessThan(5_000);
    await until('the end', () => reading.ended);
    expect(reading.body).toBe('');
    await start();
  });
});
