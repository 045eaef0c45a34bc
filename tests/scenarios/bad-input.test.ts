import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type CallOptions, orderBody } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Problem, Stock } from '#tests/support/views.ts';

/** Input of every wrong kind: a clear problem, never a 500, and nothing changed. */

const system = useSystem();

const VALID_ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const customerId = randomUUID();
let sku: string;
let productId: string;
let orderId: string;

interface Snapshot {
  readonly total: number;
  readonly charges: number;
  readonly stock: Stock;
  readonly stocks: readonly Stock[];
  readonly ofCustomer: number;
  readonly order: unknown;
  readonly events: number;
}

/** Everything the bad requests could have changed. The dashboard may be a second old, so it is read until it stands still. */
async function snapshot(): Promise<Snapshot> {
  const { api, provider } = system;
  const stocks: Stock[] = [];
  for (let cursor = ''; ;) {
    const page: { items: Stock[]; nextCursor: string | null } = await api.get(`/stock?limit=200${cursor}`);
    stocks.push(...page.items);
    if (page.nextCursor === null) break;
    cursor = `&cursor=${page.nextCursor}`;
  }
  const readAt = Date.now();
  const dashboard = await until('a fresh dashboard', async () => {
    const present = await api.get<{ total: number; at: string }>('/dashboard');
    return Date.parse(present.at) >= readAt && present;
  });
  return {
    total: dashboard.total,
    charges: (await provider.all()).length,
    stock: await api.stock(sku),
    stocks,
    ofCustomer: (await api.orders(`customerId=${customerId}&limit=200`)).items.length,
    order: await api.order(orderId),
    events: (await api.events(orderId)).length,
  };
}

let before: Snapshot;

beforeAll(async () => {
  const { api } = system;
  sku = await api.product(1_000);
  productId = (await api.get<{ id: string }>(`/products/${sku}`)).id;
  ({ id: orderId } = await api.placeOrder({ sku, requiresReview: true, customerId }));
  await api.untilStatus(orderId, 'RESERVED');
  await api.reviewOf(orderId);
  before = await snapshot();
});

