import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { burden, units } from '#tests/support/amounts.ts';
import { settledPayment } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';

/** Cancellations at any moment of orders that rush through their life: each ends whole, one way or the other. */

const system = useSystem({ env: { PAYMENTS_CANCEL_SAFETY_MS: '3500' } });

test('a hundred orders are cancelled at a hundred moments, and stock and money add up', async () => {
  const { api, provider } = system;
  const sku = await api.product(1_000);
  const tokens = ['tok_approve', 'tok_approve', 'tok_lost_reply', 'tok_pending', 'tok_decline'];
  const ids = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const { id } = await api.placeOrder({ sku, quantity: 1 + (index % 3), token: tokens[index % tokens.length]! });
      await sleep((index * 7) % 60);
      const answer = await api.cancel(id);
      expect([200, 202, 409], answer.text).toContain(answer.status);
      return id;
    }),
  );
  const orders = await Promise.all(ids.map((id) => api.untilFinal(id, 20_000)));
  await Promise.all(ids.map((id) => settledPayment(system, id)));
  const books = await provider.all();
  let shipped = 0;
  for (const { id, status, items, totalAmount } of orders) {
    const entries = books.filter((entry) => entry.reference === id);
    expect(entries.filter((entry) => entry.status === 'approved').length).toBeLessThanOrEqual(1);
    expect(burden(entries), `${id} ended ${status}`).toBe(status === 'COMPLETED' ? units(totalAmount) : 0n);
    if (status === 'COMPLETED') shipped += items[0]!.quantity;
    expectSoundLog(id, await api.events(id));
  }
  await until('the stock to balance', async () => (await api.stock(sku)).reserved === 0);
  await untilLike(() => api.stock(sku), { onHand: 1_000 - shipped, reserved: 0 });
  const statuses = new Set(orders.map(({ status }) => status));
  expect(statuses).toContain('CANCELLED');
}, 60_000);

test('a charge that comes through after the cancellation is refunded once, and the order shows it', async () => {
  const { api } = system;
  const { id } = await api.placeOrder({ token: 'tok_pending' });
  await api.untilStatus(id, 'PAYMENT_PENDING');
  await api.cancel(id);
  const order = await api.untilOrder(id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
  expect(order.refundedAmount).toBe(order.totalAmount);
  const events = await api.events(id);
  expect(typesOf(events, 'payments').filter((type) => type === 'PaymentRefunded')).toHaveLength(1);
});
