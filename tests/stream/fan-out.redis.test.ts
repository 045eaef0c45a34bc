import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import type { Envelope } from '#contracts/envelope.ts';
import type { Cache } from '#platform/cache/cache.ts';
import { RedisCache } from '#platform/cache/redis-cache.ts';
import { createHttp } from '#platform/http/server.ts';
import { type Bus, type LogPosition, pausedBus } from '#platform/log/bus.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { streamRoutes } from '#gateway/stream-routes.ts';
import { Stream } from '#gateway/stream.ts';
import { type OwnRedis, startOwnRedis } from '#tests/support/redis.ts';
import { SseClient } from '#tests/support/sse.ts';
import { until } from '#tests/support/until.ts';

const LIMITS = { clientsMax: 10, clientsPerKeyMax: 10, ageMaxMs: 3_600_000, publicUrl: () => 'https://olms.test' };

const logger = createLogger('silent');

/** Delivers the same events to every process, like Kafka: positions mean nothing to another process, and repeats happen. */
class Broker {
  readonly #observers = new Set<(event: Envelope, position: LogPosition) => void>();
  readonly emitted: string[] = [];

  bus(): Bus {
    const bus = pausedBus({ healthy: () => ({ ok: true, detail: '' }), close: async () => {} } as Bus);
    return {
      ...bus,
      observe: (listener) => {
        this.#observers.add(listener);
        return () => this.#observers.delete(listener);
      },
    };
  }

  get observers(): number {
    return this.#observers.size;
  }

  emit(count = 1): void {
    for (let n = 0; n < count; n++) {
      const event = eventOf(`n${this.emitted.length}`);
      this.emitted.push(event.correlationid);
      this.repeat(event);
    }
  }

