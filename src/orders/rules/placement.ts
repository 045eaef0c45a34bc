import type { ErrorCode } from '#contracts/errors.ts';
import { currencyExponent, currencyProblem } from '#contracts/currencies.ts';
import {
  AMOUNT_MINOR_MAX,
  formatAmount,
  formatUnitPrice,
  lineAmount,
  parseAmount,
  parseUnitPrice,
  sumOf,
} from '#contracts/money.ts';
import {
  type Address,
  type ChargeLine,
  type Contact,
  type EventData,
  EXTERNAL,
  type OrderItem,
} from '#contracts/order-events.ts';
import { PAYMENT_PROVIDERS } from '#contracts/payment-providers.ts';
import type { Product } from '#contracts/peers.ts';
import { isoTime } from '#contracts/time.ts';
import { isRated, taxed, type TaxRounding } from './taxes.ts';

const RATE_MAX = parseUnitPrice('100')!;

/** What a channel sends to place an order; the shape of `POST /orders`. */
export interface OrderRequest {
  /** None: a guest. */
  readonly customerId?: string;
  readonly currency: string;
  readonly channel?: string;
  readonly reference?: string;
  readonly items: readonly {
    readonly sku?: string;
    readonly productId?: string;
    readonly name?: string;
    readonly quantity: number;
    readonly unitPrice: string;
    readonly taxRate?: string;
    readonly taxExemption?: string;
  }[];
  readonly taxLines?: readonly ChargeLine[];
  readonly discountLines?: readonly ChargeLine[];
  readonly shippingLines?: readonly ChargeLine[];
  readonly pricesIncludeTax?: boolean;
  readonly taxRounding?: TaxRounding;
  readonly totalAmount?: string;
  readonly shippingAddress?: Address;
  readonly billingAddress?: Address;
  readonly locale?: string;
  readonly contact?: Contact;
  readonly payment: { readonly provider?: string; readonly token: string };
  readonly requiresReview?: boolean;
  readonly allowBackorder?: boolean;
  readonly metadata?: Record<string, unknown>;
}

export interface PlacementPolicy {
  readonly createdDeadlineMs: number;
  /** How long a review may take. */
  readonly reviewDeadlineMs: number;
  /** Minor units by currency above which an order is reviewed. */
  readonly reviewTotals: ReadonlyMap<string, bigint>;
  /** Where it is not known which ones are configured. */
  readonly defaultProvider: string;
  /** Payment providers that are configured, the default first; undefined where that is not known. */
  readonly providers?: readonly string[] | undefined;
  /** For orders of a time when they were in use. */
  readonly takesWithdrawnCurrencies?: boolean;
}

export interface PlacementProblem {
  readonly code: ErrorCode;
  readonly pointer: string;
  readonly detail: string;
}

/** Finds a product by SKU or by product id. */
export interface Catalog {
  bySku(sku: string): Product | undefined;
  byId(productId: string): Product | undefined;
}

/** Adds lines up, each in the scale of the currency; a problem where an amount is finer than that. */
function charged(
  lines: readonly ChargeLine[] | undefined,
  name: string,
  currency: string,
  problems: PlacementProblem[],
): { lines?: ChargeLine[]; sum: bigint } {
  let sum = 0n;
  if (!lines) return { sum };
  const scaled = lines.map((line, index) => {
    const amount = parseAmount(line.amount, currency);
    if (amount === undefined || amount < 0n) {
      problems.push({
        code: 'AMOUNT_INVALID',
        pointer: `/${name}/${index}/amount`,
        detail: `is not an amount in ${currency}`,
      });
      return line;
    }
    sum += amount;
    return { ...line, amount: formatAmount(amount, currency) };
  });
  checkSum(sum, `/${name}`, currency, problems);
  return { lines: scaled, sum };
}

