import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cache } from '#platform/cache/cache.ts';
import { MemoryCache } from '#platform/cache/memory-cache.ts';
import { RedisCache } from '#platform/cache/redis-cache.ts';
import { createHttp } from '#platform/http/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { limitRates } from '#gateway/rate-limit.ts';
import { type OwnRedis, startOwnRedis } from '#tests/support/redis.ts';
import { until } from '#tests/support/until.ts';

const logger = createLogger('silent');

async function gateway(perSecond: number, cache: Cache): Promise<FastifyInstance> {
  const authenticate = (request: {
    headers: { authorization?: string };
  }): { name: string; role: 'reader' } | undefined =>
    request.headers.authorization ? { name: request.headers.authorization, role: 'reader' } : undefined;
  const app = createHttp({ logger, metrics: createMetrics(), authenticate });
  await app.register(async (scope) => {
    limitRates(scope, perSecond, cache);
    scope.get('/thing', { config: { permission: 'stock:read' } }, async () => 'thing');
    scope.get('/open', { config: { public: true } }, async () => 'open');
  });
  await app.ready();
  return app;
}

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>;

function call(app: FastifyInstance, key: string, url = '/thing'): Promise<Answer> {
  return app.inject({ url, headers: { authorization: key } }) as unknown as Promise<Answer>;
}

describe('rate limits', () => {
  let folder: string;
  let redis: OwnRedis;
  let a: RedisCache;
  let b: RedisCache;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-rates-'));
    redis = await startOwnRedis(folder);
    const prefix = `test-${randomUUID()}:`;
    const open = (): Promise<RedisCache> =>
      RedisCache.open({ url: redis.url, prefix, logger, metrics: createMetrics() });
    [a, b] = [await open(), await open()];
  }, 300_000);
  afterAll(async () => {
    await a?.close();
    await b?.close();
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a key is limited over all gateways together, others are not, and the answer says when to come back', async () => {
    const apps = [await gateway(20, a), await gateway(20, b)];
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => call(apps[n % 2]!, 'greedy')));
    const passed = answers.filter((answer) => answer.statusCode === 200);
    const refused = answers.filter((answer) => answer.statusCode === 429);
    expect(passed.length + refused.length).toBe(100);
    expect(passed.length).toBeGreaterThanOrEqual(20);
    expect(passed.length).toBeLessThanOrEqual(45);
    expect(refused[0]!.headers).toMatchObject({
      'content-type': expect.stringContaining('application/problem+json'),
      'retry-after': expect.stringMatching(/^[12]$/),
      'ratelimit-policy': '"second";q=20;w=1',
      ratelimit: expect.stringMatching(/^"second";r=0;t=[12]$/),
    });
    expect(refused[0]!.json()).toMatchObject({ code: 'RATE_LIMITED', status: 429, correlationId: expect.any(String) });
    const modest = await call(apps[0]!, 'modest');
    expect([modest.statusCode, modest.headers['ratelimit']]).toEqual([200, '"second";r=19;t=1']);
    // Health and what else is public is never refused.
    expect((await call(apps[0]!, 'greedy', '/open')).statusCode).toBe(200);
    await sleep(Number(refused[0]!.headers['retry-after']) * 1_000);
    expect((await call(apps[1]!, 'greedy')).statusCode).toBe(200);
  });

  test('with Redis away everybody passes, and soon', async () => {
    const app = await gateway(1, a);
    await redis.pause();
    const startMs = performance.now();
    for (let n = 0; n < 50; n++) {
      const answer = await call(app, 'greedy');
      expect([answer.statusCode, answer.headers['ratelimit']]).toEqual([200, undefined]);
    }
    expect(performance.now() - startMs).toBeLessThan(2_000);
    await redis.resume();
    await until('Redis to be back', () => a.healthy().ok);
    const codes = new Set<number>();
    for (let n = 0; n < 5; n++) codes.add((await call(app, 'greedy')).statusCode);
    expect(codes).toContain(429);
  });

  test('a process by itself counts for itself', async () => {
    const app = await gateway(5, new MemoryCache());
    const answers = await Promise.all(Array.from({ length: 30 }, () => call(app, 'k')));
    const passed = answers.filter((answer) => answer.statusCode === 200).length;
    expect(passed).toBeGreaterThanOrEqual(5);
    expect(passed).toBeLessThanOrEqual(11);
  });

  test('without a limit requests do not meet any of it', async () => {
    const cache = new MemoryCache();
    cache.take = () => Promise.reject(new Error('asked'));
    const answer = await call(await gateway(0, cache), 'k');
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([200, undefined]);
  });
});