  repeat(event: Envelope): void {
    for (const observer of this.#observers) observer(event, { txid: 0, position: 1 });
  }
}

function eventOf(name: string): Envelope {
  const subject = uuidv7();
  return {
    id: uuidv7(),
    source: '/olms/orders',
    type: 'OrderPaid',
    subject,
    sequence: 1,
    time: new Date().toISOString(),
    correlationid: name,
    causationid: 'c',
    data: { text: 'ä\n\n' },
  };
}

interface Gateway {
  readonly url: string;
  readonly stream: Stream;
  readonly cache: Cache | undefined;
  stop(): Promise<void>;
}

describe('the stream of several gateways', () => {
  let folder: string;
  let redis: OwnRedis;
  let broker: Broker;
  let prefix: string;
  const gateways: Gateway[] = [];
  const clients: SseClient[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-fan-out-'));
    redis = await startOwnRedis(folder);
  }, 300_000);
  afterAll(async () => {
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await redis.restart();
    broker = new Broker();
    prefix = `test-${randomUUID()}:`;
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    for (const gateway of gateways.splice(0)) await gateway.stop();
    if (broker.observers !== 0) throw new Error(`${broker.observers} observers are left`);
  });

  async function start(withRedis = true): Promise<Gateway> {
    const metrics = createMetrics();
    const cache = withRedis ? await RedisCache.open({ url: redis.url, prefix, logger, metrics }) : undefined;
    const stream = new Stream({ bus: broker.bus(), cache, logger, metrics, ...LIMITS });
    const caller = { name: 'test', role: 'reader' } as const;
    const app = createHttp({ logger, metrics, authenticate: () => caller });
    await app.register(async (scope) => streamRoutes(scope, stream, () => caller));
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    let stopped = false;
    const stop = async (): Promise<void> => {
      if (stopped) return;
      stopped = true;
      await app.close();
      await cache?.close();
    };
    const gateway = { url, stream, cache, stop };
    gateways.push(gateway);
    return gateway;
  }

  async function open(gateway: Gateway, lastId?: string): Promise<SseClient> {
    const client = await SseClient.open(`${gateway.url}/stream`, 'key', lastId);
    clients.push(client);
    return client.ready();
  }

  const namesOf = (client: SseClient): string[] => client.cloudEvents.map((event) => event.correlationid);

  test('every client of every gateway gets each event once, in order, under the same id', async () => {
    const [a, b] = [await start(), await start()];
    const [one, two, three] = [await open(a), await open(b), await open(b)];
    broker.emit(300);
    const again = eventOf('again');
    broker.emit(200);
    for (let n = 0; n < 3; n++) broker.repeat(again);
    for (const client of [one, two, three]) {
      await client.received(501);
      expect(namesOf(client)).toEqual([...broker.emitted, 'again']);
    }
    await sleep(50);
    expect(one.cloudEvents.length).toBe(501);
    expect(one.cloudEvents[0]!.data).toEqual({ text: 'ä\n\n' });
    expect(two.events).toEqual(one.events);
    expect(three.events).toEqual(one.events);
    // One of the two copies what the broker emits; the other only reads.
    expect(broker.observers).toBe(1);
    expect(a.stream.healthy()).toMatchObject({ ok: true, detail: expect.stringContaining('through Redis') });
  });

  test('a client goes on at another gateway where it left off', async () => {
    const [a, b] = [await start(), await start()];
    const [one, other] = [await open(a), await open(b)];
    broker.emit(100);
    await one.received(100);
    one.close();
    broker.emit(50);
    await other.received(150);
    const moved = await open(b, one.lastId);
    broker.emit(25);
    await moved.received(75);
    expect([...namesOf(one), ...namesOf(moved)]).toEqual(broker.emitted);
    expect(moved.resets).toBe(0);
  });

  test('when the gateway that copies stops or dies, another takes over and reports the gap', async () => {
    const [a, b] = [await start(), await start()];
    const first = await open(a);
    broker.emit(10);
    await first.received(10);
    const second = await open(b);
    broker.emit(10);
    await second.received(10);
    const before = second.resets;
    await a.stop();
    expect(first.ended).toBe(true);
    await until('the other to copy', () => broker.observers === 1);
    broker.emit(10);
    await second.received(20);
    expect(second.resets).toBe(before + 1);
    expect(second.events.findLastIndex(({ event }) => event === 'reset')).toBe(second.events.length - 11);
    const resumed = await open(b, second.lastId);
    broker.emit(5);
    await resumed.received(5);
    expect(resumed.resets).toBe(0);
  });

  test('with Redis away each gateway passes on what it sees itself, says so, and returns to Redis later', async () => {
    const [a, b] = [await start(), await start()];
    const [one, two] = [await open(a), await open(b)];
    broker.emit(5);
    await Promise.all([one.received(5), two.received(5)]);
    const resets = one.resets;
    await redis.kill();
    await until('both to see for themselves', () => broker.observers === 2);
    await until('the reset', () => one.resets > resets && two.resets > 0);
    broker.emit(5);
    await Promise.all([one.received(10), two.received(10)]);
    expect(namesOf(one)).toEqual(broker.emitted);
    expect(one.lastId).toMatch(/^here/);
    expect(a.stream.healthy()).toMatchObject({ ok: false, detail: expect.stringContaining('Redis is away') });
    // Here it can be resumed, elsewhere not.
    const [here, there] = [await open(a, one.lastId), await open(b, one.lastId)];
    expect([here.resets, there.resets]).toEqual([0, 1]);
    await redis.restart();
    await until('one to copy', () => broker.observers === 1 && a.stream.healthy().ok && b.stream.healthy().ok);
    broker.emit(5);
    await Promise.all([one.received(15), two.received(15)]);
    expect(namesOf(one).slice(-5)).toEqual(broker.emitted.slice(-5));
    expect(one.lastId).toMatch(/^redis:/);
  });

  test('a stalled Redis does not hold up what clients receive for long', async () => {
    const a = await start();
    const one = await open(a);
    broker.emit(5);
    await one.received(5);
    await redis.pause();
    const startMs = performance.now();
    let count = 0;
    await until('events again', () => {
      broker.emit();
      count++;
      return one.cloudEvents.length > 5;
    });
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect(one.resets).toBeGreaterThan(0);
    expect(count).toBeGreaterThan(0);
    await redis.resume();
    await until('Redis to be back', () => a.stream.healthy().ok);
  });

  test('without Redis there is one gateway, and clients go on at it', async () => {
    const a = await start(false);
    const one = await open(a);
    broker.emit(20);
    await one.received(20);
    one.close();
    broker.emit(10);
    const again = await open(a, one.lastId);
    broker.emit(10);
    await again.received(20);
    expect([...namesOf(one), ...namesOf(again)]).toEqual(broker.emitted);
    expect(again.resets).toBe(0);
    expect(a.stream.healthy().ok).toBe(true);
  });
});
