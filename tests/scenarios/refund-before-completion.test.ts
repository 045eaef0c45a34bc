import { expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** Money given back while the goods are still on their way: the documents say what was really paid. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

test('what is refunded before the order is complete is credited with its invoice', async () => {
  const { api } = system;
  const { id } = await api.placeOrder({ quantity: 3, unitPrice: '10.00' });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  expect((await api.command(id, 'refunds', { amount: '4.50', reason: 'goodwill' })).status).toBe(200);
  await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '4.50');
  const shipment = await api.firstShipment(id);
  await api.dispatch(shipment.id, { carrier: 'DHL', trackingNumber: 'R1' });
  await api.untilStatus(id, 'SHIPPED');
  await api.deliver(shipment.id);
  await api.untilStatus(id, 'COMPLETED');

  const invoice = await api.invoice(id);
  expect(invoice.totalAmount).toBe('30.00');
  // Saved together: nobody ever sees one without the other.
  expect(invoice.creditNotes).toMatchObject([{ amount: '4.50', currency: 'EUR' }]);

  await api.command(id, 'refunds', { amount: '1.50', reason: 'one more' });
  const later = await until('the second credit note', async () => {
    const present = await api.invoice(id);
    return present.creditNotes.length > 1 && present;
  });
  expect(later.creditNotes.map(({ amount }) => amount)).toEqual(['4.50', '1.50']);
  const [charge] = await expectBooksAgree(system, id);
  expect(charge).toMatchObject({ captured: '30.00', refunded: '6.00' });
  const events = await api.events(id);
  expectSoundLog(id, events);
  expect(typesOf(events, 'billing')).toEqual(['InvoiceIssued', 'CreditNoteIssued', 'CreditNoteIssued']);
});

test('what is given back because the order is cancelled is listed, and the customer is notified', async () => {
  const { api } = system;
  const { id } = await api.placeOrder({ unitPrice: '100.00' });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  expect((await api.command(id, 'refunds', { amount: '30.00', reason: 'goodwill' })).status).toBe(200);
  await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '30.00');
  expect((await api.cancel(id, 'found it cheaper')).status).toBe(200);
  const order = await api.untilOrder(id, 'paid back', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
  expect(order).toMatchObject({
    status: 'CANCELLED',
    refundedAmount: '100.00',
    refunds: [
      { amount: '30.00', status: 'DONE' },
      { amount: '70.00', status: 'DONE', cause: 'owed', reason: 'found it cheaper' },
    ],
  });
  const mails = await api.untilNotified(id, 'OrderPaymentRecorded');
  const refunds = mails.filter(({ subject }) => subject.includes('refunded'));
  expect(refunds.map(({ subject }) => /€[\d.]+/.exec(subject)?.[0]).sort()).toEqual(['€30.00', '€70.00']);
  const [charge] = await expectBooksAgree(system, id);
  expect(charge!.refunded).toBe('100.00');
  expectSoundLog(id, await api.events(id));
});
