import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Problem } from '#tests/support/views.ts';

/** Who may call what: no key 401, a key without the right 403, and nothing happens. */

const system = useSystem();

type Role = 'reader' | 'client' | 'operator' | 'admin';
const RANK: readonly Role[] = ['reader', 'client', 'operator', 'admin'];
const ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';

/** Every kind of call with the least role that may make it. */
const CALLS: readonly (readonly [method: string, path: string, least: Role, body?: unknown])[] = [
  ['GET', '/orders', 'reader'],
  ['GET', `/orders/${ID}`, 'reader'],
  ['GET', `/orders/${ID}/events`, 'reader'],
  ['GET', '/stock', 'reader'],
  ['GET', '/products', 'reader'],
  ['GET', `/payments?orderId=${ID}`, 'reader'],
  ['GET', `/shipments?orderId=${ID}`, 'reader'],
  ['GET', `/notifications?orderId=${ID}`, 'reader'],
  ['GET', '/reviews', 'reader'],
  ['GET', '/dashboard', 'reader'],
  ['GET', '/parked', 'reader'],
  ['POST', '/orders', 'client', {}],
  ['POST', `/orders/${ID}/cancel`, 'client', {}],
  ['POST', `/orders/${ID}/hold`, 'client', { reason: 'x' }],
  ['PATCH', `/orders/${ID}`, 'client', { reference: 'x' }],
  ['POST', `/reviews/${ID}/approve`, 'operator', { reason: 'x' }],
  ['POST', `/shipments/${ID}/dispatch`, 'operator', { carrier: 'x', trackingNumber: 'x' }],
  ['POST', `/parked/orders/${ID}/skip`, 'operator', {}],
  ['GET', '/api-keys', 'admin'],
  ['POST', '/api-keys', 'admin', { name: 'x', role: 'nothing' }],
];

describe('a caller', () => {
  test('without a key, with a wrong one, or with one that is no bearer is answered 401', async () => {
    const { api, key } = system;
    for (const [method, path, , body] of CALLS) {
      for (const authorization of [
        undefined,
        'Bearer wrong',
        'Bearer ',
        `Basic ${Buffer.from(`x:${key}`).toString('base64')}`,
        key,
        `Bearer ${'x'.repeat(2_000)}`,
      ]) {
        const answer = await api.call<Problem>(method, path, { body, headers: { authorization } });
        expect([method, path, authorization?.slice(0, 12), answer.status]).toEqual([
          method,
          path,
          authorization?.slice(0, 12),
          401,
        ]);
        expect(answer.body.code).toBe('UNAUTHENTICATED');
        expect(answer.headers['www-authenticate']).toContain('Bearer');
        expect(answer.headers['content-type']).toContain('application/problem+json');
      }
    }
  });

  test.each(RANK)('with the role %s may do what the role allows and no more', async (role) => {
    const { api } = system;
    const caller = api.as(await api.newKey(role));
    for (const [method, path, least, body] of CALLS) {
      const answer = await caller.call<Problem>(method, path, { body, key: randomUUID() });
      const allowed = RANK.indexOf(role) >= RANK.indexOf(least);
      expect([method, path, answer.status === 403], `${role}: ${answer.text.slice(0, 200)}`).toEqual([
        method,
        path,
        !allowed,
      ]);
      expect(answer.status).not.toBe(401);
      expect(answer.status).toBeLessThan(500);
      if (!allowed) expect(answer.body).toMatchObject({ code: 'FORBIDDEN', status: 403 });
    }
  });

  test('that may not place orders has placed none', async () => {
    const { api } = system;
    const sku = await api.product();
    const customerId = randomUUID();
    const body = orderBody({ sku, customerId });
    const reader = api.as(await api.newKey('reader'));
    for (const caller of [reader, api.as(undefined)]) {
      const answer = await caller.call('POST', '/orders', { body, key: randomUUID() });
      expect([401, 403]).toContain(answer.status);
    }
    expect((await api.orders(`customerId=${customerId}`)).items).toEqual([]);
  });

  test('that is no operator may not move stock or products', async () => {
    const { api } = system;
    const sku = await api.product(1);
    const reader = api.as(await api.newKey('reader'));
    const adjusted = await reader.call<Problem>('POST', '/stock/adjustments', {
      body: { sku, delta: 5, reason: 'x' },
      key: randomUUID(),
    });
    expect(adjusted.status).toBe(403);
    expect((await reader.call('PUT', `/products/${sku}`, { body: { name: 'mine' } })).status).toBe(403);
    await untilLike(() => api.stock(sku), { onHand: 1 });
  });

  test('whose key is revoked is out, at the latest after the time a key is remembered', async () => {
    const { api } = system;
    const name = `temp-${randomUUID().slice(0, 8)}`;
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', { body: { name, role: 'reader' } });
    const caller = api.as(key);
    expect((await caller.call('GET', '/orders')).status).toBe(200);
    expect((await api.call('DELETE', `/api-keys/${name}`)).status).toBe(204);
    await until('the key to be refused', async () => (await caller.call('GET', '/orders')).status === 401, {
      timeoutMs: 12_000,
      everyMs: 200,
    });
    expect((await api.call('DELETE', `/api-keys/${name}`)).status).toBe(404);
    const again = await api.call<Problem>('POST', '/api-keys', { body: { name, role: 'admin' } });
    expect(again.status).toBeGreaterThanOrEqual(400);
    expect(again.status).toBeLessThan(500);
  });
});

