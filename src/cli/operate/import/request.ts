import { cut } from '#contracts/text.ts';
import { createHash } from 'node:crypto';
import { currencyExponent } from '#contracts/currencies.ts';
import { formatAmount } from '#contracts/money.ts';
import type { Address, Contact } from '#contracts/order-events.ts';
import { uuidOfHex } from '#platform/runtime/uuid.ts';
import type { ImportedOrder, ImportKind } from '#orders/rules/imports.ts';
import { chargesOf, type Charges, orderAmount } from './charges.ts';
import { timeOf } from './dates.ts';
import { type FileOrder, ROWS_MAX, valueOf } from './group.ts';
import { CONTROL, readRow, type ReadLine } from './items.ts';
import type { Mapping } from './mapping.ts';
import { SCIENTIFIC } from './numbers.ts';
import { type Field, FIELDS, stateOfWord } from './presets.ts';
import type { Reason } from './reasons.ts';
import { isEnd, type State, STATUS_WORDS } from './states.ts';

/**
 * Turns an order of a file into what is sent of it, whole or not at all. The same file always gives the same orders, to
 * the byte: that is what makes a second import a repetition.
 */

export interface RequestSettings {
  readonly mapping: Mapping;
  readonly as: ImportKind;
  readonly source: string;
  readonly currency?: string | undefined;
  readonly channel: string;
  readonly payment: { readonly provider?: string; readonly token: string };
}

export interface RefusedLine {
  readonly line: number;
  readonly reason: string;
  readonly value?: string;
}

/** An order of the file: what to send of it, or why nothing is. */
export interface ReadOrder {
  readonly number: string;
  readonly currency: string | undefined;
  /** What the file says it is over, in minor units, as far as it can be read. */
  readonly total: bigint;
  readonly lines: number;
  readonly articles: readonly { readonly sku: string; readonly name: string | undefined; readonly quantity: number }[];
  readonly order?: ImportedOrder;
  readonly notes: readonly string[];
  readonly refused?: { readonly reason: Reason; readonly detail: string };
  readonly refusedLines: readonly RefusedLine[];
}

const NUMBER_MAX = 100;
const CUSTOMER_MAX = 100;
const EMAIL = /^[^\s@]+@[^\s@]+$/;
const EMAIL_MAX = 254;
const PHONE = /\d.*\d/;
const PHONE_MAX = 100;
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
/** Two values of one order: the lines of two orders share its number. */
const SINGLE: readonly Field[] = ['currency', 'customer', 'email'];
const ORDER_FIELDS = Object.keys(FIELDS) as Field[];

/** A UUID (version 8, RFC 9562) that the same text always gives. */
export function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest();
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidOfHex(bytes.toString('hex', 0, 16));
}

type Values = Readonly<Partial<Record<Field, string>>>;

/** The first value of each field that has one, and two where there are two. */
function valuesOf(order: FileOrder, mapping: Mapping): { values: Values; conflict?: string } {
  const values: Partial<Record<Field, string>> = {};
  let conflict: string | undefined;
  for (const row of order.rows) {
    for (const field of ORDER_FIELDS) {
      const value = valueOf(row, mapping.places, field);
      if (value === '') continue;
      const before = (values[field] ??= value);
      if (SINGLE.includes(field) && before.toLowerCase() !== value.toLowerCase())
        conflict ??= `${field} is ${before} and ${value}`;
    }
  }
  return { values, ...(conflict !== undefined && { conflict }) };
}

/** Reads an order of the file. */
export function readOrder(order: FileOrder, settings: RequestSettings): ReadOrder {
  const { mapping } = settings;
  const { values, conflict } = valuesOf(order, mapping);
  const code = (values.currency ?? settings.currency ?? mapping.preset?.currency ?? '').toUpperCase();
  const currency = currencyExponent(code) === undefined ? undefined : code;
  const lines = currency === undefined ? [] : order.rows.flatMap((row) => readRow(row, mapping, currency));
  const refusedLines = lines.flatMap(({ line, refused }) =>
    refused ? [{ line, reason: refused.reason, value: refused.value }] : [],
  );
  const charges = currency === undefined ? undefined : chargesOf(order, lines, mapping, currency);
  const goods = lines.reduce((sum, { amount }) => sum + amount, 0n);
  const total = charges && 'included' in charges ? charges.total : (charges?.total ?? goods);
  const read = {
    number: order.number,
    currency,
    total,
    lines: order.lines,
    articles: lines.flatMap(({ items }) => items),
    refusedLines,
  };
  const refuse = (reason: Reason, detail = ''): ReadOrder => ({ ...read, notes: [], refused: { reason, detail } });

  const unfit = whyUnfit(order, mapping);
  if (unfit) return refuse(...unfit);
  if (conflict !== undefined) return refuse('orders_merged', conflict);
  if (currency === undefined || !charges) return refuse('currency_unknown', code);
  const [line] = refusedLines;
  if (line) return refuse(line.reason, `line ${line.line}${line.value === '' ? '' : `: ${line.value}`}`);
  if (read.articles.length === 0) return refuse('no_item');
  if (!('included' in charges)) return refuse(charges.reason, charges.value);
  const about = standingOf(values, order, settings, charges, currency);
  if ('reason' in about) return refuse(about.reason, about.detail);
  const notes: string[] = [];
  return { ...read, notes, order: requestOf(read, values, charges, currency, about, settings, lines, notes) };
}

