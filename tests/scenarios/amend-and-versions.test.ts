import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expectSoundLog } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Changes before shipment, and the order as it was at any version or time. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

describe('an amendment', () => {
  test('changes address, contact, reference and metadata, and nothing else', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ reference: 'OLD', requiresReview: true, metadata: { a: 1 } });
    const before = await api.untilStatus(id, 'RESERVED');
    const changes = {
      shippingAddress: { name: 'Grace Hopper', city: 'Arlington' },
      contact: { email: 'grace@example.com' },
      reference: 'NEW-REF',
      metadata: { b: [1, { c: 'é' }] },
    };
    const answer = await api.amend(id, changes);
    expect(answer.status).toBe(200);
    expect(answer.body).toMatchObject({
      ...changes,
      status: 'RESERVED',
      version: before.version + 1,
      totalAmount: before.totalAmount,
    });
    expect(answer.headers['etag']).toBe(`"${before.version + 1}"`);
    // What is stored is what was answered.
    const stored = await api.order(id);
    expect(stored).toMatchObject(changes);
    // Found under the new words and no longer under the old.
    expect((await api.orders(`text=new-ref&customerId=${stored.customerId}`)).items.map((item) => item.id)).toEqual([
      id,
    ]);
    expect(
      (await api.orders(`text=grace@example.com%20hopper&customerId=${stored.customerId}`)).items.map(
        (item) => item.id,
      ),
    ).toEqual([id]);
    expect((await api.orders(`text=old&customerId=${stored.customerId}`)).items).toEqual([]);
    // Later letters go to the new address.
    const review = await api.reviewOf(id);
    await api.decideReview(review.id, 'approve');
    const notified = await api.untilNotified(id, 'OrderPaid');
    expect(notified.find((item) => item.eventType === 'OrderPaid')).toMatchObject({ recipient: 'grace@example.com' });
    expect(notified.find((item) => item.eventType === 'OrderPaid')!.subject).toContain('NEW-REF');
    expectSoundLog(id, await api.events(id));
  });

  test.each([
    [{}, 'VALIDATION_FAILED'],
    [{ items: [] }, 'VALIDATION_FAILED'],
    [{ status: 'COMPLETED' }, 'VALIDATION_FAILED'],
    [{ totalAmount: '0.01' }, 'VALIDATION_FAILED'],
    [{ customerId: '0192f0c1-2a3b-7c4d-8e5f-0123456789ab' }, 'VALIDATION_FAILED'],
    [{ shippingAddress: { planet: 'Mars' } }, 'VALIDATION_FAILED'],
    [{ contact: { email: 'nobody' } }, 'VALIDATION_FAILED'],
    [{ reference: '' }, 'VALIDATION_FAILED'],
    [{ reference: null, items: null }, 'VALIDATION_FAILED'],
    [{ contact: { fax: null } }, 'VALIDATION_FAILED'],
    [{ metadata: Object.fromEntries(Array.from({ length: 51 }, (_, n) => [`k${n}`, n])) }, 'VALIDATION_FAILED'],
  ])('with %j is refused', async (changes, code) => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    const before = await api.untilStatus(id, 'RESERVED');
    const answer = await api.amend(id, changes);
    expect([answer.status, answer.body.code]).toEqual([400, code]);
    expect(await api.order(id)).toEqual(before);
  });

  test('merges: null takes away, and what is not named stays', async () => {
    const { api } = system;
    const { id, customerId } = await api.placeOrder({
      requiresReview: true,
      reference: `OLD-${randomUUID()}`,
      shippingAddress: { name: 'Ada Lovelace', line1: 'Main street 1', city: 'Bonn' },
      contact: { email: 'ada@example.com', phone: '+49 30 1' },
      metadata: { a: 1, gift: { wrap: true, note: 'hi' } },
    });
    await api.untilStatus(id, 'RESERVED');
    const first = await api.amend(id, {
      shippingAddress: { line1: 'Side street 2' },
      contact: { phone: null },
      reference: null,
      metadata: { gift: { note: null }, b: 2 },
    });
    expect(first.status).toBe(200);
    const expected = {
      shippingAddress: { name: 'Ada Lovelace', line1: 'Side street 2', city: 'Bonn' },
      contact: { email: 'ada@example.com' },
      metadata: { a: 1, gift: { wrap: true }, b: 2 },
    };
    for (const order of [first.body, await api.order(id)]) {
      expect(order).toMatchObject(expected);
      expect(order).not.toHaveProperty('reference');
      expect(order.contact).toEqual(expected.contact);
      expect(order.metadata).toEqual(expected.metadata);
    }
    const byText = async (text: string): Promise<number> =>
      (await api.orders(`customerId=${customerId}&text=${encodeURIComponent(text)}`)).items.length;
    expect([await byText('ada@example.com'), await byText('30'), await byText('lovelace')]).toEqual([1, 0, 1]);
    // By the name that RFC 7396 gives it, too.
    const headers = { 'content-type': 'application/merge-patch+json' };
    expect((await api.amend(id, { contact: null, metadata: null }, { headers })).status).toBe(200);
    const bare = await api.order(id);
    expect(bare).not.toHaveProperty('contact');
    expect(bare.metadata).toEqual({});
    // Nobody is left to write to.
    await api.decideReview((await api.reviewOf(id)).id, 'approve');
    const notified = await api.untilNotified(id, 'OrderPaid');
    expect(notified.find((item) => item.eventType === 'OrderPaid')).toMatchObject({ channel: 'none' });
    expect(await api.order(id, '?asOf=2')).toMatchObject({ contact: { phone: '+49 30 1' } });
    expectSoundLog(id, await api.events(id));
  });

  test('after shipment is refused', async () => {
    const { api } = system;
    const { id } = await api.placeOrder();
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    expect((await api.amend(id, { reference: 'still possible' })).status).toBe(200);
    const shipment = await api.firstShipment(id);
    await api.dispatch(shipment.id);
    await api.untilStatus(id, 'SHIPPED');
    const late = await api.amend(id, { reference: 'too late' });
    expect([late.status, late.body.code]).toEqual([409, 'ORDER_ALREADY_SHIPPED']);
  });
});

