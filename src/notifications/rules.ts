import { formerNumber } from '#contracts/order-number.ts';
import type { Contact, OrderEvent, OrderItem } from '#contracts/order-events.ts';
import type { DocumentWish } from '#contracts/peers.ts';
import { isoTime } from '#contracts/time.ts';
import { ignore, type Rules } from '#platform/processor/aggregate.ts';
import { cut } from '#contracts/text.ts';
import { CHANNEL_NAMES, type ChannelName } from './channels/port.ts';
import {
  channelsOf,
  clean,
  documentsOf,
  isForCustomer,
  isNotified,
  messageOf,
  NOTIFIED_TYPES,
  type NotifiedType,
} from './templates.ts';
import { type Shop, textOf } from './wording/layout.ts';
import type { Block } from './wording/template.ts';
import type { Language } from '#contracts/languages.ts';
import { type Message, sayIn } from './wording/wording.ts';

/**
 * Who is notified of what, and over which channels: one notification per event and channel the contact has. An order
 * without a contact gets a record that nobody could be notified, so that support can always see what happened.
 */

export type Channel = ChannelName | 'none';
export type NotificationStatus = 'queued' | 'sent' | 'failed' | 'suppressed' | 'mailbox';

export interface Notification {
  readonly id: string;
  readonly orderId: string;
  readonly eventId: string;
  readonly eventType: NotifiedType;
  /** W3C trace context of the event, where it has one. */
  readonly traceparent?: string | undefined;
  readonly channel: Channel;
  readonly recipient?: string;
  /** Of a push to every browser that this customer has subscribed with, if there is one. */
  readonly customerId?: string;
  readonly language: Language;
  readonly subject: string;
  /** All of it, as text. */
  readonly body: string;
  /** What else was written. */
  readonly content?: Content | undefined;
  readonly status: NotificationStatus;
  /** Why it was not sent. */
  readonly detail?: string;
  readonly createdAt: string;
}

/** What is written beside the text. */
export interface Content {
  /** What the customer calls the order. */
  readonly order: string;
  readonly short: string;
  /** What the HTML of a mail is made of; empty where there is none. */
  readonly blocks: readonly Block[];
  readonly link?: string | undefined;
  /** Of a mail: the invoices or credit notes that go with it. */
  readonly documents?: DocumentWish | undefined;
}

/** What is kept of an order to write about it later. */
export interface Correspondence {
  readonly contact?: Contact;
  readonly reference?: string;
  /** What the order is called where it has no reference. */
  readonly number?: string;
  readonly currency?: string;
  readonly customerId?: string;
  /** Language of the customer, as in BCP 47. */
  readonly locale?: string;
  /** Names of its articles by SKU, where they have one. */
  readonly names?: Readonly<Record<string, string>>;
  /** Present where the order was taken, and paid, in another system. */
  readonly imported?: true;
  /** Number of the order's event that it comes from: an older one, when it is repeated, changes nothing. */
  readonly sequence?: number;
}

/** Messages were queued that the sender of this channel can take. */
export type MessageQueued = ChannelName;

export interface NotificationOptions {
  /** Channels that carry messages; those of others stay in the mailbox, for somebody to look at or another system to fetch. */
  readonly carried: ReadonlySet<ChannelName>;
  readonly writing: Writing;
}

/** Who writes, and how where the customer says nothing of it. */
export interface Writing {
  readonly shop: Shop;
  /** For customers whose language is not known, or has no templates. */
  readonly language: Language;
  /** IANA name; of the days in messages. */
  readonly timeZone: string;
}

/** The key of the shared value that collects the notifications of a batch; they are saved with it. */
export const OUTGOING = 'outgoing';

export type NotificationRules = Rules<Correspondence, never, MessageQueued, readonly Notification[]>;

export const BODY_MAX = 4_000;
const SHORT_BODY_MAX = 320;
const RECIPIENT_MAX = 500;
const LABEL_MAX = 60;
/** Of the articles of an order; a message shows a few of them. */
const NAMES_MAX = 100;
/** Of an order that another system took. */
const IN_THE_PAST: ReadonlySet<string> = new Set(['OrderCreated', 'OrderPaid']);
const NO_CONTACT = 'the order has no contact';

export function notificationRules({ carried, writing }: NotificationOptions): NotificationRules {
  return {
    // Notifications emits nothing; the source only completes what every service is.
    source: '/olms/notifications',
    consumes: [...NOTIFIED_TYPES, 'OrderAmended', 'OrderImported'],

    react(event, before, { nowMs, newId, shared }) {
      const after = correspondence(event, before);
      // Nobody is written to about what happened in another system.
      const isPast = after?.imported === true && IN_THE_PAST.has(event.type);
      if (isPast || !isNotified(event.type) || !isForCustomer(event))
        return after === before
          ? ignore('neither contact nor reference changed, and nothing else concerns the customer')
          : { state: after, events: [] };
      const label = labelOf(event.subject, after);
      const message = messageOf(event.type, event.data, {
        label,
        currency: after?.currency,
        names: after?.names,
        say: sayIn(after?.locale, writing.language, writing.timeZone),
      });
      const { subject: orderId, id: eventId, type: eventType, traceparent } = event;
      const { subject, language } = message;
      const about = { orderId, eventId, eventType, traceparent, subject, language, createdAt: isoTime(nowMs) };
      const notifications = addressees(after, {
        message,
        label,
        eventType,
        documents: documentsOf(event.type, event.data),
        carried,
        shop: writing.shop,
      }).map((addressee): Notification => ({
        id: newId(),
        ...about,
        ...addressee,
      }));
      const queued = new Set(
        notifications.flatMap(({ channel, status }) => (status === 'queued' && channel !== 'none' ? [channel] : [])),
      );
      return {
        state: after,
        events: [],
        shared: new Map([[OUTGOING, [...(shared.get(OUTGOING) ?? []), ...notifications]]]),
        ...(queued.size > 0 && { effects: [...queued] }),
      };
    },

    decide(command) {
      throw new Error(`Notifications takes no commands, not even ${String(command)}`);
    },
  };
}

