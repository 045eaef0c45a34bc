import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { trackingLinks } from '#platform/http/signed-links.ts';
import { uuidv7 } from 'uuidv7';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isoTime } from '#contracts/time.ts';
import type { Service } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { PushServiceStandIn } from '#tests/support/push-service.ts';
import { TwilioStandIn } from '#tests/support/twilio.ts';
import { notifications } from './service.ts';
import { claimMessages, markMessages, type SendResult } from './outgoing.ts';
import { findNotification } from './store.ts';

const EMAIL = { email: 'ada@example.com' };
const CONDITION_PATIENCE_MS = 10_000;

describe('notifications', () => {
  const one = useOneService(notifications);
  const { clock } = one;
  let mailbox: Mailbox;
  let smtpUrl: string;
  let service: Service;
  const logged: string[] = [];

  beforeEach(async () => {
    logged.length = 0;
    mailbox = new Mailbox();
    smtpUrl = await mailbox.listen();
  });
  afterEach(async () => {
    await one.stopAll();
    await mailbox.close();
  });

  async function start(env: Record<string, string>): Promise<void> {
    const logger = createLogger('debug');
    logger.warn = ((...parts: unknown[]) => void logged.push(JSON.stringify(parts))) as typeof logger.warn;
    logger.error = logger.warn;
    service = await one.start(env, { logger });
  }

  interface Item {
    readonly id: string;
    readonly eventType: string;
    readonly channel: string;
    readonly status: string;
    readonly attempts: number;
    readonly detail: string | null;
  }

  /** What the API shows of an order once `condition` holds. */
  async function itemsOf(order: string, condition: (items: Item[]) => boolean): Promise<Item[]> {
    const app = api();
    const untilMs = Date.now() + CONDITION_PATIENCE_MS;
    for (;;) {
      const { items } = (await app.inject(`/notifications?orderId=${order}`)).json() as { items: Item[] };
      if (condition(items)) return items;
      if (Date.now() > untilMs) throw new Error(`It never came to that: ${JSON.stringify(items)}`);
      await service.settled!();
    }
  }

  const api = (): ReturnType<typeof one.api> => one.api(service, 'reader');

  const all = (status: string) => (items: Item[]) => items.length > 0 && items.every((item) => item.status === status);

  test('without a mail server stay in the mailbox, where the API shows them', async () => {
    await start({});
    const order = uuidv7();
    await one.happen(
      one.event(order, 'OrderCreated', { contact: { ...EMAIL, phone: '+49 30 1' } }),
      one.event(order, 'OrderPaid'),
    );
    const items = await itemsOf(order, (found) => found.length === 4);
    expect(items.map((item) => [item.eventType, item.channel, item.status])).toEqual([
      ['OrderCreated', 'email', 'mailbox'],
      ['OrderCreated', 'sms', 'mailbox'],
      ['OrderPaid', 'email', 'mailbox'],
      ['OrderPaid', 'sms', 'mailbox'],
    ]);
    expect(mailbox.mails).toEqual([]);

    const page = await api().inject(`/notifications/${items[0]!.id}?format=html`);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(page.headers['content-security-policy']).toContain("default-src 'none'");
    expect(page.body).toContain('<h1');
    expect((await api().inject(`/notifications/${uuidv7()}`)).statusCode).toBe(404);
    expect((await api().inject('/notifications?orderId=none')).statusCode).toBe(400);
  });

  test('of an order without a contact are recorded as suppressed', async () => {
    await start({});
    const order = uuidv7();
    await one.happen(one.event(order, 'OrderCreated'));
    expect(await itemsOf(order, all('suppressed'))).toMatchObject([
      { channel: 'none', detail: 'the order has no contact' },
    ]);
  });

  test('are remembered over a restart: a repeated event adds nothing, the contact is still known', async () => {
    await start({});
    const order = uuidv7();
    const created = one.event(order, 'OrderCreated', { contact: EMAIL });
    await one.happen(created);
    await itemsOf(order, (items) => items.length === 1);
    await one.stopAll();
    await start({});
    await one.happen(
      created,
      one.event(order, 'OrderAmended', { contact: { email: 'new@example.com' } }),
      one.event(order, 'OrderPaid'),
    );
    const items = await itemsOf(order, (found) => found.length === 2);
    expect(items).toMatchObject([
      { eventType: 'OrderCreated', recipient: EMAIL.email },
      { eventType: 'OrderPaid', recipient: 'new@example.com' },
    ]);
  });

  test('go out by SMTP as text and HTML, with the notification id as Message-ID', async () => {
    await start({ SMTP_URL: smtpUrl, MAIL_FROM: 'Shop <orders@shop.example>' });
    const order = uuidv7();
    await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL, reference: 'PO <77>' }));
    const [item] = await itemsOf(order, all('sent'));
    expect(item).toMatchObject({ attempts: 1, detail: null });
    expect(mailbox.recipients).toEqual([EMAIL.email]);
    const [mail] = mailbox.mails;
    expect(mail).toContain(`Message-ID: <${item!.id}@shop.example>`);
    expect(mail).toMatch(/From: Shop <orders@shop\.example>/);
    expect(mail).toContain('Content-Type: text/plain');
    expect(mail).toContain('Content-Type: text/html');
    // In both, in lines of at most 76 characters; and nowhere else.
    const [token, ...more] = mail!.replace(/=\r?\n/g, '').match(/(?<=\/track\/)[\w-]+/g)!;
    expect(more).toEqual([token]);
    expect(trackingLinks({})!.open(token!, Date.now())).toMatchObject({ id: order });
    expect(JSON.stringify((await api().inject(`/notifications/${item!.id}`)).json())).not.toContain('/track/');
  });

  test('are tried again after a temporary refusal, and the reason never names the recipient', async () => {
    mailbox.refusals = [451, 451];
    await start({ SMTP_URL: smtpUrl });
    const order = uuidv7();
    await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL }));
    const [first] = await itemsOf(order, (items) => items[0]?.detail === 'EENVELOPE 451');
    expect(first).toMatchObject({ status: 'queued', attempts: 1 });
    await service.settled!();
    expect(mailbox.mails).toEqual([]);
    clock.aheadMs += 3_600_000;
    await itemsOf(order, (items) => items[0]!.attempts === 2);
    clock.aheadMs += 3_600_000;
    expect(await itemsOf(order, all('sent'))).toMatchObject([{ attempts: 3 }]);
    expect(mailbox.mails).toHaveLength(1);
    expect(logged.length).toBeGreaterThan(0);
    expect(logged.join()).not.toContain(EMAIL.email);
  });

  test('are given up at once where the server refuses for good, and after eight attempts where it never accepts', async () => {
    mailbox.refusals = [550];
    await start({ SMTP_URL: smtpUrl });
    const refused = uuidv7();
    await one.happen(one.event(refused, 'OrderCreated', { contact: EMAIL }));
    expect(await itemsOf(refused, all('failed'))).toMatchObject([{ attempts: 1, detail: 'EENVELOPE 550' }]);

    mailbox.refusals = Array.from({ length: 20 }, () => 451);
    const unlucky = uuidv7();
    await one.happen(one.event(unlucky, 'OrderCreated', { contact: EMAIL }));
    for (let attempt = 1; attempt <= 8; attempt++) {
      await itemsOf(unlucky, (items) => items[0]?.attempts === attempt && items[0].detail !== null);
      clock.aheadMs += 5 * 3_600_000;
    }
    expect(await itemsOf(unlucky, all('failed'))).toMatchObject([{ attempts: 8 }]);
  });

  test('a mail whose sender died between sending and marking is sent again under the same Message-ID', async () => {
    await start({ SMTP_URL: smtpUrl });
    const order = uuidv7();
    await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL }));
    const [item] = await itemsOf(order, all('sent'));
    await one.stopAll();
    // What the database holds when the mark was lost: claimed, counted, the claim run out.
    await one.database.query(
      "update notifications.notifications set status = 'queued', sent_at = null, next_attempt_at = now() where id = $1",
      [item!.id],
    );
    await start({ SMTP_URL: smtpUrl, MAIL_FROM: 'OLMS <orders@localhost>' });
    expect(await itemsOf(order, (items) => items[0]!.attempts === 2 && items[0]!.status === 'sent')).toHaveLength(1);
    const ids = mailbox.mails.map((mail) => /^Message-ID: (.+)$/m.exec(mail)![1]!.trim());
    expect(ids).toHaveLength(2);
    expect(new Set(ids).size).toBe(1);
  });

  test('how an attempt ended is heard once, and not after a later attempt; that it went out always is', async () => {
    await start({});
    const order = uuidv7();
    await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL }), one.event(order, 'OrderPaid'));
    const [late, sent] = await itemsOf(order, (items) => items.length === 2);
    await one.database.query(
      "update notifications.notifications set status = 'queued', next_attempt_at = created_at where order_id = $1",
      [order],
    );
    const nowMs = clock.nowMs();
    const claim = () => claimMessages(one.database, 'email', { nowMs, untilMs: nowMs, limit: 10 });
    const mark = async (id: string, attempts: number, status: SendResult['status'], detail?: string): Promise<void> => {
      const at = isoTime(nowMs);
      const sentAt = status === 'sent' ? at : undefined;
      const nextAttemptAt = status === 'queued' ? at : undefined;
      await one.database.write([
        markMessages('email', [{ id, attempts, status, counted: true, detail, sentAt, nextAttemptAt }]),
      ]);
    };
    const found = async (id: string): Promise<unknown> => {
      const { status, detail, attempts } = (await findNotification(one.database, id))!;
      return [status, detail, attempts];
    };
    // A sender was slow enough for its claims to run out, and another one took the mails over.
    await claim();
    await claim();
    await mark(late!.id, 1, 'failed', 'the first');
    expect(await found(late!.id)).toEqual(['queued', null, 2]);
    await mark(late!.id, 2, 'sent');
    await mark(late!.id, 1, 'queued', 'the first');
    await mark(late!.id, 2, 'failed', 'the second');
    expect(await found(late!.id)).toEqual(['sent', null, 2]);
    await mark(sent!.id, 1, 'sent');
    await mark(sent!.id, 2, 'queued', 'the second');
    expect(await found(sent!.id)).toEqual(['sent', null, 2]);
  });

  test('a mail that was sent while the database went away is not sent again', async () => {
    await start({ SMTP_URL: smtpUrl });
    const url = new URL(one.url);
    const name = url.pathname.slice(1);
    url.pathname = '/postgres';
    const admin = new Client({ connectionString: url.toString() });
    await admin.connect();
    try {
      const away = new Promise<void>((resolve) => {
        mailbox.beforeAnswer = async () => {
          mailbox.beforeAnswer = undefined;
          await admin.query(`alter database ${name} with allow_connections false`);
          await admin.query('select pg_terminate_backend(pid) from pg_stat_activity where datname = $1', [name]);
          resolve();
        };
      });
      const order = uuidv7();
      await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL }));
      await away;
      await sleep(1_500);
      await admin.query(`alter database ${name} with allow_connections true`);
      await itemsOf(order, all('sent'));
      clock.aheadMs += 3_600_000;
      await service.settled!();
      expect(mailbox.mails).toHaveLength(1);
      expect(await itemsOf(order, all('sent'))).toMatchObject([{ attempts: 1 }]);
    } finally {
      await admin.query(`alter database ${name} with allow_connections true`);
      await admin.end();
    }
  });

  test('two senders never take the same mail', async () => {
    await start({ SMTP_URL: smtpUrl });
    await one.start({ SMTP_URL: smtpUrl });
    const orders = Array.from({ length: 60 }, () => uuidv7());
    await one.happen(...orders.map((order) => one.event(order, 'OrderCreated', { contact: EMAIL })));
    for (const order of orders) await itemsOf(order, all('sent'));
    expect(mailbox.mails).toHaveLength(orders.length);
  });

  test('text messages and pushes go out beside mails, each by its own channel, and what Twilio reports is kept', async () => {
    const twilio = new TwilioStandIn();
    const pushes = new PushServiceStandIn();
    await Promise.all([twilio.http.open(), pushes.http.open()]);
    const callbackUrl = 'https://shop.example/notifications/reports/twilio?shop=1';
    try {
      await start({
        SMTP_URL: smtpUrl,
        TWILIO_API_URL: twilio.http.url,
        TWILIO_ACCOUNT_SID: twilio.accountSid,
        TWILIO_AUTH_TOKEN: twilio.authToken,
        TWILIO_FROM: twilio.from,
        TWILIO_CALLBACK_URL: callbackUrl,
        VAPID_PRIVATE_KEY: Buffer.alloc(32, 7).toString('base64url'),
        VAPID_SUBJECT: 'mailto:orders@shop.example',
        PUSH_SERVICES: pushes.http.url,
      });
      const order = uuidv7();
      const contact = { ...EMAIL, phone: '+49 30 1234567', pushSubscription: { ...pushes.subscribe() } };
      await one.happen(one.event(order, 'OrderCreated', { contact }));
      const items = await itemsOf(order, all('sent'));
      expect(items.map(({ channel }) => channel)).toEqual(['email', 'sms', 'push']);
      expect(mailbox.recipients).toEqual([EMAIL.email]);
      expect(pushes.pushed).toHaveLength(1);
      const [text] = twilio.texts;
      expect(text).toMatchObject({ to: '+49301234567', statusCallback: callbackUrl });

      const app = api();
      const report = async (status: string, forged = false): Promise<unknown> => {
        const { body, signature } = twilio.report(text!, status, { ErrorCode: '30003' });
        const { statusCode, json } = await app.inject({
          method: 'POST',
          url: '/notifications/reports/twilio',
          headers: {
            'content-type': 'application/x-www-form-urlencoded',
            'x-twilio-signature': signature,
          },
          body: forged ? body.replace('30003', '30004') : body,
        });
        return statusCode === 202 ? json() : statusCode;
      };
      const [, sms] = items;
      const found = async () => findNotification(one.database, sms!.id);
      expect(await report('undelivered', true)).toBe(401);
      expect(await report('sent')).toEqual({ accepted: false });
      expect(await report('undelivered')).toEqual({ accepted: true });
      expect(await found()).toMatchObject({ status: 'failed', detail: 'undelivered 30003', deliveredAt: null });
      expect(await report('undelivered')).toEqual({ accepted: false });
      expect(await report('delivered')).toEqual({ accepted: true });
      expect(await found()).toMatchObject({ status: 'sent', detail: null, deliveredAt: expect.any(String) });
      expect(await report('undelivered')).toEqual({ accepted: false });
      expect(await found()).toMatchObject({ status: 'sent' });
      const unsigned = { method: 'POST', url: '/notifications/reports/twilio', body: '' } as const;
      expect((await app.inject(unsigned)).statusCode).toBe(401);
    } finally {
      await one.stopAll();
      await Promise.all([twilio.http.close(), pushes.http.close()]);
    }
  });

  test('wait while the mail server is away, without an attempt that counts, and go out when it is back', async () => {
    await mailbox.close();
    await start({ SMTP_URL: smtpUrl });
    const orders = Array.from({ length: 30 }, () => uuidv7());
    await one.happen(...orders.map((order) => one.event(order, 'OrderCreated', { contact: EMAIL })));
    for (const order of orders) await itemsOf(order, (items) => items.length > 0);
    const [waiting] = await one.eventually(
      () =>
        one.database.query<{ tried: number; attempts: number }>(
          'select count(*) filter (where detail is not null)::int as tried, max(attempts) as attempts from notifications.notifications where order_id = any($1::uuid[])',
          [orders],
        ),
      ([row]) => row!.tried > 0,
    );
    // What one claim had taken when nobody was there, and no more: one at a time tries whether somebody is back.
    expect(waiting!.tried).toBeLessThan(30);
    expect(waiting!.attempts).toBeLessThanOrEqual(1);
    mailbox = new Mailbox();
    await mailbox.listen(Number(new URL(smtpUrl).port));
    clock.aheadMs += 60_000;
    for (const order of orders) expect(await itemsOf(order, all('sent'))).toMatchObject([{ attempts: 1 }]);
    expect(mailbox.mails).toHaveLength(orders.length);
  });
});
