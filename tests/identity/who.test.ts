import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { Issuer } from '#tests/support/issuer.ts';
import { startTestSystem, type TestSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { CloudEvent, Order, Page } from '#tests/support/views.ts';

/** Every event and every audit entry says who caused it, by name and kind, whether a program, a person, a customer or a service. */

let issuer: Issuer;
let system: TestSystem;
beforeAll(async () => {
  issuer = await Issuer.start();
  system = await startTestSystem({ env: { ...issuer.env, OIDC_NAME_CLAIM: 'preferred_username' } });
});
afterAll(async () => {
  await system.stop();
  await issuer.stop();
});

type Who = readonly [type: string, authtype: string | undefined, authid: string | undefined];
async function whoDid(orderId: string): Promise<Who[]> {
  const { items } = await system.api.get<Page<CloudEvent>>(`/orders/${orderId}/events`);
  return items.map(({ type, authtype, authid }): Who => [type, authtype, authid]);
}
const person = async (name: string, ...roles: string[]): ReturnType<typeof signedIn> => signedIn(name, roles);
async function signedIn(name: string, roles: string[]): Promise<TestSystem['api']> {
  return system.api.as(await issuer.token({ sub: `u-${name}`, preferred_username: name, roles }));
}

test('an order that a customer places, a person holds and releases, and a program cancels', async () => {
  const sku = await system.api.product();
  await system.api.ok('PUT', `/products/${sku}`, { body: { name: 'Mug', price: '10', currency: 'EUR' } });
  const customer = system.api.as(await issuer.token({ sub: 'c-1', preferred_username: 'Eve', roles: ['customer'] }));
  const { customerId: _customer, ...body } = orderBody({ sku, requiresReview: true });
  const { id } = await customer.ok<Order>('POST', '/orders', { body, key: randomUUID() });
  await system.api.untilStatus(id, 'RESERVED');
  const ada = await person('Ada Lovelace', 'support');
  await ada.ok('POST', `/orders/${id}/hold`, { body: { reason: 'checks' } });
  await ada.ok('POST', `/orders/${id}/release`, { body: {} });
  const name = `shop-${randomUUID().slice(0, 8)}`;
  const { key } = await system.api.ok<{ key: string }>('POST', '/api-keys', { body: { name, role: 'client' } });
  await system.api.as(key).ok('POST', `/orders/${id}/cancel`, { body: {} });
  await system.api.untilStatus(id, 'CANCELLED');
  await until('the goods to be released', async () => (await whoDid(id)).some(([type]) => type === 'StockReleased'));
  const who = await whoDid(id);
  expect(who).toEqual(
    expect.arrayContaining([
      ['OrderCreated', 'app_user', 'Eve'],
      ['StockReserved', 'system', 'inventory'],
      ['OrderReserved', 'system', 'orders'],
      ['OrderHeld', 'user', 'Ada Lovelace'],
      ['OrderReleased', 'user', 'Ada Lovelace'],
      ['OrderCancelled', 'api_key', name],
      ['StockReleased', 'system', 'inventory'],
    ]),
  );
  expect(who.filter(([, authtype, authid]) => authtype === undefined || authid === undefined)).toEqual([]);
  // A customer does not read who works here.
  const own = await customer.call('GET', `/orders/${id}/events`);
  expect(own.text).toContain('OrderHeld');
  expect(own.text).not.toContain('Ada Lovelace');
});

test('what services other than orders are asked for, too', async () => {
  const { id } = await system.api.placeOrder({ sku: await system.api.product(), requiresReview: true });
  const reviewer = await person('Rita', 'reviewer');
  const review = await until(
    'the review',
    async () => (await reviewer.get<Page<{ id: string }>>(`/reviews?orderId=${id}`)).items[0],
  );
  await reviewer.ok('POST', `/reviews/${review.id}/approve`, { body: { reason: 'known' } });
  await system.api.untilStatus(id, 'COMPLETED');
  expect(await whoDid(id)).toEqual(expect.arrayContaining([['ReviewApproved', 'user', 'Rita']]));
});

test('an audit entry says whether a person or a key did it', async () => {
  const sku = `S-${randomUUID().slice(0, 8)}`;
  const operator = await person('Olga', 'operator');
  await operator.ok('PUT', `/products/${sku}`, { body: { name: 'Mug' } });
  const warehouse = await person('Willi', 'warehouse');
  await warehouse.ok('POST', '/stock/adjustments', { body: { sku, delta: 5, reason: 'x' }, key: randomUUID() });
  await system.api.ok('PUT', `/products/${sku}`, { body: { name: 'Cup' } });
  const admin = await person('Anna', 'admin');
  const name = `k-${randomUUID().slice(0, 8)}`;
  await admin.ok('POST', '/api-keys', { body: { name, role: 'support' } });
  await admin.ok('POST', `/api-keys/${name}/rotate`, { body: {} });
  expect((await admin.call('DELETE', `/api-keys/${name}`)).status).toBe(204);
  interface Entry {
    readonly actor: string;
    readonly actorKind: string;
    readonly action: string;
  }
  const entries = async (subject: string): Promise<unknown[]> =>
    (await operator.get<Page<Entry>>(`/audit-entries?subject=${subject}`)).items.map(({ actor, actorKind, action }) => [
      action,
      actorKind,
      actor,
    ]);
  expect(await entries(sku)).toEqual([
    ['product.put', 'key', 'bootstrap'],
    ['stock.adjusted', 'person', 'Willi'],
    ['product.put', 'person', 'Olga'],
  ]);
  expect(await entries(name)).toEqual([
    ['api_key.revoked', 'person', 'Anna'],
    ['api_key.rotated', 'person', 'Anna'],
    ['api_key.created', 'person', 'Anna'],
  ]);
});
