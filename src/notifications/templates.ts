import { AWAITING_PAYMENT } from '#contracts/payment-providers.ts';
import { formatAmount, parseAmount } from '#contracts/money.ts';
import type { ChargeLine, EventData, EventType, OrderItem, SkuQuantity } from '#contracts/order-events.ts';
import { shortened } from '#contracts/text.ts';

/**
 * What a customer is notified of, and in which words: one entry per event. Adding a notification is adding an entry.
 * Everything here is pure; values that come from a customer or a partner pass through {@link clean}. What staff and
 * services say to each other (reasons, holds, who did it) never leaves; staff write to a customer in
 * `customerMessage` alone.
 */

/** How a message feels; the HTML mail takes its colour from it. */
export type Tone = 'good' | 'neutral' | 'attention' | 'bad';

export interface Message {
  readonly subject: string;
  /** One or two sentences; all that a text message carries. */
  readonly sentence: string;
  /** What somebody wrote for the customer; a paragraph of its own. */
  readonly note?: string | undefined;
  /** Label and value, one line each. */
  readonly facts: readonly (readonly [label: string, value: string])[];
}

/** What is known about the order beside the event itself. */
export interface About {
  /** How the customer knows the order. */
  readonly label: string;
  readonly currency?: string | undefined;
  /** Names of its articles by SKU. */
  readonly names?: Readonly<Record<string, string>> | undefined;
}

interface Template<T extends EventType> {
  readonly tone: Tone;
  /** Where only some events of the type concern the customer: which. */
  readonly when?: (data: EventData<T>) => boolean;
  readonly render: (data: EventData<T>, about: About) => Message;
}

const ITEMS_MAX = 10;
const VALUE_MAX = 120;
const NOTE_MAX = 500;
const PARCEL_WORDS = {
  lost: 'was lost on its way',
  damaged: 'was damaged',
  returned_to_sender: 'came back to us undelivered',
} as const;

