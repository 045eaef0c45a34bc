import { expect, test } from 'vitest';
import { expectSoundLog } from '#tests/support/events.ts';
import { expectBooksAgree, expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Goods for which all the money went back stay where they are until a person has decided. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

async function refunded(): Promise<{ order: Order; shipmentId: string; sku: string }> {
  const { api } = system;
  const sku = await api.product(1);
  const { id } = await api.placeOrder({ sku, unitPrice: '99.00' });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const { id: shipmentId } = await api.firstShipment(id);
  const asked = await api.command(id, 'refunds', { reason: 'the customer wants it back' });
  expect([asked.status, asked.body.holds]).toMatchObject([200, [{ type: 'refunded', by: 'orders' }]]);
  const order = await api.untilOrder(id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
  await until('shipping to hear of the hold', async () => (await api.firstShipment(id)).paused);
  const late = await api.dispatch(shipmentId);
  expect([late.status, late.body.code]).toEqual([409, 'SHIPMENT_ON_HOLD']);
  return { order, shipmentId, sku };
}

test('a full refund before dispatch stops the goods; whoever releases them sends them', async () => {
  const { api } = system;
  const { order, shipmentId } = await refunded();
  expect(order.status).toBe('READY_FOR_SHIPMENT');
  const released = await api.command(order.id, 'release', { type: 'refunded', reason: 'a present' });
  expect([released.status, released.body.holds]).toEqual([200, []]);
  await until('shipping to hear of the release', async () => !(await api.firstShipment(order.id)).paused);
  expect((await api.dispatch(shipmentId)).status).toBe(200);
  await api.deliver(shipmentId);
  await api.untilStatus(order.id, 'COMPLETED');
  const invoice = await api.invoice(order.id);
  expect(invoice).toMatchObject({ totalAmount: '99.00', creditNotes: [{ amount: '99.00' }] });
  expectSoundLog(order.id, await api.events(order.id));
});

test('cancelling the order ends the hold, and the goods go back to their shelf', async () => {
  const { api } = system;
  const { order, sku } = await refunded();
  expect((await api.cancel(order.id)).body.status).toBe('CANCELLED');
  await until('the goods to be free', async () => (await api.stock(sku)).available === 1);
  await expectNoMoneyHeld(system, order.id);
  expect((await api.order(order.id)).refundedAmount).toBe('99.00');
});

test('a part refunded stops nothing', async () => {
  const { api } = system;
  const { id } = await api.placeOrder({ unitPrice: '99.00' });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const asked = await api.command(id, 'refunds', { amount: '98.99', reason: 'nearly all' });
  expect(asked.body.holds).toEqual([]);
  expect((await api.dispatch((await api.firstShipment(id)).id)).status).toBe(200);
  await expectBooksAgree(system, id);
});
