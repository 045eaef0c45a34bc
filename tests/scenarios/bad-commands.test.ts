import { randomUUID } from 'node:crypto';
import { beforeAll, describe, test } from 'vitest';
import { expectProblem, SCHEMA, VALID_ID, useBadInput } from '#tests/support/bad-input.ts';

/** Commands on orders, products and stock of every wrong kind. */

const { system, given, testThatNothingChanged } = useBadInput();
let sku: string;
let productId: string;
let orderId: string;

beforeAll(() => {
  ({ sku, productId, orderId } = given());
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

testThatNothingChanged();
