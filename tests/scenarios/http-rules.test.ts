import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { rawRequest } from '#tests/support/bad-input.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Problem, Product } from '#tests/support/views.ts';

/** What HTTP says about requests whatever they are about, one row per rule: RFC 9110, 9112, 7240 and 6750. */

const system = useSystem();
let sku: string;
let order: Order;

beforeAll(async () => {
  sku = await system.api.product(1_000);
  const placed = await system.api.placeOrder({ sku, requiresReview: true });
  order = await system.api.untilStatus(placed.id, 'RESERVED');
});

const version = (): string => `"${order.version}"`;

describe('a request that says two things at once', () => {
  test.each([
    ['two Host fields', ['host: a', 'host: b', 'authorization: Bearer KEY'], 400, 'MALFORMED_REQUEST'],
    ['two keys', ['host: a', 'authorization: Bearer KEY', 'authorization: Bearer x'], 400, 'MALFORMED_REQUEST'],
    [
      'the same key twice',
      ['host: a', 'authorization: Bearer KEY', 'Authorization: Bearer KEY'],
      400,
      'MALFORMED_REQUEST',
    ],
    ['one of each', ['host: a', 'authorization: Bearer KEY'], 200, '"items"'],
  ] as const)('%s', async (_what, fields, status, text) => {
    const head = [
      'GET /orders HTTP/1.1',
      ...fields.map((field) => field.replace('KEY', system.key)),
      'connection: close',
    ];
    const answer = await rawRequest(system.api.url, [...head, '', ''].join('\r\n'));
    expect(answer.slice(0, 12)).toBe(`HTTP/1.1 ${status}`);
    expect(answer).toContain(text);
  });
});

describe('If-None-Match', () => {
  const stale = '"none"';
  test.each([
    ['the ETag', (etag: string) => etag, 304],
    ['a weak form of it: compared weakly', (etag: string) => `W/${etag}`, 304],
    ['a list with it', (etag: string) => `${stale}, W/"x,y" , ${etag}`, 304],
    ['*', () => '*', 304],
    ['of its compressed form', (etag: string) => `${etag.slice(0, -1)}-gzip"`, 304],
    ['others', () => `${stale}, "1-2"`, 200],
    ['what is no tag', () => 'latest', 200],
  ] as const)('%s', async (_what, header, status) => {
    for (const path of [`/orders/${order.id}`, `/products/${sku}`, `/stock/${sku}`]) {
      const { headers } = await system.api.call('GET', path);
      const etag = String(headers['etag']);
      const answer = await system.api.call('GET', path, { headers: { 'if-none-match': header(etag) } });
      expect([path, answer.status, answer.headers['etag']]).toEqual([path, status, etag]);
    }
  });
});

describe('If-Match', () => {
  test.each([
    ['a weak tag never matches', (): string => `W/${version()}`, 412, 'VERSION_MISMATCH'],
    ['a list of others', (): string => '"1000", "2000"', 412, 'VERSION_MISMATCH'],
    ['a tag that was never given', (): string => '"abc"', 412, 'VERSION_MISMATCH'],
    ['what is no tag', (): string => 'latest', 400, 'VALIDATION_FAILED'],
    ['a list with the version', (): string => `"1000", W/"1", ${version()}`, 200, undefined],
  ] as const)('of an order: %s', async (_what, header, status, code) => {
    const answer = await system.api.amend(order.id, { reference: 'x' }, { headers: { 'if-match': header() } });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    order = await system.api.order(order.id);
  });

  test('of a product: only the one that was read is changed, and a new one only where there is none', async () => {
    const { api } = system;
    const own = `P-${randomUUID().slice(0, 8)}`;
    const put = (name: string, headers: Record<string, string>): ReturnType<typeof api.call<Product & Problem>> =>
      api.call('PUT', `/products/${own}`, { body: { name }, headers });
    expect((await put('0', { 'if-match': '*' })).status).toBe(412);
    const created = await put('1', { 'if-none-match': '*' });
    expect(created.status).toBe(201);
    expect((await put('2', { 'if-none-match': '*' })).body.code).toBe('VERSION_MISMATCH');
    const etag = String(created.headers['etag']);
    expect((await api.call('GET', `/products/${own}`)).headers['etag']).toBe(etag);
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => put(`n${n}`, { 'if-match': etag })));
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, ...Array.from({ length: 7 }, () => 412)]);
    expect((await put('2', { 'if-match': `W/${etag}` })).status).toBe(412);
    const won = answers.find(({ status }) => status === 200)!;
    expect((await api.get<Product>(`/products/${own}`)).name).toBe(won.body.name);
  });

  test('where nobody would look at it is refused, and nothing is done', async () => {
    const { api } = system;
    const before = await api.stock(sku);
    for (const name of ['if-match', 'if-none-match']) {
      const body = { sku, delta: 5, reason: 'x' };
      const answer = await api.call<Problem>('POST', '/stock/adjustments', {
        body,
        key: randomUUID(),
        headers: { [name]: '"1"' },
      });
      expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    }
    expect(await api.stock(sku)).toEqual(before);
  });
});

