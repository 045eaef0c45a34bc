import { formatAmount, lineAmount, sumOf } from '#contracts/money.ts';
import type { OrderRequest } from '#orders/rules/placement.ts';
import type { Random } from './random.ts';

/** What customers order: lines, prices, charges, in currencies with none, two and three decimals. */

const TOKENS = [
  'tok_approve',
  'tok_approve',
  'tok_approve',
  'tok_approve',
  'tok_decline',
  'tok_timeout',
  'tok_lost_reply',
  'tok_flaky',
  'tok_pending',
  'tok_pending',
  'tok_pending_declined',
];
const CURRENCIES = ['EUR', 'EUR', 'JPY', 'KWD'] as const;
const PRICES = ['0.00', '1', '9.95', '0.0375', '1499.5'] as const;
/** Prices of which a few pieces are worth more or less than so many times one of them. */
const UNEVEN_PRICES = ['0.3350', '3.3333', '0.0001', '10', '0.00', '7.45', '23.90', '299.6667'] as const;

export function drawnRequest(random: Random, skus: readonly string[], newId: () => string): OrderRequest {
  const currency = random.pick(CURRENCIES);
  const items = Array.from({ length: random.between(1, 2) }, () => {
    const sku = random.pick(skus);
    const unitPrice = random.pick(PRICES);
    return { sku, quantity: random.between(1, 3), unitPrice };
  });
  const zero = formatAmount(0n, currency);
  return {
    customerId: newId(),
    currency,
    items,
    payment: { token: random.pick(TOKENS), ...(random.chance(0.02) && { provider: 'unheard-of' }) },
    ...(random.chance(0.25) && { requiresReview: true }),
    ...(random.chance(0.3) && { allowBackorder: true }),
    ...(random.chance(0.2) && {
      discountLines: [{ amount: zero }],
      shippingLines: [{ amount: formatAmount(BigInt(random.below(500)), currency) }],
    }),
    ...(random.chance(0.8) && {
      contact: { email: 'a@example.com', ...(random.chance(0.3) && { phone: '+49 30 1' }) },
    }),
    ...(random.chance(0.2) && { reference: 'PO-1', shippingAddress: { city: 'Berlin' } }),
  };
}

const RATES = ['0', '5.5', '7', '19', '20', '33.3333'] as const;

/** The request with uneven prices, several lines of one SKU, and charges of every kind: discounts beyond the goods, too. */
export function varied(request: OrderRequest, random: Random): OrderRequest {
  const { currency } = request;
  const items = request.items.map((item) => ({
    ...item,
    quantity: random.between(1, 7),
    unitPrice: random.pick(UNEVEN_PRICES),
  }));
  for (let n = random.below(3); n > 0; n--) {
    const item = random.pick(items);
    items.push({ ...item, quantity: random.between(1, 5), unitPrice: random.pick(UNEVEN_PRICES) });
  }
  const goods = items.reduce((sum, { quantity, unitPrice }) => sum + lineAmount(quantity, unitPrice, currency)!, 0n);
  const lines = (most: bigint, count: number): { amount: string }[] =>
    Array.from({ length: count }, () => ({ amount: formatAmount(BigInt(random.below(Number(most) + 1)), currency) }));
  const isRated = random.chance(0.4);
  const rate = (): object => (isRated ? { taxRate: random.pick(RATES) } : {});
  const taxLines = !isRated && random.chance(0.5) ? lines(goods / 4n + 3n, random.between(1, 2)) : [];
  const shippingLines = random.chance(0.5)
    ? lines(700n, random.between(1, 2)).map((line) => ({ ...line, ...rate() }))
    : [];
  const charges = sumOf([...taxLines, ...shippingLines], currency);
  // By rates, what is left after the discounts is taxed, and no less than nothing.
  const off = random.chance(0.1) ? goods + charges : goods;
  const discountLines = random.chance(0.5) ? lines(random.chance(0.2) ? off : off / 3n, 1) : [];
  const { discountLines: _discounts, shippingLines: _shipping, ...rest } = request;
  return {
    ...rest,
    items: items.map((item) => ({ ...item, ...rate() })),
    ...(isRated && random.chance(0.5) && { pricesIncludeTax: true }),
    ...(taxLines.length > 0 && { taxLines }),
    ...(shippingLines.length > 0 && { shippingLines }),
    ...(discountLines.length > 0 && { discountLines }),
  };
}
