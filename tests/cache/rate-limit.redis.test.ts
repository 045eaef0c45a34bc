import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Cache } from '#platform/cache/cache.ts';
import { RedisCache } from '#platform/cache/redis-cache.ts';
import { createHttp, type Principal } from '#platform/http/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { callsOf, RateLimits, type Rates } from '#gateway/rate-limit.ts';
import { type OwnRedis, startOwnRedis } from '#tests/support/redis.ts';
import { until } from '#tests/support/until.ts';

const logger = createLogger('silent');

/** Who calls, by what is sent as `Authorization`. */
function principalOf(name: string): Principal {
  const [role = '', customer] = name.split(' of ');
  if (role.startsWith('customer')) return { name, role: 'customer', customer: customer! };
  return { name, role: role.startsWith('admin') ? 'admin' : 'reader' };
}

const NO_RATES: Rates = { key: 0, operator: 0, customer: 0, address: 0 };

async function gateway(rates: Partial<Rates>, cache?: Cache): Promise<FastifyInstance> {
  const authenticate = ({ headers }: { headers: { authorization?: string } }): Principal | undefined =>
    headers.authorization === undefined ? undefined : principalOf(headers.authorization);
  const app = createHttp({ logger, metrics: createMetrics(), authenticate });
  const limits = new RateLimits({ ...NO_RATES, ...rates }, cache);
  await app.register(async (scope) => {
    limits.limit(scope);
    scope.get('/thing', { config: { permission: 'me:read', ofCustomer: 'everybody' } }, async () => 'thing');
    scope.get('/open', { config: { public: true } }, async () => 'open');
    scope.get('/health/liveness', { config: { public: true } }, async () => 'alive');
    scope.get<{ Querystring: { cost: string } }>(
      '/costly',
      { config: { permission: 'me:read', ofCustomer: 'everybody', charged: true } },
      async (request, reply) => {
        await limits.charge(request, reply, callsOf(Number(request.query.cost)));
        return 'done';
      },
    );
  });
  await app.ready();
  return app;
}

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>;

function call(
  app: FastifyInstance,
  key: string | undefined,
  url = '/thing',
  remoteAddress = '10.0.0.1',
): Promise<Answer> {
  const headers = key === undefined ? {} : { authorization: key };
  return app.inject({ url, headers, remoteAddress }) as unknown as Promise<Answer>;
}

const statuses = async (answers: readonly Promise<Answer>[]): Promise<number[]> =>
  (await Promise.all(answers)).map(({ statusCode }) => statusCode);

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
    const apps = [await gateway({ key: 20 }, a), await gateway({ key: 20 }, b)];
    const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => call(apps[n % 2]!, 'greedy')));
    const passed = answers.filter((answer) => answer.statusCode === 200);
    const refused = answers.filter((answer) => answer.statusCode === 429);
    expect(passed.length + refused.length).toBe(100);
    expect(passed.length).toBeGreaterThanOrEqual(20);
    expect(passed.length).toBeLessThanOrEqual(45);
    expect(refused[0]!.headers).toMatchObject({
      'content-type': expect.stringContaining('application/problem+json'),
      'retry-after': '1',
      'ratelimit-policy': '"key";q=20;w=1',
      ratelimit: expect.stringMatching(/^"key";r=0;t=[12]$/),
    });
    expect(refused[0]!.json()).toMatchObject({ code: 'RATE_LIMITED', status: 429, correlationId: expect.any(String) });
    const modest = await call(apps[0]!, 'modest');
    expect([modest.statusCode, modest.headers['ratelimit']]).toEqual([200, '"key";r=19;t=1']);
    await sleep(Number(refused[0]!.headers['retry-after']) * 1_000);
    expect((await call(apps[1]!, 'greedy')).statusCode).toBe(200);
  });

  test('with Redis away each gateway counts by itself, and soon', async () => {
    const app = await gateway({ key: 10 }, a);
    await redis.pause();
    const answers = await Promise.all(Array.from({ length: 50 }, () => call(app, 'greedy too')));
    const passed = answers.filter(({ statusCode }) => statusCode === 200);
    expect(passed.length).toBeGreaterThanOrEqual(10);
    expect(passed.length).toBeLessThan(50);
    expect(answers.every(({ statusCode }) => statusCode === 200 || statusCode === 429)).toBe(true);
    await redis.resume();
    await until('Redis to be back', () => a.healthy().ok);
    expect((await call(app, 'another')).headers['ratelimit']).toBe('"key";r=9;t=1');
  });
});

describe('whom a limit is for', () => {
  test('customers, operators and addresses have buckets of their own, health has none', async () => {
    const app = await gateway({ key: 5, operator: 3, customer: 2, address: 2 });
    const times = (n: number, ...of: [string | undefined, string?, string?]): Promise<number[]> =>
      statuses(Array.from({ length: n }, () => call(app, ...of)));
    expect(await times(6, 'shop')).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await times(4, 'admin')).toEqual([200, 200, 200, 429]);
    // One customer is one, with whichever key; another is another.
    expect(await statuses(['1', '2', '3'].map((n) => call(app, `customer ${n} of Ada`)))).toEqual([200, 200, 429]);
    expect(await times(1, 'customer 1 of Grace')).toEqual([200]);
    expect(await times(3, undefined, '/open')).toEqual([200, 200, 429]);
    expect(await times(1, undefined, '/open', '10.0.0.2')).toEqual([200]);
    // Of IPv6 a whole network is one.
    const network = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];
    expect(await statuses(network.map((ip) => call(app, undefined, '/open', ip)))).toEqual([200, 200, 429]);
    expect(await times(50, undefined, '/health/liveness')).toEqual(Array.from({ length: 50 }, () => 200));
    expect((await call(app, 'admin')).headers['ratelimit-policy']).toBe('"operator";q=3;w=1');
  });

  test('what costs more is charged for it, before it is done, and once', async () => {
    const app = await gateway({ key: 10 });
    const first = await call(app, 'graph', '/costly?cost=301');
    expect([first.statusCode, first.headers['ratelimit']]).toEqual([200, expect.stringMatching(/^"key";r=3;t=1$/)]);
    expect((await call(app, 'graph', '/costly?cost=201')).statusCode).toBe(429);
    // There is no bucket for what costs more than it holds: it passes with a full one, and is paid off afterwards.
    const large = await call(app, 'large', '/costly?cost=5000');
    expect([large.statusCode, large.headers['ratelimit']]).toEqual([200, '"key";r=0;t=10']);
    const next = await call(app, 'large');
    expect([next.statusCode, next.headers['retry-after']]).toEqual([429, expect.stringMatching(/^(9|10)$/)]);
    expect((await call(app, 'large', '/costly?cost=1')).statusCode).toBe(429);
  });

  test('a store is not asked again for a caller whose bucket is known to be empty', async () => {
    let asked = 0;
    const cache = { take: async () => ({ allowed: ++asked === 1, tokens: -100 }) } as unknown as Cache;
    const app = await gateway({ key: 1 }, cache);
    expect(await statuses(Array.from({ length: 20 }, () => call(app, 'hammer')))).toContain(429);
    const before = asked;
    await statuses(Array.from({ length: 20 }, () => call(app, 'hammer')));
    expect(asked).toBe(before);
  });

  test('without a limit requests do not meet any of it', async () => {
    const cache = { take: () => Promise.reject(new Error('asked')) } as unknown as Cache;
    const answer = await call(await gateway({}, cache), 'k');
    expect([answer.statusCode, answer.headers['ratelimit-policy']]).toEqual([200, undefined]);
  });
});
