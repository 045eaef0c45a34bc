import { describe, expect, test } from 'vitest';
import type { FileOrder } from './group.ts';
import { LAYOUTS } from './layouts.ts';
import { keyOf, type OrderToSend, requestOf, type RequestSettings, uuidOf } from './request.ts';

const [retail, shopify] = LAYOUTS as [(typeof LAYOUTS)[number], (typeof LAYOUTS)[number]];
const settings: RequestSettings = {
  layout: retail,
  source: 'online-retail',
  channel: 'web',
  payment: { token: 'tok_approve' },
};
const shop: RequestSettings = { ...settings, layout: shopify, source: 'shopify' };

function order(values: FileOrder['values'] = {}, prices = ['2.50'], invoice = '1'): FileOrder {
  const lines = prices.map((unitPrice, index) => ({
    line: index + 2,
    sku: `S${index}`,
    name: undefined,
    quantity: 1,
    unitPrice,
  }));
  return { invoice, lines, refused: [], values };
}

function sent(from: FileOrder, by = settings): OrderToSend {
  const request = requestOf(from, by);
  if (typeof request === 'string') throw new Error(request);
  return request;
}

describe('the request for an order', () => {
  test('is the same to the byte for the same order', () => {
    const values = { customer: '17850.0', country: 'United Kingdom', date: '2010-12-01 08:26:00' };
    expect(JSON.stringify(sent(order(values)).request)).toBe(JSON.stringify(sent(order({ ...values })).request));
    const { request, key, total, currency } = sent(order(values));
    expect({ key, total, currency }).toEqual({ key: 'online-retail:1', total: 250n, currency: 'GBP' });
    expect(request).toMatchObject({
      customerId: uuidOf('online-retail:customer:17850'),
      reference: '1',
      channel: 'web',
      items: [{ sku: 'S0', quantity: 1, unitPrice: '2.50' }],
      shippingAddress: { country: 'United Kingdom' },
      metadata: {
        importedFrom: 'online-retail',
        invoiceDate: '2010-12-01 08:26:00',
        country: 'United Kingdom',
        customerNumber: '17850',
      },
    });
  });

  test('has one customer per customer number, and a guest per invoice', () => {
    const id = (customer: string | undefined, invoice: string): string | undefined =>
      sent(order(customer === undefined ? {} : { customer }, ['1'], invoice)).request.customerId;
    expect(id('7', '1')).toBe(id('7.0', '2'));
    expect(id('7', '1')).not.toBe(id('8', '1'));
    expect(id(undefined, '1')).not.toBe(id(undefined, '2'));
    expect(id(undefined, '1')).toBe(id(undefined, '1'));
    expect(uuidOf('x')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  test('has a printable key for any invoice number, its own for any shop', () => {
    expect(keyOf('shopify', '#1001 ä')).toMatch(/^[\x21-\x7e]+$/);
    expect(keyOf('a', '1')).not.toBe(keyOf('b', '1'));
  });

  test('rounds each line once to the minor unit', () => {
    expect(sent(order({}, ['0.005', '0.005', '0.004'])).total).toBe(2n);
  });

  test.each([
    [order({}, []), settings, 'no_line_left'],
    [order({}, ['1'], 'C1'), settings, 'cancellation'],
    [order({}, ['1'], 'x'.repeat(101)), settings, 'invoice_invalid'],
    [order({}), shop, 'currency_unknown'],
    [order({ currency: 'XXX' }), shop, 'currency_unknown'],
    [order({ currency: 'EUR', cancelledAt: '2026-01-01' }), shop, 'cancelled'],
    [order({ currency: 'EUR', paymentState: 'Refunded' }), shop, 'no_sale'],
    [order({ currency: 'EUR', shipping: 'free' }), shop, 'charge_malformed'],
    [order({ currency: 'EUR', shipping: '4.999' }), shop, 'charge_malformed'],
    [order({ currency: 'EUR', discount: '3' }), shop, 'total_mismatch'],
    [order({ currency: 'EUR', total: '2.51' }), shop, 'total_mismatch'],
    [order({}, ['9999999999999999']), settings, 'amount_too_large'],
  ] as const)('is refused (%#: %s)', (from, by, reason) => {
    expect(requestOf(from, by)).toBe(reason);
  });

  test('adds tax, shipping and discount of a shop that adds tax', () => {
    const { request, total } = sent(
      order({ currency: 'USD', tax: '0.20', shipping: '4.90', discount: '1', total: '6.60' }),
      shop,
    );
    expect(total).toBe(660n);
    expect(request).toMatchObject({
      taxLines: [{ name: 'Tax', amount: '0.20' }],
      shippingLines: [{ name: 'Shipping', amount: '4.90' }],
      discountLines: [{ name: 'Discount', amount: '1.00' }],
    });
  });

  test('does not add a tax that the prices contain', () => {
    const { request, total } = sent(order({ currency: 'EUR', tax: '0.40', shipping: '4.90', total: '7.40' }), shop);
    expect(total).toBe(740n);
    expect(request.taxLines).toBeUndefined();
    expect(request.metadata).toMatchObject({ taxIncluded: '0.40' });
  });

  test('leaves out a contact that nothing could reach, and says so', () => {
    const { request, notes } = sent(
      order({ currency: 'EUR', email: 'a@b.c', phone: "'+49 30 1", postalCode: "'01067", customer: 'A@b.c' }),
      shop,
    );
    expect(request).toMatchObject({
      contact: { email: 'a@b.c', phone: '+49 30 1' },
      shippingAddress: { postalCode: '01067' },
    });
    expect(request.metadata).not.toHaveProperty('customerNumber');
    expect(notes).toEqual([]);
    const bad = sent(order({ currency: 'EUR', email: 'nobody', phone: 'call me' }), shop);
    expect(bad.request.contact).toBeUndefined();
    expect(bad.notes).toEqual(['email_left_out', 'phone_left_out']);
  });
});
