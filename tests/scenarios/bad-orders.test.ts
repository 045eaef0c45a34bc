import { beforeAll, describe, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { expectProblem, rawRequest, SCHEMA, VALID_ID, useBadInput } from '#tests/support/bad-input.ts';
import type { Problem } from '#tests/support/views.ts';

/** Orders and bodies of every wrong kind. */

const { system, customerId, given, post, testThatNothingChanged } = useBadInput();
let sku: string;

beforeAll(() => {
  ({ sku } = given());
});

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

const wrong: readonly Wrong[] = [
  // Types
  ['a number as customer', () => ({ customerId: 7 }), ...SCHEMA, '/customerId'],
  ['a customer on two lines', () => ({ customerId: 'a\nb' }), ...SCHEMA, '/customerId'],
  ['a customer without a name', () => ({ customerId: ' ' }), ...SCHEMA, '/customerId'],
  ['a customer of 101 characters', () => ({ customerId: 'x'.repeat(101) }), ...SCHEMA, '/customerId'],
  ['null as customer', () => ({ customerId: null }), ...SCHEMA, '/customerId'],
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

  test('everything wrong at once is reported together, up to a limit', async () => {
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

testThatNothingChanged();
