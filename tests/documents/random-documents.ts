import { formatAmount, lineAmount } from '#contracts/money.ts';
import { creditNoteDocument, invoiceDocument, type Issuer } from '#billing/documents/issue.ts';
import type { Document } from '#billing/documents/document.ts';
import type { Invoice } from '#billing/rules.ts';
import { created } from '#orders/rules/evolve.ts';
import { type OrderRequest, place } from '#orders/rules/placement.ts';
import { creditedParts } from '#orders/rules/ruler.ts';
import { saleOf, shippedContent, standingContent, totalOf } from '#orders/rules/standing.ts';
import type { Order } from '#orders/rules/state.ts';
import type { Seeded } from '#tests/support/seeded.ts';

/** Documents about orders of chance: placed, shipped, returned and invoiced by the rules of the services. */

export const ISSUER: Issuer = {
  seller: {
    name: 'Mugs & More GmbH',
    street: 'Hauptstraße 1',
    city: 'Berlin',
    postalCode: '10115',
    country: 'DE',
    vatId: 'DE123456789',
    register: 'HRB 12345, Amtsgericht Charlottenburg',
    email: 'shop@example.com',
    phone: '+49 30 123456',
    bank: 'Berliner Bank',
    iban: 'DE02120300000000202051',
    bic: 'BYLADEM1001',
  },
  locale: 'en',
  exemption: 'Small business, no tax is charged',
};

const RATES = ['0', '5.5', '7', '19', '20', '21', '10'] as const;
const PRICES = ['9.95', '0.0375', '1499.5', '0.3350', '3.3333', '10', '7.45', '23.90', '299.6667', '0'] as const;
const CATALOG = { bySku: (sku: string) => ({ id: sku, sku, name: `Mug <${sku}> & saucer` }), byId: () => undefined };
const POLICY = {
  createdDeadlineMs: 1,
  reviewDeadlineMs: 1,
  reviewTotals: new Map<string, bigint>(),
  defaultProvider: 'sandbox',
};
const ADDRESS = {
  name: 'Ada Lovelace',
  line1: '12 St James’s Square',
  city: 'London',
  postalCode: 'SW1Y 4JH',
  country: 'United Kingdom',
};
export const ORDER_ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';

/** The request of an order: with rates or without, in a currency with none, two or three decimals. */
export function randomRequest(random: Seeded, currency: string): OrderRequest {
  const kind = random.pick(['inside', 'on top', 'amounts', 'none'] as const);
  const rate = (): object => {
    if (kind !== 'inside' && kind !== 'on top') return {};
    const taxRate = random.pick(RATES);
    return { taxRate, ...(taxRate === '0' && random.between(0, 1) === 1 && { taxExemption: 'Article 146' }) };
  };
  const items = Array.from({ length: random.between(1, 8) }, (_, index) => ({
    sku: `SKU-${index}`,
    quantity: random.between(1, 9),
    unitPrice: random.pick(PRICES),
    ...rate(),
  }));
  const goods = items.reduce((sum, { quantity, unitPrice }) => sum + lineAmount(quantity, unitPrice, currency)!, 0n);
  const amount = (most: bigint): { amount: string } => ({
    amount: formatAmount(BigInt(random.between(0, Number(most))), currency),
  });
  const has = (): boolean => random.between(0, 1) === 1;
  return {
    currency,
    items,
    payment: { token: 'tok_approve' },
    ...(has() && { shippingLines: [{ name: 'Parcel', ...amount(900n), ...rate() }] }),
    ...(has() && { discountLines: [{ name: 'Welcome', ...amount(has() ? goods : goods / 4n) }] }),
    ...(kind === 'amounts' && { taxLines: [amount(goods / 4n + 1n)] }),
    ...(kind === 'inside' && { pricesIncludeTax: true }),
    ...((kind === 'inside' || kind === 'on top') && has() && { taxRounding: 'rate' as const }),
    ...(has() && { shippingAddress: ADDRESS, billingAddress: { ...ADDRESS, name: 'Accounts & Co' } }),
    locale: random.pick(['en', 'de', 'es', 'ar']),
  };
}

/** The documents of such an order: of the whole, or of its first parcel and the rest; with a credit note or two. */
export function randomDocuments(random: Seeded, currency = random.pick(['EUR', 'EUR', 'JPY', 'KWD'])): Document[] {
  const data = place(randomRequest(random, currency), CATALOG, POLICY, { nowMs: 0, newId: () => ORDER_ID });
  if ('length' in data) return randomDocuments(random, currency);
  const placed: Order = { ...created(data), paymentStatus: 'CAPTURED' };
  const parcel = (items: Order['shipments'][number]['items']): Order['shipments'][number] => ({
    shipmentId: ORDER_ID,
    carrier: 'sandbox',
    trackingNumber: '1',
    delivered: true,
    items,
  });
  const all = placed.items.map(({ sku, quantity }) => ({ sku, quantity }));
  const whole: Order = { ...placed, shipments: [parcel(all)] };
  const issuedAt = '2026-11-22T12:00:00.000Z';
  const first = all
    .map(({ sku, quantity }) => ({ sku, quantity: random.between(0, quantity) }))
    .filter(({ quantity }) => quantity > 0);
  const part: Order = { ...placed, shipments: [parcel(first)] };
  const partContent = first.length > 0 && random.between(0, 2) === 0 ? shippedContent(part, placed) : undefined;
  const content = partContent ?? standingContent(whole);
  const { number: orderNumber, ...sale } = saleOf(whole, content, totalOf(content, currency));
  const invoice: Invoice = {
    ...sale,
    ...(orderNumber !== undefined && { orderNumber }),
    number: 'INV-00000001',
    issuedAt,
    creditNotes: [],
  };
  const line = random.pick(whole.items);
  const lines = creditedParts(whole, [{ line: line.line, quantity: random.between(1, line.quantity) }]);
  const worth = lines.reduce((sum, one) => sum + BigInt(one.amount.replace('.', '')), 0n);
  const notes = [
    ...(worth > 0n && !partContent ? [{ amount: formatAmount(worth, currency), lines }] : []),
    ...(invoice.totalAmount.replace(/[0.]/g, '') === '' ? [] : [{ amount: formatAmount(1n, currency) }]),
  ].map((note, index) => ({ ...note, number: `CRN-0000000${index + 1}`, refundId: ORDER_ID, issuedAt }));
  return [
    invoiceDocument(ORDER_ID, invoice, undefined, ISSUER),
    ...notes.map((note) => creditNoteDocument(ORDER_ID, invoice, note, ISSUER)),
  ];
}