export const TEMPLATES = {
  OrderCreated: {
    tone: 'good',
    render: (data, about) => ({
      subject: `We have received your order ${about.label}`,
      sentence: `Thank you for your order ${about.label}. We are checking that everything is in stock and will write again when it is paid.`,
      facts: [...itemFacts(data.items, about), ...chargeFacts(data, about), ['Total', money(data.totalAmount, about)]],
    }),
  },
  OrderBackordered: {
    tone: 'attention',
    render: (data, about) => ({
      subject: `Your order ${about.label} has to wait a little`,
      sentence: `Some items of your order ${about.label} are out of stock at the moment. We keep the order and send it as soon as new stock arrives.`,
      facts: data.shortages
        .slice(0, ITEMS_MAX)
        .map(({ sku, requested, available }) => [
          'Out of stock',
          `${nameOf(sku, about)} (${available} of ${requested} available)`,
        ]),
    }),
  },
  OrderRejected: {
    tone: 'bad',
    render: (data, about) => ({
      subject: `We could not accept your order ${about.label}`,
      sentence: `We are sorry: your order ${about.label} could not be accepted because items are out of stock. You have not been charged.`,
      facts: data.shortages.slice(0, ITEMS_MAX).map(({ sku }) => ['Out of stock', nameOf(sku, about)]),
    }),
  },
  OrderPaymentPending: {
    tone: 'attention',
    render: ({ reason, deadlineAt }, about) =>
      reason === AWAITING_PAYMENT
        ? {
            subject: `Please pay your order ${about.label}`,
            sentence: `Your order ${about.label} is set aside for you and waits for your payment. Please name the order with it.`,
            facts: [['Pay until', deadlineAt.slice(0, 10)]],
          }
        : {
            subject: `The payment for your order ${about.label} is being confirmed`,
            sentence: `Your payment provider has not confirmed the payment for your order ${about.label} yet. You need not do anything; please do not pay again. We will write as soon as we know more.`,
            facts: [],
          },
  },
  // Of money that people wait for, such as a bank transfer.
  PaymentPending: {
    tone: 'attention',
    when: ({ reminder }) => reminder !== undefined,
    render: ({ reminder }, about) => ({
      subject: `Please remember to pay your order ${about.label}`,
      sentence: `Your order ${about.label} still waits for ${money(reminder!.due, { ...about, currency: reminder!.currency })}. Please name the order with your payment; if you have paid meanwhile, you need not do anything.`,
      facts: [
        ['Received so far', money(reminder!.received, { ...about, currency: reminder!.currency })],
        ['Still to pay', money(reminder!.due, { ...about, currency: reminder!.currency })],
      ],
    }),
  },
  OrderPaid: {
    tone: 'good',
    render: (_, about) => ({
      subject: `Your order ${about.label} is paid`,
      sentence: `The payment for your order ${about.label} is confirmed. We are getting it ready for shipment.`,
      facts: [],
    }),
  },
  OrderPaymentFailed: {
    tone: 'bad',
    render: (_, about) => ({
      subject: `The payment for your order ${about.label} failed`,
      sentence: `Your payment for the order ${about.label} was declined, so the order has ended and nothing was charged. You are welcome to order again with another means of payment.`,
      facts: [],
    }),
  },
  OrderPartiallyShipped: {
    tone: 'good',
    render: (data, about) => ({
      subject: `A part of your order ${about.label} is on its way`,
      sentence: `One parcel of your order ${about.label} has left our warehouse; the rest follows separately. ${tracking(data)}`,
      facts: [...parcelFacts(data), ...packedFacts(data.items, about)],
    }),
  },
  OrderShipped: {
    tone: 'good',
    render: (data, about) => ({
      subject: `Your order ${about.label} is on its way`,
      sentence: `Your order ${about.label} has left our warehouse. ${tracking(data)}`,
      facts: [...parcelFacts(data), ...packedFacts(data.items, about)],
    }),
  },
  OrderCompleted: {
    tone: 'good',
    render: (data, about) => ({
      subject: `Your order ${about.label} is complete`,
      sentence: data.undelivered
        ? `Your order ${about.label} is closed. What did not reach you as it should has been settled as we wrote to you.`
        : `Your order ${about.label} has been delivered. We hope you enjoy it, and thank you for your purchase.`,
      facts: [['Total', money(data.totalAmount, { ...about, currency: data.currency })]],
    }),
  },
  OrderChanged: {
    tone: 'neutral',
    render: (data, about) => ({
      subject: `A part of your order ${about.label} was cancelled`,
      sentence: `We have cancelled ${pieces(data.removed)} of your order ${about.label}; the rest stays as ordered. If you have paid for what was cancelled, the money is being returned to you.`,
      note: noteOf(data.customerMessage),
      facts: [['New total', money(data.totalAmount, about)]],
    }),
  },
  OrderClaimOpened: {
    tone: 'attention',
    render: (data, about) => ({
      subject: `About a parcel of your order ${about.label}`,
      sentence: `We are sorry: a parcel of your order ${about.label} ${PARCEL_WORDS[data.kind]}. ${data.resolution === 'refund' ? 'We are returning what you paid for it.' : 'We are sending the goods to you again, at no charge.'}`,
      facts: [],
    }),
  },
  OrderCancelled: {
    tone: 'neutral',
    render: (data, about) => ({
      subject: `Your order ${about.label} was cancelled`,
      sentence: `Your order ${about.label} was cancelled and will not be shipped. If you have paid, the money is being returned to you.`,
      note: noteOf(data.customerMessage),
      facts: [],
    }),
  },
  OrderRefunded: {
    tone: 'neutral',
    render: (data, about) => ({
      subject: `We have refunded ${money(data.amount, about)} for your order ${about.label}`,
      sentence: `We have returned ${money(data.amount, about)} for your order ${about.label}. Depending on your bank it takes a few days to arrive.`,
      note: noteOf(data.customerMessage),
      facts: [
        ['Refunded now', money(data.amount, about)],
        ['Refunded in all', money(data.refundedAmount, about)],
      ],
    }),
  },
  // What is given back because the order ended.
  OrderPaymentRecorded: {
    tone: 'neutral',
    when: ({ refund }) => refund !== undefined,
    render: ({ refund, refundedAmount }, about) => ({
      subject: `We have refunded ${money(refund!.amount, about)} for your order ${about.label}`,
      sentence: `We have returned ${money(refund!.amount, about)} for your order ${about.label}, which was cancelled. Depending on your bank it takes a few days to arrive.`,
      facts: [
        ['Refunded now', money(refund!.amount, about)],
        ['Refunded in all', money(refundedAmount ?? refund!.amount, about)],
      ],
    }),
  },
} as const satisfies { [T in EventType]?: Template<T> };