describe('what is open', () => {
  test.each([
    '/health/liveness',
    '/health/readiness',
    '/openapi.json',
    '/metrics',
    '/actuator/health',
    '/actuator/health/liveness',
    '/actuator/health/readiness',
    '/actuator/prometheus',
  ])('%s needs no key', async (path) => {
    const { api } = system;
    expect((await api.as(undefined).call('GET', path)).status).toBe(200);
  });

  test('a list of keys never shows one', async () => {
    const { api, key } = system;
    const made = await api.newKey('reader');
    const { text } = await api.call('GET', '/api-keys');
    expect(text).not.toContain(made);
    expect(text).not.toContain(key);
    expect(text).not.toMatch(/[0-9a-f]{64}/);
  });

  test('a webhook without a valid signature is refused and changes nothing', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ token: 'tok_decline' });
    await api.untilStatus(id, 'PAYMENT_FAILED');
    const payment = await api.payment(id);
    const forged = {
      type: 'charge.approved',
      data: { id: ID, reference: id, key: payment!.operations[0]!.key, status: 'approved' },
    };
    const now = Math.floor(Date.now() / 1000);
    const signed = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(now), 'webhook-signature': 'v1,AAAA' };
    for (const headers of [{}, signed]) {
      const answer = await api
        .as(undefined)
        .call<Problem>('POST', '/payments/webhooks/sandbox', { body: forged, headers });
      expect([answer.status, answer.body.code]).toEqual([401, 'WEBHOOK_SIGNATURE_INVALID']);
    }
    const nobody = { body: forged, headers: signed };
    expect((await api.as(undefined).call('POST', '/payments/webhooks/nobody', nobody)).status).toBe(404);
    expect(await api.payment(id)).toEqual(payment);
  });

  test('a correlation id is taken over where it is sane and made where it is not', async () => {
    const { api } = system;
    const sane = await api.call('GET', '/orders', { headers: { 'x-correlation-id': 'shop-1:abc' } });
    expect(sane.headers['x-correlation-id']).toBe('shop-1:abc');
    for (const insane of ['a b', 'x'.repeat(200), '<script>']) {
      const answer = await api.call('GET', '/orders', { headers: { 'x-correlation-id': insane } });
      expect(answer.headers['x-correlation-id']).toMatch(/^[0-9a-f-]{36}$/);
    }
  });
});
