import { expect, test } from 'vitest';
import type { Invoice } from '#billing/rules.ts';
import { numbersFor } from './to-mail.ts';

const note = (number: string, refundId: string, issuedAt: string) => ({ number, refundId, amount: '1.00', issuedAt });
const invoice: Invoice = {
  number: 'INV-1',
  issuedAt: 'T1',
  currency: 'EUR',
  totalAmount: '10.00',
  items: [],
  creditNotes: [note('CRN-1', 'r-1', 'T1'), note('CRN-2', 'r-2', 'T2')],
};
const part = { number: 'INV-2', issuedAt: 'T2', totalAmount: '5.00', items: [] };
const parcels: Invoice = { ...invoice, shipmentId: 's-1', further: [{ ...part, shipmentId: 's-2' }] };
const withRest: Invoice = { ...parcels, further: [...parcels.further!, { ...part, number: 'INV-3', issuedAt: 'T3' }] };

test.each([
  ['the end of an order: its invoice, and what was refunded before', invoice, {}, ['INV-1', 'CRN-1'], false],
  ['the end of an order that is not invoiced yet', undefined, {}, [], true],
  ['the end of an order whose parcels were invoiced', parcels, {}, [], false],
  ['the end of an order with a rest beside its parcels', withRest, {}, ['INV-3'], false],
  ['the first parcel', parcels, { shipmentId: 's-1' }, ['INV-1'], false],
  ['a later parcel', parcels, { shipmentId: 's-2' }, ['INV-2'], false],
  ['a parcel that is not invoiced yet', parcels, { shipmentId: 's-3' }, [], true],
  ['a refund', invoice, { refundId: 'r-2' }, ['CRN-2'], false],
  ['a refund that is not credited yet', invoice, { refundId: 'r-3' }, [], true],
  ['a refund before the invoice', undefined, { refundId: 'r-1' }, [], false],
])('a mail about %s', (_what, of, wish, numbers, awaited) => {
  expect(numbersFor(of, wish)).toEqual({ numbers, awaited });
});
