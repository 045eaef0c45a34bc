import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Identities, IDENTITY_HEADER } from '#platform/http/remote/identity.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { Api } from '#tests/support/api.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { StandIn } from '#tests/support/service.ts';
import { until } from '#tests/support/until.ts';
import type { Problem } from '#tests/support/views.ts';

/** A gateway whose services are elsewhere, and a service whose gateway is elsewhere. */

const SECRET = 'the secret that all processes share in this test';
const KEY = 'test-key-of-an-admin';
const identities = new Identities(SECRET, ['inventory', 'payments']);
let postgres: TestPostgres;
const logger = createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent');

beforeAll(async () => {
  postgres = await startTestPostgres();
});
afterAll(() => postgres.stop());

async function start(services: readonly string[], env: Readonly<Record<string, string>>): Promise<System> {
  const all = { DATABASE_URL: await postgres.createDatabase(), PORT: '0', OLMS_BOOTSTRAP_API_KEY: KEY, ...env };
  return startSystem({ services, env: all, logger });
}

interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

describe('the gateway', () => {
  let first: StandIn;
  let second: StandIn;
  let only: StandIn;
  let gateway: System;
  let api: Api;

  beforeEach(async () => {
    first = await new StandIn().start();
    second = await new StandIn().start();
    only = await new StandIn().start();
    gateway = await start(['gateway'], {
      OLMS_INTERNAL_SECRET: SECRET,
      INVENTORY_URL: `${first.url}, ${second.url}`,
      PAYMENTS_URL: only.url,
    });
    api = new Api(gateway.url, KEY, { documented: false });
  });
  afterEach(async () => {
    await api.close();
    await gateway.stop();
    await Promise.all([first, second, only].map((service) => service.stop().catch(() => {})));
  });

  test('lets nobody through without a key, whatever identity they claim', async () => {
    const claimed = { [IDENTITY_HEADER]: 'eyJuYW1lIjoicm9vdCJ9.AAAA' };
    for (const headers of [{}, { authorization: 'Bearer wrong' }, claimed]) {
      const answer = await api.as(undefined).call<Problem>('GET', '/payments', { headers });
      expect([answer.status, answer.body.code]).toEqual([401, 'UNAUTHENTICATED']);
    }
    expect(only.seen).toHaveLength(0);
  });

  test('hands a request on as it came, and says who calls', async () => {
    const body = { sku: 'ü', n: 1 };
    const headers = {
      'x-correlation-id': 'shop-1',
      traceparent: '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01',
      [IDENTITY_HEADER]: undefined,
    };
    await api.call('POST', '/payments/x?a=b%20c', { body, key: 'k1', headers });
    const { method, url, headers: got, body: bytes } = only.seen[0]!;
    expect([method, url, bytes.toString()]).toEqual(['POST', '/payments/x?a=b%20c', JSON.stringify(body)]);
    expect(got).toMatchObject({
      'x-correlation-id': 'shop-1',
      'idempotency-key': 'k1',
      'content-type': 'application/json',
    });
    expect(got['traceparent']).toMatch(/^00-0123456789abcdef0123456789abcdef-(?!0123456789abcdef)[0-9a-f]{16}-01$/);
    expect(got['authorization']).toBeUndefined();
    expect(identities.verify(got[IDENTITY_HEADER])).toEqual({ name: 'bootstrap', role: 'admin' });
  });

  test('gives back status, headers and body, and the correlation id', async () => {
    only.answer = (_request, response) => {
      response.writeHead(409, { 'content-type': 'application/problem+json', etag: '"7"', location: '/payments/1' });
      response.end('{"code":"X"}');
    };
    const answer = await api.call<Problem>('POST', '/payments/y', { body: {} });
    expect([answer.status, answer.text, answer.headers['etag'], answer.headers['location']]).toEqual([
      409,
      '{"code":"X"}',
      '"7"',
      '/payments/1',
    ]);
    expect(answer.headers['x-correlation-id']).toBe(only.seen[0]!.headers['x-correlation-id']);
  });

  test('gives an answer on while it is still being made', async () => {
    let finish = (): void => {};
    only.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('first');
      finish = () => response.end('second');
    };
    const response = await fetch(`${gateway.url}/payments/z`, { headers: { authorization: `Bearer ${KEY}` } });
    const reader = response.body!.getReader();
    const chunk = await reader.read();
    expect(Buffer.from(chunk.value!).toString()).toBe('first');
    finish();
    expect(Buffer.from((await reader.read()).value!).toString()).toBe('second');
  });

  test('takes webhooks without a key, byte for byte, as nobody in particular', async () => {
    const body = '{ "odd":   "spacing" }\n';
    const stranger = api.as(undefined);
    const headers = {
      'webhook-id': 'm1',
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'webhook-signature': 'v1,AAAA',
    };
    const answer = await stranger.call('POST', '/payments/webhooks/sandbox', { body, headers });
    expect(answer.status).toBe(200);
    expect(only.seen[0]!.body.toString()).toBe(body);
    expect(only.seen[0]!.headers['webhook-id']).toBe('m1');
    expect(identities.verify(only.seen[0]!.headers[IDENTITY_HEADER])).toEqual({ name: 'anonymous', role: 'anonymous' });
  });

  test('hands on no webhook that its service would refuse for its head, nor one larger than a notice is', async () => {
    const stranger = api.as(undefined);
    const timestamp = String(Math.floor(Date.now() / 1000));
    const signed = { 'webhook-id': 'm1', 'webhook-timestamp': timestamp, 'webhook-signature': 'v1,AAAA' };
    for (const [headers, body, status, code] of [
      [{}, 'x', 401, 'WEBHOOK_SIGNATURE_INVALID'],
      [{ ...signed, 'webhook-timestamp': '1' }, 'x', 401, 'WEBHOOK_SIGNATURE_INVALID'],
      [{ ...signed, 'webhook-signature': 'AAAA' }, 'x', 401, 'WEBHOOK_SIGNATURE_INVALID'],
      [signed, 'x'.repeat(64 * 1024 + 1), 413, 'PAYLOAD_TOO_LARGE'],
    ] as const) {
      const answer = await stranger.call<Problem>('POST', '/payments/webhooks/sandbox', { body, headers });
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    }
    expect(only.seen).toHaveLength(0);
  });

  test('keeps the limit of bodies', async () => {
    const answer = await api.call<Problem>('POST', '/payments/x', { body: { text: 'x'.repeat(1024 * 1024) } });
    expect([answer.status, answer.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    expect(only.seen).toHaveLength(0);
  });

  test('lets replicas take turns, and leaves out one that died', async () => {
    for (let i = 0; i < 10; i++) expect((await api.call('GET', '/stock')).status).toBe(200);
    expect([first.seen.length, second.seen.length]).toEqual([5, 5]);
    await first.stop();
    for (let i = 0; i < 10; i++) expect((await api.call('GET', '/stock')).status).toBe(200);
    expect(second.seen.length).toBe(15);
    await first.start();
    await until('the first to be asked again', async () => {
      await api.call('GET', '/stock');
      return first.seen.length > 5;
    });
  });

  test('asks again after a lost answer only where nothing can happen twice', async () => {
    first.answer = (request) => request.socket.destroy();
    second.answer = first.answer;
    const calls = (): number => first.seen.length + second.seen.length;
    expect((await api.call('POST', '/stock/adjustments', { body: {}, key: randomUUID() })).status).toBe(503);
    expect(calls()).toBe(1);
    second.answer = (_request, response) => response.end('{}');
    for (let i = 0; i < 4; i++) expect((await api.call('GET', '/stock')).status).toBe(200);
  });

  test('sends a change to the next replica where the first refuses the connection', async () => {
    await first.stop();
    for (let i = 0; i < 6; i++)
      expect((await api.call('POST', '/stock/adjustments', { body: {}, key: randomUUID() })).status).toBe(200);
    expect(second.seen).toHaveLength(6);
  });

  test('leaves out a replica that hangs, while whoever asked it waits', async () => {
    first.answer = () => {};
    const stuck = [api.call('GET', '/stock'), api.call('GET', '/stock')];
    await until('somebody to look after the one that hangs', () =>
      first.seen.some(({ url }) => url === '/health/liveness'),
    );
    await sleep(1_300);
    const asked = (): number => first.seen.filter(({ url }) => url === '/stock').length;
    const before = asked();
    for (let i = 0; i < 6; i++) {
      const call = api.call('GET', '/stock');
      // One may be sent there, to find out whether it lives again, and waits with those before it.
      const status = await Promise.race([call.then((answer) => answer.status), sleep(3_000)]);
      if (status === undefined) stuck.push(call);
      else expect(status).toBe(200);
    }
    expect(asked() - before).toBeLessThanOrEqual(1);
    await first.stop();
    for (const { status } of await Promise.all(stuck)) expect(status).toBe(200);
  });

  test('answers 503 while a service is dead, without harm to the others, and recovers with it', async () => {
    await until('the gateway to be ready', async () => {
      const { status } = await api.as(undefined).call('GET', '/health/readiness');
      return status === 200;
    });
    await only.stop();
    const dead = await api.call<Problem>('GET', '/payments');
    expect([dead.status, dead.body.code]).toEqual([503, 'UNAVAILABLE']);
    expect(Number(dead.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(dead.headers['content-type']).toContain('application/problem+json');
    expect((await api.call('GET', '/stock')).status).toBe(200);
    const readiness = await until('the gateway to say so', async () => {
      const found = await api.as(undefined).call<Readiness>('GET', '/health/readiness');
      return found.body.status === 'degraded' && found;
    });
    expect(readiness.status).toBe(200);
    expect(readiness.body.checks['service payments']).toMatchObject({
      ok: false,
      detail: expect.stringContaining('ECONNREFUSED') as string,
    });
    expect(readiness.body.checks['service inventory']).toMatchObject({ ok: true, detail: '2 of 2 replicas are ready' });
    await only.start();
    await until('the service to be reached again', async () => (await api.call('GET', '/payments')).status === 200);
  });

  test('is not ready before each service behind it has been, and says what they say', async () => {
    const ask = async (): Promise<[number, string]> => {
      const { status, body } = await api.as(undefined).call<Readiness>('GET', '/health/readiness');
      return [status, body.checks['service payments']!.detail];
    };
    await only.stop();
    expect(await ask()).toEqual([
      503,
      expect.stringMatching(
        /^0 of 1 replicas are ready; it has not been ready since this process began; .*ECONNREFUSED/,
      ),
    ]);
    await only.start();
    only.answer = (_request, response) => {
      response.statusCode = 503;
      response.end(
        JSON.stringify({ status: 'unavailable', checks: { database: { ok: false, detail: 'only reads' } } }),
      );
    };
    await until('the reason to be shown', async () => (await ask())[1].endsWith(': database: only reads'));
    expect((await ask())[0]).toBe(503);
    only.answer = (_request, response) =>
      void response.end(JSON.stringify({ status: 'degraded', checks: { relay: { ok: false, detail: 'stuck' } } }));
    await until('the gateway to be ready', async () => (await ask())[0] === 200);
    // It can do its work, and what is wrong there is named here.
    expect(await ask()).toEqual([200, `1 of 1 replicas are ready; ${only.url}: relay: stuck`]);
    await only.stop();
    await until('its end to be noticed', async () => (await ask())[1].includes('ECONNREFUSED'));
    expect((await ask())[0]).toBe(200);
    await only.start();
  });

  test('opens its breaker after failures in a row, and then sends one call at a time to find out', async () => {
    let open = 0;
    let most = 0;
    only.answer = (request) => request.socket.destroy();
    for (let i = 0; i < 5; i++) expect((await api.call('POST', '/payments/x', { body: {} })).status).toBe(503);
    const before = only.seen.length;
    for (let i = 0; i < 20; i++) expect((await api.call('POST', '/payments/x', { body: {} })).status).toBe(503);
    expect(only.seen.length - before, 'calls that reached it while the breaker is open').toBeLessThanOrEqual(1);
    const metrics = (await api.call('GET', '/metrics')).text;
    expect(metrics).toContain('olms_service_breaker_open{service="payments"} 1');

    // Half open: one trial, however many ask; the others get its outcome.
    only.answer = (_request, response) => {
      most = Math.max(most, ++open);
      setTimeout(() => {
        open--;
        response.end('{}');
      }, 300);
    };
    await sleep(3_000);
    const seen = only.seen.length;
    const burst = Promise.all(Array.from({ length: 10 }, () => api.call('POST', '/payments/x', { body: {} })));
    await until('the trial', () => only.seen.length > seen);
    await sleep(150);
    expect(only.seen.length - seen, 'calls under way while the trial is').toBe(1);
    expect((await burst).map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(most).toBeGreaterThan(1);
  });

  test('says what is missing where a service has no address', async () => {
    const answer = await api.call<Problem>('GET', '/orders');
    expect([answer.status, answer.body.code]).toEqual([503, 'UNAVAILABLE']);
    expect(answer.body.detail).toContain('ORDERS_URL');
  });

  test('does not lead to what services offer each other', async () => {
    const answer = await api.call('POST', '/internal/products/lookup', { body: { skus: [], productIds: [] } });
    expect(answer.status).toBe(404);
  });
});

describe('a service behind a gateway', () => {
  let service: System;
  let api: Api;
  beforeAll(async () => {
    service = await start(['inventory', 'payments'], { OLMS_INTERNAL_SECRET: SECRET });
    api = new Api(service.url, undefined, { documented: false });
  });
  afterAll(async () => {
    await api.close();
    await service.stop();
  });
  const as = (header: string): { headers: Record<string, string> } => ({ headers: { [IDENTITY_HEADER]: header } });

  test('believes only what the gateway signed, and only for a while', async () => {
    const reader = { name: 'r', role: 'reader' } as const;
    const good = identities.sign(reader, 'inventory');
    expect((await api.call('GET', '/stock', as(good))).status).toBe(200);
    const expired = new Identities(SECRET, [], () => Date.now() - 61_000).sign(reader, 'inventory');
    const ofAnother = new Identities('another secret of at least 32 characters', []).sign(reader, 'inventory');
    // Seen by another service, and handed in here.
    const forBilling = identities.sign(reader, 'billing');
    const cases = {
      unsigned: undefined,
      key: undefined,
      expired,
      ofAnother,
      forBilling,
      broken: `${good}x`,
      text: 'admin',
    };
    for (const [name, header] of Object.entries(cases)) {
      const options =
        name === 'key' ? { headers: { authorization: `Bearer ${KEY}` } } : header === undefined ? {} : as(header);
      const answer = await api.call<Problem>('GET', '/stock', options);
      expect([name, answer.status, answer.body.code]).toEqual([name, 401, 'UNAUTHENTICATED']);
    }
  });

  test('keeps roles apart', async () => {
    const put = (role: 'reader' | 'client'): Promise<{ status: number }> =>
      api.call('PUT', '/products/A', { body: { name: 'A' }, ...as(identities.sign({ name: 'x', role }, 'inventory')) });
    expect((await put('reader')).status).toBe(403);
    expect((await put('client')).status).toBe(201);
  });

  test('is open for health and metrics, and for nothing else that the gateway makes public', async () => {
    const ours = ['/health/liveness', '/health/readiness', '/metrics'];
    const actuator = ['/actuator/health', '/actuator/health/liveness', '/actuator/health/readiness'];
    for (const path of [...ours, ...actuator, '/actuator/prometheus'])
      expect([path, (await api.call('GET', path)).status]).toEqual([path, 200]);
    expect((await api.call('GET', '/openapi.json')).status).toBe(401);
    expect((await api.call('POST', '/payments/webhooks/sandbox', { body: {} })).status).toBe(401);
    const anonymous = as(identities.sign({ name: 'anonymous', role: 'anonymous' }, 'payments'));
    const answer = await api.call<Problem>('POST', '/payments/webhooks/sandbox', { body: {}, ...anonymous });
    expect(answer.body.code).toBe('WEBHOOK_SIGNATURE_INVALID');
    expect((await api.call('GET', '/stock', anonymous)).status).toBe(403);
  });

  test('answers other services, and no customer, about products', async () => {
    const ask = (role: 'admin' | 'service'): Promise<{ status: number; body: unknown }> =>
      api.call('POST', '/internal/products/lookup', {
        body: { skus: ['A', 'B'], productIds: [] },
        ...as(identities.sign({ name: 'x', role }, 'inventory')),
      });
    expect((await ask('admin')).status).toBe(403);
    const answer = await ask('service');
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject([{ sku: 'A', name: 'A' }]);
  });

  test('does not start without the secret, nor with a short one', async () => {
    await expect(start(['inventory'], {})).rejects.toThrow(/OLMS_INTERNAL_SECRET/);
    await expect(start(['inventory'], { OLMS_INTERNAL_SECRET: 'short' })).rejects.toThrow(/32 characters/);
    await expect(start(['gateway'], { ORDERS_URL: 'http://127.0.0.1:1' })).rejects.toThrow(/OLMS_INTERNAL_SECRET/);
  });

  test('does not start with a log that others cannot read', async () => {
    const OWN = { OLMS_INTERNAL_SECRET: SECRET, PAYMENTS_DATABASE_URL: await postgres.createDatabase() };
    await expect(start(['payments'], OWN)).rejects.toThrow(/KAFKA_BROKERS/);
  });
});