/** What adds up may be too much although each part is not. */
function checkSum(sum: bigint, pointer: string, currency: string, problems: PlacementProblem[]): void {
  if (sum > AMOUNT_MINOR_MAX)
    problems.push({
      code: 'AMOUNT_INVALID',
      pointer,
      detail: `add up to more than ${formatAmount(AMOUNT_MINOR_MAX, currency)} ${currency}`,
    });
}

function pricedItems(
  request: OrderRequest,
  catalog: Catalog,
  problems: PlacementProblem[],
): { items: OrderItem[]; sum: bigint } {
  const items: OrderItem[] = [];
  let sum = 0n;
  request.items.forEach((item, index) => {
    const pointer = `/items/${index}`;
    const product = item.sku !== undefined ? catalog.bySku(item.sku) : catalog.byId(item.productId!);
    if (!product)
      return void problems.push({
        code: 'UNKNOWN_SKU',
        pointer: `${pointer}/${item.sku !== undefined ? 'sku' : 'productId'}`,
        detail: 'names no product; create it with PUT /products/{sku} first',
      });
    if (item.productId !== undefined && item.sku !== undefined && product.id !== item.productId) {
      return void problems.push({
        code: 'UNKNOWN_SKU',
        pointer: `${pointer}/productId`,
        detail: `is not the product with SKU ${product.sku}`,
      });
    }
    const unitPrice = formatUnitPrice(item.unitPrice, request.currency);
    const amount = lineAmount(item.quantity, item.unitPrice, request.currency);
    if (unitPrice === undefined || amount === undefined)
      return void problems.push({
        code: 'UNIT_PRICE_INVALID',
        pointer: `${pointer}/unitPrice`,
        detail: 'must be a decimal of at most four decimals, not negative, and not too large',
      });
    sum += amount;
    items.push({
      line: index + 1,
      sku: product.sku,
      name: item.name ?? product.name,
      quantity: item.quantity,
      unitPrice,
      amount: formatAmount(amount, request.currency),
      ...(item.taxRate !== undefined && { taxRate: item.taxRate }),
      ...(item.taxExemption !== undefined && { taxExemption: item.taxExemption }),
    });
  });
  checkSum(sum, '/items', request.currency, problems);
  return { items, sum };
}

/**
 * Prices a request: the data of OrderCreated, or every problem found. Each line is rounded once to the minor
 * unit; the total is the sum of lines, taxes and shipping less discounts, and a total given must equal it.
 */
