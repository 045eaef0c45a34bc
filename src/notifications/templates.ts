import { AWAITING_PAYMENT } from '#contracts/payment-providers.ts';
import { formatAmount, parseAmount } from '#contracts/money.ts';
import type {
  ChargeLine,
  EventData,
  EventType,
  LineQuantity,
  OrderItem,
  SkuQuantity,
} from '#contracts/order-events.ts';
import type { DocumentWish } from '#contracts/peers.ts';
import { shortened } from '#contracts/text.ts';
import { CHANNEL_NAMES, type ChannelName } from './channels/port.ts';
import type { Tone } from './wording/layout.ts';
import type { TableRow, Values } from './wording/template.ts';
import type { Message, Say, TemplateName } from './wording/wording.ts';

/**
 * Which event speaks to whom, by which channel and by which template: one entry per event. The words are in
 * `src/notifications/templates`, a file per language and template. Everything here is pure; values that come from a
 * customer or a partner pass through {@link clean}. What staff and services say to each other (reasons, holds, who did
 * it) never leaves; staff write to a customer in `customerMessage` alone.
 */

/** Whom a message is for. */
export type Audience = 'customer';

/** What is known about the order beside the event itself. */
export interface About {
  /** How the customer knows the order. */
  readonly label: string;
  readonly currency?: string | undefined;
  /** Names of its articles by SKU. */
  readonly names?: Readonly<Record<string, string>> | undefined;
  readonly say: Say;
}

interface Entry<T extends EventType> {
  readonly to: Audience;
  readonly by: readonly ChannelName[];
  readonly tone: Tone;
  /** Where only some events of the type concern somebody: which. */
  readonly when?: (data: EventData<T>) => boolean;
  readonly template: TemplateName | ((data: EventData<T>) => TemplateName);
  /** The invoices or credit notes that go with a mail about it; undefined: none. */
  readonly documents?: (data: EventData<T>) => DocumentWish | undefined;
  /** What the template is filled with, beside the order. */
  readonly values?: (data: EventData<T>, about: About) => Partial<Values>;
}

const ITEMS_MAX = 10;
const VALUE_MAX = 120;
const NOTE_MAX = 500;
const LINK_MAX = 2_000;

const EVERY_CHANNEL = CHANNEL_NAMES;
const FOR_CUSTOMERS = { to: 'customer', by: EVERY_CHANNEL } as const;

