import { describe, expect, test } from 'vitest';
import { expectSoundLog } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Fewer pieces come back than were to, or in another condition, or none ever: each counts for what it is. */

const system = useSystem({ env: { ORDERS_RETURN_DEADLINE_MS: '4000' } });

async function completed(wishes: Record<string, unknown> = {}): Promise<Order> {
  const { id } = await system.api.placeOrder(wishes);
  return system.api.untilStatus(id, 'COMPLETED');
}

async function returning(order: Order, quantity: number): Promise<string> {
  const items = [{ sku: order.items[0]!.sku, quantity }];
  const { body } = await system.api.command(order.id, 'returns', { items, reason: 'too many' });
  return body.returns.at(-1)!.returnId;
}

const receive = (order: Order, returnId: string, body: object = {}): ReturnType<typeof system.api.command> =>
  system.api.command(order.id, `returns/${returnId}/receive`, body);

const close = (order: Order, returnId: string): ReturnType<typeof system.api.command> =>
  system.api.command(order.id, `returns/${returnId}/close`);

const untilRefunded = (id: string, amount: string): Promise<Order> =>
  system.api.untilOrder(id, `refunded ${amount}`, ({ refundedAmount }) => refundedAmount === amount);

const onHand = async (sku: string, location?: string): Promise<number | undefined> => {
  const stock = await system.api.stock(sku);
  return location === undefined ? stock.onHand : stock.locations.find((one) => one.location === location)?.onHand;
};

describe('of three pieces that were to come back', () => {
  test('the sellable and the damaged one are refunded, the sellable one is on its shelf, the missing one may come later', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const order = await completed({ sku, quantity: 3, unitPrice: '89.99' });
    const returnId = await returning(order, 3);
    const pieces = (['sellable', 'damaged', 'missing'] as const).map((condition) => ({ sku, quantity: 1, condition }));
    const { status, body } = await receive(order, returnId, { items: pieces });
    expect(status).toBe(200);
    expect(body.returns[0]).toMatchObject({
      received: true,
      receipts: [
        { line: 1, condition: 'sellable', disposition: 'restock' },
        { line: 1, condition: 'damaged', disposition: 'hold' },
        { line: 1, condition: 'missing' },
      ],
    });
    expect(body.items[0]).toMatchObject({ returned: 2, allowed: { return: 0 } });
    await untilRefunded(order.id, '179.98');
    await until('the sellable one to be on its shelf', async () => (await onHand(sku)) === 3);
    const closed = await close(order, returnId);
    expect([closed.status, closed.body.items[0]!.allowed.return]).toEqual([200, 1]);
    const again = await close(order, returnId);
    expect([again.status, again.body.code]).toEqual([409, 'RETURN_CLOSED']);
    const late = await receive(order, returnId);
    expect([late.status, late.body.code]).toEqual([409, 'RETURN_CLOSED']);
    const last = await returning(order, 1);
    await receive(order, last);
    await untilRefunded(order.id, '269.97');
    expect(await expectBooksAgree(system, order.id)).toMatchObject([{ captured: '269.97', refunded: '269.97' }]);
    await until('the last one to be on its shelf', async () => (await onHand(sku)) === 4);
    expectSoundLog(order.id, await api.events(order.id));
  });

  test('each may come by itself, by line or by SKU, and never more than was to come', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const order = await completed({ sku, quantity: 3 });
    const returnId = await returning(order, 3);
    const first = await receive(order, returnId, { lines: [{ line: 1, quantity: 1 }] });
    expect(first.body).toMatchObject({ returnStatus: 'REQUESTED', returns: [{ received: false }] });
    for (const items of [[{ sku, quantity: 3 }], [{ sku: 'another', quantity: 1 }], [{ line: 2, quantity: 1 }]]) {
      const more = await receive(order, returnId, { items });
      expect([more.status, more.body.code]).toEqual([409, 'RECEIVED_EXCEEDS_RETURN']);
    }
    await receive(order, returnId, { items: [{ sku, quantity: 1, condition: 'sellable', disposition: 'scrap' }] });
    const last = await receive(order, returnId);
    expect(last.body).toMatchObject({ returnStatus: 'RECEIVED', returns: [{ received: true }] });
    await untilRefunded(order.id, '30.00');
    await until('two of them to be on their shelf', async () => (await onHand(sku)) === 4);
  });

  test('none that comes after its return was ended with the last receipt is received', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const order = await completed({ sku, quantity: 3 });
    const returnId = await returning(order, 3);
    const { body } = await receive(order, returnId, { items: [{ sku, quantity: 1 }], more: false });
    expect(body.returns[0]).toMatchObject({ received: true, closed: true });
    expect(body.items[0]!.allowed.return).toBe(2);
    expect((await receive(order, returnId)).status).toBe(409);
    await untilRefunded(order.id, '10.00');
  });
});

test('goods go back to where they left from', async () => {
  const { api } = system;
  const skus = [await api.product({ east: 1 }), await api.product({ west: 1 })];
  const order = await completed({ items: skus.map((sku) => ({ sku, quantity: 1, unitPrice: '5.00' })) });
  const { body } = await api.command(order.id, 'returns', { reason: 'both' });
  const { returnId } = body.returns[0]!;
  const nowhere = await receive(order, returnId, { location: 'nowhere' });
  expect([nowhere.status, nowhere.body.code]).toEqual([422, 'LOCATION_UNKNOWN']);
  expect((await receive(order, returnId)).status).toBe(200);
  await until('both to be on their shelves', async () => {
    const [east, west] = [await onHand(skus[0]!, 'east'), await onHand(skus[1]!, 'west')];
    return east === 1 && west === 1;
  });
  expect((await api.stock(skus[0]!)).locations.map(({ location }) => location)).toEqual(['east']);
});

test('a return of which nothing ever comes is closed in time, and its pieces may be sent back again', async () => {
  const { api } = system;
  const order = await completed({ quantity: 2 });
  const returnId = await returning(order, 2);
  expect((await api.order(order.id)).items[0]!.allowed.return).toBe(0);
  const closed = await api.untilOrder(order.id, 'rid of its return', ({ returns }) => returns[0]!.closed === true);
  expect(closed).toMatchObject({ returnStatus: 'NONE', refundedAmount: '0.00', status: 'COMPLETED' });
  expect(closed.items[0]!.allowed.return).toBe(2);
  expect((await receive(order, returnId)).body.code).toBe('RETURN_CLOSED');
  const again = await returning(order, 2);
  await receive(order, again);
  await untilRefunded(order.id, '20.00');
});
