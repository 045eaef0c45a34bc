import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Answer } from '#tests/support/api.ts';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order, Problem } from '#tests/support/views.ts';

/** An order whose payment was refused keeps its goods for a while and may be paid again; never twice. */

const system = useSystem({ env: { ORDERS_PAY_AGAIN_MS: '6000', PAYMENTS_PROVIDERS: 'sandbox,manual' } });

const payAgain = (id: string, body: object, key: string = randomUUID()): Promise<Answer<Order & Problem>> =>
  system.api.call('POST', `/orders/${id}/payment`, { body, key });

/** An order whose payment was refused just now. */
async function refused(sku: string): Promise<Order> {
  const { id } = await system.api.placeOrder({ sku, quantity: 2, token: 'tok_decline' }, { wait: 10 });
  return system.api.untilOrder(id, 'refused', ({ paymentStatus }) => paymentStatus === 'FAILED');
}

describe('an order whose payment was refused', () => {
  test('keeps its goods, says so, and is paid by another token once', async () => {
    const { api, provider } = system;
    const sku = await api.product(2);
    const order = await refused(sku);
    expect(order).toMatchObject({ status: 'RESERVED', endReason: 'card_declined', payAgainUntil: order.deadlineAt });
    expect(order.allowedActions).toContain('payAgain');
    expect(await api.stock(sku)).toMatchObject({ reserved: 2, available: 0 });
    const key = randomUUID();
    const answers = await Promise.all([1, 2, 3].map(() => payAgain(order.id, { token: 'tok_lost_reply' }, key)));
    for (const { status, body } of answers)
      expect([status, body.id, body.paymentStatus]).toEqual([200, order.id, 'PENDING']);
    expect((await payAgain(order.id, { token: 'tok_approve' })).body.code).toBe('ACTION_NOT_ALLOWED');
    const done = await api.untilStatus(order.id, 'COMPLETED');
    expect([done.payAgainUntil, done.endReason]).toEqual([undefined, undefined]);
    // Who paid again is in the audit, and what it was paid with is not.
    const audit = await api.call('GET', `/audit?orderId=${order.id}`);
    expect(audit.status).toBe(200);
    expect(audit.text).toContain('OrderPaymentRequested');
    expect(audit.text).not.toContain('tok_lost_reply');
    const charges = (await provider.of(order.id)).filter(({ status }) => status === 'approved');
    expect(charges.map(({ captured }) => captured)).toEqual(['20.00']);
    const events = await api.events(order.id);
    expectSoundLog(order.id, events);
    expect(typesOf(events, 'orders').slice(0, 5)).toEqual([
      'OrderCreated',
      'OrderReserved',
      'OrderPaymentRequested',
      'OrderPaymentRefused',
      'OrderPaymentRequested',
    ]);
    expect((await payAgain(order.id, { token: 'tok_approve' })).body.code).toBe('ORDER_FINAL');
  });

  test('is paid by another provider, and what was tried before is shown with who was asked', async () => {
    const { api } = system;
    const order = await refused(await api.product(2));
    for (const [body, code] of [
      [{ provider: 'nobody', token: 'tok_approve' }, 'UNKNOWN_PROVIDER'],
      [{ provider: 'manual', token: 'tok_approve' }, 'PAYMENT_TOKEN_INVALID'],
    ] as const) {
      const answer = await payAgain(order.id, body);
      expect([answer.status, answer.body.code]).toEqual([422, code]);
    }
    expect((await payAgain(order.id, { provider: 'manual', token: 'bank_transfer' })).status).toBe(200);
    expect(await api.untilStatus(order.id, 'PAYMENT_PENDING')).toMatchObject({ payment: { provider: 'manual' } });
    await api.client.recordPayment({ orderId: order.id }, { amount: '20.00', date: '2026-11-28' });
    await api.untilStatus(order.id, 'COMPLETED');
    expect(await api.payment(order.id)).toMatchObject({
      provider: 'manual',
      captured: '20.00',
      operations: [
        { provider: 'sandbox', state: 'failed' },
        { kind: 'charge', state: 'succeeded' },
      ],
    });
  });

  test('ends when the time for it is over, however often it was tried, and gives its goods back', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const order = await refused(sku);
    expect((await payAgain(order.id, { token: 'tok_decline' })).status).toBe(200);
    const again = await api.untilOrder(
      order.id,
      'refused again',
      ({ version, paymentStatus }) => version > order.version + 1 && paymentStatus === 'FAILED',
    );
    // Trying makes it no longer.
    expect(again.payAgainUntil).toBe(order.payAgainUntil);
    expect(await api.untilStatus(order.id, 'PAYMENT_FAILED', 20_000)).toMatchObject({ endReason: 'card_declined' });
    await untilLike(() => api.stock(sku), { reserved: 0, available: 2 });
    expect((await payAgain(order.id, { token: 'tok_approve' })).body.code).toBe('ORDER_FINAL');
    await expectNoMoneyHeld(system, order.id);
  });

  test('waits no more where it is on hold, and is cancelled like any other', async () => {
    const { api } = system;
    const sku = await api.product(2);
    const order = await refused(sku);
    await api.command(order.id, 'hold', { reason: 'asks by phone' });
    const held = await payAgain(order.id, { token: 'tok_approve' });
    expect([held.status, held.body.code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
    expect((await api.cancel(order.id)).status).toBe(200);
    await until('the goods to be back', async () => (await api.stock(sku)).reserved === 0);
    await expectNoMoneyHeld(system, order.id);
  });
});
