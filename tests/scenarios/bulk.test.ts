import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { BulkForecast, BulkItem, BulkRun, Order } from '#client/types.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** One command to many orders: what it would do, and what it did to each. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off', PAYMENTS_TIMEOUT_MS: '2000' } });
const OPEN = ['RESERVED'];

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Orders that wait for a review, so that nothing else happens to them. */
async function placed(count: number, country: string): Promise<string[]> {
  const shippingAddress = { name: 'Ada', line1: '1 Main St', city: 'Somewhere', postalCode: '1000', country };
  const orders = await Promise.all(
    Array.from({ length: count }, () => system.api.placeOrder({ shippingAddress, requiresReview: true })),
  );
  await until('the orders to be open', async () => {
    const { items } = await system.api.ok<Page<Order>>('GET', `/orders?country=${country}&status=RESERVED&limit=200`);
    return items.length === count;
  });
  return orders.map(({ id }) => id);
}

async function ended(id: string): Promise<BulkRun> {
  return until('the run to end', async () => {
    const run = await system.api.ok<BulkRun>('GET', `/bulk/${id}`);
    return run.status !== 'running' && run;
  });
}

async function itemsOf(id: string, query = ''): Promise<BulkItem[]> {
  const items: BulkItem[] = [];
  for (let cursor = ''; ;) {
    const page = await system.api.ok<Page<BulkItem>>('GET', `/bulk/${id}/items?limit=20${query}${cursor}`);
    items.push(...page.items);
    if (page.nextCursor === null) return items;
    cursor = `&cursor=${page.nextCursor}`;
  }
}

async function heldIn(country: string): Promise<number> {
  const { items } = await system.api.ok<Page<Order>>('GET', `/orders?country=${country}&hold=customs&limit=200`);
  return items.length;
}

