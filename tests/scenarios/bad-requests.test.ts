import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { expectProblem, rawRequest, SCHEMA, VALID_ID, useBadInput } from '#tests/support/bad-input.ts';
import type { Problem } from '#tests/support/views.ts';

/** Ids, parameters, paths, methods and headers of every wrong kind. */

const { system, customerId, given, post, testThatNothingChanged } = useBadInput();
let sku: string;
let orderId: string;

beforeAll(() => {
  ({ sku, orderId } = given());
});

describe('an id that', () => {
  const paths = (id: string): readonly (readonly [method: string, path: string, body?: unknown])[] => [
    ['GET', `/orders/${id}`],
    ['GET', `/orders/${id}/events`],
    ['GET', `/orders/${id}/invoice`],
    ['POST', `/orders/${id}/cancel`, {}],
    ['POST', `/orders/${id}/hold`, { reason: 'x' }],
    ['POST', `/orders/${id}/release`, {}],
    ['POST', `/orders/${id}/complete`, {}],
    ['POST', `/orders/${id}/returns`, { reason: 'x' }],
    ['POST', `/orders/${id}/refunds`, { reason: 'x', amount: '1.00' }],
    ['POST', `/orders/${id}/returns/${VALID_ID}/receive`, {}],
    ['PATCH', `/orders/${id}`, { reference: 'x' }],
    ['GET', `/shipments/${id}`],
    ['POST', `/shipments/${id}/dispatch`, { carrier: 'a', trackingNumber: 'b' }],
    ['POST', `/shipments/${id}/deliver`, {}],
    ['GET', `/reviews/${id}`],
    ['POST', `/reviews/${id}/approve`, { reason: 'x' }],
    ['POST', `/reviews/${id}/reject`, { reason: 'x' }],
    ['GET', `/notifications/${id}`],
  ];

  test('is well formed but unknown is answered 404 everywhere', async () => {
    for (const [method, path, body] of paths(VALID_ID)) {
      const answer = await system.api.call(method, path, { body, key: randomUUID() });
      expect([method, path, answer.status]).toEqual([method, path, 404]);
      expect((answer.body as Problem).code).toMatch(/_NOT_FOUND$|^NOT_FOUND$|_NOT_ISSUED$/);
    }
  });

  test.each([
    '1',
    'x',
    'null',
    '0192f0c1-2a3b-7c4d-8e5f-0123456789aZ',
    '%00',
    '%2e%2e%2fadmin',
    '%F0%9F%92%A9',
    "'%20or%201=1--",
    '9'.repeat(150),
  ])('is %s is answered 400 or 404 everywhere', async (id) => {
    for (const [method, path, body] of paths(id)) {
      const answer = await system.api.call(method, path, { body, key: randomUUID() });
      expect([method, path, [400, 404].includes(answer.status)], answer.text).toEqual([method, path, true]);
      expectProblem(answer, answer.status, (answer.body as Problem).code);
    }
  });

  test('is too long for any id, or no URL at all, is answered 4xx', async () => {
    for (const path of [
      `/orders/${'9'.repeat(5_000)}`,
      '/orders/%',
      '/orders/%ff',
      '/stock/%E0%A4%A',
      '/orders?cursor=%',
      '//orders',
      '/orders//',
      '/orders/..%2f..%2fx',
    ]) {
      const answer = await system.api.call('GET', path);
      expect([path.slice(0, 40), answer.status >= 400 && answer.status < 500], answer.text.slice(0, 300)).toEqual([
        path.slice(0, 40),
        true,
      ]);
      expectProblem(answer, answer.status, (answer.body as Problem).code);
    }
  });

  test('of a query is no UUID is refused with the pointer', async () => {
    for (const path of ['/payments', '/shipments', '/notifications']) {
      for (const query of ['orderId=1', 'orderId=', 'orderId=%00', `orderId=${VALID_ID}&orderId=1`]) {
        const answer = await system.api.call('GET', `${path}?${query}`);
        expect([path, query, answer.status]).toEqual([path, query, 400]);
        expectProblem(answer, ...SCHEMA, '/orderId');
      }
      const unknown = await system.api.call<{ items: unknown[] }>('GET', `${path}?orderId=${VALID_ID}`);
      expect([unknown.status, unknown.body.items]).toEqual([200, []]);
    }
  });
});

