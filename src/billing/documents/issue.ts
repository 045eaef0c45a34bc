import { amountMinor, formatAmount, largestRemainder, parseUnitPrice, part } from '#contracts/money.ts';
import type { LinePart } from '#contracts/order-events.ts';
import { type CreditNote, firstTotal, type FurtherInvoice, type Invoice } from '#billing/rules.ts';
import { countryCodeOf } from '#contracts/countries.ts';
import type { AllowanceOrCharge, Buyer, Document, DocumentLine, Seller, Taxed, TaxOfRate } from './document.ts';
import { isPriceOf, type Sold, taxBeyondRates, type TaxedLine, taxedLines, WHOLE } from './rates.ts';
import { wordsOf } from './words.ts';

/** Documents out of what billing knows of a sale: pure, and the same whenever it is done. Amounts are minor units. */

export interface Issuer {
  readonly seller: Seller;
  /** Language of documents for customers who named none (BCP 47). */
  readonly locale: string;
  /** Why there is no tax in an order that says nothing of tax. */
  readonly exemption: string;
}

/** The invoice of an order, or the one over one of its parcels (`further`). */
export function invoiceDocument(
  orderId: string,
  invoice: Invoice,
  further: FurtherInvoice | undefined,
  issuer: Issuer,
): Document {
  const { currency } = invoice;
  const sold: Sold = further ? { ...further, pricesIncludeTax: invoice.pricesIncludeTax } : invoice;
  const earlier = further ? earlierTotals(invoice, further) : 0n;
  const total = amountMinor(further?.totalAmount ?? firstTotal(invoice), currency);
  const { payment = invoice.payment } = further ?? invoice;
  const paidInAll = payment ? amountMinor(payment.paidAmount, currency) : total;
  const paid = least(greatest(paidInAll - earlier, 0n), total);
  const head = headOf(orderId, invoice, issuer);
  const lines = taxedLines(sold, currency, issuer.exemption);
  return {
    kind: 'invoice',
    number: further?.number ?? invoice.number,
    issuedAt: further?.issuedAt ?? invoice.issuedAt,
    ...head,
    ...((further ?? invoice).shipmentId !== undefined && { shipmentId: (further ?? invoice).shipmentId! }),
    ...contentOf(lines, sold, currency, head.locale, issuer.exemption, paid),
    ...(payment && { payment: { provider: payment.provider } }),
  };
}

/** The credit note over one refund. */
export function creditNoteDocument(orderId: string, invoice: Invoice, note: CreditNote, issuer: Issuer): Document {
  const { currency } = invoice;
  const head = headOf(orderId, invoice, issuer);
  const credited = creditedLines(invoice, note, issuer);
  const total = amountMinor(note.amount, currency);
  const lines = credited.map(({ name, sku, quantity, amount, tax, category, rate }): DocumentLine => {
    const net = formatAmount(amount - tax, currency);
    const gross = invoice.pricesIncludeTax ? { gross: { amount: formatAmount(amount, currency) } } : {};
    return {
      name,
      ...(sku !== undefined && { sku }),
      quantity,
      price: net,
      priceFor: quantity,
      amount: net,
      category,
      rate,
      ...gross,
    };
  });
  return {
    kind: 'credit-note',
    number: note.number,
    issuedAt: note.issuedAt,
    ...head,
    invoices: [invoice, ...(invoice.further ?? [])]
      .filter(({ issuedAt }) => issuedAt <= note.issuedAt)
      .map(({ number, issuedAt }) => ({ number, issuedAt })),
    refundId: note.refundId,
    lines,
    allowances: [],
    charges: [],
    ...sums(
      lines,
      [],
      [],
      credited.map(({ amount, tax, ...rest }) => ({ ...rest, base: amount - tax, tax })),
      currency,
      total,
    ),
    ...(invoice.payment && { payment: { provider: invoice.payment.provider } }),
  };
}

type Head = Pick<Document, 'currency' | 'orderId' | 'seller' | 'buyer'> & { readonly locale: string };

function headOf(orderId: string, invoice: Invoice, { seller, locale }: Issuer): Head & Partial<Document> {
  const { currency, orderNumber, reference, customerId, billingAddress, shippingAddress, pricesIncludeTax } = invoice;
  const fallback = seller.country ?? 'ZZ';
  const buyer: Buyer = {
    ...billingAddress,
    name: billingAddress?.name || billingAddress?.company || customerId || wordsOf(invoice.locale ?? locale).guest,
    countryCode: countryCodeOf(billingAddress?.country) ?? fallback,
    ...(customerId !== undefined && { customerId }),
  };
  return {
    currency,
    locale: invoice.locale ?? locale,
    orderId,
    ...(orderNumber !== undefined && { orderNumber }),
    ...(reference !== undefined && { reference }),
    seller,
    buyer,
    ...(shippingAddress && {
      delivery: { ...shippingAddress, countryCode: countryCodeOf(shippingAddress.country) ?? fallback },
    }),
    ...(pricesIncludeTax && { pricesIncludeTax }),
  };
}

