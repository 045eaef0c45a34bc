import { createHash } from 'node:crypto';
import { uuidOfHex } from '#platform/runtime/uuid.ts';
import { currencyExponent, formatAmount, lineAmount, parseAmount } from '#contracts/money.ts';
import type { Address, Contact } from '#contracts/order-events.ts';
import type { OrderRequest } from '#orders/rules/placement.ts';
import type { FileOrder } from './group.ts';
import type { Field, Layout } from './layouts.ts';
import { amountText, type Reason } from './lines.ts';

/**
 * Turns an order of a file into the request for it. The same file always gives the same requests, to the
 * byte: that is what makes a second import a repetition.
 */

export interface RequestSettings {
  readonly layout: Layout;
  /** First part of every key and id, so that two shops may use the same numbers. */
  readonly source: string;
  readonly currency?: string | undefined;
  readonly channel: string;
  readonly payment: { readonly provider?: string; readonly token: string };
}

export interface OrderToSend {
  readonly invoice: string;
  readonly key: string;
  readonly request: OrderRequest;
  readonly currency: string;
  /** Minor units of the accepted lines and of what the order adds to them. */
  readonly total: bigint;
  readonly notes: readonly string[];
}

const REFERENCE_MAX = 100;
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f]/;
const EMAIL = /^[^\s@]+@[^\s@]+$/;
const EMAIL_MAX = 254;
const PHONE = /^[+0-9() ./-]{3,40}$/;
const ADDRESS_MAX: Readonly<Record<keyof Address, number>> = {
  name: 200,
  company: 200,
  line1: 300,
  line2: 300,
  city: 200,
  region: 200,
  postalCode: 40,
  country: 100,
};

/** A UUID (version 8, RFC 9562) that the same text always gives. */
export function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidOfHex(bytes.toString('hex', 0, 16));
}

/** The idempotency key of an invoice: printable, whatever the number looks like. */
export function keyOf(source: string, invoice: string): string {
  return `${source}:${encodeURIComponent(invoice)}`;
}