describe('text that cannot be stored', () => {
  test('is refused with its pointer wherever text is taken', async () => {
    const { api } = system;
    const review = await api.reviewOf(orderId);
    const shipped = `/shipments/${VALID_ID}/dispatch`;
    for (const text of ['a\0b', '\ud800', '\udc00x']) {
      const cases = [
        ['POST', `/reviews/${review.id}/approve`, { reason: text }, '/reason'],
        ['POST', shipped, { carrier: text, trackingNumber: 'x' }, '/carrier'],
        ['POST', shipped, { carrier: 'x', trackingNumber: text }, '/trackingNumber'],
        ['PUT', `/products/${sku}`, { name: text }, '/name'],
        ['POST', '/stock/adjustments', { sku, delta: 1, reason: text }, '/reason'],
        ['POST', '/stock/adjustments', { sku: text, delta: 1, reason: 'x' }, '/sku'],
        ['POST', `/orders/${orderId}/hold`, { reason: text }, '/reason'],
        ['POST', `/orders/${orderId}/release`, { reason: text }, '/reason'],
        ['POST', `/orders/${orderId}/cancel`, { reason: text }, '/reason'],
        ['POST', `/orders/${orderId}/returns`, { reason: text }, '/reason'],
        ['POST', `/orders/${orderId}/refunds`, { reason: text }, '/reason'],
        ['PATCH', `/orders/${orderId}`, { reference: text }, '/reference'],
        ['POST', '/api-keys', { name: text, role: 'reader' }, '/name'],
      ] as const;
      for (const [method, path, body, pointer] of cases)
        expectProblem(await api.call(method, path, { body, key: randomUUID() }), ...SCHEMA, pointer);
    }
    expect((await api.reviewOf(orderId)).status).toBe('pending');
  });
});

describe('an id', () => {
  test('as a URN is refused, and in capitals means the same as in small letters', async () => {
    const { api } = system;
    const urn = `urn:uuid:${orderId}`;
    for (const path of ['/payments', '/shipments', '/notifications']) {
      expectProblem(await api.call('GET', `${path}?orderId=${urn}`), ...SCHEMA, '/orderId');
      expect(await api.get(`${path}?orderId=${orderId.toUpperCase()}`)).toEqual(
        await api.get(`${path}?orderId=${orderId}`),
      );
    }
    for (const path of [`/shipments/${urn}`, `/reviews/${urn}`, `/notifications/${urn}`, `/orders/${urn}/invoice`])
      expectProblem(await api.call('GET', path), ...SCHEMA, '/id');
    expect((await api.order(orderId.toUpperCase())).id).toBe(orderId);
    const review = await api.reviewOf(orderId);
    expect(await api.get(`/reviews/${review.id.toUpperCase()}`)).toEqual(review);
    expect((await api.orders(`customerId=${customerId.toUpperCase()}`)).items).toHaveLength(1);
  });
});

describe('a parameter of a list', () => {
  const cases: readonly (readonly [string, string])[] = [
    ...['0', '-1', '201', '1000', '01', '1.0', '1e2', '%201', '', 'ten', '%00', '9'.repeat(40)].map(
      (limit): readonly [string, string] => [`limit=${limit}`, '/limit'],
    ),
    ['limit=1&limit=2', '/limit'],
    ['sort=total', '/sort'],
    ['sort=', '/sort'],
    ['status=paid', '/status'],
    ['paymentStatus=YES', '/paymentStatus'],
    ['fulfillmentStatus=%00', '/fulfillmentStatus'],
    ['customerId=', '/customerId'],
    ['number=1', '/number'],
    ['channel=', '/channel'],
    ['channel=%00', '/channel'],
    ['sku=%00', '/sku'],
    [`sku=${'s'.repeat(101)}`, '/sku'],
    ['text=%20', '/text'],
    ['text=%00', '/text'],
    ['createdFrom=yesterday', '/createdFrom'],
    ['createdFrom=2026-02-30', '/createdFrom'],
    ['createdTo=2026-13-01', '/createdTo'],
    ['createdTo=2026-01-01T25:00:00Z', '/createdTo'],
    ['createdTo=2026-01-01T10:00:00', '/createdTo'],
    ['cursor=', '/cursor'],
    ['cursor=AAAA', '/cursor'],
    ['cursor=%2B%2F', '/cursor'],
    [`cursor=${'A'.repeat(700)}`, '/cursor'],
    ['colour=red', '/colour'],
  ];

  test.each(cases)('%s is refused with its pointer', async (query, pointer) => {
    expectProblem(await system.api.call('GET', `/orders?${query}`), ...SCHEMA, pointer);
  });

  test('that was altered leads nowhere, and never to a failure', async () => {
    const { api } = system;
    for (const path of ['/products', '/stock', '/reviews', '/orders']) {
      for (const cursor of ['AAAA', '____', 'Zm9v', '_-_-_-_-_-_-_-_-_-_-_A', 'AAAAAAAAAAAAAAAAAAAAAA']) {
        const answer = await api.call<{ items: unknown[] }>('GET', `${path}?cursor=${cursor}`);
        expect([200, 400], `${path} ${cursor}`).toContain(answer.status);
      }
    }
  });

  test('gives the page it asks for at its limits', async () => {
    const { api } = system;
    for (const limit of [1, 200])
      expect((await api.orders(`limit=${limit}&customerId=${customerId}`)).items).toHaveLength(1);
  });
});