describe('Prefer', () => {
  test.each([
    ['wait=5', 'wait=5'],
    ['Wait = 5', 'wait=5'],
    ['respond-async, wait=5', 'wait=5'],
    ['wait="5"; foo=bar, wait=1', 'wait=5'],
    ['return=minimal; wait=3', undefined],
    ['x="a, wait=7"', undefined],
    ['await=5', undefined],
    ['wait=-1', undefined],
    ['wait=90', 'wait=30'],
  ])('%s is answered with %s', async (prefer, applied) => {
    const answer = await system.api.postOrder({ sku }, { headers: { prefer } });
    expect(answer.status).toBe(201);
    expect(answer.headers['preference-applied']).toBe(applied);
  });
});

describe('a body', () => {
  const metadata = (text: string): string =>
    JSON.stringify({ ...orderBody({ sku }), metadata: { list: [{ 'a/b': 0 }] } }).replace(':0}', `:${text}}`);
  test.each([
    ['1e400', 400, 'VALIDATION_FAILED', '/metadata/list/0/a~1b'],
    ['-1E+999', 400, 'VALIDATION_FAILED', '/metadata/list/0/a~1b'],
    ['9'.repeat(400), 400, 'VALIDATION_FAILED', '/metadata/list/0/a~1b'],
    ['1e300', 201, undefined, undefined],
    ['"1e400"', 201, undefined, undefined],
  ])('with the number %s', async (text, status, code, pointer) => {
    const answer = await system.api.call<Problem>('POST', '/orders', { body: metadata(text), key: randomUUID() });
    expect([answer.status, answer.body.code, answer.body.errors?.[0]?.pointer]).toEqual([status, code, pointer]);
  });

  test.each(['gzip', 'br', 'GZIP, identity'])('in the coding %s is refused with 415', async (coding) => {
    const answer = await system.api.call<Problem>('POST', '/orders', {
      body: JSON.stringify(orderBody({ sku })),
      key: randomUUID(),
      headers: { 'content-encoding': coding },
    });
    expect([answer.status, answer.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    expect(answer.headers['accept-encoding']).toBe('identity');
  });

  test('that would make an event too large for a broker is refused with 413, of an order and of an amendment', async () => {
    const { api } = system;
    const blob = { blob: 'x'.repeat(920_000) };
    const placed = await api.postOrder({ sku, metadata: blob });
    expect([placed.status, placed.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const amended = await api.amend(order.id, { metadata: blob });
    expect([amended.status, amended.body.code]).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const name = 'é'.repeat(300);
    const items = Array.from({ length: 2_000 }, () => ({
      sku,
      quantity: 1,
      unitPrice: '1.00',
      name: name.slice(0, 200),
    }));
    expect((await api.postOrder({ items })).status).toBe(413);
    expect((await api.postOrder({ sku, metadata: { blob: 'x'.repeat(600_000) } })).status).toBe(201);
  });
});

describe('an answer', () => {
  test('is compressed where it is large and the caller takes that, and says so', async () => {
    const { api } = system;
    const url = `${api.url}/openapi.json`;
    for (const [accepted, compressed] of [
      ['gzip', true],
      ['br, gzip;q=0.5', true],
      ['*', true],
      ['gzip;q=0', false],
      ['identity', false],
    ] as const) {
      const answer = await rawRequest(
        api.url,
        [`GET /openapi.json HTTP/1.1`, 'host: x', `accept-encoding: ${accepted}`, 'connection: close', '', ''].join(
          '\r\n',
        ),
      );
      expect([accepted, /\r\ncontent-encoding: gzip\r\n/.test(answer)]).toEqual([accepted, compressed]);
      expect(answer).toContain('\r\nvary: accept-encoding\r\n');
    }
    const response = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(((await response.json()) as { openapi: string }).openapi).toMatch(/^3\.1/);
    const lines = Array.from({ length: 100 }, () => ({ sku, quantity: 1, unitPrice: '1.00', name: 'x'.repeat(100) }));
    const { id } = await api.placeOrder({ sku, items: lines, requiresReview: true });
    const big = await api.untilStatus(id, 'RESERVED');
    const headers = { authorization: `Bearer ${system.key}`, 'accept-encoding': 'gzip' };
    const etag = (await fetch(`${api.url}/orders/${id}`, { headers })).headers.get('etag')!;
    expect(etag).toBe(`"${big.version}-gzip"`);
    const again = await fetch(`${api.url}/orders/${id}`, { headers: { ...headers, 'if-none-match': etag } });
    expect(again.status).toBe(304);
    // The version that was read compressed is the one that is changed.
    expect((await api.amend(id, { reference: 'r' }, { headers: { 'if-match': etag } })).status).toBe(200);
  });

  test.each([
    ['GET', '/orders', undefined, 'no-store'],
    ['GET', '/api-keys', undefined, 'no-store'],
    ['POST', '/api-keys', { name: `k-${randomUUID().slice(0, 8)}`, role: 'reader' }, 'no-store'],
    ['GET', '/health/liveness', undefined, undefined],
  ] as const)('%s %s may be kept: %s', async (method, path, body, cached) => {
    expect((await system.api.call(method, path, { body })).headers['cache-control']).toBe(cached);
  });

  test('with an ETag may be kept by the caller alone, and asked about', async () => {
    const { headers } = await system.api.call('GET', `/orders/${order.id}`);
    expect(headers['cache-control']).toBe('private, no-cache');
  });

  test.each([
    ['without a key', undefined, 401, 'Bearer realm="olms"'],
    ['with one that opens nothing', 'Bearer nothing', 401, 'Bearer realm="olms", error="invalid_token"'],
  ])('to a caller %s says how to authenticate', async (_what, authorization, status, how) => {
    const answer = await system.api.call('GET', '/orders', { headers: { authorization } });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([status, how]);
  });
});

test.each([
  ['1', 200],
  ['200', 200],
  ['201', 400],
  ['999', 400],
])('a page of %s entries is answered %s', async (limit, status) => {
  for (const path of ['/orders', '/products', '/stock', '/reviews', '/audit-entries'])
    expect([path, (await system.api.call('GET', `${path}?limit=${limit}`)).status]).toEqual([path, status]);
});

describe('a slow sender', () => {
  test('of a head or of a body is refused with 408, long before a minute', async () => {
    const { api, key } = system;
    const head = ['POST /orders HTTP/1.1', 'host: x', `authorization: Bearer ${key}`, 'content-type: application/json'];
    const startedMs = Date.now();
    const [unfinishedHead, unfinishedBody] = await Promise.all([
      rawRequest(api.url, head.join('\r\n'), 45_000),
      rawRequest(api.url, [...head, 'idempotency-key: slow', 'content-length: 100', '', '{'].join('\r\n'), 45_000),
    ]);
    expect(unfinishedHead).toContain('"code":"REQUEST_TIMEOUT"');
    expect(unfinishedBody).toContain('REQUEST_TIMEOUT');
    expect(Date.now() - startedMs).toBeLessThan(45_000);
  }, 60_000);
});
