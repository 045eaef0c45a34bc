import { describe, expect, test } from 'vitest';
import type { Contact, EventData } from '#contracts/order-events.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { RulesStory } from '#tests/support/rules.ts';
import { htmlOfNotification } from './mail-html.ts';
import { domainOf } from './channels/smtp.ts';
import {
  BODY_MAX,
  type Correspondence,
  type MessageQueued,
  type Notification,
  notificationRules,
  OUTGOING,
} from './rules.ts';
import { backoffMs } from './sender.ts';
import { readConfig } from './settings.ts';
import { NOTIFIED_TYPES } from './templates.ts';
import { escapeHtml } from '#contracts/text.ts';
import { LANGUAGES } from '#contracts/languages.ts';

const EMAIL = { email: 'ada@example.com' };

class Story extends RulesStory<Correspondence, never, MessageQueued, readonly Notification[]> {
  constructor(mail = false, env: Environment = {}) {
    super(notificationRules({ carried: new Set(mail ? ['email'] : []), writing: readConfig(env).writing }));
  }
  get notifications(): readonly Notification[] {
    return this.shared.get(OUTGOING) ?? [];
  }
  get newest(): Notification {
    return this.notifications.at(-1)!;
  }
  created(contact?: Contact, changes: Partial<EventData<'OrderCreated'>> = {}): this {
    return this.reads('OrderCreated', { ...(contact && { contact }), ...changes });
  }
  received(received: EventData<'OrderReturnReceived'>['received'] & {}): this {
    return this.reads('OrderReturnReceived', { items: [], received });
  }
}

describe('channels', () => {
  test('every channel of the contact gets its own notification', () => {
    const { notifications } = new Story().created({
      ...EMAIL,
      phone: '+49 30 1',
      pushSubscription: { endpoint: 'https://push.example/1', keys: {} },
    });
    expect(notifications.map(({ channel, recipient, status }) => [channel, recipient, status])).toEqual([
      ['email', 'ada@example.com', 'mailbox'],
      ['sms', '+49 30 1', 'mailbox'],
      ['push', 'https://push.example/1', 'mailbox'],
    ]);
  });

  test('with a mail server, mails are queued and the sender is notified', () => {
    const story = new Story(true);
    const folded = story.reads('OrderCreated', { contact: { ...EMAIL, phone: '+49 30 1' } });
    expect(story.notifications.map(({ status }) => status)).toEqual(['queued', 'mailbox']);
    expect(folded.effects).toEqual(['email']);
  });

  test('an order without a contact leaves a record of why nobody was notified', () => {
    expect(new Story().created().notifications).toMatchObject([
      { channel: 'none', status: 'suppressed', detail: 'the order has no contact' },
    ]);
    expect(new Story().created({}).notifications).toMatchObject([{ channel: 'none', status: 'suppressed' }]);
  });

  test('the contact of an amendment is the one that counts from then on', () => {
    const story = new Story().created();
    story.reads('OrderAmended', { contact: { email: 'new@example.com' } });
    expect(story.notifications).toHaveLength(1);
    story.reads('OrderPaid');
    expect(story.newest).toMatchObject({ channel: 'email', recipient: 'new@example.com' });
  });

  test('what an amendment takes away is not used any more', () => {
    const story = new Story().created(EMAIL, { reference: 'PO-77' });
    story.reads('OrderAmended', { removed: ['contact', 'reference'] });
    story.reads('OrderPaid');
    expect(story.newest).toMatchObject({ channel: 'none', status: 'suppressed' });
    expect(story.newest.subject).not.toContain('PO-77');
  });

  test('an amendment of something else, and any other event, leave the stored row alone', () => {
    const story = new Story().created(EMAIL);
    const before = story.row.state;
    expect(story.reads('OrderAmended', { reference: undefined, metadata: { a: 1 } }).ignored).toMatch(/neither/);
    story.reads('OrderPaid');
    expect(story.row.state).toBe(before);
  });
});