type Content = Pick<Document, 'lines' | 'allowances' | 'charges' | 'taxes' | 'totals'>;

function contentOf(
  taxed: readonly TaxedLine[],
  sold: Sold,
  currency: string,
  locale: string,
  exemption: string,
  paid: bigint,
): Content {
  const words = wordsOf(locale);
  const grossOf = (minor: bigint): { gross?: string } =>
    sold.pricesIncludeTax ? { gross: formatAmount(minor, currency) } : {};
  const lines: DocumentLine[] = [];
  const charges: AllowanceOrCharge[] = [];
  const discounts: (Taxed & { readonly amount: bigint; readonly gross: bigint })[] = [];
  const taxes: TaxPart[] = [];
  for (const one of taxed) {
    const { line, isShipping, category, rate, tax, exemption: reason } = one;
    const { net, discount } = netOf(one, sold.pricesIncludeTax === true);
    const amount = formatAmount(net, currency);
    if (discount > 0n) discounts.push({ category, rate, amount: discount, gross: one.discount });
    taxes.push({ category, rate, base: net - discount, tax, ...(reason !== undefined && { exemption: reason }) });
    if (isShipping || !('sku' in line)) {
      if (net > 0n) charges.push({ name: line.name ?? words.shipping, amount, category, rate, ...grossOf(one.amount) });
      continue;
    }
    const { sku, name = sku, quantity, unitPrice } = line;
    const isPrice = !sold.pricesIncludeTax && isPriceOf(unitPrice, quantity, net, currency);
    const isGrossPrice = isPriceOf(unitPrice, quantity, one.amount, currency);
    lines.push({
      name,
      sku,
      quantity,
      ...(isPrice ? { price: unitPrice, priceFor: 1 } : { price: amount, priceFor: quantity }),
      amount,
      category,
      rate,
      ...(sold.pricesIncludeTax && {
        gross: { ...(isGrossPrice && { unitPrice }), amount: formatAmount(one.amount, currency) },
      }),
    });
  }
  const beyond = taxBeyondRates(taxed, sold, currency);
  if (beyond > 0n) {
    charges.push({ name: words.tax, amount: formatAmount(beyond, currency), category: 'E', rate: '0' });
    taxes.push({ category: 'E', rate: '0', base: beyond, tax: 0n, exemption });
  }
  const allowances = byRate(discounts).map(({ category, rate, all }): AllowanceOrCharge => {
    const name = discountName(sold, words.discount);
    const amount = all.reduce((sum, one) => sum + one.amount, 0n);
    const gross = all.reduce((sum, one) => sum + one.gross, 0n);
    return { name, amount: formatAmount(amount, currency), category, rate, ...grossOf(gross) };
  });
  return { lines, allowances, charges, ...sums(lines, allowances, charges, taxes, currency, paid) };
}

/**
 * A line and its discount without tax. The tax was rounded on what is left after the discount, so that is what counts: the
 * line without discount is worth the same without tax as what is left of it; of one with a discount, the discount is the
 * difference between what the line would be worth and what is left.
 */
function netOf({ amount, discount, tax, rate }: TaxedLine, isInside: boolean): { net: bigint; discount: bigint } {
  if (!isInside) return { net: amount, discount };
  const left = amount - discount - tax;
  if (discount === 0n) return { net: left, discount: 0n };
  const whole = part(amount, WHOLE, WHOLE + parseUnitPrice(rate)!);
  return whole > left ? { net: whole, discount: whole - left } : { net: left, discount: 0n };
}

interface TaxPart extends Taxed {
  readonly base: bigint;
  readonly tax: bigint;
  readonly exemption?: string;
}