function expectProblem(answer: Answer, status: number, code: string, pointer?: string): void {
  const what = `${answer.status} ${answer.text.slice(0, 400)}`;
  expect(answer.status, what).toBe(status);
  expect(String(answer.headers['content-type']), what).toContain('application/problem+json');
  const problem = answer.body as Problem;
  expect(problem.code, what).toBe(code);
  expect(problem.status).toBe(status);
  expect(problem.title).not.toBe('');
  expect(problem.detail).not.toBe('');
  expect(problem.correlationId).toBe(answer.headers['x-correlation-id']);
  // Nothing of our insides is shown.
  expect(answer.text).not.toMatch(/node_modules|\.ts:|select |insert |relation "/);
  if (pointer !== undefined)
    expect(
      problem.errors?.map((error) => error.pointer),
      what,
    ).toContain(pointer);
}

const post = (body: unknown, options: CallOptions = {}): Promise<Answer> =>
  system.api.call('POST', '/orders', { body, key: randomUUID(), ...options });

type Wrong = readonly [
  what: string,
  change: () => Record<string, unknown>,
  status: number,
  code: string,
  pointer: string,
];
const item = (change: Record<string, unknown> = {}): Record<string, unknown> => ({
  items: [{ sku, quantity: 1, unitPrice: '10.00', ...change }],
});
const without = (...names: string[]): Record<string, unknown> =>
  Object.fromEntries(names.map((name) => [name, undefined]));
const SCHEMA = [400, 'VALIDATION_FAILED'] as const;

const wrong: readonly Wrong[] = [
  // Types
  ['a number as customer', () => ({ customerId: 7 }), ...SCHEMA, '/customerId'],
  ['a word as customer', () => ({ customerId: 'me' }), ...SCHEMA, '/customerId'],
  ['null as customer', () => ({ customerId: null }), ...SCHEMA, '/customerId'],
  ['no customer', () => without('customerId'), ...SCHEMA, ''],
  ['no items', () => without('items'), ...SCHEMA, ''],
  ['no payment', () => without('payment'), ...SCHEMA, ''],
  ['no token', () => ({ payment: {} }), ...SCHEMA, '/payment'],
  ['an empty token', () => ({ payment: { token: '' } }), ...SCHEMA, '/payment/token'],
  ['a token with a line break', () => ({ payment: { token: 'tok\napprove' } }), ...SCHEMA, '/payment/token'],
  ['a payment in words', () => ({ payment: 'cash' }), ...SCHEMA, '/payment'],
  ['items as an object', () => ({ items: { sku } }), ...SCHEMA, '/items'],
  ['an empty list of items', () => ({ items: [] }), ...SCHEMA, '/items'],
  ['an item that is null', () => ({ items: [null] }), ...SCHEMA, '/items/0'],
  ['an item that is a word', () => ({ items: [sku] }), ...SCHEMA, '/items/0'],
  ['an item without product', () => ({ items: [{ quantity: 1, unitPrice: '1.00' }] }), ...SCHEMA, '/items/0'],
  [
    'three thousand items',
    () => ({ items: Array.from({ length: 3_000 }, () => ({ sku, quantity: 1, unitPrice: '1.00' })) }),
    ...SCHEMA,
    '/items',
  ],
  ['a review asked for in words', () => ({ requiresReview: 'yes' }), ...SCHEMA, '/requiresReview'],
  ['metadata as a list', () => ({ metadata: [1] }), ...SCHEMA, '/metadata'],
  ['an e-mail without @', () => ({ contact: { email: 'nobody' } }), ...SCHEMA, '/contact/email'],
  ['a phone of letters', () => ({ contact: { phone: 'call me' } }), ...SCHEMA, '/contact/phone'],
  ['a channel with spaces', () => ({ channel: 'web shop' }), ...SCHEMA, '/channel'],
  ['a reference of 101 characters', () => ({ reference: 'r'.repeat(101) }), ...SCHEMA, '/reference'],
  // Quantities
  ...([0, -1, 1.5, 1_000_001, 1e21, Number.MAX_SAFE_INTEGER, '1', null, true, [1]] as const).map((quantity): Wrong => [
    `a quantity of ${JSON.stringify(quantity)}`,
    () => item({ quantity }),
    ...SCHEMA,
    '/items/0/quantity',
  ]),
  // Prices and amounts
  ...(
    [
      10,
      null,
      '',
      ' 10',
      '10 ',
      '+10',
      '.5',
      '5.',
      '1,50',
      '1e3',
      'NaN',
      'Infinity',
      '-Infinity',
      '0x10',
      '１０',
      '١٠',
      '10.00€',
      '99999999999999999999',
    ] as const
  ).map((unitPrice): Wrong => [
    `a unit price of ${JSON.stringify(unitPrice)}`,
    () => item({ unitPrice }),
    ...SCHEMA,
    '/items/0/unitPrice',
  ]),
  [
    'a unit price of five decimals',
    () => item({ unitPrice: '1.00001' }),
    422,
    'UNIT_PRICE_INVALID',
    '/items/0/unitPrice',
  ],
  ['a negative unit price', () => item({ unitPrice: '-1.00' }), 422, 'UNIT_PRICE_INVALID', '/items/0/unitPrice'],
  [
    'a line too large for any currency',
    () => item({ unitPrice: '9999999999999999', quantity: 1_000_000 }),
    422,
    'UNIT_PRICE_INVALID',
    '/items/0/unitPrice',
  ],
  ['a total that is not the sum', () => ({ totalAmount: '9.99' }), 422, 'TOTAL_MISMATCH', '/totalAmount'],
  ['a total of three decimals in EUR', () => ({ totalAmount: '10.001' }), 422, 'AMOUNT_INVALID', '/totalAmount'],
  [
    'a total of one decimal in JPY',
    () => ({ currency: 'JPY', totalAmount: '10.5' }),
    422,
    'AMOUNT_INVALID',
    '/totalAmount',
  ],
  [
    'a tax of three decimals in EUR',
    () => ({ taxLines: [{ amount: '0.005' }] }),
    422,
    'AMOUNT_INVALID',
    '/taxLines/0/amount',
  ],
  [
    'a negative shipping line',
    () => ({ shippingLines: [{ amount: '1.00' }, { amount: '-0.01' }] }),
    422,
    'AMOUNT_INVALID',
    '/shippingLines/1/amount',
  ],
  [
    'a negative discount',
    () => ({ discountLines: [{ amount: '-5.00' }] }),
    422,
    'AMOUNT_INVALID',
    '/discountLines/0/amount',
  ],
  [
    'a discount above the order',
    () => ({ discountLines: [{ amount: '10.01' }] }),
    422,
    'TOTAL_MISMATCH',
    '/discountLines',
  ],
  ['an unknown currency', () => ({ currency: 'EUX' }), 422, 'UNKNOWN_CURRENCY', '/currency'],
  ['a currency in small letters', () => ({ currency: 'eur' }), ...SCHEMA, '/currency'],
  ['a currency by its sign', () => ({ currency: '€' }), ...SCHEMA, '/currency'],
  // Products
  ['an unknown SKU', () => item({ sku: `no-${VALID_ID}` }), 422, 'UNKNOWN_SKU', '/items/0/sku'],
  [
    'an unknown SKU beside a known one',
    () => ({
      items: [
        { sku, quantity: 1, unitPrice: '1.00' },
        { sku: 'nothing', quantity: 1, unitPrice: '1.00' },
      ],
    }),
    422,
    'UNKNOWN_SKU',
    '/items/1/sku',
  ],
  ['an empty SKU', () => item({ sku: '' }), ...SCHEMA, '/items/0/sku'],
  ['a SKU of 101 characters', () => item({ sku: 's'.repeat(101) }), ...SCHEMA, '/items/0/sku'],
  [
    'an unknown product id',
    () => item({ sku: undefined, productId: VALID_ID }),
    422,
    'UNKNOWN_SKU',
    '/items/0/productId',
  ],
  ['a product id that is none', () => item({ sku: undefined, productId: 'p1' }), ...SCHEMA, '/items/0/productId'],
  ['a product id of another SKU', () => item({ productId: VALID_ID }), 422, 'UNKNOWN_SKU', '/items/0/productId'],
  // Unknown properties at every level
  ['an unknown property', () => ({ discount: 5 }), ...SCHEMA, '/discount'],
  ['a property with a slash and a tilde', () => ({ 'a/b~c': 1 }), ...SCHEMA, '/a~1b~0c'],
  ['a status of the caller’s own', () => ({ status: 'PAID' }), ...SCHEMA, '/status'],
  ['an id of the caller’s own', () => ({ id: VALID_ID }), ...SCHEMA, '/id'],
  ['an unknown property of an item', () => item({ price: '1.00' }), ...SCHEMA, '/items/0/price'],
  [
    'an unknown property of the payment',
    () => ({ payment: { token: 'tok_approve', cardNumber: '4111111111111111' } }),
    ...SCHEMA,
    '/payment/cardNumber',
  ],
  [
    'an unknown property of the address',
    () => ({ shippingAddress: { planet: 'Mars' } }),
    ...SCHEMA,
    '/shippingAddress/planet',
  ],
  ['an unknown property of the contact', () => ({ contact: { fax: '1' } }), ...SCHEMA, '/contact/fax'],
  [
    'an unknown property of a tax line',
    () => ({ taxLines: [{ amount: '1.00', rate: 19 }] }),
    ...SCHEMA,
    '/taxLines/0/rate',
  ],
  ['an own "constructor"', () => ({ constructor: 1 }), ...SCHEMA, '/constructor'],
  ['an own "toString"', () => item({ toString: 1 }), ...SCHEMA, '/items/0/toString'],
  // Characters that PostgreSQL or JSON cannot hold
  ['a NUL in the SKU', () => item({ sku: 'a\0b' }), ...SCHEMA, '/items/0/sku'],
  ['a NUL in the name of an item', () => item({ name: 'a\0b' }), ...SCHEMA, '/items/0/name'],
  ['a NUL in the reference', () => ({ reference: 'a\0b' }), ...SCHEMA, '/reference'],
  ['a NUL in the e-mail', () => ({ contact: { email: 'a\0b@example.com' } }), ...SCHEMA, '/contact/email'],
  [
    'a NUL in the name of the addressee',
    () => ({ shippingAddress: { name: 'a\0b' } }),
    ...SCHEMA,
    '/shippingAddress/name',
  ],
  ['a NUL in a street', () => ({ shippingAddress: { line1: 'a\0b' } }), ...SCHEMA, '/shippingAddress/line1'],
  ['a NUL in a tax line', () => ({ taxLines: [{ name: '\0', amount: '0.00' }] }), ...SCHEMA, '/taxLines/0/name'],
  ['a NUL in the token', () => ({ payment: { token: 'tok\0' } }), ...SCHEMA, '/payment/token'],
];

describe('an order with', () => {
  test.each(wrong)('%s is refused', async (_what, change, status, code, pointer) => {
    expectProblem(await post(orderBody({ sku, customerId, ...change() })), status, code, pointer);
  });

  test('everything wrong at once is told everything, up to a limit', async () => {
    const answer = await post({
      customerId: 1,
      currency: 2,
      items: Array.from({ length: 100 }, () => ({ quantity: -1 })),
      payment: 3,
      nothing: 4,
    });
    expectProblem(answer, ...SCHEMA, '/customerId');
    const pointers = (answer.body as Problem).errors!.map((error) => error.pointer);
    expect(pointers).toContain('/currency');
    expect(pointers.length).toBeLessThanOrEqual(100);
    const placed = await post(
      orderBody({
        sku,
        customerId,
        items: Array.from({ length: 3 }, (_, index) => ({ sku: `no-${index}`, quantity: 1, unitPrice: '1.00' })),
        totalAmount: '9.00',
      }),
    );
    expectProblem(placed, 422, 'UNKNOWN_SKU', '/items/2/sku');
  });
});

describe('a body that', () => {
  const text = (): string => JSON.stringify(orderBody({ sku, customerId }));

  test.each([
    ['ends too early', () => text().slice(0, -1)],
    ['is a word', () => 'order'],
    ['has a trailing comma', () => `${text().slice(0, -1)},}`],
    ['holds NaN', () => text().replace('"quantity":1', '"quantity":NaN')],
    ['holds Infinity', () => text().replace('"quantity":1', '"quantity":Infinity')],
    ['holds a hexadecimal number', () => text().replace('"quantity":1', '"quantity":0x1')],
    ['holds a raw line break in a string', () => text().replace('tok_approve', 'tok\napprove')],
    ['is empty', () => ''],
    ['is spaces', () => '   '],
    ['is two documents', () => `${text()}${text()}`],
    ['brings __proto__', () => `${text().slice(0, -1)},"__proto__":{"status":"PAID"}}`],
    ['brings constructor.prototype', () => `${text().slice(0, -1)},"constructor":{"prototype":{"status":"PAID"}}}`],
    ['brings __proto__ in the metadata', () => `${text().slice(0, -1)},"metadata":{"__proto__":{"admin":true}}}`],
  ])('%s is refused as malformed', async (_what, body) => {
    const answer = await post(body());
    expect(['MALFORMED_JSON', 'VALIDATION_FAILED']).toContain((answer.body as Problem).code);
    expectProblem(answer, 400, (answer.body as Problem).code);
    expect(({} as Record<string, unknown>)['status']).toBeUndefined();
    expect(({} as Record<string, unknown>)['admin']).toBeUndefined();
  });

  test.each([
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '1'],
    ['a string', '"order"'],
  ])('is %s is refused by the schema', async (_what, body) => {
    expectProblem(await post(body), ...SCHEMA, '');
  });

  test.each([
    ['an exponent beyond every number', '1e400'],
    ['a minus zero', '-0'],
    ['more digits than a number holds', '1.0000000000000000000000000000001e300'],
  ])('has a quantity with %s is refused', async (_what, quantity) => {
    expectProblem(await post(text().replace('"quantity":1', `"quantity":${quantity}`)), ...SCHEMA, '/items/0/quantity');
  });

  test.each([
    ['text/plain', 'text/plain'],
    ['a form', 'application/x-www-form-urlencoded'],
    ['XML', 'application/xml'],
    ['nothing sensible', 'nonsense'],
  ])('comes as %s is refused with 415', async (_what, type) => {
    expectProblem(await post(text(), { headers: { 'content-type': type } }), 415, 'UNSUPPORTED_MEDIA_TYPE');
  });

  test('comes as JSON of a charset is read', async () => {
    expectProblem(await post('{}', { headers: { 'content-type': 'application/json; charset=utf-8' } }), ...SCHEMA, '');
  });

  test('holds bytes that are no UTF-8 is refused as malformed', async () => {
    const bytes = Buffer.from(
      JSON.stringify({ ...orderBody({ sku: 'nothing', customerId }) }).replace('nothing', 'xx'),
    );
    bytes[bytes.indexOf('xx')] = 0xff;
    expectProblem(await post(bytes), 400, 'MALFORMED_JSON');
  });

  test('is larger than 1 MiB is refused with 413 before it is read', async () => {
    const { api } = system;
    const fields = [
      'POST /orders HTTP/1.1',
      'host: x',
      `authorization: Bearer ${system.key}`,
      'content-type: application/json',
      'idempotency-key: big',
      'content-length: 10485760',
      '',
      '{"customerId":"',
    ];
    const answer = await rawRequest(api.url, fields.join('\r\n'));
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('"code":"PAYLOAD_TOO_LARGE"');
    expect(answer).toContain('application/problem+json');
  });

  test('is 10 MB and sent whole never makes an order or a 500', async () => {
    const body = JSON.stringify(orderBody({ sku, customerId, metadata: { blob: 'x'.repeat(10 * 1024 * 1024) } }));
    // The server answers before it has read everything and closes: a client may see the answer or the closed connection.
    const answer = await post(body).catch((error: unknown) => error as Error);
    if (answer instanceof Error) expect(answer.message).toMatch(/ECONNRESET|EPIPE|other side closed|socket/i);
    else expectProblem(answer, 413, 'PAYLOAD_TOO_LARGE');
  });

  test('is sent in chunks without a length is counted too', async () => {
    const chunk = 'x'.repeat(65_536);
    const head = [
      'POST /orders HTTP/1.1',
      'host: x',
      `authorization: Bearer ${system.key}`,
      'content-type: application/json',
      'idempotency-key: chunked',
      'transfer-encoding: chunked',
      '',
      '',
    ].join('\r\n');
    const chunks = Array.from({ length: 40 }, () => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
    expect(await rawRequest(system.api.url, head + chunks)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('is nested a hundred thousand deep is refused, not a stack overflow', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expectProblem(await post(`${text().slice(0, -1)},"items":${deep}}`), 400, 'VALIDATION_FAILED');
    const answer = await post(text().replace('"payment"', `"metadata":{"deep":${deep}},"payment"`));
    expect(answer.status, answer.text.slice(0, 300)).toBeGreaterThanOrEqual(400);
    expect(answer.status, answer.text.slice(0, 300)).toBeLessThan(500);
  });
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
      for (const query of ['orderId=1', 'orderId=', 'orderId=%00', `orderId=${VALID_ID}&orderId=${VALID_ID}`]) {
        const answer = await system.api.call('GET', `${path}?${query}`);
        expect([path, query, answer.status]).toEqual([path, query, 400]);
        expectProblem(answer, ...SCHEMA, '/orderId');
      }
      expectProblem(await system.api.call('GET', path), ...SCHEMA, '');
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
    ...['0', '-1', '1000', '01', '1.0', '1e2', '%201', '', 'ten', '%00', '9'.repeat(40)].map(
      (limit): readonly [string, string] => [`limit=${limit}`, '/limit'],
    ),
    ['limit=1&limit=2', '/limit'],
    ['sort=total', '/sort'],
    ['sort=', '/sort'],
    ['status=paid', '/status'],
    ['paymentStatus=YES', '/paymentStatus'],
    ['fulfillmentStatus=%00', '/fulfillmentStatus'],
    ['customerId=1', '/customerId'],
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
    for (const limit of [1, 200, 201, 999])
      expect((await api.orders(`limit=${limit}&customerId=${customerId}`)).items).toHaveLength(1);
  });
});

describe('a path or method that does not exist', () => {
  test.each(['/', '/order', '/orders/x/y/z', '/ORDERS', '/admin', '/.env', '/orders.json'])(
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

describe('commands, products and stock', () => {
  type WrongCall = readonly [
    what: string,
    method: string,
    path: () => string,
    body: unknown,
    status: number,
    code: string,
    pointer?: string,
  ];
  const calls: readonly WrongCall[] = [
    [
      'a cancellation with an unknown property',
      'POST',
      () => `/orders/${orderId}/cancel`,
      { because: 'x' },
      ...SCHEMA,
      '/because',
    ],
    [
      'a cancellation with a number as reason',
      'POST',
      () => `/orders/${orderId}/cancel`,
      { reason: 1 },
      ...SCHEMA,
      '/reason',
    ],
    [
      'a cancellation with an empty reason',
      'POST',
      () => `/orders/${orderId}/cancel`,
      { reason: '' },
      ...SCHEMA,
      '/reason',
    ],
    ['a cancellation with a NUL', 'POST', () => `/orders/${orderId}/cancel`, { reason: 'a\0b' }, ...SCHEMA, '/reason'],
    ['a cancellation that is a list', 'POST', () => `/orders/${orderId}/cancel`, [], ...SCHEMA, ''],
    ['a hold without reason', 'POST', () => `/orders/${orderId}/hold`, {}, ...SCHEMA, ''],
    [
      'a hold of a type with spaces',
      'POST',
      () => `/orders/${orderId}/hold`,
      { type: 'A B', reason: 'x' },
      ...SCHEMA,
      '/type',
    ],
    [
      'a refund of a number',
      'POST',
      () => `/orders/${orderId}/refunds`,
      { amount: 5, reason: 'x' },
      ...SCHEMA,
      '/amount',
    ],
    [
      'a return of nothing',
      'POST',
      () => `/orders/${orderId}/returns`,
      { items: [], reason: 'x' },
      ...SCHEMA,
      '/items',
    ],
    [
      'a return of half a piece',
      'POST',
      () => `/orders/${orderId}/returns`,
      { items: [{ sku: 'a', quantity: 0.5 }], reason: 'x' },
      ...SCHEMA,
      '/items/0/quantity',
    ],
    ['a completion with a body', 'POST', () => `/orders/${orderId}/complete`, { force: true }, ...SCHEMA, '/force'],
    [
      'an amendment with a NUL in the name',
      'PATCH',
      () => `/orders/${orderId}`,
      { shippingAddress: { name: 'a\0b' } },
      ...SCHEMA,
      '/shippingAddress/name',
    ],
    [
      'an amendment with a NUL in the e-mail',
      'PATCH',
      () => `/orders/${orderId}`,
      { contact: { email: '\0@example.com' } },
      ...SCHEMA,
      '/contact/email',
    ],
    ['an adjustment without reason', 'POST', () => '/stock/adjustments', { sku: 'x', delta: 1 }, ...SCHEMA, ''],
    [
      'an adjustment by both ways',
      'POST',
      () => '/stock/adjustments',
      { sku: 'x', delta: 1, onHand: 1, reason: 'x' },
      ...SCHEMA,
    ],
    ['an adjustment by none', 'POST', () => '/stock/adjustments', { sku: 'x', reason: 'x' }, ...SCHEMA],
    [
      'an adjustment by half a piece',
      'POST',
      () => '/stock/adjustments',
      { sku: 'x', delta: 0.5, reason: 'x' },
      ...SCHEMA,
      '/delta',
    ],
    [
      'an adjustment beyond all integers',
      'POST',
      () => '/stock/adjustments',
      { sku: 'x', delta: 1e12, reason: 'x' },
      ...SCHEMA,
      '/delta',
    ],
    [
      'a negative count',
      'POST',
      () => '/stock/adjustments',
      { sku: 'x', onHand: -1, reason: 'x' },
      ...SCHEMA,
      '/onHand',
    ],
    [
      'an adjustment of an unknown product',
      'POST',
      () => '/stock/adjustments',
      { sku: 'nothing', delta: 1, reason: 'x' },
      422,
      'UNKNOWN_SKU',
      '/sku',
    ],
    [
      'an adjustment at a place with spaces',
      'POST',
      () => '/stock/adjustments',
      { sku: 'x', delta: 1, location: 'a b', reason: 'x' },
      ...SCHEMA,
      '/location',
    ],
    ['a product without a name', 'PUT', () => '/products/new-one', {}, ...SCHEMA, ''],
    ['a product with a NUL in its name', 'PUT', () => '/products/new-one', { name: 'a\0b' }, ...SCHEMA, '/name'],
    [
      'a product with a price of five decimals',
      'PUT',
      () => '/products/new-one',
      { name: 'x', price: '1.00001', currency: 'EUR' },
      422,
      'UNIT_PRICE_INVALID',
      '/price',
    ],
    [
      'a product in an unknown currency',
      'PUT',
      () => '/products/new-one',
      { name: 'x', price: '1', currency: 'EUX' },
      422,
      'UNKNOWN_CURRENCY',
      '/currency',
    ],
    [
      'a product with a number as price',
      'PUT',
      () => '/products/new-one',
      { name: 'x', price: 1 },
      ...SCHEMA,
      '/price',
    ],
    [
      'a product with an id of its own',
      'PUT',
      () => '/products/new-one',
      { name: 'x', id: VALID_ID },
      ...SCHEMA,
      '/id',
    ],
    ['a product whose SKU has a NUL', 'PUT', () => '/products/a%00b', { name: 'x' }, 400, 'VALIDATION_FAILED'],
    ['a key of an unknown role', 'POST', () => '/api-keys', { name: 'x', role: 'root' }, ...SCHEMA, '/role'],
    ['a key named with spaces', 'POST', () => '/api-keys', { name: 'x y', role: 'reader' }, ...SCHEMA, '/name'],
    ['a dispatch without a number', 'POST', () => `/shipments/${VALID_ID}/dispatch`, { carrier: 'x' }, ...SCHEMA, ''],
    ['a review decided without reason', 'POST', () => `/reviews/${VALID_ID}/approve`, {}, ...SCHEMA, ''],
  ];

  test.each(calls)('%s is refused', async (...call) => {
    const [, method, path, body, status, code, pointer] = call as unknown as WrongCall;
    expectProblem(await system.api.call(method, path(), { body, key: randomUUID() }), status, code, pointer);
  });

  test('an adjustment that would leave less than nothing is refused', async () => {
    const answer = await system.api.call('POST', '/stock/adjustments', {
      body: { sku, delta: -1_001, reason: 'x' },
      key: randomUUID(),
    });
    expectProblem(answer, 409, 'STOCK_INSUFFICIENT');
  });

  test('a product id of an order line is not what a path may carry', async () => {
    expectProblem(await system.api.call('GET', `/stock/${productId}`), 404, 'PRODUCT_NOT_FOUND');
  });

  test('an amendment nested thirty thousand deep is refused', async () => {
    const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
    expectProblem(await system.api.amend(orderId, `{"metadata":{"deep":${deep}}}`), 400, 'VALIDATION_FAILED');
  });
});

describe('all of this', () => {
  // The last test of the file: whatever a refused request may have set going would have happened by now.
  test('has changed nothing: no order, no event, no stock, no charge', async () => {
    expect(await snapshot()).toEqual(before);
  });
});

/** Sends bytes as they are and resolves with what comes back until the other side closes or says enough. */
function rawRequest(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let received = '';
    const finish = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.setTimeout(5_000, finish);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      const end = received.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(received)?.[1];
      if (end >= 0 && length !== undefined && Buffer.byteLength(received) >= end + 4 + Number(length)) finish();
    });
    socket.on('close', finish);
    socket.on('error', (error) => (received === '' ? reject(error) : finish()));
  });
}
