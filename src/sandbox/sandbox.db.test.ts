import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '#platform/runtime/clock.ts';
import type { Service } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { useServiceDatabase } from '#tests/support/one-service.ts';
import { sandboxUrl } from './settings.ts';
import { sandbox } from './service.ts';

const SECRET = Buffer.from('a secret of this test');

interface Hook {
  readonly headers: Record<string, string | string[] | undefined>;
  readonly body: string;
}

const on = useServiceDatabase([sandbox], 6);
let provider: Service;
let hooks: Server;
let env: Record<string, string>;
/** Webhooks as they arrive. */
const received: Hook[] = [];
let onHook: (() => void) | undefined;

async function call(
  method: string,
  path: string,
  body?: unknown,
  key?: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  // No connection outlives its call: a test restarts the server.
  const headers: Record<string, string> = { 'content-type': 'application/json', connection: 'close' };
  if (key !== undefined) headers['idempotency-key'] = key;
  const response = await fetch(`${sandboxUrl(env)}${path}`, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const request = (token = 'tok_approve', change: Record<string, unknown> = {}) => ({
  amount: '19.90',
  currency: 'EUR',
  token,
  capture: true,
  reference: uuidv7(),
  ...change,
});

function start(): Service {
  const unused = undefined as never;
  return sandbox.create({
    env,
    database: on.database,
    clock: systemClock,
    logger: createLogger('silent'),
    bus: unused,
    metrics: unused,
    soleWriter: true,
    peers: unused,
  });
}

beforeAll(async () => {
  hooks = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      received.push({ headers: incoming.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(202).end();
      onHook?.();
    });
  });
  await new Promise<void>((resolve) => hooks.listen(0, '127.0.0.1', resolve));
  const probe = createTcpServer();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  env = {
    SANDBOX_PROVIDER_PORT: String(port),
    SANDBOX_WEBHOOK_URL: `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/`,
    SANDBOX_WEBHOOK_SECRET: `whsec_${SECRET.toString('base64')}`,
    SANDBOX_WEBHOOK_DELAY_MS: '200',
    SANDBOX_SLOW_MS: '200',
  };
  provider = start();
  await provider.start();
});

afterAll(async () => {
  await provider?.stop();
  hooks?.close();
});