function whyUnfit(order: FileOrder, { preset }: Mapping): [Reason, string] | undefined {
  const { number, misshapen, lines } = order;
  if (number === '') return ['no_invoice', `line ${order.rows[0]!.line}`];
  if (number.length > NUMBER_MAX || CONTROL.test(number)) return ['invoice_invalid', number.slice(0, NUMBER_MAX)];
  if (SCIENTIFIC.test(number)) return ['invoice_rounded', number];
  if (preset?.cancellation?.test(number)) return ['cancellation', ''];
  if (misshapen !== undefined) return ['column_count', `line ${misshapen}`];
  return lines > ROWS_MAX ? ['too_many_lines', String(lines)] : undefined;
}

interface Standing {
  readonly createdAt: string | undefined;
  readonly status?: ImportedOrder['status'];
  readonly refunds?: ImportedOrder['refunds'];
  readonly paidAmount?: string;
}
interface NotTaken {
  readonly reason: Reason;
  readonly detail: string;
}

/** Where the order stands, and whether that is what it is imported as. */
function standingOf(
  values: Values,
  order: FileOrder,
  { as, mapping }: RequestSettings,
  charges: Charges,
  currency: string,
): Standing | NotTaken {
  const found = stateOf(values, mapping);
  const said = typeof found === 'object' ? undefined : found;
  const createdAt = values.date === undefined ? undefined : timeOf(values.date, mapping.timeZone, mapping.days);
  const not = (reason: Reason, detail = values.status ?? ''): NotTaken => ({ reason, detail });
  if (as === 'live') {
    if (said === 'CANCELLED') return not('cancelled');
    return said === 'REFUNDED' || said === 'PAYMENT_FAILED' ? not('no_sale') : { createdAt };
  }
  if (typeof found === 'object') return not('status_unknown', found.unknown);
  if (as === 'open') {
    if (said !== undefined && isEnd(said)) return not('ended');
    return said === 'UNPAID' ? not('unpaid', values.paymentState ?? values.status) : { createdAt };
  }
  const state = said ?? mapping.preset?.state;
  if (state === undefined || !isEnd(state)) return not('still_open', values.status ?? values.delivery ?? '');
  if (values.date === undefined) return not('no_date', '');
  if (createdAt === undefined) return not('date_malformed', values.date);
  const back = orderAmount(order, 'refunded', mapping, currency) ?? 0n;
  const refunded = state === 'REFUNDED' && back === 0n ? charges.total : back < 0n ? -back : back;
  const refunds = refunded > 0n ? [{ amount: formatAmount(refunded, currency) }] : undefined;
  const isUnpaid = state === 'COMPLETED' && refunded === 0n && paymentWord(values) === 'UNPAID';
  return {
    createdAt,
    status: state === 'REFUNDED' ? COMPLETED : (state as ImportedOrder['status']),
    ...(refunds && { refunds }),
    ...(isUnpaid && { paidAmount: formatAmount(0n, currency) }),
  };
}

const COMPLETED: ImportedOrder['status'] = 'COMPLETED';

function paymentWord({ paymentState }: Values): State | undefined {
  return paymentState === undefined ? undefined : STATUS_WORDS[paymentState.toLowerCase().replace(/[\s_-]+/g, ' ')];
}