export function place(
  request: OrderRequest,
  catalog: Catalog,
  policy: PlacementPolicy,
  { nowMs, newId }: { readonly nowMs: number; newId(): string },
): EventData<'OrderCreated'> | readonly PlacementProblem[] {
  const { currency } = request;
  const isKnown = policy.takesWithdrawnCurrencies === true && currencyExponent(currency) !== undefined;
  const unknown = isKnown ? undefined : currencyProblem(currency);
  if (unknown !== undefined) return [{ code: 'UNKNOWN_CURRENCY', pointer: '/currency', detail: unknown }];
  const problems: PlacementProblem[] = [];
  const { items, sum } = pricedItems(request, catalog, problems);
  const given = charged(request.taxLines, 'taxLines', currency, problems);
  const shipping = charged(request.shippingLines, 'shippingLines', currency, problems);
  const discounts = charged(request.discountLines, 'discountLines', currency, problems);
  checkRates(request, problems);
  // What is left after the discounts is taxed, so they cannot be more than that.
  const exceeds = isRated(request) && discounts.sum > sum + shipping.sum;
  const isTaxable = isRated(request) && !exceeds && problems.length === 0;
  const byRate = isTaxable ? taxedByRate(request, items, shipping, discounts) : undefined;
  const taxes = byRate?.taxes ?? given;
  const total = sum + taxes.sum + shipping.sum - discounts.sum;
  if (problems.length === 0) checkSum(total, '', currency, problems);
  const provider = providerOf(request, policy, total, problems);
  checkToken(provider, request.payment.token, total, problems);
  if (total < 0n || exceeds)
    problems.push({ code: 'TOTAL_MISMATCH', pointer: '/discountLines', detail: 'exceed what is ordered' });
  const problem = problems.length === 0 ? checkTotal(request, total) : undefined;
  if (problem) problems.push(problem);
  if (problems.length > 0) return problems;

  const reviewReasons: string[] = [];
  if (request.requiresReview) reviewReasons.push('requested');
  const limit = policy.reviewTotals.get(currency);
  if (limit !== undefined && total > limit)
    reviewReasons.push(`total above ${formatAmount(limit, currency)} ${currency}`);
  const { customerId, reference, shippingAddress, billingAddress, locale, contact, metadata } = request;
  const shippingLines = byRate?.shippingLines ?? shipping.lines;
  return {
    ...(customerId !== undefined && { customerId }),
    currency,
    channel: request.channel ?? 'api',
    ...(reference !== undefined && { reference }),
    items: byRate?.items ?? items,
    ...(taxes.lines && { taxLines: taxes.lines }),
    ...(discounts.lines && { discountLines: discounts.lines }),
    ...(shippingLines && { shippingLines }),
    ...(byRate && request.pricesIncludeTax && { pricesIncludeTax: true }),
    totalAmount: formatAmount(total, currency),
    ...(shippingAddress && { shippingAddress }),
    ...(billingAddress && { billingAddress }),
    ...(locale !== undefined && { locale: locale.replaceAll('_', '-') }),
    ...(contact && { contact }),
    payment: { provider, token: request.payment.token },
    reviewReasons,
    ...(reviewReasons.length > 0 && {
      review: { reviewId: newId(), deadlineAt: isoTime(nowMs + policy.reviewDeadlineMs) },
    }),
    allowBackorder: request.allowBackorder ?? false,
    ...(metadata && { metadata }),
    deadlineAt: isoTime(nowMs + policy.createdDeadlineMs),
  };
}

type Charged = ReturnType<typeof charged>;

/** The lines with the tax that their rates lead to, and what of it is on top. */
function taxedByRate(
  { currency, pricesIncludeTax = false, taxRounding = 'line' }: OrderRequest,
  items: readonly OrderItem[],
  shipping: Charged,
  discounts: Charged,
): { items: OrderItem[]; shippingLines: ChargeLine[] | undefined; taxes: Charged } {
  const priced = { currency, items, shippingLines: shipping.lines, discountLines: discounts.lines, pricesIncludeTax };
  const { taxLines, shippingLines, items: withTax } = taxed(priced, taxRounding);
  const taxes = taxLines.length > 0 ? { lines: taxLines, sum: sumOf(taxLines, currency) } : { sum: 0n };
  return { items: withTax, shippingLines: shipping.lines && shippingLines, taxes };
}

/** Rates are named by every line or by none, and leave no room for a tax that is given beside them. */
function checkRates(request: OrderRequest, problems: PlacementProblem[]): void {
  const { items, shippingLines = [], taxLines, pricesIncludeTax, taxRounding } = request;
  const refuse = (pointer: string, detail: string): void =>
    void problems.push({ code: 'TAX_INVALID', pointer, detail });
  if (!isRated(request)) {
    if (pricesIncludeTax) refuse('/pricesIncludeTax', 'needs a taxRate in every item and shipping line');
    if (taxRounding !== undefined) refuse('/taxRounding', 'needs a taxRate in every item and shipping line');
    items.forEach(({ taxExemption }, index) => {
      if (taxExemption !== undefined) refuse(`/items/${index}/taxExemption`, 'needs the taxRate 0');
    });
    return;
  }
  if (taxLines) refuse('/taxLines', 'cannot stand beside taxRate, by which the tax is computed; give one of them');
  for (const [name, lines] of Object.entries({ items, shippingLines }))
    lines.forEach(({ taxRate, taxExemption }, index) => {
      const rate = taxRate === undefined ? undefined : parseUnitPrice(taxRate);
      if (rate === undefined || rate > RATE_MAX)
        refuse(`/${name}/${index}/taxRate`, 'must be a percentage up to 100, in every item and shipping line');
      else if (taxExemption !== undefined && rate > 0n) refuse(`/${name}/${index}/taxExemption`, 'needs the taxRate 0');
    });
}