describe('an order as of', () => {
  test('a version or a time is what it was then, rebuilt from its events', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true, reference: 'R1' });
    const reserved = await api.untilStatus(id, 'RESERVED');
    await api.amend(id, { reference: 'R2' });
    await api.command(id, 'hold', { reason: 'wait' });
    await api.cancel(id);
    const now = await api.untilStatus(id, 'CANCELLED');
    const at = (asOf: string | number): Promise<Order> => api.order(id, `?asOf=${encodeURIComponent(asOf)}`);
    expect(await at(1)).toMatchObject({ version: 1, status: 'CREATED', reference: 'R1', holds: [{ type: 'review' }] });
    expect(await at(2)).toEqual(reserved);
    expect(await at(3)).toMatchObject({ version: 3, status: 'RESERVED', reference: 'R2' });
    expect(await at(4)).toMatchObject({ version: 4, holds: [{ type: 'review' }, { type: 'manual' }] });
    expect(await at(now.version)).toEqual(now);
    const own = (await api.events(id)).filter((event) => event.source === '/olms/orders');
    expect(own.map((event) => Number(event.sequence))).toEqual(
      Array.from({ length: now.version }, (_, index) => index + 1),
    );
    expect(await at(own.at(-1)!.time)).toEqual(now);
    expect(await at('2999-01-01T00:00:00Z')).toEqual(now);
    expect(await at('2999-01-01')).toEqual(now);
    const distinct = own.findLast((event) => event.time < own.at(-1)!.time);
    if (distinct) expect((await at(distinct.time)).version).toBe(Number(distinct.sequence));
    // With another offset it is the same moment.
    const shifted = new Date(Date.parse(own.at(-1)!.time) + 7_200_000).toISOString().replace('Z', '+02:00');
    expect(await at(shifted)).toEqual(now);
  });

  test.each([
    ['before it was placed', '2020-01-01T00:00:00Z', 404],
    ['a version it does not have', '99', 404],
    ['version zero', '0', 404],
    ['a word', 'yesterday', 400],
    ['no day of the calendar', '2026-13-45', 400],
    ['a negative version', '-1', 400],
  ])('%s is answered with a problem', async (_what, asOf, status) => {
    const { api } = system;
    const { id } = await api.placeOrder();
    const answer = await api.call<{ code: string }>('GET', `/orders/${id}?asOf=${encodeURIComponent(asOf)}`);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toMatch(/^[A-Z_]+$/);
  });
});

describe('If-Match', () => {
  test('with the present version is obeyed, with another one answered 412 and nothing changes', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    const order = await api.untilStatus(id, 'RESERVED');
    const read = await api.call<Order>('GET', `/orders/${id}`);
    const etag = String(read.headers['etag']);
    expect(etag).toBe(`"${order.version}"`);
    const first = await api.amend(id, { reference: 'one' }, { headers: { 'if-match': etag } });
    expect(first.status).toBe(200);
    const second = await api.amend(id, { reference: 'two' }, { headers: { 'if-match': etag } });
    expect([second.status, second.body.code]).toEqual([412, 'VERSION_MISMATCH']);
    expect((await api.order(id)).reference).toBe('one');
    const cancel = await api.cancel(id, 'no', { headers: { 'if-match': '"1"' } });
    expect([cancel.status, cancel.body.code]).toEqual([412, 'VERSION_MISMATCH']);
    expect((await api.order(id)).status).toBe('RESERVED');
    expect((await api.amend(id, { reference: 'three' }, { headers: { 'if-match': '*' } })).status).toBe(200);
    const nonsense = await api.amend(id, { reference: 'four' }, { headers: { 'if-match': 'latest' } });
    expect([nonsense.status, nonsense.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    // Weak tags never match strongly, but the version they name is the same.
    const weak = await api.amend(
      id,
      { reference: 'five' },
      { headers: { 'if-match': `W/${String(first.headers['etag'])}` } },
    );
    expect(weak.status).toBe(412);
  });

  test('lets one of twenty concurrent changes win', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    const { version } = await api.untilStatus(id, 'RESERVED');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        api.amend(id, { reference: `r${index}` }, { headers: { 'if-match': `"${version}"` } }),
      ),
    );
    const won = answers.filter((answer) => answer.status === 200);
    expect(won).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 412)).toHaveLength(19);
    expect((await api.order(id)).reference).toBe(won[0]!.body.reference);
  });

  test('and If-None-Match spare the body of an order that did not change', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const read = await api.call('GET', `/orders/${id}`);
    const etag = String(read.headers['etag']);
    const same = await api.call('GET', `/orders/${id}`, { headers: { 'if-none-match': etag } });
    expect([same.status, same.text]).toEqual([304, '']);
    await api.amend(id, { reference: 'changed' });
    await until(
      'another tag',
      async () => (await api.call('GET', `/orders/${id}`, { headers: { 'if-none-match': etag } })).status === 200,
    );
  });
});