export const TEMPLATES = {
  OrderCreated: {
    ...FOR_CUSTOMERS,
    tone: 'good',
    template: 'order-received',
    values: (data, about) => ({
      items: [
        ...itemRows(data.items, about),
        ...chargeRows(data, about),
        sum(about.say.words.word('total'), data.totalAmount, about),
      ],
    }),
  },
  OrderBackordered: {
    ...FOR_CUSTOMERS,
    tone: 'attention',
    template: 'order-backordered',
    values: ({ shortages, deadlineAt }, about) => ({
      texts: { deadline: about.say.day(deadlineAt) },
      facts: shortages
        .slice(0, ITEMS_MAX)
        .map(({ sku, requested, available }) => [
          nameOf(sku, about),
          about.say.words.word('available', { available: String(available), requested: String(requested) }),
        ]),
    }),
  },
  OrderRejected: {
    ...FOR_CUSTOMERS,
    tone: 'bad',
    template: 'order-rejected',
    values: ({ shortages }, about) => ({
      facts: shortages.slice(0, ITEMS_MAX).map(({ sku }) => [nameOf(sku, about), about.say.words.word('outOfStock')]),
    }),
  },
  OrderPaymentPending: {
    ...FOR_CUSTOMERS,
    tone: 'attention',
    template: ({ reason, paymentStatus }) => {
      if (reason === AWAITING_PAYMENT) return 'payment-awaited';
      return paymentStatus === 'REQUIRES_ACTION' ? 'payment-action' : 'payment-pending';
    },
    values: ({ reason, deadlineAt }, { say }) => ({
      texts: { deadline: say.day(deadlineAt) },
      ...(reason === AWAITING_PAYMENT && { facts: [[say.words.word('payBy'), say.day(deadlineAt)]] }),
    }),
  },
  PaymentPending: {
    ...FOR_CUSTOMERS,
    tone: 'attention',
    // Of money that people wait for, such as a bank transfer.
    when: ({ reminder }) => reminder !== undefined,
    template: 'payment-reminder',
    values: ({ reminder }, { say }) => {
      const { due, received, currency } = reminder!;
      return {
        texts: { amount: say.money(due, currency) },
        facts: [
          [say.words.word('receivedSoFar'), say.money(received, currency)],
          [say.words.word('stillToPay'), say.money(due, currency), true],
        ],
      };
    },
  },
  OrderPaid: {
    ...FOR_CUSTOMERS,
    tone: 'good',
    template: 'order-paid',
    values: ({ deadlineAt }, { say }) => ({ texts: { deadline: say.day(deadlineAt) } }),
  },
  OrderPaymentFailed: { ...FOR_CUSTOMERS, tone: 'bad', template: 'payment-failed' },
  OrderPaymentRefused: {
    ...FOR_CUSTOMERS,
    tone: 'attention',
    template: 'payment-again',
    values: ({ deadlineAt }, { say }) => ({
      texts: { deadline: say.day(deadlineAt) },
      facts: [[say.words.word('payBy'), say.day(deadlineAt), true]],
    }),
  },
  OrderPartiallyShipped: {
    ...FOR_CUSTOMERS,
    tone: 'good',
    template: 'part-shipped',
    documents: ({ shipmentId }) => ({ shipmentId }),
    values: (data, about) => ({ ...parcelValues(data, about), items: packedRows(data.items, about) }),
  },
  OrderShipped: {
    ...FOR_CUSTOMERS,
    tone: 'good',
    template: 'order-shipped',
    documents: ({ shipmentId }) => ({ shipmentId }),
    values: (data, about) => ({ ...parcelValues(data, about), items: packedRows(data.items, about) }),
  },
  OrderTrackingCorrected: {
    ...FOR_CUSTOMERS,
    tone: 'neutral',
    template: 'tracking-corrected',
    values: parcelValues,
  },
  OrderCompleted: {
    ...FOR_CUSTOMERS,
    tone: 'good',
    template: ({ undelivered }) => (undelivered ? 'order-settled' : 'order-completed'),
    documents: ({ replaces }) => (replaces === undefined ? {} : undefined),
    values: ({ totalAmount, currency }, about) => ({
      facts: [sum(about.say.words.word('total'), totalAmount, { ...about, currency })],
    }),
  },
  OrderChanged: {
    ...FOR_CUSTOMERS,
    tone: 'neutral',
    template: 'part-cancelled',
    values: ({ removed, totalAmount, customerMessage }, about) => ({
      items: packedRows(removed, about),
      note: noteOf(customerMessage),
      facts: [sum(about.say.words.word('newTotal'), totalAmount, about)],
    }),
  },
  OrderClaimOpened: {
    ...FOR_CUSTOMERS,
    tone: 'attention',
    template: ({ resolution }) => (resolution === 'refund' ? 'claim-refund' : 'claim-reship'),
    values: ({ kind, items, customerMessage }, about) => ({
      texts: { fate: about.say.words.word(kind) },
      items: packedRows(items, about),
      note: noteOf(customerMessage),
    }),
  },
  OrderReturnRequested: {
    ...FOR_CUSTOMERS,
    tone: 'neutral',
    template: 'return-expected',
    values: ({ items, deadlineAt }, about) => ({
      items: packedRows(items, about),
      ...(deadlineAt !== undefined && { facts: [[about.say.words.word('sendBy'), about.say.day(deadlineAt)]] }),
    }),
  },
  OrderReturnReceived: {
    ...FOR_CUSTOMERS,
    tone: 'good',
    // What was found to be missing alone is no arrival.
    when: (data) => arrived(data).length > 0,
    template: 'return-arrived',
    values: (data, about) => ({ items: packedRows(arrived(data), about) }),
  },
  OrderReturnClosed: { ...FOR_CUSTOMERS, tone: 'neutral', template: 'return-closed' },
  OrderCancelled: {
    ...FOR_CUSTOMERS,
    tone: 'neutral',
    template: 'order-cancelled',
    values: ({ customerMessage }) => ({ note: noteOf(customerMessage) }),
  },
  OrderRefunded: {
    ...FOR_CUSTOMERS,
    tone: 'neutral',
    template: 'order-refunded',
    documents: ({ refundId, uninvoiced }) => (uninvoiced ? undefined : { refundId }),
    values: ({ amount, refundedAmount, customerMessage }, about) => ({
      ...refundValues(amount, refundedAmount, about),
      note: noteOf(customerMessage),
    }),
  },
  OrderPaymentRecorded: {
    ...FOR_CUSTOMERS,
    tone: 'neutral',
    // What is given back because the order ended.
    when: ({ refund }) => refund !== undefined,
    template: 'cancelled-refunded',
    values: ({ refund, refundedAmount }, about) =>
      refundValues(refund!.amount, refundedAmount ?? refund!.amount, about),
  },
} as const satisfies { [T in EventType]?: Entry<T> };

export type NotifiedType = keyof typeof TEMPLATES;
export const NOTIFIED_TYPES = Object.keys(TEMPLATES) as NotifiedType[];

type AnyEntry = Entry<never> & {
  readonly when?: (data: unknown) => boolean;
  readonly template: TemplateName | ((data: unknown) => TemplateName);
  readonly values?: (data: unknown, about: About) => Partial<Values>;
  readonly documents?: (data: unknown) => DocumentWish | undefined;
};

/** Whether somebody is notified of events of this type. */
export function isNotified(type: string): type is NotifiedType {
  return Object.hasOwn(TEMPLATES, type);
}