describe('a bulk command', { timeout: 60_000 }, () => {
  test('holds 20 of 111 open orders of a country in two calls, of which the first changes nothing', async () => {
    const { api } = system;
    await api.product(500, 'SKU');
    await placed(111, 'IS');
    await placed(3, 'DK');
    const body = {
      command: 'hold',
      arguments: { type: 'customs', reason: 'strike' },
      query: { country: ['IS'], status: OPEN },
      limit: 20,
    };
    const forecast = await api.ok<BulkForecast>('POST', '/bulk', { body: { ...body, dryRun: true } });
    expect(forecast).toMatchObject({ command: 'hold', total: 20, would: 20, refused: 0, refusals: [] });
    expect(forecast.items).toHaveLength(20);
    expect(forecast.items[0]).toMatchObject({ outcome: 'would', events: ['OrderHeld'] });
    expect(await heldIn('IS')).toBe(0);

    const key = randomUUID();
    const begun = await api.call<BulkRun>('POST', '/bulk', { body, key });
    expect(begun.status).toBe(202);
    const run = await ended(begun.body.id);
    expect(run).toMatchObject({ status: 'done', total: 20, done: 20, refused: 0, waiting: 0 });
    expect(await heldIn('IS')).toBe(20);
    expect(await heldIn('DK')).toBe(0);
    // The orders that were foreseen, in the order in which they were placed.
    const items = await itemsOf(run.id);
    expect(items.map(({ orderId }) => orderId)).toEqual(forecast.items.map(({ orderId }) => orderId));

    const repeated = await api.call<BulkRun>('POST', '/bulk', { body, key });
    expect(repeated.body.id).toBe(run.id);
    const all = await api.ok<BulkForecast>('POST', '/bulk', { body: { ...body, limit: 200, dryRun: true } });
    expect(all).toMatchObject({ total: 111, would: 91, refusals: [{ code: 'HOLD_EXISTS', count: 20 }] });
  });

  test('says of each order why it was refused, before and afterwards', async () => {
    const { api } = system;
    await api.product(100, 'SKU');
    const [open, cancelled] = (await placed(2, 'FO')) as [string, string];
    expect((await api.command(cancelled, 'cancel', { reason: 'test' })).status).toBeLessThan(300);
    await api.untilStatus(cancelled, 'CANCELLED');
    const nobody = randomUUID();
    const body = {
      command: 'cancel',
      arguments: { reason: 'recall' },
      ids: [open, cancelled, nobody, open.toUpperCase()],
    };
    const forecast = await api.ok<BulkForecast>('POST', '/bulk', { body: { ...body, dryRun: true } });
    expect(forecast.items.map(({ outcome, code }) => code ?? outcome)).toEqual([
      'would',
      'ORDER_FINAL',
      'ORDER_NOT_FOUND',
    ]);
    const { id } = await api.ok<BulkRun>('POST', '/bulk', { body });
    expect(await ended(id)).toMatchObject({ total: 3, done: 1, refused: 2 });
    const items = await itemsOf(id);
    expect(items.map(({ orderId, outcome, code }) => [orderId, outcome, code])).toEqual([
      [open, 'done', undefined],
      [cancelled, 'refused', 'ORDER_FINAL'],
      [nobody, 'refused', 'ORDER_NOT_FOUND'],
    ]);
    expect(items[1]!.detail).not.toBe('');
    expect(await itemsOf(id, '&outcome=done')).toHaveLength(1);
    await api.untilStatus(open, 'CANCELLED');
  });

  test('tags orders, and ends at once where there are none', async () => {
    const { api } = system;
    await api.product(100, 'SKU');
    const [id] = (await placed(1, 'GL')) as [string];
    const tag = { command: 'tag', arguments: { metadata: { campaign: 'spring' } }, ids: [id] };
    await ended((await api.ok<BulkRun>('POST', '/bulk', { body: tag })).id);
    expect(await api.ok<Order>('GET', `/orders/${id}`)).toMatchObject({ metadata: { campaign: 'spring' } });
    const none = await api.ok<BulkRun>('POST', '/bulk', { body: { command: 'complete', query: { country: ['AQ'] } } });
    expect(none).toMatchObject({ status: 'done', total: 0 });
    const stopped = await api.ok<BulkRun>('POST', `/bulk/${none.id}/stop`, { body: {} });
    expect(stopped.status).toBe('done');
  });

  test('is stopped on its way: what was done stays done, the rest is left', async () => {
    const { api } = system;
    const ids = Array.from({ length: 10_000 }, () => randomUUID());
    const { id } = await api.ok<BulkRun>('POST', '/bulk', {
      body: { command: 'hold', arguments: { reason: 'test' }, ids },
    });
    const stopped = await api.ok<BulkRun>('POST', `/bulk/${id}/stop`, { body: {} });
    expect(stopped).toMatchObject({ status: 'stopped', total: 10_000 });
    // Runs are worked on one after another: once a later one has ended, nothing more is recorded for this one.
    const later = { command: 'hold', arguments: { reason: 'test' }, ids: [randomUUID()] };
    await ended((await api.ok<BulkRun>('POST', '/bulk', { body: later })).id);
    const left = await api.ok<BulkRun>('GET', `/bulk/${id}`);
    expect(left.waiting).toBeGreaterThan(5_000);
    expect(left).toMatchObject({ status: 'stopped', done: 0, refused: 10_000 - left.waiting });
    const again = await api.ok<BulkRun>('POST', `/bulk/${id}/stop`, { body: {} });
    expect(again).toEqual(left);
    const listed = await api.ok<Page<BulkRun>>('GET', '/bulk?status=stopped&limit=1');
    expect(listed).toMatchObject({ items: [left], nextCursor: null });
    const all = await api.ok<Page<BulkRun>>('GET', '/bulk?limit=2');
    expect(all.items[1]).toEqual(left);
    const older = await api.ok<Page<BulkRun>>('GET', `/bulk?limit=2&cursor=${all.nextCursor}`);
    expect(older.items[0]!.id < all.items[1]!.id).toBe(true);
  });

  test('approves reviews and hands parcels over, where other services decide', async () => {
    const { api } = system;
    await api.product(100, 'SKU');
    const reviewed = await Promise.all([1, 2, 3].map(() => api.placeOrder({ requiresReview: true })));
    const ids = reviewed.map(({ id }) => id);
    await Promise.all(ids.map((id) => api.reviewOf(id)));
    const { id: plain } = await api.placeOrder();
    const approve = { command: 'approve', arguments: { reason: 'checked' }, ids: [...ids, plain] };
    const forecast = await api.ok<BulkForecast>('POST', '/bulk', { body: { ...approve, dryRun: true } });
    expect(forecast.items.map(({ outcome, code }) => code ?? outcome)).toEqual([
      'would',
      'would',
      'would',
      'REVIEW_NOT_FOUND',
    ]);
    expect((await api.reviewOf(ids[0]!)).status).toBe('pending');
    const approved = await ended((await api.ok<BulkRun>('POST', '/bulk', { body: approve })).id);
    expect(approved).toMatchObject({ status: 'done', done: 3, refused: 1 });
    await Promise.all(ids.map((id) => api.untilStatus(id, 'READY_FOR_SHIPMENT')));
    await Promise.all(ids.map((id) => api.firstShipment(id)));

    const body = { command: 'dispatch', arguments: { carrier: 'DHL', trackingNumber: 'PALLET-7' }, ids };
    const wouldGo = await api.ok<BulkForecast>('POST', '/bulk', { body: { ...body, dryRun: true } });
    expect(wouldGo).toMatchObject({ would: 3, items: [{ events: ['ShipmentDispatched'] }, {}, {}] });
    const dispatched = await ended((await api.ok<BulkRun>('POST', '/bulk', { body })).id);
    expect(dispatched).toMatchObject({ status: 'done', done: 3, refused: 0 });
    await Promise.all(ids.map((id) => api.untilStatus(id, 'SHIPPED')));
    expect(await api.firstShipment(ids[0]!)).toMatchObject({ carrier: 'DHL', trackingNumber: 'PALLET-7' });
    const again = await ended((await api.ok<BulkRun>('POST', '/bulk', { body })).id);
    expect(again).toMatchObject({ done: 0, refused: 3 });
    expect((await itemsOf(again.id))[0]!.code).toBe('SHIPMENT_NOT_DISPATCHABLE');
  });

  test('hands parcels over under numbers of their own', async () => {
    const { api } = system;
    const orders = await Promise.all([1, 2, 3].map(() => api.placeOrder()));
    const ids = orders.map(({ id }) => id);
    await Promise.all(ids.map((id) => api.untilStatus(id, 'READY_FOR_SHIPMENT')));
    const shipments = await Promise.all(ids.map((id) => api.firstShipment(id)));
    const trackingNumbers = shipments
      .slice(1)
      .map(({ id }, n) => ({ shipmentId: id.toUpperCase(), trackingNumber: `JD-${n}` }));
    const body = { command: 'dispatch', arguments: { carrier: 'DHL', trackingNumbers }, ids };
    const foreseen = await api.ok<BulkForecast>('POST', '/bulk', { body: { ...body, dryRun: true } });
    expect(foreseen).toMatchObject({ would: 2, refused: 1 });
    const run = await ended((await api.ok<BulkRun>('POST', '/bulk', { body })).id);
    expect(run).toMatchObject({ done: 2, refused: 1 });
    const after = await Promise.all(ids.map((id) => api.firstShipment(id)));
    expect(after.map(({ status, trackingNumber }) => [status, trackingNumber])).toEqual([
      ['SCHEDULED', undefined],
      ['DISPATCHED', 'JD-0'],
      ['DISPATCHED', 'JD-1'],
    ]);
    for (const wrong of [{}, { trackingNumber: 'PALLET-7', trackingNumbers }]) {
      const both = { ...body, arguments: { carrier: 'DHL', ...wrong } };
      expect((await api.call<{ code: string }>('POST', '/bulk', { body: both })).body.code).toBe('VALIDATION_FAILED');
    }
  });

  test('needs the permission of its command, too', async () => {
    const { api } = system;
    const { key } = await api.ok<{ key: string }>('POST', '/api-keys', {
      body: { name: `bulk-${randomUUID().slice(0, 8)}`, scopes: ['bulk:run', 'orders:hold'] },
    });
    const caller = api.as(key);
    const hold = { command: 'hold', arguments: { reason: 'x' }, query: { country: ['AQ'] } };
    expect((await caller.call('POST', '/bulk', { body: hold })).status).toBe(202);
    const { status, body } = await caller.call<{ code: string }>('POST', '/bulk', {
      body: { command: 'cancel', query: {} },
    });
    expect([status, body.code]).toEqual([403, 'FORBIDDEN']);
  });

  test.each([
    ['no orders', { command: 'cancel' }, '/query'],
    ['orders in both ways', { command: 'cancel', ids: [randomUUID()], query: {} }, '/query'],
    [
      'an argument that it does not take',
      { command: 'complete', arguments: { reason: 'x' }, query: {} },
      '/arguments/reason',
    ],
    ['no reason for a hold', { command: 'hold', query: {} }, '/arguments/reason'],
    ['an unknown command', { command: 'explode', query: {} }, '/command'],
  ])('with %s is refused, and changes nothing', async (_, body, pointer) => {
    const { status, body: problem } = await system.api.call<{ code: string; errors: { pointer: string }[] }>(
      'POST',
      '/bulk',
      {
        body,
      },
    );
    expect([status, problem.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(problem.errors.map((error) => error.pointer)).toContain(pointer);
  });

  test('a run that is not there is not found', async () => {
    const { status, body } = await system.api.call<{ code: string }>('GET', `/bulk/${randomUUID()}`);
    expect([status, body.code]).toEqual([404, 'NOT_FOUND']);
  });
});
