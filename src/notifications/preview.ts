import { emptyRow, foldEvent, type Row } from '#platform/processor/aggregate.ts';
import { AWAITING_PAYMENT } from '#contracts/payment-providers.ts';
import { type EventData, type EventType, ORDER_EVENTS, type OrderEvent } from '#contracts/order-events.ts';
import { pageOfNotification } from './mail-html.ts';
import { type Correspondence, type Notification, notificationRules, OUTGOING } from './rules.ts';
import type { NotificationsConfig } from './settings.ts';
import { toneOf } from './templates.ts';
import { escapeHtml } from '#contracts/text.ts';
import type { Tone } from './wording/layout.ts';
import { isRightToLeft, type Language, LANGUAGES } from '#contracts/languages.ts';

/** Every message in every language, of example events: what a shop looks at before its customers do. */

export interface Preview {
  /** Of the file, without extension: `de/order-shipped`. */
  readonly name: string;
  readonly language: Language;
  readonly eventType: string;
  readonly tone: Tone;
  readonly subject: string;
  readonly text: string;
  /** All that a text message carries. */
  readonly short: string;
  readonly html: string;
}

interface Example<T extends EventType = EventType> {
  readonly name: string;
  readonly type: T;
  readonly data: Partial<EventData<T>>;
}

const ORDER = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const EXAMPLE_PAGE = 'https://shop.example/track/AZLwwaI7fEyOXwEjRWeJqwAHj4g1Zk1t';
const PLACED_MS = Date.parse('2026-11-28T09:30:00Z');
const IN_A_WEEK = '2026-12-05T09:30:00.000Z';
const LOCALES = { en: 'en-GB', de: 'de-DE', es: 'es-ES', ar: 'ar' } as const satisfies Record<Language, string>;
/** As a shop that writes in this language calls its articles. */
const ARTICLES = {
  en: ['Enamel mug, sky blue', 'Linen tea towels, set of 3', 'Standard delivery', 'Welcome discount'],
  de: ['Emaillebecher, himmelblau', 'Geschirrtücher aus Leinen, 3er-Set', 'Standardversand', 'Willkommensrabatt'],
  es: ['Taza esmaltada, azul cielo', 'Paños de lino, juego de 3', 'Envío estándar', 'Descuento de bienvenida'],
  ar: ['كوب مطلي بالمينا، أزرق سماوي', 'مناشف مطبخ من الكتان، 3 قطع', 'شحن عادي', 'خصم ترحيبي'],
} as const satisfies Record<Language, readonly string[]>;
const NOTES = {
  en: 'The blue mug is no longer made. We are sorry – have a look at the new ones in spring.',
  de: 'Der blaue Becher wird nicht mehr hergestellt. Das tut uns leid – im Frühjahr kommen neue.',
  es: 'La taza azul ya no se fabrica. Lo sentimos; en primavera llegarán otras nuevas.',
  ar: 'لم يعد الكوب الأزرق يُصنع. نعتذر منك، وستصل أكواب جديدة في الربيع.',
} as const satisfies Record<Language, string>;

function of<T extends EventType>(name: string, type: T, data: Partial<EventData<T>> = {}): Example<T> {
  return { name, type, data };
}

function itemsIn(language: Language): EventData<'OrderCreated'>['items'] {
  const [mug, towels] = ARTICLES[language];
  return [
    { line: 1, sku: 'MUG-1', name: mug, quantity: 2, unitPrice: '14.95', amount: '29.90' },
    { line: 2, sku: 'TOWEL-3', name: towels, quantity: 1, unitPrice: '24.00', amount: '24.00' },
  ];
}