/** Spreadsheets mark text that looks like a number with an apostrophe, and number columns end in ".0". */
function plain(text: string | undefined): string | undefined {
  return text?.replace(/^'/, '');
}

/** The request for an order of a file, or why there is none. */
export function requestOf(order: FileOrder, settings: RequestSettings): OrderToSend | Reason {
  const { invoice, values } = order;
  const { layout, source } = settings;
  const noOrder = whyNoOrder(order, layout);
  if (noOrder) return noOrder;
  const currency = (values.currency ?? settings.currency ?? layout.currency ?? '').toUpperCase();
  if (currencyExponent(currency) === undefined) return 'currency_unknown';

  let sum = 0n;
  for (const { quantity, unitPrice } of order.lines) {
    const amount = lineAmount(quantity, unitPrice, currency);
    if (amount === undefined) return 'amount_too_large';
    sum += amount;
  }
  const charges = chargesOf(values, currency, sum);
  if (typeof charges === 'string') return charges;

  const customer = values.customer?.replace(/\.0+$/, '').toLowerCase();
  const guest = customer === undefined || customer === '';
  const notes: string[] = [];
  const contact = contactOf(values, notes);
  const shippingAddress = addressOf(values);
  const metadata: Record<string, unknown> = {
    importedFrom: source,
    ...(values.date !== undefined && { invoiceDate: values.date }),
    ...(values.country !== undefined && { country: values.country }),
    ...(!guest && customer !== values.email?.toLowerCase() && { customerNumber: customer }),
    ...(values.paymentState !== undefined && { paymentState: values.paymentState }),
    ...charges.metadata,
  };
  const request: OrderRequest = {
    customerId: uuidOf(guest ? `${source}:guest:${invoice}` : `${source}:customer:${customer}`),
    currency,
    channel: settings.channel,
    reference: invoice,
    items: order.lines.map(({ sku, name, quantity, unitPrice }) => ({
      sku,
      ...(name !== undefined && { name }),
      quantity,
      unitPrice,
    })),
    ...charges.lines,
    ...(shippingAddress && { shippingAddress }),
    ...(contact && { contact }),
    payment: settings.payment,
    metadata,
  };
  return { invoice, key: keyOf(source, invoice), request, currency, total: sum + charges.sum, notes };
}

function whyNoOrder({ invoice, lines, values }: FileOrder, layout: Layout): Reason | undefined {
  if (invoice.length > REFERENCE_MAX || CONTROL.test(invoice)) return 'invoice_invalid';
  if (layout.cancellation?.test(invoice)) return 'cancellation';
  if (values.cancelledAt !== undefined) return 'cancelled';
  if (layout.noSaleStates?.includes(values.paymentState?.toLowerCase() ?? '')) return 'no_sale';
  return lines.length === 0 ? 'no_line_left' : undefined;
}

interface Charges {
  readonly lines: Pick<OrderRequest, 'taxLines' | 'shippingLines' | 'discountLines'>;
  readonly metadata: Record<string, unknown>;
  /** What they add to the lines. */
  readonly sum: bigint;
}

/**
 * Tax, shipping and discount of the whole order. In most countries the prices contain the tax already and
 * the column only says how much of them it is; the shop's own total shows which.
 */
function chargesOf(values: FileOrder['values'], currency: string, lines: bigint): Charges | Reason {
  const minor = (field: Field): bigint | undefined => {
    const text = values[field];
    if (text === undefined) return 0n;
    const decimal = amountText(text);
    const amount = decimal === undefined ? undefined : parseAmount(decimal, currency);
    return amount === undefined || amount < 0n ? undefined : amount;
  };
  const [tax, shipping, discount, total] = (['tax', 'shipping', 'discount', 'total'] as const).map(minor);
  if (tax === undefined || shipping === undefined || discount === undefined || total === undefined) {
    return 'charge_malformed';
  }
  const net = lines + shipping - discount;
  const included = values.total !== undefined && net === total;
  const sum = included ? shipping - discount : shipping - discount + tax;
  if (lines + sum < 0n || (values.total !== undefined && lines + sum !== total)) return 'total_mismatch';
  const charge = (name: string, amount: bigint): { name: string; amount: string }[] => [
    { name, amount: formatAmount(amount, currency) },
  ];
  return {
    lines: {
      ...(tax > 0n && !included && { taxLines: charge('Tax', tax) }),
      ...(shipping > 0n && { shippingLines: charge('Shipping', shipping) }),
      ...(discount > 0n && { discountLines: charge('Discount', discount) }),
    },
    metadata: included && tax > 0n ? { taxIncluded: formatAmount(tax, currency) } : {},
    sum,
  };
}

function addressOf(values: FileOrder['values']): Address | undefined {
  const address: Record<keyof Address, string | undefined> = {
    name: values.recipient,
    company: values.company,
    line1: values.street,
    line2: values.street2,
    city: values.city,
    region: values.region,
    postalCode: plain(values.postalCode),
    country: values.country,
  };
  const given = Object.entries(address).flatMap(([part, text]) =>
    text === undefined ? [] : [[part, text.slice(0, ADDRESS_MAX[part as keyof Address])] as const],
  );
  return given.length === 0 ? undefined : (Object.fromEntries(given) as Address);
}

/** A contact that no message could reach is left out and noted; it is no reason to lose the order. */
function contactOf(values: FileOrder['values'], notes: string[]): Contact | undefined {
  const { email } = values;
  const phone = plain(values.phone);
  const emailFits = email !== undefined && EMAIL.test(email) && email.length <= EMAIL_MAX;
  const phoneFits = phone !== undefined && PHONE.test(phone);
  if (email !== undefined && !emailFits) notes.push('email_left_out');
  if (phone !== undefined && !phoneFits) notes.push('phone_left_out');
  return emailFits || phoneFits ? { ...(emailFits && { email }), ...(phoneFits && { phone }) } : undefined;
}