export type NotifiedType = keyof typeof TEMPLATES;
export const NOTIFIED_TYPES = Object.keys(TEMPLATES) as NotifiedType[];

/** Whether customers are notified of events of this type. */
export function isNotified(type: string): type is NotifiedType {
  return Object.hasOwn(TEMPLATES, type);
}

/** Whether the customer is notified of this event. */
export function isForCustomer({ type, data }: { readonly type: string; readonly data: unknown }): boolean {
  if (!isNotified(type)) return false;
  const { when } = TEMPLATES[type] as { readonly when?: (data: unknown) => boolean };
  return when === undefined || when(data);
}

/** The message about an event. */
export function messageOf(type: NotifiedType, data: unknown, about: About): Message {
  const { facts, ...message } = (TEMPLATES[type].render as (data: unknown, about: About) => Message)(data, about);
  return { ...message, facts: [['Order', about.label], ...facts] };
}

/** "1 piece", "3 pieces". */
function pieces(lines: readonly { readonly quantity: number }[]): string {
  const sum = lines.reduce((total, { quantity }) => total + quantity, 0);
  return sum === 1 ? '1 piece' : `${sum} pieces`;
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

/** In the scale of the currency, however it was written: amounts in events of former versions are as the channel wrote them. */
function money(amount: string, { currency }: About, sign: 1n | -1n = 1n): string {
  if (currency === undefined) return amount;
  const minor = parseAmount(amount, currency);
  return `${minor === undefined ? amount : formatAmount(sign * minor, currency)} ${currency}`;
}

function itemFacts(items: readonly OrderItem[], about: About): [string, string][] {
  const facts = items
    .slice(0, ITEMS_MAX)
    .map((item): [string, string] => [`${item.quantity} × ${clean(item.name ?? item.sku)}`, money(item.amount, about)]);
  if (items.length > ITEMS_MAX) facts.push(['and', `${items.length - ITEMS_MAX} more items`]);
  return facts;
}

function chargeFacts(
  { taxLines, discountLines, shippingLines }: EventData<'OrderCreated'>,
  about: About,
): [string, string][] {
  const lines = (name: string, sign: 1n | -1n, charges: readonly ChargeLine[] | undefined): [string, string][] =>
    (charges ?? [])
      .slice(0, ITEMS_MAX)
      .map((charge) => [clean(charge.name ?? name), money(charge.amount, about, sign)]);
  return [
    ...lines('Discount', -1n, discountLines),
    ...lines('Shipping', 1n, shippingLines),
    ...lines('Tax', 1n, taxLines),
  ];
}

interface Parcel {
  readonly carrier: string;
  readonly trackingNumber: string;
}

function tracking({ carrier, trackingNumber }: Parcel): string {
  return `You can follow it at ${clean(carrier)} with the tracking number ${clean(trackingNumber)}.`;
}

function parcelFacts({ carrier, trackingNumber }: Parcel): [string, string][] {
  return [
    ['Carrier', clean(carrier)],
    ['Tracking number', clean(trackingNumber)],
  ];
}

function packedFacts(items: readonly SkuQuantity[], about: About): [string, string][] {
  return items.slice(0, ITEMS_MAX).map(({ sku, quantity }) => ['In the parcel', `${quantity} × ${nameOf(sku, about)}`]);
}