/** One for every template, in the order of an order's life. */
function examplesIn(language: Language): readonly Example[] {
  const [, , shipping, discount] = ARTICLES[language];
  const parcel = {
    carrier: 'DHL',
    trackingNumber: 'JD014600006281230701',
    trackingUrl: 'https://www.dhl.de/de/privatkunden/pakete-empfangen/verfolgen.html?piececode=JD014600006281230701',
  };
  const customerMessage = NOTES[language];
  const items = [{ line: 2, sku: 'TOWEL-3', quantity: 1 }];
  return [
    of('order-received', 'OrderCreated', {
      items: itemsIn(language),
      discountLines: [{ name: discount, amount: '5.00' }],
      shippingLines: [{ name: shipping, amount: '4.90' }],
      totalAmount: '53.80',
    }),
    of('order-backordered', 'OrderBackordered', {
      shortages: [{ sku: 'MUG-1', requested: 2, available: 1 }],
      deadlineAt: IN_A_WEEK,
    }),
    of('order-rejected', 'OrderRejected', { shortages: [{ sku: 'MUG-1', requested: 2, available: 0 }] }),
    of('payment-awaited', 'OrderPaymentPending', { reason: AWAITING_PAYMENT, deadlineAt: IN_A_WEEK }),
    of('payment-reminder', 'PaymentPending', {
      reminder: { number: 1, due: '53.80', received: '0.00', currency: 'EUR' },
    }),
    of('payment-pending', 'OrderPaymentPending', { reason: 'timeout', deadlineAt: IN_A_WEEK }),
    of('payment-action', 'OrderPaymentPending', {
      reason: 'requires_action',
      paymentStatus: 'REQUIRES_ACTION',
      deadlineAt: IN_A_WEEK,
    }),
    of('order-paid', 'OrderPaid', { deadlineAt: IN_A_WEEK }),
    of('payment-failed', 'OrderPaymentFailed'),
    of('payment-again', 'OrderPaymentRefused', { deadlineAt: IN_A_WEEK }),
    of('part-shipped', 'OrderPartiallyShipped', { ...parcel, items: [{ sku: 'MUG-1', quantity: 2 }] }),
    of('order-shipped', 'OrderShipped', {
      ...parcel,
      items: [
        { sku: 'MUG-1', quantity: 2 },
        { sku: 'TOWEL-3', quantity: 1 },
      ],
    }),
    of('tracking-corrected', 'OrderTrackingCorrected', parcel),
    of('order-completed', 'OrderCompleted', { totalAmount: '53.80' }),
    of('order-settled', 'OrderCompleted', {
      totalAmount: '53.80',
      undelivered: [{ shipmentId: ORDER, kind: 'lost' }],
    }),
    of('part-cancelled', 'OrderChanged', {
      removed: [{ line: 1, sku: 'MUG-1', quantity: 1, amount: '14.95' }],
      totalAmount: '38.85',
      customerMessage,
    }),
    of('claim-refund', 'OrderClaimOpened', { kind: 'lost', items, resolution: 'refund' }),
    of('claim-reship', 'OrderClaimOpened', { kind: 'damaged', items, resolution: 'reship' }),
    of('return-expected', 'OrderReturnRequested', { items, deadlineAt: IN_A_WEEK }),
    of('return-arrived', 'OrderReturnReceived', { items }),
    of('return-closed', 'OrderReturnClosed'),
    of('order-cancelled', 'OrderCancelled', { customerMessage }),
    of('order-refunded', 'OrderRefunded', { amount: '14.95', refundedAmount: '14.95', customerMessage }),
    of('cancelled-refunded', 'OrderPaymentRecorded'),
  ];
}

/** All previews: a page for each template and language, as the settings have them. Throws where one cannot be made. */
export function previews({ writing, logo }: NotificationsConfig): readonly Preview[] {
  const rules = notificationRules({ carried: new Set(), writing });
  return LANGUAGES.flatMap((language) =>
    examplesIn(language).map(({ name, type, data }): Preview => {
      let row: Row<Correspondence> = emptyRow(ORDER);
      let written: readonly Notification[] = [];
      const read = (eventType: EventType, changes: object): void => {
        const folded = foldEvent(rules, row, eventOf(eventType, changes, row.consumed), {
          nowMs: PLACED_MS,
          newId: () => ORDER,
          shared: { get: () => undefined },
        });
        row = folded.row;
        written = folded.shared?.get(OUTGOING) ?? [];
      };
      const contact = { email: 'ada@example.com', phone: '+49 30 901820' };
      const placed = { contact, items: itemsIn(language), locale: LOCALES[language], number: 'K7M4-92QX-F' };
      read('OrderCreated', { ...placed, ...(type === 'OrderCreated' && data) });
      if (type !== 'OrderCreated') read(type, data);
      const [mail, sms] = written;
      if (!mail || !sms) throw new Error(`Nobody is written to about ${type}`);
      const stored = { ...mail, content: mail.content ?? null };
      return {
        name: `${language}/${name}`,
        language,
        eventType: type,
        tone: toneOf(type),
        subject: mail.subject,
        text: mail.body,
        short: sms.body,
        html: pageOfNotification(stored, writing, logo, EXAMPLE_PAGE),
      };
    }),
  );
}

function eventOf(type: EventType, changes: object, consumed: Readonly<Record<string, number>>): OrderEvent {
  const { source, example } = ORDER_EVENTS[type];
  return {
    id: ORDER,
    source,
    type,
    subject: ORDER,
    sequence: (consumed[source] ?? 0) + 1,
    time: new Date(PLACED_MS).toISOString(),
    correlationid: 'preview',
    causationid: 'preview',
    data: { ...example, ...changes },
  } as unknown as OrderEvent;
}

/** A page that leads to all of them. */
export function indexPage(pages: readonly Preview[], { writing }: NotificationsConfig): string {
  const list = LANGUAGES.map((language) => {
    const items = pages
      .filter((page) => page.language === language)
      .map(
        ({ name, eventType, subject, short }) =>
          `<li><a href="${escapeHtml(name)}.html">${escapeHtml(subject)}</a> <code>${eventType}</code> <a href="${escapeHtml(name)}.txt">text</a><br><small>${escapeHtml(short)}</small></li>`,
      );
    const dir = isRightToLeft(language) ? 'rtl' : 'ltr';
    return `<section lang="${language}" dir="${dir}"><h2>${language}</h2><ul>${items.join('\n')}</ul></section>`;
  });
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Messages of ${escapeHtml(writing.shop.name)}</title>
<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:860px;margin:2rem auto;padding:0 1rem}li{margin:.7rem 0}code,small{opacity:.7}</style></head>
<body><h1>Messages of ${escapeHtml(writing.shop.name)}</h1>
${list.join('\n')}
</body></html>
`;
}