/** Sums of lines, allowances and charges, and the tax of each rate. All add up (BR-CO-10 to BR-CO-16). */
function sums(
  lines: readonly DocumentLine[],
  allowances: readonly AllowanceOrCharge[],
  charges: readonly AllowanceOrCharge[],
  parts: readonly TaxPart[],
  currency: string,
  paid: bigint,
): Pick<Document, 'taxes' | 'totals'> {
  const text = (minor: bigint): string => formatAmount(minor, currency);
  const sum = (some: readonly { readonly amount: string }[]): bigint =>
    some.reduce((total, { amount }) => total + amountMinor(amount, currency), 0n);
  const taxes = byRate(parts).map(({ category, rate, all }): TaxOfRate => {
    const exemptions = [...new Set(all.flatMap(({ exemption }) => exemption ?? []))];
    return {
      category,
      rate,
      base: text(all.reduce((total, { base }) => total + base, 0n)),
      tax: text(all.reduce((total, { tax }) => total + tax, 0n)),
      ...(category === 'E' && { exemption: exemptions.join('; ') }),
    };
  });
  const net = sum(lines) - sum(allowances) + sum(charges);
  const tax = parts.reduce((total, one) => total + one.tax, 0n);
  return {
    taxes,
    totals: {
      lines: text(sum(lines)),
      allowances: text(sum(allowances)),
      charges: text(sum(charges)),
      net: text(net),
      tax: text(tax),
      total: text(net + tax),
      paid: text(paid),
      due: text(net + tax - paid),
    },
  };
}

function byRate<Item extends Taxed>(items: readonly Item[]): (Taxed & { readonly all: readonly Item[] })[] {
  const groups = Map.groupBy(items, ({ category, rate }) => `${category} ${rate}`);
  return [...groups.values()].map((all) => ({ category: all[0]!.category, rate: all[0]!.rate, all }));
}

function discountName({ discountLines = [] }: Sold, otherwise: string): string {
  const names = [...new Set(discountLines.flatMap(({ name }) => (name ? [name] : [])))];
  return names.length > 0 ? names.join(', ') : otherwise;
}

interface Credited extends Taxed {
  readonly name: string;
  readonly sku?: string;
  readonly quantity: number;
  /** With tax. */
  readonly amount: bigint;
  readonly tax: bigint;
  readonly exemption?: string;
}

/** What a refund is for: the lines that it names, else a share of every rate that was invoiced. */
function creditedLines(invoice: Invoice, { amount, lines }: CreditNote, { exemption, locale }: Issuer): Credited[] {
  const { currency } = invoice;
  const words = wordsOf(invoice.locale ?? locale);
  const sold = [
    invoice,
    ...(invoice.further ?? []).map((one) => ({ ...one, pricesIncludeTax: invoice.pricesIncludeTax })),
  ];
  const all = sold.flatMap((one) => taxedLines(one, currency, exemption));
  const found = lines?.map((one) => ofPart(one, all, invoice, words.shipping));
  if (found?.every((one) => one !== undefined)) return found;
  const total = amountMinor(amount, currency);
  const rates = byRate(all).map((rate) => {
    const tax = rate.all.reduce((sum, one) => sum + one.tax, 0n);
    const gross = rate.all.reduce(
      (sum, one) => sum + one.amount - one.discount + (invoice.pricesIncludeTax ? 0n : one.tax),
      0n,
    );
    return { ...rate, tax, gross };
  });
  const shares = largestRemainder(
    total,
    rates.map(({ gross }) => gross),
    rates.map(() => 1),
  );
  return rates.flatMap(({ category, rate, tax, gross, all: [first] }, index): Credited[] => {
    if (shares[index] === 0n) return [];
    return [
      {
        name: words.refund,
        quantity: 1,
        amount: shares[index]!,
        tax: gross > 0n ? part(tax, shares[index]!, gross) : 0n,
        category,
        rate,
        ...(first?.exemption !== undefined && { exemption: first.exemption }),
      },
    ];
  });
}

function ofPart(
  { line: number, shipping, quantity = 1, amount, tax = '0' }: LinePart,
  all: readonly TaxedLine[],
  { currency }: Invoice,
  shippingName: string,
): Credited | undefined {
  const taxed =
    number === undefined
      ? all.filter(({ isShipping }) => isShipping)[(shipping ?? 1) - 1]
      : all.find(({ line }) => 'line' in line && line.line === number);
  if (!taxed) return undefined;
  const { line, category, rate, exemption } = taxed;
  const sku = 'sku' in line ? line.sku : undefined;
  return {
    name: line.name ?? sku ?? shippingName,
    ...(sku !== undefined && { sku }),
    quantity,
    amount: amountMinor(amount, currency),
    tax: category === 'S' ? amountMinor(tax, currency) : 0n,
    category,
    rate,
    ...(exemption !== undefined && { exemption }),
  };
}

/** What the invoices before this one add up to. */
function earlierTotals(invoice: Invoice, { number }: FurtherInvoice): bigint {
  const { currency, further = [] } = invoice;
  let sum = amountMinor(firstTotal(invoice), currency);
  for (const one of further) {
    if (one.number === number) break;
    sum += amountMinor(one.totalAmount, currency);
  }
  return sum;
}

const least = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greatest = (a: bigint, b: bigint): bigint => (a > b ? a : b);
