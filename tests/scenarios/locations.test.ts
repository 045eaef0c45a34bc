import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Answer } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Page, Problem } from '#tests/support/views.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** A place for stock is made on purpose: a misspelt one is refused, and nothing is promised to be where nothing can be. */

const system = useSystem();

const put = (name: string, key?: string): Promise<Answer<{ name: string; createdAt: string }>> =>
  system.api.call('PUT', `/locations/${name}`, { body: {}, key });
const adjust = (body: object): Promise<Answer<Problem>> =>
  system.api.call('POST', '/stock/adjustments', { body: { reason: 'test', ...body }, key: randomUUID() });

/** An order that has been shipped and delivered whole, with a return of all of it on its way. */
async function returning(sku: string, quantity: number): Promise<{ order: Order; receive: string }> {
  const { api } = system;
  const { id } = await api.placeOrder({ sku, quantity });
  await api.untilStatus(id, 'COMPLETED');
  const order = (await api.command(id, 'returns', { reason: 'too small' })).body;
  return { order, receive: `returns/${order.returns[0]!.returnId}/receive` };
}

describe('a location', () => {
  test('is made once, with or without a body, and listed; main is there from the beginning', async () => {
    const { api } = system;
    const name = `Store.${randomUUID().slice(0, 8)}`;
    const first = await put(name);
    expect([first.status, first.body.name]).toEqual([201, name]);
    const again = await api.call('PUT', `/locations/${name}`);
    expect([again.status, again.body]).toEqual([200, first.body]);
    const key = randomUUID();
    const other = `${name}-2`;
    const [one, two] = [await put(other, key), await put(other, key)];
    // The repeat of a request is answered like the request, although the place is there by then.
    expect([one.status, two.status]).toEqual([201, 201]);
    expect(two.body).toEqual(one.body);
    const names: string[] = [];
    for (let cursor = ''; ;) {
      const page = await api.get<Page<{ name: string }>>(`/locations?limit=1${cursor}`);
      names.push(...page.items.map((item) => item.name));
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(['main', name, other]));
  });

  test.each(['a b', 'a%2Fb', `${'x'.repeat(51)}`, '%00'])('is not called %j', async (name) => {
    const answer = await system.api.call<Problem>('PUT', `/locations/${encodeURI(name)}`, { body: {} });
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});

describe('stock at a location that does not exist', () => {
  test('is refused, and no such location comes into being', async () => {
    const { api } = system;
    const sku = await api.product(1);
    const refused = await adjust({ sku, location: 'mian', delta: 5 });
    expect([refused.status, refused.body.code]).toEqual([422, 'LOCATION_UNKNOWN']);
    expect(refused.body.detail).toContain('PUT /locations/{name}');
    expect(refused.body.errors).toEqual([{ pointer: '/location', detail: 'names no location' }]);
    expect((await api.stock(sku)).locations.map(({ location }) => location)).toEqual(['main']);
    expect((await put('mian')).status).toBe(201);
    expect((await adjust({ sku, location: 'mian', delta: 5 })).status).toBe(201);
    await untilLike(() => api.stock(sku), { onHand: 6 });
  });

  test('cannot come from a return either: it is refused before the receipt is accepted', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const { order, receive } = await returning(sku, 2);
    const before = await api.order(order.id);
    const refused = await api.command(order.id, receive, { location: 'nowhere' });
    expect([refused.status, refused.body.code]).toEqual([422, 'LOCATION_UNKNOWN']);
    expect(await api.order(order.id)).toEqual(before);
    expect((await api.command(order.id, receive, {})).status).toBe(200);
    await expect.poll(async () => (await api.stock(sku)).onHand).toBe(2);
  });
});

describe('more pieces than can be counted', () => {
  test('are refused with what is possible, also by many at the same time', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const answers = await Promise.all(Array.from({ length: 5 }, () => adjust({ sku, delta: 1_000_000_000 })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 422, 422, 422]);
    const refused = answers.find(({ status }) => status === 422)!.body;
    expect(refused.code).toBe('STOCK_TOO_LARGE');
    expect(refused.detail).toContain('2000000000');
    await untilLike(() => api.stock(sku), { onHand: 2_000_000_000 });
    expect((await adjust({ sku, onHand: 7 })).status).toBe(201);
    await untilLike(() => api.stock(sku), { onHand: 7 });
  });

  test('leave room for what comes back from customers', async () => {
    const { api } = system;
    const sku = await api.product(1_000_000);
    const { order, receive } = await returning(sku, 1_000_000);
    await adjust({ sku, onHand: 1_000_000_000 });
    await adjust({ sku, delta: 1_000_000_000 });
    expect((await api.command(order.id, receive, {})).status).toBe(200);
    await expect.poll(async () => (await api.stock(sku)).onHand, { timeout: 10_000 }).toBe(2_001_000_000);
    expect((await adjust({ sku, delta: 1 })).status).toBe(422);
    expect((await adjust({ sku, delta: -2_000_000 })).status).toBe(201);
  });
});
