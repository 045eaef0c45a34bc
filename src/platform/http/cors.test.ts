import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { originsOf } from './cors.ts';
import { answer } from './description/openapi.ts';
import { createHttp } from './server.ts';

const DESK = 'https://desk.example.com';
const PREFLIGHT = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'idempotency-key' };
let app: FastifyInstance;
let closed: FastifyInstance;

function server(corsOrigins: string): FastifyInstance {
  const http = createHttp({
    logger: createLogger('silent'),
    metrics: createMetrics(),
    authenticate: ({ headers }) => (headers.authorization ? { name: 'ada', role: 'admin' } : undefined),
    corsOrigins: originsOf(corsOrigins),
  });
  const config = { permission: 'orders:read', ofCustomer: 'everybody' } as const;
  const response = { 200: answer('Done', Type.String()) };
  http.get('/things', { config, schema: { operationId: 'listThings', response } }, async (_request, reply) => {
    void reply.header('vary', 'accept');
    return '[]'.padEnd(20_000);
  });
  const deprecated = { since: '2026-01-01', goes: '2027-01-01', instead: 'listThings' };
  http.get(
    '/old',
    { config: { ...config, deprecated }, schema: { operationId: 'listOld', response } },
    async () => '[]',
  );
  return http;
}

beforeAll(async () => {
  app = server(`${DESK}, http://localhost:5173`);
  closed = server('');
  await Promise.all([app.ready(), closed.ready()]);
});
afterAll(() => Promise.all([app.close(), closed.close()]));

describe('a page of another origin', () => {
  const call = (from: FastifyInstance, origin: string, headers = {}, method: 'GET' | 'OPTIONS' = 'GET') =>
    from.inject({ method, url: '/things', headers: { origin, authorization: 'Bearer key', ...headers } });

  test('of the list may call, and read the headers of the answer', async () => {
    const { statusCode, headers } = await call(app, DESK);
    expect(statusCode).toBe(200);
    expect(headers['access-control-allow-origin']).toBe(DESK);
    expect(headers['access-control-expose-headers']).toContain('ETag');
    expect(headers['access-control-allow-credentials']).toBeUndefined();
    expect(headers['vary']).toBe('accept, Origin, accept-encoding');
  });

  test('of the list may ask beforehand, without a key', async () => {
    const answered = await app.inject({ method: 'OPTIONS', url: '/things', headers: { origin: DESK, ...PREFLIGHT } });
    expect([answered.statusCode, answered.body]).toEqual([204, '']);
    expect(answered.headers['access-control-allow-methods']).toContain('POST');
    expect(answered.headers['access-control-allow-headers']).toContain('Idempotency-Key');
    expect(answered.headers['access-control-max-age']).toBe('600');
  });

  test('of the list reads refusals too', async () => {
    const { statusCode, headers } = await app.inject({ url: '/things', headers: { origin: DESK } });
    expect([statusCode, headers['access-control-allow-origin']]).toEqual([401, DESK]);
  });

  test.each(['https://evil.example.com', `${DESK}.evil.com`, 'http://desk.example.com', `${DESK}:444`, 'null'])(
    '%s gets no permission',
    async (origin) => {
      for (const headers of [
        (await call(app, origin)).headers,
        (await call(app, origin, PREFLIGHT, 'OPTIONS')).headers,
        (await call(closed, origin)).headers,
      ])
        expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
      expect((await call(app, origin)).headers['vary']).toContain('Origin');
    },
  );

  test('gets no permission where there is no list', async () => {
    const { headers } = await call(closed, DESK);
    expect(headers['access-control-allow-origin']).toBeUndefined();
    expect((await call(closed, DESK, PREFLIGHT, 'OPTIONS')).statusCode).toBe(405);
  });
});

test.each(['*', 'desk.example.com', `${DESK}/`, `${DESK}/path`, 'ftp://desk.example.com', 'null'])(
  '%s is no origin of a list',
  (setting) => {
    expect(() => originsOf(setting)).toThrow(/CORS_ORIGINS/);
  },
);

test('an operation that will go says so in its answers, and in the description', async () => {
  const { headers } = await app.inject({ url: '/old', headers: { authorization: 'Bearer key' } });
  expect(headers).toMatchObject({
    deprecation: '@1767225600',
    sunset: 'Fri, 01 Jan 2027 00:00:00 GMT',
    link: '</docs#listThings>; rel="deprecation"',
  });
  const { paths } = app.openApi() as { paths: Record<string, { get: { deprecated?: boolean } }> };
  expect([paths['/old']!.get.deprecated, paths['/things']!.get.deprecated]).toEqual([true, undefined]);
});