describe('the sandbox provider', () => {
  test('answers the same to the same key, and 422 to another request under it', async () => {
    const [key, body] = [uuidv7(), request()];
    const first = await call('POST', '/v1/charges', body, key);
    expect(first).toMatchObject({ status: 201, body: { status: 'approved', captured: '19.90', key } });
    expect(await call('POST', '/v1/charges', body, key)).toEqual({ status: 200, body: first.body });
    expect((await call('POST', '/v1/charges', { ...body, amount: '20.00' }, key)).body).toEqual({
      code: 'idempotency_key_reused',
    });
    expect(await call('GET', `/v1/charges?key=${key}`)).toEqual({ status: 200, body: first.body });
    expect((await call('GET', `/v1/charges?key=${uuidv7()}`)).status).toBe(404);
  });

  test('acts once on a key that comes many times at once', async () => {
    const [key, body] = [uuidv7(), request()];
    const answers = await Promise.all(Array.from({ length: 50 }, () => call('POST', '/v1/charges', body, key)));
    expect(new Set(answers.map((answer) => answer.body['id'])).size).toBe(1);
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    const id = answers[0]!.body['id'] as string;
    const refunds = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        call('POST', `/v1/charges/${id}/refund`, { amount: '1.00' }, `${key}-${i % 25}`),
      ),
    );
    // 25 keys of 1.00 each, of which 19.90 cover 19.
    expect(refunds.filter((answer) => answer.status === 200)).toHaveLength(38);
    expect((await call('GET', `/v1/charges?key=${key}`)).body).toMatchObject({ refunded: '19.00' });
  });

  test('refuses what it cannot understand', async () => {
    expect((await call('POST', '/v1/charges', request())).body).toEqual({ code: 'idempotency_key_required' });
    expect((await call('POST', '/v1/charges', request('tok_approve', { amount: '1.001' }), uuidv7())).body).toEqual({
      code: 'invalid_amount',
    });
    expect((await call('POST', '/v1/charges', request('tok_approve', { amount: 5 }), uuidv7())).status).toBe(400);
    expect((await call('POST', '/v1/charges', 'text', uuidv7())).status).toBe(400);
    expect((await call('POST', `/v1/charges/${uuidv7()}/refund`, {}, uuidv7())).body).toEqual({
      code: 'charge_not_found',
    });
    expect((await call('GET', '/elsewhere')).status).toBe(404);
  });

  test('remembers a refused change', async () => {
    const { body } = await call('POST', '/v1/charges', request('tok_approve', { capture: false }), uuidv7());
    const key = uuidv7();
    const refused = await call('POST', `/v1/charges/${body['id']}/refund`, { amount: '1.00' }, key);
    expect(refused).toMatchObject({ status: 422, body: { code: 'refund_exceeds_captured', status: 'declined' } });
    expect((await call('POST', `/v1/charges/${body['id']}/capture`, { amount: '19.90' }, uuidv7())).status).toBe(200);
    expect((await call('POST', `/v1/charges/${body['id']}/refund`, { amount: '1.00' }, key)).status).toBe(422);
    expect((await call('GET', `/v1/charges?key=${key}`)).body).toMatchObject({
      status: 'declined',
      reason: 'refund_exceeds_captured',
    });
  });

  test('follows the script of a token', async () => {
    expect(await call('POST', '/v1/charges', request('tok_decline'), uuidv7())).toMatchObject({
      status: 402,
      body: { code: 'card_declined' },
    });
    expect(await call('POST', '/v1/charges', request('4111'), uuidv7())).toMatchObject({
      status: 402,
      body: { code: 'invalid_token' },
    });
    const [flaky, body] = [uuidv7(), request('tok_flaky')];
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await call('POST', '/v1/charges', body, flaky)).status);
    expect(statuses).toEqual([503, 503, 201, 200]);
    const lost = uuidv7();
    await expect(call('POST', '/v1/charges', request('tok_lost_reply'), lost)).rejects.toThrow('fetch failed');
    expect((await call('GET', `/v1/charges?key=${lost}`)).body).toMatchObject({
      status: 'approved',
      captured: '19.90',
    });
    const startedMs = performance.now();
    expect((await call('POST', '/v1/charges', request('tok_timeout'), uuidv7())).status).toBe(201);
    expect(performance.now() - startedMs).toBeGreaterThan(190);
  });

  test('reports a pending charge by signed webhook', async () => {
    const arrived = new Promise<void>((resolve) => (onHook = resolve));
    const key = uuidv7();
    expect(await call('POST', '/v1/charges', request('tok_pending'), key)).toMatchObject({
      status: 202,
      body: { status: 'pending', captured: '0.00' },
    });
    expect((await call('GET', `/v1/charges?key=${key}`)).body).toMatchObject({ status: 'pending' });
    await arrived;
    const { headers, body } = received.at(-1)!;
    const signature = createHmac('sha256', SECRET)
      .update(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
      .digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
    expect(JSON.parse(body)).toMatchObject({
      type: 'charge.approved',
      data: { key, status: 'approved', captured: '19.90' },
    });
    expect((await call('GET', `/v1/charges?key=${key}`)).body).toMatchObject({ status: 'approved' });
  });

  test('is out of order for everything but its books while switched off', async () => {
    await call('POST', '/v1/outage', { down: true });
    expect((await call('POST', '/v1/charges', request(), uuidv7())).status).toBe(503);
    expect((await call('GET', '/v1/charges?key=k')).status).toBe(503);
    expect((await call('GET', '/v1/books')).status).toBe(200);
    await call('POST', '/v1/outage', { down: false });
    expect((await call('POST', '/v1/charges', request(), uuidv7())).status).toBe(201);
  });

  test('keeps its books over a restart, and pages them without a gap', async () => {
    const before = (await call('GET', '/v1/books')).body['items'] as { id: string }[];
    await provider.stop();
    provider = start();
    await provider.start();
    const paged: unknown[] = [];
    for (let after: string | null = ''; after !== null;) {
      const { body } = await call('GET', `/v1/books?limit=3${after ? `&after=${after}` : ''}`);
      paged.push(...(body['items'] as unknown[]));
      after = body['next'] as string | null;
    }
    expect(paged).toEqual(before);
  });

  test('does not run in production unless it is asked to', async () => {
    const refusing = sandbox.create({
      env: { ...env, OLMS_ENV: 'production' },
      database: on.database,
      clock: systemClock,
      logger: createLogger('silent'),
    } as never);
    await refusing.start();
    await refusing.stop();
    expect((await call('GET', '/v1/books')).status).toBe(200);
  });
});