/** Whether somebody is notified of this event. */
export function isForCustomer({ type, data }: { readonly type: string; readonly data: unknown }): boolean {
  if (!isNotified(type)) return false;
  const { when } = TEMPLATES[type] as AnyEntry;
  return when === undefined || when(data);
}

/** The channels by which people hear of events of this type. */
export function channelsOf(type: NotifiedType): readonly ChannelName[] {
  return TEMPLATES[type].by;
}

/** The documents that go with a mail about this event; undefined: none. */
export function documentsOf(type: NotifiedType, data: unknown): DocumentWish | undefined {
  return (TEMPLATES[type] as AnyEntry).documents?.(data);
}

/** How messages about events of this type feel. */
export function toneOf(type: string): Tone {
  return isNotified(type) ? TEMPLATES[type].tone : 'neutral';
}

/** The message about an event. */
export function messageOf(type: NotifiedType, data: unknown, about: About): Message {
  const { template, values } = TEMPLATES[type] as AnyEntry;
  const { texts, ...given } = values?.(data, about) ?? {};
  return about.say.words.message(typeof template === 'function' ? template(data) : template, {
    ...given,
    texts: { order: about.label, ...texts },
  });
}

/** One line without control characters: no customer's text breaks out of its line, or out of a mail header. */
export function clean(text: string, max = VALUE_MAX): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  return shortened(text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim(), max);
}

function noteOf(text: string | undefined): string | undefined {
  const note = text === undefined ? '' : clean(text, NOTE_MAX);
  return note === '' ? undefined : note;
}

/** An article as the customer knows it. */
function nameOf(sku: string, { names }: About): string {
  return clean(names !== undefined && Object.hasOwn(names, sku) ? names[sku]! : sku);
}

function sum(label: string, amount: string, { say, currency }: About): TableRow {
  return [label, say.money(amount, currency), true];
}

/** As many rows as a mail shows, and how many more there are. */
function rowsOf<T>(lines: readonly T[], { say }: About, row: (line: T) => TableRow): TableRow[] {
  const rows = lines.slice(0, ITEMS_MAX).map(row);
  if (lines.length > ITEMS_MAX)
    rows.push([say.words.word('moreItems', { count: String(lines.length - ITEMS_MAX) }), '']);
  return rows;
}

function itemRows(items: readonly OrderItem[], about: About): TableRow[] {
  return rowsOf(items, about, (item) => [
    `${item.quantity} × ${clean(item.name ?? item.sku)}`,
    about.say.money(item.amount, about.currency),
  ]);
}

function packedRows(items: readonly (SkuQuantity | LineQuantity)[], about: About): TableRow[] {
  return rowsOf(items, about, ({ sku, quantity }) => [`${quantity} × ${nameOf(sku, about)}`, '']);
}

/** Discounts are taken off; the amounts in events of former versions are as the channel wrote them. */
function negative(amount: string, currency: string | undefined): string {
  const minor = currency === undefined ? undefined : parseAmount(amount, currency);
  return minor === undefined || minor === 0n ? amount.replace(/^-/, '') : formatAmount(-minor, currency!);
}

function chargeRows({ taxLines, discountLines, shippingLines }: EventData<'OrderCreated'>, about: About): TableRow[] {
  const { say, currency } = about;
  const rows = (
    word: 'discount' | 'shipping' | 'tax',
    charges: readonly ChargeLine[] | undefined,
    amountOf = (amount: string): string => amount,
  ): TableRow[] =>
    (charges ?? [])
      .slice(0, ITEMS_MAX)
      .map(({ name, amount }) => [clean(name ?? say.words.word(word)), say.money(amountOf(amount), currency)]);
  return [
    ...rows('discount', discountLines, (amount) => negative(amount, currency)),
    ...rows('shipping', shippingLines),
    ...rows('tax', taxLines),
  ];
}

/** The pieces of a return that came, whatever their condition. */
function arrived({ received, items }: EventData<'OrderReturnReceived'>): readonly SkuQuantity[] {
  return received?.filter(({ condition }) => condition !== 'missing') ?? items;
}

interface Parcel {
  readonly carrier: string;
  readonly trackingNumber: string;
  readonly trackingUrl?: string | undefined;
}

function parcelValues(parcel: Parcel, { say }: About): Partial<Values> {
  const [carrier, trackingNumber] = [clean(parcel.carrier), clean(parcel.trackingNumber)];
  const link = clean(parcel.trackingUrl ?? '', LINK_MAX);
  return {
    texts: { carrier, trackingNumber },
    facts: [
      [say.words.word('carrier'), carrier],
      [say.words.word('trackingNumber'), trackingNumber],
    ],
    ...(/^https?:\/\/\S+$/.test(link) && { link }),
  };
}

function refundValues(amount: string, inAll: string, { say, currency }: About): Partial<Values> {
  return {
    texts: { amount: say.money(amount, currency) },
    facts: [
      [say.words.word('refundedNow'), say.money(amount, currency)],
      [say.words.word('refundedInAll'), say.money(inAll, currency)],
    ],
  };
}