/** The same value where nothing changes, so that nothing is written. */
function correspondence(event: OrderEvent, before: Correspondence | undefined): Correspondence | undefined {
  if (event.type !== 'OrderCreated' && event.type !== 'OrderAmended' && event.type !== 'OrderImported') return before;
  const { sequence } = event;
  if ((before?.sequence ?? 0) >= sequence) return before;
  const { contact, reference } = event.data;
  const known = { ...(contact && { contact }), ...(reference === undefined ? {} : { reference }), sequence };
  if (event.type !== 'OrderAmended') {
    const { currency, items, origin, number, customerId, locale } = event.data;
    return {
      currency,
      ...(number !== undefined && { number }),
      ...(customerId !== undefined && { customerId }),
      ...(locale !== undefined && { locale }),
      ...namesOf(items),
      ...(origin?.kind === 'import' && { imported: true as const }),
      ...known,
    };
  }
  const { removed = [] } = event.data;
  const gone = (['contact', 'reference'] as const).filter((name) => removed.includes(name));
  if (contact === undefined && reference === undefined && gone.length === 0) return before;
  return Object.fromEntries(
    Object.entries({ ...before, ...known }).filter(([name]) => !gone.includes(name as (typeof gone)[number])),
  );
}

/** What the customer knows the articles by. */
function namesOf(items: readonly OrderItem[]): Pick<Correspondence, 'names'> {
  const named = items
    .slice(0, NAMES_MAX)
    .flatMap(({ sku, name }) => (name === undefined || name === sku ? [] : [[sku, clean(name)]]));
  return named.length === 0 ? {} : { names: Object.fromEntries(named) as Record<string, string> };
}

/** How the customer knows the order: the reference, or its number. */
function labelOf(orderId: string, about: Correspondence | undefined): string {
  const reference = about?.reference === undefined ? '' : cut(clean(about.reference), LABEL_MAX);
  return reference === '' ? (about?.number ?? formerNumber(orderId)) : reference;
}

/** Where a message by this channel goes to; undefined where the contact has nothing for it. */
export function addressOf(channel: ChannelName, contact: Contact | undefined): string | undefined {
  const { email, phone, pushSubscription } = contact ?? {};
  if (channel === 'email') return email && clean(email);
  if (channel === 'sms') return phone && clean(phone);
  return pushSubscription && endpointOf(pushSubscription);
}

type Addressee = Pick<Notification, 'channel' | 'recipient' | 'customerId' | 'body' | 'content' | 'status' | 'detail'>;

interface Written {
  readonly message: Message;
  readonly label: string;
  readonly eventType: NotifiedType;
  readonly documents: DocumentWish | undefined;
  readonly carried: ReadonlySet<ChannelName>;
  readonly shop: Shop;
}

function addressees(about: Correspondence | undefined, written: Written): Addressee[] {
  const { message, label, eventType, documents, carried, shop } = written;
  const found: Addressee[] = [];
  const { contact, customerId } = about ?? {};
  const by = new Set(channelsOf(eventType));
  const body = cut(message.short, SHORT_BODY_MAX);
  const content = { order: label, short: body, blocks: [], link: message.link };
  const status = (channel: ChannelName) => (carried.has(channel) ? ('queued' as const) : ('mailbox' as const));
  const [email, phone, browser] = CHANNEL_NAMES.map((channel) =>
    by.has(channel) ? addressOf(channel, contact) : undefined,
  );
  if (email)
    found.push({
      channel: 'email',
      recipient: email,
      body: cut(textOf(message, shop), BODY_MAX),
      content: { ...content, blocks: message.blocks, ...(documents && { documents }) },
      status: status('email'),
    });
  if (phone) found.push({ channel: 'sms', recipient: phone, body, status: status('sms') });
  if (browser) found.push({ channel: 'push', recipient: browser, body, content, status: status('push') });
  const isAnswerable = found.length > 0;
  if (!browser && customerId !== undefined && by.has('push') && carried.has('push'))
    found.push({ channel: 'push', customerId, body, content, status: 'queued' });
  if (!isAnswerable) found.push({ channel: 'none', body, status: 'suppressed', detail: NO_CONTACT });
  return found;
}

/** Whether it is only written where its customer has subscribed with a browser. */
export function isForBrowsers({ customerId }: Notification): boolean {
  return customerId !== undefined;
}

function endpointOf(subscription: Record<string, unknown>): string {
  const endpoint = subscription['endpoint'];
  return typeof endpoint === 'string'
    ? endpoint.replace(/[^\x21-\x7e]/g, '').slice(0, RECIPIENT_MAX)
    : 'push subscription';
}