/** Where the columns of the file say that the order stands; undefined where none says it. */
function stateOf(values: Values, { status: own, preset }: Mapping): State | { readonly unknown: string } | undefined {
  const word = values.status === undefined ? undefined : stateOfWord(values.status, own, preset);
  const payment = paymentWord(values);
  const delivery =
    values.delivery === undefined ? undefined : stateOfWord(values.delivery.replace(/^fully /i, ''), own, preset);
  if (values.cancelledAt !== undefined || word === 'CANCELLED' || payment === 'CANCELLED') return 'CANCELLED';
  if (word === 'REFUNDED' || payment === 'REFUNDED') return 'REFUNDED';
  if (word !== undefined && isEnd(word)) return word;
  if (delivery === 'COMPLETED' || values.shippedAt !== undefined) return 'COMPLETED';
  if (values.status !== undefined && word === undefined) return { unknown: values.status };
  return payment === 'UNPAID' ? 'UNPAID' : (word ?? delivery ?? (payment === undefined ? undefined : 'OPEN'));
}

function requestOf(
  { number }: Pick<ReadOrder, 'number'>,
  values: Values,
  charges: Charges,
  currency: string,
  { createdAt, ...ending }: Standing,
  { as, source, channel, payment }: RequestSettings,
  lines: readonly ReadLine[],
  notes: string[],
): ImportedOrder {
  const customer = customerOf(values);
  const contact = contactOf(values, notes);
  const shippingAddress = addressOf(values);
  const charge = (name: string, amount: bigint): { name: string; amount: string }[] => [
    { name, amount: formatAmount(amount, currency) },
  ];
  return {
    number,
    ...(customer !== undefined && { customerId: customer }),
    currency,
    channel,
    reference: number,
    items: lines.flatMap(({ items }) =>
      items.map(({ sku, name, quantity, unitPrice }) => ({
        sku,
        ...(name !== undefined && { name }),
        quantity,
        unitPrice,
      })),
    ),
    ...(charges.tax > 0n && !charges.included && { taxLines: charge('Tax', charges.tax) }),
    ...(charges.shipping > 0n && { shippingLines: charge('Shipping', charges.shipping) }),
    ...(charges.discount > 0n && { discountLines: charge('Discount', charges.discount) }),
    totalAmount: formatAmount(charges.total, currency),
    ...(shippingAddress && { shippingAddress }),
    ...(contact && { contact }),
    ...(as === 'live' && { payment }),
    ...(createdAt !== undefined && { createdAt }),
    ...ending,
    metadata: {
      importedFrom: source,
      ...(values.date !== undefined && { invoiceDate: values.date.slice(0, NUMBER_MAX) }),
      ...(values.country !== undefined && { country: values.country.slice(0, NUMBER_MAX) }),
      ...(values.status !== undefined && { statusThere: values.status.slice(0, NUMBER_MAX) }),
      ...(values.paymentState !== undefined && { paymentState: values.paymentState.slice(0, NUMBER_MAX) }),
      ...(charges.included && charges.tax > 0n && { taxIncluded: formatAmount(charges.tax, currency) }),
    },
  };
}

/** As the shop names its customer, without what a number column of a spreadsheet adds. */
function customerOf({ customer }: Values): string | undefined {
  if (customer === undefined) return undefined;
  const plain = customer.replace(/^(\d+)\.0+$/, '$1').slice(0, CUSTOMER_MAX);
  return plain.includes('@') ? plain.toLowerCase() : plain;
}

function addressOf(values: Values): Address | undefined {
  const address: Record<keyof Address, string | undefined> = {
    name: values.recipient,
    company: values.company,
    line1: values.street,
    line2: values.street2,
    city: values.city,
    region: values.region,
    postalCode: values.postalCode?.replace(/^'/, ''),
    country: values.country,
  };
  const given = Object.entries(address).flatMap(([part, text]) =>
    text === undefined ? [] : [[part, cut(text, ADDRESS_MAX[part as keyof Address])] as const],
  );
  return given.length === 0 ? undefined : (Object.fromEntries(given) as Address);
}

/** A contact that no message could reach is left out and noted; it is no reason to lose the order. */
function contactOf({ email, phone }: Values, notes: string[]): Contact | undefined {
  const emailFits = email !== undefined && EMAIL.test(email) && email.length <= EMAIL_MAX;
  const phoneFits = phone !== undefined && PHONE.test(phone) && phone.length <= PHONE_MAX;
  if (email !== undefined && !emailFits) notes.push('email_left_out');
  if (phone !== undefined && !phoneFits) notes.push('phone_left_out');
  return emailFits || phoneFits ? { ...(emailFits && { email }), ...(phoneFits && { phone }) } : undefined;
}
