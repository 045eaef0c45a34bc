import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Shipment } from '#tests/support/views.ts';

/** A shop that takes the money as the goods leave: with each parcel what it is worth, with the first the shipping. */

const system = useSystem({ env: { PAYMENTS_CAPTURE: 'on_dispatch', SANDBOX_CARRIER_DELAY_MS: 'off' } });

/** An order of 30.00 from `east` and 60.00 from `west`, with 4.00 shipping and 9.40 tax: 33.00, 66.00 and 4.40. */
async function twoParcels(): Promise<{ id: string; east: Shipment; west: Shipment; a: string; b: string }> {
  const { api } = system;
  const [a, b] = [await api.product({ east: 5 }), await api.product({ west: 5 })];
  const { id, totalAmount } = await api.placeOrder({
    items: [
      { sku: a, quantity: 3, unitPrice: '10.00' },
      { sku: b, quantity: 2, unitPrice: '30.00' },
    ],
    taxLines: [{ name: 'VAT', amount: '9.40' }],
    shippingLines: [{ name: 'Parcel', amount: '4.00' }],
  });
  expect(totalAmount).toBe('103.40');
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipments = await until(`both shipments of ${id}`, async () => {
    const found = await api.shipments(id);
    return found.length === 2 && found;
  });
  const at = (location: string): Shipment => shipments.find((shipment) => shipment.location === location)!;
  return { id, east: at('east'), west: at('west'), a, b };
}

function untilCaptured(id: string, amount: string): Promise<Order> {
  return system.api.untilOrder(id, `captured ${amount}`, ({ capturedAmount }) => capturedAmount === amount);
}

async function sendBack(id: string, items: readonly { sku: string; quantity: number }[]): Promise<Order> {
  const { api } = system;
  const asked = await api.command(id, 'returns', { items, reason: 'too small' });
  expect(asked.status).toBe(200);
  const received = await api.command(id, `returns/${asked.body.returns.at(-1)!.returnId}/receive`);
  expect(received.status).toBe(200);
  return received.body;
}

function untilRefunded(id: string, amount: string): Promise<Order> {
  return system.api.untilOrder(id, `refunded ${amount}`, ({ refundedAmount }) => refundedAmount === amount);
}

describe('each parcel', () => {
  test('is captured as it leaves; the order is CAPTURED with the last', async () => {
    const { api } = system;
    const { id, east, west } = await twoParcels();
    await api.dispatch(east.id);
    const partly = await untilCaptured(id, '37.40');
    expect(partly).toMatchObject({ status: 'PARTIALLY_SHIPPED', paymentStatus: 'AUTHORIZED' });
    expect(partly.shipments[0]!.amount).toBe('37.40');
    expect(await expectBooksAgree(system, id)).toMatchObject([
      { authorized: '103.40', captured: '37.40', voided: '0.00' },
    ]);
    await api.dispatch(west.id);
    expect(await untilCaptured(id, '103.40')).toMatchObject({ paymentStatus: 'CAPTURED' });
    await api.deliver(east.id);
    await api.deliver(west.id);
    await api.untilStatus(id, 'COMPLETED');
    expect(await expectBooksAgree(system, id)).toMatchObject([
      { captured: '103.40', voided: '0.00', refunded: '0.00' },
    ]);
    expect((await api.invoice(id)).totalAmount).toBe('103.40');
    const events = await api.events(id);
    expectSoundLog(id, events);
    expect(typesOf(events, 'payments').filter((type) => type === 'PaymentCaptured')).toHaveLength(2);
  });

  test('that comes back before the other has left is refunded, and the other still captured', async () => {
    const { api } = system;
    const { id, east, west, a } = await twoParcels();
    await api.dispatch(east.id);
    await untilCaptured(id, '37.40');
    await sendBack(id, [{ sku: a, quantity: 3 }]);
    await untilRefunded(id, '33.00');
    await api.dispatch(west.id);
    expect(await untilCaptured(id, '103.40')).toMatchObject({ paymentStatus: 'PARTIALLY_REFUNDED' });
    await api.deliver(east.id);
    await api.deliver(west.id);
    await api.untilStatus(id, 'COMPLETED');
    expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '103.40', refunded: '33.00' }]);
    const invoice = await api.invoice(id);
    expect([invoice.totalAmount, invoice.creditNotes.map(({ amount }) => amount)]).toEqual(['103.40', ['33.00']]);
    expectSoundLog(id, await api.events(id));
  });

  test('that comes back before its capture came through is refunded once it did', async () => {
    const { api, provider } = system;
    const { id, east, west, a, b } = await twoParcels();
    await provider.outage(true);
    try {
      await api.dispatch(east.id);
      await api.untilStatus(id, 'PARTIALLY_SHIPPED');
      const received = await sendBack(id, [{ sku: a, quantity: 2 }]);
      expect(received).toMatchObject({ capturedAmount: '0.00', refunds: [] });
    } finally {
      await provider.outage(false);
    }
    await untilRefunded(id, '22.00');
    await api.dispatch(west.id);
    await untilCaptured(id, '103.40');
    // Everything back: what is left of the money, shipping included.
    await sendBack(id, [
      { sku: a, quantity: 1 },
      { sku: b, quantity: 2 },
    ]);
    expect(await untilRefunded(id, '103.40')).toMatchObject({ paymentStatus: 'REFUNDED' });
    const [charge] = await expectBooksAgree(system, id);
    expect(charge).toMatchObject({ captured: '103.40', refunded: '103.40', voided: '0.00' });
  });

  test('is all there is to pay where the rest is cancelled: what was held for it is voided', async () => {
    const { api } = system;
    const { id, east, a } = await twoParcels();
    await api.dispatch(east.id);
    await untilCaptured(id, '37.40');
    await sendBack(id, [{ sku: a, quantity: 3 }]);
    await untilRefunded(id, '33.00');
    expect([200, 202]).toContain((await api.command(id, 'cancellations', { reason: 'the rest too' })).status);
    // With the rest nothing of the order is left: shipping is given back as well.
    const order = await untilRefunded(id, '37.40');
    expect(order).toMatchObject({ totalAmount: '37.40', capturedAmount: '37.40' });
    await api.deliver(east.id);
    await api.untilStatus(id, 'COMPLETED');
    await api.untilOrder(id, 'settled', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect(await expectBooksAgree(system, id)).toMatchObject([
      { authorized: '103.40', captured: '37.40', refunded: '37.40', voided: '66.00' },
    ]);
    const invoice = await until('both credit notes', async () => {
      const present = await api.invoice(id);
      return present.creditNotes.length === 2 && present;
    });
    expect([invoice.totalAmount, invoice.creditNotes.map(({ amount }) => amount)]).toEqual([
      '37.40',
      ['33.00', '4.40'],
    ]);
    expectSoundLog(id, await api.events(id));
  });
});
