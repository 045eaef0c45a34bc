import { expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** A shop that invoices each parcel as it leaves. */

const system = useSystem({ env: { BILLING_INVOICE_AT: 'dispatch', SANDBOX_CARRIER_DELAY_MS: 'off' } });

test('each parcel gets an invoice of its own, the first with the shipping; together they are the order', async () => {
  const { api } = system;
  const [a, b] = [await api.product({ east: 5 }), await api.product({ west: 5 })];
  const { id } = await api.placeOrder({
    items: [
      { sku: a, quantity: 3, unitPrice: '10.00' },
      { sku: b, quantity: 2, unitPrice: '30.00' },
    ],
    taxLines: [{ name: 'VAT', amount: '9.40' }],
    shippingLines: [{ name: 'Parcel', amount: '4.00' }],
  });
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipments = await until('both shipments', async () => {
    const found = await api.shipments(id);
    return found.length === 2 && found;
  });
  const [east, west] = ['east', 'west'].map((name) => shipments.find(({ location }) => location === name)!);
  await api.dispatch(east!.id);
  const first = await api.invoice(id);
  expect(first).toMatchObject({
    totalAmount: '37.40',
    lines: [{ line: 1, quantity: 3, amount: '30.00' }],
    taxLines: [{ amount: '3.40' }],
    shippingLines: [{ amount: '4.00' }],
  });
  expect(first.furtherInvoices).toBeUndefined();

  const asked = await api.command(id, 'returns', { items: [{ sku: a, quantity: 1 }], reason: 'too small' });
  await api.command(id, `returns/${asked.body.returns[0]!.returnId}/receive`);
  await until('the credit note', async () => (await api.invoice(id)).creditNotes.length === 1);

  await api.dispatch(west!.id);
  await api.deliver(east!.id);
  await api.deliver(west!.id);
  await api.untilStatus(id, 'COMPLETED');
  const invoices = await until('the second invoice', async () => {
    const present = await api.invoice(id);
    return present.furtherInvoices !== undefined && present;
  });
  expect(invoices).toMatchObject({
    invoiceNumber: first.invoiceNumber,
    totalAmount: '37.40',
    creditNotes: [{ amount: '11.00' }],
    furtherInvoices: [
      { shipmentId: west!.id, totalAmount: '66.00', lines: [{ line: 2, quantity: 2, amount: '60.00' }] },
    ],
  });
  expect(await expectBooksAgree(system, id)).toMatchObject([{ captured: '103.40', refunded: '11.00' }]);
  const events = await api.events(id);
  expectSoundLog(id, events);
  expect(typesOf(events, 'billing')).toEqual(['InvoiceIssued', 'CreditNoteIssued', 'InvoiceIssued']);
});
