import { expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectBooksAgree, expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';

/** A shop that authorizes when the order is placed and takes the money when the goods leave. */

const system = useSystem({
  env: { PAYMENTS_CAPTURE: 'on_dispatch', SANDBOX_CARRIER_DELAY_MS: 'off', PAYMENTS_CANCEL_SAFETY_MS: '3500' },
});

test('the card is authorized first and charged when everything has left', async () => {
  const { api, provider } = system;
  const { id } = await api.placeOrder({ unitPrice: '25.00' });
  const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  expect(ready.paymentStatus).toBe('AUTHORIZED');
  expect(await provider.of(id)).toMatchObject([{ authorized: '25.00', captured: '0.00' }]);
  const refund = await api.command(id, 'refunds', { amount: '1.00', reason: 'too early' });
  expect([refund.status, refund.body.code]).toEqual([409, 'REFUND_EXCEEDS_CAPTURED']);
  const shipment = await api.firstShipment(id);
  await api.dispatch(shipment.id);
  await api.untilOrder(id, 'captured', ({ paymentStatus }) => paymentStatus === 'CAPTURED');
  expect(await expectBooksAgree(system, id)).toMatchObject([
    { authorized: '25.00', captured: '25.00', voided: '0.00' },
  ]);
  await api.deliver(shipment.id);
  await api.untilStatus(id, 'COMPLETED');
  expectSoundLog(id, await api.events(id));
});

test.each(['tok_approve', 'tok_lost_reply', 'tok_timeout', 'tok_pending'])(
  'a cancelled order (%s) gets its authorization voided, not refunded',
  async (token) => {
    const { api } = system;
    const { id } = await api.placeOrder({ token });
    if (token === 'tok_approve') await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    else await api.untilStatus(id, 'PAYMENT_PENDING');
    expect((await api.cancel(id)).status).toBe(200);
    await api.untilStatus(id, 'CANCELLED');
    await expectNoMoneyHeld(system, id);
    const order = await api.untilOrder(id, 'voided', ({ paymentStatus }) => paymentStatus === 'VOIDED');
    expect(order.refundedAmount).toBe('0.00');
    const types = typesOf(await api.events(id), 'payments');
    expect(types.filter((type) => type === 'PaymentVoided')).toHaveLength(1);
    expect(types).not.toContain('PaymentRefunded');
  },
);