/** What an order over a total (minor units) is to be paid with, or why it cannot be. */
export function payable(
  payment: OrderRequest['payment'],
  policy: Pick<PlacementPolicy, 'providers' | 'defaultProvider'>,
  total: bigint,
): { readonly provider: string; readonly token: string } | readonly PlacementProblem[] {
  const problems: PlacementProblem[] = [];
  const provider = providerOf({ payment }, policy, total, problems);
  checkToken(provider, payment.token, total, problems);
  return problems.length > 0 ? problems : { provider, token: payment.token };
}

/** The provider that an order is to be paid with. What costs nothing is never asked of one. */
function providerOf(
  { payment: { provider } }: Pick<OrderRequest, 'payment'>,
  { providers, defaultProvider }: Pick<PlacementPolicy, 'providers' | 'defaultProvider'>,
  total: bigint,
  problems: PlacementProblem[],
): string {
  if (provider === EXTERNAL && !providers?.includes(EXTERNAL)) {
    const detail = 'is kept for orders that another system took; bring those in with POST /orders/imports';
    problems.push({ code: 'UNKNOWN_PROVIDER', pointer: '/payment/provider', detail });
    return defaultProvider;
  }
  if (providers === undefined) return provider ?? defaultProvider;
  if (provider === undefined ? providers.length > 0 || total === 0n : providers.includes(provider))
    return provider ?? providers[0] ?? defaultProvider;
  problems.push({
    code: 'UNKNOWN_PROVIDER',
    pointer: '/payment/provider',
    detail:
      providers.length === 0
        ? 'cannot be chosen, because no payment provider is configured'
        : `is none of the configured payment providers: ${providers.join(', ')}`,
  });
  return defaultProvider;
}

/** A token that another provider made would only be declined once the goods are reserved. */
function checkToken(provider: string, token: string, total: bigint, problems: PlacementProblem[]): void {
  const traits = PAYMENT_PROVIDERS[provider];
  if (total <= 0n || !traits || traits.tokens.test(token) || problems.some(({ code }) => code === 'UNKNOWN_PROVIDER'))
    return;
  const detail = `is no token of the payment provider ${provider}, which takes ${traits.takes}`;
  problems.push({ code: 'PAYMENT_TOKEN_INVALID', pointer: '/payment/token', detail });
}

function checkTotal(request: OrderRequest, total: bigint): PlacementProblem | undefined {
  if (request.totalAmount === undefined) return undefined;
  const given = parseAmount(request.totalAmount, request.currency);
  if (given === undefined)
    return { code: 'AMOUNT_INVALID', pointer: '/totalAmount', detail: `is not an amount in ${request.currency}` };
  if (given === total) return undefined;
  return {
    code: 'TOTAL_MISMATCH',
    pointer: '/totalAmount',
    detail: `is ${request.totalAmount}, the lines add up to ${formatAmount(total, request.currency)}`,
  };
}

/** `EUR:5000,JPY:800000` → minor units by currency; throws on anything else. */
export function parseReviewTotals(text: string): Map<string, bigint> {
  const totals = new Map<string, bigint>();
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    const [currency = '', amount = ''] = pair.trim().split(':');
    const minor = parseAmount(amount, currency);
    if (minor === undefined) throw new Error(`ORDERS_REVIEW_TOTALS: "${pair}" is not CURRENCY:AMOUNT`);
    totals.set(currency, minor);
  }
  return totals;
}
