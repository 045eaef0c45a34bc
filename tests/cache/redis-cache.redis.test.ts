import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { STREAM_START } from '#platform/cache/cache.ts';
import { RedisCache } from '#platform/cache/redis-cache.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import { type OwnRedis, startOwnRedis } from '#tests/support/redis.ts';
import { until } from '#tests/support/until.ts';
import { cacheContract } from './cache.contract.ts';
import { type Redis, startRedis } from '#dev/brokers/redis.ts';

const ANSWER_MAX_MS = 200;
const TTL_MS = 60_000;

let folder: string;
let redis: Redis;
let cache: RedisCache;

interface Opened {
  readonly cache: RedisCache;
  readonly metrics: Metrics;
  readonly logged: string[];
}

async function open(url: string): Promise<Opened> {
  const metrics = createMetrics();
  const logged: string[] = [];
  const logger = pino({}, { write: (line: string) => logged.push((JSON.parse(line) as { msg: string }).msg) });
  const opened = await RedisCache.open({ url, prefix: `test-${randomUUID()}:`, logger, metrics });
  return { cache: opened, metrics, logged };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'olms-cache-'));
  redis = await startRedis({ dir: join(folder, 'shared') });
  ({ cache } = await open(redis.url));
}, 300_000);
afterAll(async () => {
  await cache?.close();
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

cacheContract('Redis', () => cache);

test('two processes see the same', async () => {
  const metrics = createMetrics();
  const prefix = `test-${randomUUID()}:`;
  const logger = pino({ level: 'silent' });
  const a = await RedisCache.open({ url: redis.url, prefix, logger, metrics });
  const b = await RedisCache.open({ url: redis.url, prefix, logger, metrics: createMetrics() });
  await a.putVersioned('k', 2, 'two', TTL_MS);
  expect(await b.getVersioned('k')).toEqual({ version: 2, value: 'two' });
  expect(await b.putVersioned('k', 1, 'one', TTL_MS)).toBe(false);
  const { lease } = (await a.getVersioned('l')) as { lease: string };
  await b.forget(['l']);
  expect(await a.putVersioned('l', 1, 'old', TTL_MS, lease)).toBe(false);
  const taken = await Promise.all(
    Array.from({ length: 20 }, (_, n) => (n % 2 ? a : b).take('t', { size: 7, perSecond: 0.01 }, 1)),
  );
  expect(taken.filter((one) => one?.allowed).length).toBe(7);
  expect((await metrics.text()).body).toContain('olms_cache_up 1');
  await a.close();
  await b.close();
});

describe('a Redis in trouble', () => {
  let own: OwnRedis;
  const opened: Opened[] = [];

  beforeAll(async () => {
    own = await startOwnRedis(join(folder, 'own'));
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.cache.close();
    await own.restart();
  });
  afterAll(() => own?.stop());

  async function openOwn(): Promise<Opened> {
    const one = await open(own.url);
    opened.push(one);
    return one;
  }

  /** Every operation, with how long the slowest took. */
  async function callAll(one: RedisCache): Promise<{ answers: unknown[]; slowestMs: number }> {
    const tookMs: number[] = [];
    const timed = async (call: () => Promise<unknown>): Promise<unknown> => {
      const startMs = performance.now();
      const answer = await call();
      tookMs.push(performance.now() - startMs);
      return answer;
    };
    const answers: unknown[] = [];
    const calls = [
      () => one.getVersioned('k'),
      () => one.putVersioned('k', 9, 'nine', TTL_MS),
      () => one.take('t', { size: 5, perSecond: 5 }, 1),
      () => one.hold('h', 'a', 1_000),
      () => one.append('s', ['x'], 100, { key: 'h', owner: 'a' }),
      () => one.lastPlace('s'),
      () => one.entriesAfter('s', STREAM_START, 10),
      () => one.forget(['k']),
    ];
    for (const call of calls) answers.push(await timed(call));
    // The slowest but one: this process, too, is made to wait by others now and then.
    return { answers, slowestMs: tookMs.sort((x, y) => y - x)[1]! };
  }
  const AWAY = [{ lease: undefined }, false, undefined, undefined, false, undefined, undefined, false];

  for (const [trouble, cause, cure] of [
    ['stalled', () => own.pause(), () => own.resume()],
    ['killed', () => own.kill(), () => own.restart()],
  ] as const) {
    test(`${trouble}: calls answer soon and say that they do not know, then cost nothing, and it recovers by itself`, async () => {
      const { cache: one, metrics, logged } = await openOwn();
      const states: boolean[] = [];
      one.onState((up) => states.push(up));
      await one.putVersioned('k', 1, 'one', TTL_MS);
      await cause();
      const first = await callAll(one);
      expect(first.answers).toEqual(AWAY);
      expect(first.slowestMs).toBeLessThan(ANSWER_MAX_MS);
      const startMs = performance.now();
      for (let n = 0; n < 1_000; n++) await one.getVersioned('k');
      expect((performance.now() - startMs) / 1_000).toBeLessThan(0.1);
      expect(one.healthy().ok).toBe(false);
      expect((await metrics.text()).body).toContain('olms_cache_up 0');
      await sleep(700);
      expect((await callAll(one)).slowestMs).toBeLessThan(ANSWER_MAX_MS);
      await cure();
      await until('Redis to be back', () => one.healthy().ok);
      const after = await callAll(one);
      expect(after.answers.slice(1)).toEqual([
        true,
        expect.objectContaining({ allowed: true }),
        true,
        true,
        expect.anything(),
        expect.any(Array),
        true,
      ]);
      expect(states).toEqual([false, true]);
      // Once for each change of the state, however many calls failed.
      expect(logged).toEqual(['Redis answers', 'Redis is away; going on without it', 'Redis answers']);
    });
  }

  test('a value put into a stalled Redis long ago does not come up when it goes on', async () => {
    const { cache: one } = await openOwn();
    const { cache: other } = await openOwn();
    const { lease } = (await one.getVersioned('k')) as { lease: string };
    await own.pause();
    // The reader's value waits in a socket; its lease ends before Redis reads it.
    expect(await one.putVersioned('k', 1, 'old', TTL_MS, lease)).toBe(false);
    await sleep(2_100);
    await own.resume();
    await until('Redis to be back', () => one.healthy().ok && other.healthy().ok);
    expect((await other.getVersioned('k')).value).toBeUndefined();
  });

  test('a follower of a stalled stream is notified that it lost it', async () => {
    const { cache: one } = await openOwn();
    let lost = 0;
    one.follow(
      's',
      STREAM_START,
      () => {},
      () => lost++,
    );
    await sleep(100);
    await own.pause();
    await until('the follower to be notified', () => lost > 0, { timeoutMs: 5_000 });
    expect(lost).toBe(1);
    await own.resume();
  });

  test('without Redis at the start it opens anyway, and finds it later', async () => {
    await own.kill();
    const startMs = performance.now();
    const { cache: one, logged } = await openOwn();
    expect(performance.now() - startMs).toBeLessThan(3_000);
    expect(one.healthy()).toMatchObject({ ok: false, detail: expect.stringContaining('ECONNREFUSED') });
    expect(logged).toEqual(['Redis does not answer; going on without it']);
    await own.restart();
    await until('Redis to be found', () => one.healthy().ok);
  });
});
