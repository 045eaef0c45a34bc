import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Problem } from '#tests/support/views.ts';

/** What a command would do is said by what decides on the command: the forecast is what then happens, and changes nothing. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

interface Forecast {
  readonly version: number;
  readonly events: readonly string[];
  readonly after: Order;
  readonly ifStopped?: Order;
}
const forecast = (id: string, action: string, given: object = {}, more: object = {}): Promise<Forecast> =>
  system.api.ok<Forecast>('POST', `/orders/${id}/forecast`, { body: { action, arguments: given, ...more } });

async function ready(): Promise<Order> {
  const { api } = system;
  const sku = await api.product(100);
  const { id } = await api.placeOrder({ sku, quantity: 3 });
  return api.untilStatus(id, 'READY_FOR_SHIPMENT');
}

test('a refund is what its forecast said, to the cent, and the forecast changed nothing', async () => {
  const { api } = system;
  const order = await ready();
  const given = { lines: [{ line: 1, quantity: 1 }], reason: 'a scratch' };
  const { version, events, after } = await forecast(order.id, 'requestRefund', given);
  expect([version, events]).toEqual([order.version, ['OrderRefundRequested']]);
  expect(await api.order(order.id)).toEqual(order);
  const done = await api.ok<Order>('POST', `/orders/${order.id}/refunds`, { body: given, key: randomUUID() });
  expect(after.refunds.map(({ amount }) => amount)).toEqual(done.refunds.map(({ amount }) => amount));
  expect(after.refunds).toHaveLength(1);
});

test('items that the warehouse has are forecast as asked for, and as they are if it can stop them', async () => {
  const order = await ready();
  const given = { items: [{ line: 1, quantity: 1 }], reason: 'one too many' };
  const { after, ifStopped } = await forecast(order.id, 'cancelItems', given);
  expect(after.totalAmount).toBe(order.totalAmount);
  const { body: changed } = await system.api.command(order.id, 'cancellations', given);
  expect(ifStopped?.totalAmount).toBe(changed.totalAmount);
  expect(ifStopped?.refunds.map(({ amount }) => amount)).toEqual(changed.refunds.map(({ amount }) => amount));
  expect(changed.refunds).toHaveLength(1);
});

test('a cancellation of what the warehouse has is cancelled only if it can stop it', async () => {
  const order = await ready();
  const { after, ifStopped } = await forecast(order.id, 'cancel');
  expect([after.status, ifStopped?.status]).toEqual(['READY_FOR_SHIPMENT', 'CANCELLED']);
});

test('what is refused is refused as the command is', async () => {
  const order = await ready();
  const refusal = async (action: string, given: object): Promise<readonly unknown[]> => {
    const { status, body } = await system.api.call<Problem>('POST', `/orders/${order.id}/forecast`, {
      body: { action, arguments: given },
    });
    return [status, body.code, body.errors?.[0]?.pointer];
  };
  expect(await refusal('complete', {})).toEqual([409, 'ACTION_NOT_ALLOWED', undefined]);
  expect(await refusal('requestRefund', { amount: '1000000.00', reason: 'x' })).toEqual([
    409,
    'REFUND_EXCEEDS_CAPTURED',
    undefined,
  ]);
  expect(await refusal('requestRefund', { amount: '0.001', reason: 'x' })).toEqual([422, 'AMOUNT_INVALID', '/amount']);
  expect(await refusal('hold', { reason: '' })).toEqual([400, 'VALIDATION_FAILED', '/arguments/reason']);
  expect(await refusal('hold', { reason: 'x', until: 'y' })).toEqual([400, 'VALIDATION_FAILED', '/arguments/until']);
  const { status, body } = await system.api.call<Problem>('POST', `/orders/${randomUUID()}/forecast`, {
    body: { action: 'cancel' },
  });
  expect([status, body.code]).toEqual([404, 'ORDER_NOT_FOUND']);
});