describe('a path or method that does not exist', () => {
  test.each(['/order', '/orders/x/y/z', '/ORDERS', '/admin', '/.env', '/orders.json'])(
    '%s is answered 404',
    async (path) => {
      const answer = await system.api.call('GET', path);
      expect(answer.status).toBe(404);
      expectProblem(answer, 404, (answer.body as Problem).code);
    },
  );

  test.each([
    ['DELETE', '/orders', 'GET'],
    ['PUT', '/orders', 'POST'],
    ['DELETE', `/orders/${VALID_ID}`, 'GET'],
    ['PUT', `/orders/${VALID_ID}`, 'PATCH'],
    ['GET', `/orders/${VALID_ID}/cancel`, 'POST'],
    ['POST', '/stock', 'GET'],
    ['GET', '/stock/adjustments', ''],
    ['POST', '/dashboard', 'GET'],
    ['DELETE', '/health/liveness', 'GET'],
    ['PATCH', '/products/x', 'PUT'],
  ])('%s %s is answered 405 with what is allowed', async (method, path, allowed) => {
    const answer = await system.api.call(method, path);
    if (allowed === '') {
      // GET /stock/{sku} with the SKU "adjustments" is a question about a product.
      expectProblem(answer, 404, 'PRODUCT_NOT_FOUND');
      return;
    }
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED');
    expect(String(answer.headers['allow'])).toContain(allowed);
  });

  test.each(['OPTIONS', 'TRACE', 'QUERY'])('%s is answered 405 with what is allowed', async (method) => {
    for (const [path, allow] of [
      ['/orders', 'GET, HEAD, POST'],
      [`/orders/${VALID_ID}`, 'GET, HEAD, PATCH'],
      ['/payments', 'GET, HEAD'],
    ] as const) {
      const fields = [`${method} ${path} HTTP/1.1`, 'host: x', `authorization: Bearer ${system.key}`];
      const answer = await rawRequest(system.api.url, [...fields, 'connection: close', '', ''].join('\r\n'));
      expect(answer.slice(0, 12)).toBe('HTTP/1.1 405');
      const allowed = /\r\nallow: (.*)\r\n/i.exec(answer)?.[1]?.split(', ') ?? [];
      // A gateway in front of services elsewhere knows of methods that no HTTP client sends only where they end.
      if (method === 'OPTIONS') expect(allowed).toEqual(allow.split(', '));
      else expect(allowed).toEqual(expect.arrayContaining(allow.split(', ')));
      expect(answer).toContain('"code":"METHOD_NOT_ALLOWED"');
    }
  });

  test('a HEAD is a GET without the body, a TRACE is nothing', async () => {
    const head = await system.api.call('HEAD', `/orders/${orderId}`);
    expect([head.status, head.text]).toEqual([200, '']);
    const trace = await rawRequest(system.api.url, `TRACE / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`);
    expect(trace).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});

describe('headers', () => {
  test('given twice are refused where they would be ambiguous', async () => {
    const answer = await post(orderBody({ sku, customerId }), {
      key: undefined,
      headers: { 'idempotency-key': ['one', 'two'] },
    });
    expectProblem(answer, 400, 'VALIDATION_FAILED');
    const body = JSON.stringify(orderBody({ sku, customerId }));
    const twice = [
      'POST /orders HTTP/1.1',
      'host: x',
      `authorization: Bearer ${system.key}`,
      'content-type: application/json',
      'idempotency-key: a',
      `content-length: ${body.length}`,
      'content-length: 5',
      'connection: close',
      '',
      body,
    ];
    expect(await rawRequest(system.api.url, twice.join('\r\n'))).toMatch(/^HTTP\/1\.1 400 /);
  });

  test('of a size no client sends are refused', async () => {
    const answer = await rawRequest(
      system.api.url,
      `GET /orders HTTP/1.1\r\nhost: x\r\nx-large: ${'x'.repeat(100_000)}\r\nconnection: close\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  test('of Prefer that make no sense are ignored', async () => {
    for (const prefer of ['wait=abc', 'wait=-1', 'wait=', 'return=minimal', 'wait=0']) {
      const answer = await post(orderBody({ sku: 'nothing', customerId }), { headers: { prefer } });
      expectProblem(answer, 422, 'UNKNOWN_SKU');
    }
  });
});

testThatNothingChanged();
