import { afterEach, describe, expect, test } from 'vitest';
import type { FastifyInstance, RouteShorthandOptions } from 'fastify';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { createHttp, type Principal } from './server.ts';

const apps: FastifyInstance[] = [];
function http(principal?: Principal): FastifyInstance {
  const app = createHttp({
    logger: createLogger('silent'),
    metrics: createMetrics(),
    authenticate: () => principal,
  });
  apps.push(app);
  return app;
}
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
});

describe('an operation', () => {
  test.each<[string, RouteShorthandOptions]>([
    ['says nothing', {}],
    ['has other settings only', { config: { idempotencyKey: 'accepted' } }],
    ['is not public', { config: { public: false } }],
  ])('that names no permission does not start: it %s', async (_what, options) => {
    const app = http();
    const start = async (): Promise<void> => {
      await app.register(async (scope) => scope.post('/things/:id', options, async () => 'done'));
      await app.ready();
    };
    await expect(start()).rejects.toThrow('POST /things/:id names no permission');
  });

  test('that customers may call does not start where nothing keeps the orders of others from them', () => {
    const route = (): unknown => http().get('/x', { config: { permission: 'orders:read' } }, async () => 'done');
    expect(route).toThrow('GET /x may be called by customers and does not say how the orders of others are kept');
  });

  test('starts where it names one, is public, or is handed on', async () => {
    const app = http();
    app.get('/named', { config: { permission: 'stock:read' } }, async () => 'done');
    app.get('/open', { config: { public: true } }, async () => 'done');
    app.get('/elsewhere', { config: { handedOn: true } }, async () => 'done');
    await app.ready();
    expect((await app.inject('/named')).statusCode).toBe(401);
    expect((await app.inject('/open')).statusCode).toBe(200);
    expect((await app.inject('/elsewhere')).statusCode).toBe(401);
  });

  test('refuses who lacks its permission, and says who has it', async () => {
    const app = http({ name: 'export', role: 'scoped', scopes: ['orders:read'] });
    app.get('/orders', { config: { permission: 'orders:read', ofCustomer: 'filtered' } }, async () => 'done');
    app.post('/cancel', { config: { permission: 'orders:cancel', ofCustomer: 'order' } }, async () => 'done');
    expect((await app.inject('/orders')).statusCode).toBe(200);
    expect((await app.inject({ method: 'HEAD', url: '/orders' })).statusCode).toBe(200);
    const refused = await app.inject({ method: 'POST', url: '/cancel', payload: {} });
    expect(refused.statusCode).toBe(403);
    expect(refused.headers['www-authenticate']).toContain('insufficient_scope');
    expect(refused.json()).toMatchObject({
      code: 'FORBIDDEN',
      detail:
        'This needs the permission orders:cancel, as these roles have it: client, operator, admin, customer, support. You have the scopes orders:read.',
    });
  });
});