describe('events', () => {
  test.each(NOTIFIED_TYPES)('%s has a message with subject and text', (type) => {
    const story = new Story();
    if (type !== 'OrderCreated') story.created(EMAIL, { reference: 'PO-77' });
    story.reads(type, type === 'OrderCreated' ? { contact: EMAIL, reference: 'PO-77' } : {});
    expect(story.newest.eventType).toBe(type);
    expect(story.newest.subject).toContain('PO-77');
    expect(story.newest.body).toContain('PO-77');
    expect(story.newest.body).not.toMatch(/undefined|\[object/);
  });

  test('a repeated event notifies nobody twice', () => {
    const story = new Story();
    const event = story.event('OrderCreated', { contact: EMAIL });
    story.readsEvent(event);
    expect(story.readsEvent(event).ignored).toBe('duplicate');
    expect(story.notifications).toHaveLength(1);
  });

  test('shipping messages carry the tracking number, also in a text message', () => {
    const story = new Story().created({ phone: '+49 30 1' });
    story.reads('OrderPartiallyShipped', { carrier: 'dhl', trackingNumber: 'JJD-1' });
    expect(story.newest.body).toContain('JJD-1');
    expect(story.newest.body).toContain('dhl');
  });

  test('a refund names the currency of the order', () => {
    const story = new Story().created(EMAIL, { currency: 'JPY' });
    story.reads('OrderRefunded', { amount: '500' });
    expect(story.newest.subject).toContain('¥500');
  });

  test('an event about an order that is not known is still recorded', () => {
    const story = new Story();
    story.reads('OrderPaid');
    expect(story.notifications).toMatchObject([{ status: 'suppressed' }]);
  });
});

describe('what customers read', () => {
  const SAID_INSIDE = 'looks like fraud to me';

  test.each(NOTIFIED_TYPES)('%s carries nothing that staff or services said to each other', (type) => {
    for (const locale of LANGUAGES) {
      const story = new Story().created({ ...EMAIL, phone: '+49 30 1' }, { locale });
      const inside = { reason: SAID_INSIDE, by: SAID_INSIDE, hold: SAID_INSIDE, location: SAID_INSIDE };
      const refund = { refundId: 'r', amount: '1.00', ...inside };
      const reminder = { number: 1, due: '1.00', received: '0.00', currency: 'EUR', ...inside };
      story.reads(type, { ...inside, refund, reminder, metadata: { note: SAID_INSIDE } } as never);
      expect(story.newest.eventType).toBe(type);
      for (const written of story.notifications) expect(JSON.stringify(written)).not.toContain(SAID_INSIDE);
    }
  });

  test('is what was written for them, in the letter and in the text message', () => {
    const story = new Story().created({ ...EMAIL, phone: '+49 30 1' });
    const customerMessage = 'We are sorry:\r\nthe last lamp broke. 👩‍👩‍👧‍👦';
    story.reads('OrderCancelled', { reason: SAID_INSIDE, by: 'ada', customerMessage });
    const [mail, sms] = story.notifications.slice(-2);
    expect(mail!.body).toContain('\n\nWe are sorry: the last lamp broke. 👩‍👩‍👧‍👦\n\n');
    expect(sms!.body).toContain('returned to you. We are sorry: the last lamp broke. 👩‍👩‍👧‍👦');
  });

  test('names articles instead of SKUs, wherever they appear', () => {
    const items = [
      { line: 1, sku: 'MUG-1', name: 'Enamel mug', quantity: 2, unitPrice: '9.95', amount: '19.90' },
      { line: 2, sku: 'constructor', quantity: 1, unitPrice: '1.00', amount: '1.00' },
    ];
    const story = new Story().created(EMAIL, { items });
    expect(story.newest.body).toContain('2 × Enamel mug: €19.90');
    story.reads('OrderBackordered', { shortages: [{ sku: 'MUG-1', requested: 2, available: 1 }] });
    expect(story.newest.body).toContain('Enamel mug: 1 of 2 available');
    story.reads('OrderPartiallyShipped', { items: [{ sku: 'MUG-1', quantity: 1 }] });
    expect(story.newest.body).toContain('\n\n1 × Enamel mug\n\n');
    story.reads('OrderAmended', { reference: 'PO-2' });
    story.reads('OrderShipped', {
      items: [
        { sku: 'MUG-1', quantity: 1 },
        { sku: 'toString', quantity: 1 },
      ],
    });
    expect(story.newest.body).toContain('\n\n1 × Enamel mug\n1 × toString\n\n');
    expect(story.newest.body).not.toContain('MUG-1');
  });

  test.each([
    ['EUR', '-0', '0005', '€0.00', '€5.00'],
    ['EUR', '0', '5', '€0.00', '€5.00'],
    ['JPY', '-0', '0500', '¥0', '¥500'],
    ['KWD', '0', '5', 'KWD\u00a00.000', 'KWD\u00a05.000'],
  ])('has amounts in the scale of %s: %s and %s', (currency, discount, tax, shownDiscount, shownTax) => {
    const { newest } = new Story().created(EMAIL, {
      currency,
      discountLines: [{ amount: discount }, { name: 'Coupon', amount: tax }],
      taxLines: [{ amount: tax }],
      totalAmount: tax,
    });
    expect(newest.body).toContain(`Discount: ${shownDiscount}\nCoupon: -${shownTax}\n`);
    expect(newest.body).toContain(`Tax: ${shownTax}\nTotal: ${shownTax}\n`);
  });

  test.each([
    ['de-AT', 'Wir haben Ihre Bestellung PO-77 erhalten', 'Gesamtbetrag: €\u00a01.234,90'],
    ['es', 'Hemos recibido su pedido PO-77', 'Total: 1234,90\u00a0€'],
    ['ar-EG', 'لقد استلمنا طلبك \u2068PO-77\u2069', '١٬٢٣٤٫٩٠'],
    ['fr-FR', 'We have received your order PO-77', 'Total: €1,234.90'],
    ['<b>', 'We have received your order PO-77', 'Total: €1,234.90'],
  ])('is in the language of the order, %s', (locale, subject, total) => {
    const { newest } = new Story().created(EMAIL, { locale, reference: 'PO-77', totalAmount: '1234.90' });
    expect(newest.subject).toBe(subject);
    expect(newest.body).toContain(total);
  });

  test('is in the language of the shop where the customer says none', () => {
    const story = new Story(false, {
      NOTIFICATIONS_LANGUAGE: 'de',
      SHOP_TIME_ZONE: 'Asia/Tokyo',
      SHOP_NAME: 'Küche 9',
    });
    story.created(EMAIL).reads('OrderBackordered', { deadlineAt: '2026-12-24T16:00:00.000Z' });
    expect(story.newest.body).toMatch(/^Guten Tag,\n\n/);
    expect(story.newest.body).toContain('bis zum 25. Dezember 2026');
    expect(story.newest.body).toMatch(/Küche 9$/);
  });

  test('is never cut inside of what they see as one character', () => {
    const family = '👩‍👩‍👧‍👦';
    for (let length = 40; length <= 70; length++) {
      const { newest } = new Story().created(EMAIL, { reference: `${'x'.repeat(length)}${family.repeat(20)}` });
      expect(newest.subject.isWellFormed()).toBe(true);
      expect(newest.subject).toMatch(new RegExp(`order x{1,60}(${family})*$`, 'u'));
    }
    const long = new Story().created({ phone: '+49 30 1' });
    long.reads('OrderCancelled', { reason: 'r', by: 'b', customerMessage: `a${family.repeat(60)}` });
    expect(long.newest.body).toMatch(new RegExp(`a(${family})+(…)?$`, 'u'));
  });
});

describe('text from outside', () => {
  const hostile = '<script>alert(1)</script>\r\nBcc: all@example.com\u0000"\'&';

  test('cannot break out of its line or of the HTML', () => {
    const { newest: last } = new Story().created(EMAIL, {
      reference: hostile,
      items: [{ line: 1, sku: hostile, quantity: 1, unitPrice: '1', amount: '1.00' }],
    });
    for (const character of ['\r', '\n', '\u0000']) expect(last.subject).not.toContain(character);
    const html = htmlOfNotification({ ...last, content: last.content ?? null }, readConfig({}).writing);
    expect(html).not.toContain('<script');
    expect(html).toContain('&lt;script&gt;');
    expect(html).not.toContain('\u0000');
  });

  test('is bounded', () => {
    const items = Array.from({ length: 1_000 }, (_, index) => ({
      line: index + 1,
      sku: 'x'.repeat(500),
      quantity: 1,
      unitPrice: '1',
      amount: '1.00',
    }));
    const { newest: last } = new Story().created(EMAIL, { items, reference: 'r'.repeat(500) });
    expect(last.body.length).toBeLessThanOrEqual(BODY_MAX);
    expect(last.body).toContain('and 990 more\n');
    expect(last.subject.length).toBeLessThan(200);
  });

  test('is escaped completely', () => {
    expect(escapeHtml(`<a href="x" title='y'>&`)).toBe('&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;');
  });

  test('is no link where it is none', () => {
    for (const trackingUrl of ['javascript:alert(1)', 'data:text/html,x', 'https://a b', 'ftp://x']) {
      const story = new Story().created(EMAIL);
      story.reads('OrderShipped', { trackingUrl });
      expect(story.newest.content!.link).toBeUndefined();
    }
    const html = htmlOfNotification(
      {
        eventType: 'OrderShipped',
        language: 'en',
        subject: 'x',
        body: 'x',
        content: { order: 'x', short: '', blocks: [{ type: 'action', text: 'x', url: 'javascript:alert(1)' }] },
      },
      readConfig({}).writing,
    );
    expect(html).not.toContain('javascript:');
  });
});

test('the HTML of a mail of which only the text was kept shows facts as a table with row headers', () => {
  const html = htmlOfNotification(
    {
      eventType: 'OrderShipped',
      language: null,
      subject: 'On its way',
      body: 'Hello,\n\nIt left.\n\nCarrier: dhl\nTracking number: 1',
      content: null,
    },
    readConfig({}).writing,
  );
  expect(html).toContain('<html lang="en" dir="ltr">');
  expect(html).toMatch(/<th [^>]*scope="row"[^>]*>Carrier<\/th><td[^>]*><bdi>dhl<\/bdi><\/td>/);
  expect(html).toMatch(/<p [^>]*>It left\.<\/p>/);
});

test('waiting between attempts grows and is bounded', () => {
  expect([1, 2, 3, 8].map(backoffMs)).toEqual([10_000, 40_000, 160_000, 14_400_000]);
});

test('Message-IDs are made under the domain of the sender', () => {
  expect(domainOf('Shop <orders@shop.example>')).toBe('shop.example');
  expect(domainOf('orders')).toBe('localhost');
});

describe('a return', () => {
  const pieces = (condition: 'sellable' | 'damaged' | 'missing') => ({ line: 1, sku: 'MUG-1', quantity: 2, condition });
  const written = (received: ReturnType<typeof pieces>[]): readonly Notification[] =>
    new Story().created(EMAIL).received(received).notifications.slice(1);

  test('is confirmed with what arrived, whatever its condition, and not with what was missing', () => {
    const [mail] = written([pieces('damaged'), { ...pieces('missing'), sku: 'TOWEL-3' }]);
    expect(mail!.subject).toMatch(/^Your return for the order .* has arrived$/);
    expect(mail!.body).toContain('2 × Mug');
    expect(mail!.body).not.toContain('TOWEL-3');
  });

  test('of which nothing arrived is no arrival', () => {
    expect(written([pieces('missing')])).toEqual([]);
  });
});
