import assert from 'node:assert/strict';
import { createECDH, randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ChannelWorld, channelContract } from '#tests/support/channel-contract.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { PushServiceStandIn } from '#tests/support/push-service.ts';
import { TwilioStandIn } from '#tests/support/twilio.ts';
import type { ChannelAdapter, OutgoingMessage } from './port.ts';
import { smtpChannel } from './smtp.ts';
import { e164, isSignedByTwilio, twilioChannel, twilioVerdict } from './twilio.ts';
import { isPushService, webPushChannel } from './web-push.ts';
import { encrypt, type PushSubscription, subscriptionIn, Vapid } from './web-push-crypto.ts';

const FOR_NOW = 451;
const FOR_GOOD = 550;

const MESSAGE: OutgoingMessage = {
  id: '0192f0c1-2a3b-7c4d-8e5f-0123456789ab',
  sending: 1,
  attempt: 1,
  orderId: '0192f0c1-2a3b-7c4d-8e5f-0123456789ac',
  recipient: 'ada@example.com',
  subject: 'On its way',
  text: 'It left.',
  language: 'de',
  createdAt: '2026-11-22T12:00:00.000Z',
};

function partOf(mail: string, type: string): string {
  const part = mail.split(/\r?\n--[^\r\n]+\r?\n/).find((text) => text.startsWith(`Content-Type: ${type}`)) ?? mail;
  const [head, ...body] = part.split(/\r?\n\r?\n/);
  const text = body.join('\n\n');
  if (/base64/i.test(head!)) return Buffer.from(text, 'base64').toString();
  if (!/quoted-printable/i.test(head!)) return text.trimEnd();
  const bytes = text
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString().trimEnd();
}

describe('e-mail by SMTP', () => {
  let mailbox: Mailbox;
  let channel: ChannelAdapter;
  let url: string;
  beforeEach(async () => {
    mailbox = new Mailbox();
    url = await mailbox.listen();
    channel = smtpChannel({ url, from: 'Shop <orders@shop.example>', requireTls: false });
  });
  afterEach(async () => {
    await channel.close();
    await mailbox.close();
  });

  channelContract((): ChannelWorld => ({
    channel,
    recipient: MESSAGE.recipient,
    arrived: () =>
      mailbox.mails.map((mail, index) => ({
        recipient: mailbox.recipients[index]!,
        text: partOf(mail, 'text/plain'),
        key: /^Message-ID: (.+)$/m.exec(mail)![1]!,
      })),
    refuse: (how) => void (mailbox.refusals = [how === 'for now' ? FOR_NOW : FOR_GOOD]),
    loseAnswer() {
      mailbox.beforeAnswer = async () => {
        mailbox.beforeAnswer = undefined;
        mailbox.hangUp();
      };
    },
    async outage(down) {
      if (down) return mailbox.close();
      mailbox = new Mailbox();
      await mailbox.listen(Number(new URL(url).port));
    },
    hasOneServer: true,
  }));

  test('carries attachments, and pictures that its HTML shows', async () => {
    const content = Buffer.from('%PDF-1.7 invoice');
    await channel.send({
      ...MESSAGE,
      html: '<img src="cid:logo">',
      images: [{ id: 'logo', filename: 'logo.png', contentType: 'image/png', content: Buffer.from('png') }],
      attachments: [{ filename: 'invoice.pdf', contentType: 'application/pdf', content }],
    });
    const [mail] = mailbox.mails;
    expect(mail).toMatch(/Content-Type: application\/pdf; name=invoice\.pdf/);
    expect(mail).toContain(content.toString('base64'));
    expect(mail).toMatch(/Content-Id: <logo>/i);
    expect(mail).toContain('Content-Language: de');
  });

  test('is sent to nobody in the clear where encryption is required', async () => {
    const strict = smtpChannel({ url, from: 'orders@shop.example', requireTls: true });
    expect(await strict.send(MESSAGE)).toMatchObject({ type: 'unreachable' });
    expect(mailbox.mails).toEqual([]);
    await strict.close();
  });
});

describe('text messages by Twilio', () => {
  let twilio: TwilioStandIn;
  let channel: ChannelAdapter;
  const open = (change: { authToken?: string; callbackUrl?: string } = {}): ChannelAdapter =>
    twilioChannel({
      url: twilio.http.url,
      accountSid: twilio.accountSid,
      authToken: twilio.authToken,
      from: twilio.from,
      countryCode: '49',
      ...change,
    });
  beforeEach(async () => {
    twilio = new TwilioStandIn();
    await twilio.http.open();
    channel = open();
  });
  afterEach(async () => {
    await channel.close();
    await twilio.http.close();
  });

  channelContract((): ChannelWorld => ({
    channel,
    recipient: '+4930901820',
    arrived: () => twilio.texts.map(({ to, body }) => ({ recipient: to, text: body })),
    refuse: (how) => void (twilio.refusals = [how === 'for now' ? [503, 20_503] : [400, 21_610]]),
    loseAnswer: () => twilio.http.loseAnswer(),
    outage: (down) => (down ? twilio.http.close() : twilio.http.open()),
    hasOneServer: true,
  }));

  test('wait while the account is not let in, and say where to report to', async () => {
    const stranger = open({ authToken: 'guessed' });
    expect(await stranger.send({ ...MESSAGE, recipient: '030 1234567' })).toEqual({
      type: 'unreachable',
      reason: 'twilio 401 20003',
    });
    expect(twilio.strangers).toBe(1);
    const reported = open({ callbackUrl: 'https://shop.example/notifications/reports/twilio' });
    expect(await reported.send({ ...MESSAGE, recipient: '030 1234567' })).toMatchObject({
      type: 'accepted',
      providerId: twilio.texts[0]!.sid,
    });
    expect(twilio.texts[0]).toMatchObject({
      to: '+49301234567',
      statusCallback: 'https://shop.example/notifications/reports/twilio',
    });
    await Promise.all([stranger.close(), reported.close()]);
  });

  test.each([
    ['+49 (0)30 123-4567', undefined, '+49301234567'],
    ['0049 30 1234567', undefined, '+49301234567'],
    ['030/1234567', '49', '+49301234567'],
    ['(212) 555-0100', '1', '+12125550100'],
    ['030/1234567', undefined, undefined],
    ['+49 30 1234567 ext. 12', '49', undefined],
    ['+49 30', undefined, undefined],
  ])('go to %s (country %s) as %s', (phone, country, number) => {
    expect(e164(phone, country)).toBe(number);
  });

  test('are reported on under a signature: the example of its documentation, and none that was changed', () => {
    const url = 'https://example.com/myapp.php?foo=1&bar=2';
    const parameters = Object.entries({
      Digits: '1234',
      To: '+18005551212',
      From: '+14158675310',
      Caller: '+14158675310',
      CallSid: 'CA1234567890ABCDE',
    });
    const signature = 'L/OH5YylLD5NRKLltdqwSvS0BnU=';
    expect(isSignedByTwilio('12345', url, parameters, signature)).toBe(true);
    expect(isSignedByTwilio('12346', url, parameters, signature)).toBe(false);
    expect(isSignedByTwilio('12345', `${url}3`, parameters, signature)).toBe(false);
    expect(isSignedByTwilio('12345', url, [...parameters, ['x', 'y']], signature)).toBe(false);
    expect(isSignedByTwilio('12345', url, parameters, '')).toBe(false);
  });

  test.each([
    ['sent', undefined, undefined],
    ['delivered', undefined, 'delivered'],
    ['undelivered', '30003', { failed: 'undelivered 30003' }],
    ['failed', 'call +49 30 1', { failed: 'failed' }],
  ])('%s (%s) means %o', (status, code, verdict) => {
    expect(twilioVerdict(status, code)).toEqual(verdict);
  });
});

describe('push by Web Push', () => {
  let service: PushServiceStandIn;
  let channel: ChannelAdapter;
  let subscriptions: PushSubscription[];
  const forgotten: string[] = [];
  const pair = createECDH('prime256v1');
  pair.generateKeys();
  const vapid = new Vapid({
    privateKey: pair.getPrivateKey().toString('base64url').padStart(43, 'A'),
    subject: 'mailto:orders@shop.example',
  });
  beforeEach(async () => {
    service = new PushServiceStandIn();
    forgotten.length = 0;
    await service.http.open();
    subscriptions = [service.subscribe()];
    channel = webPushChannel({
      vapid,
      services: [service.http.url],
      subscriptionsOf: async () => subscriptions,
      forget: async (endpoint) => void forgotten.push(endpoint),
      nowMs: () => Date.now(),
    });
  });
  afterEach(async () => {
    await channel.close();
    await service.http.close();
    assert.deepEqual(service.complaints, []);
  });

  const shown = (index: number): Record<string, unknown> =>
    service.pushed[index]!.payload['notification'] as Record<string, unknown>;

  channelContract((): ChannelWorld => ({
    channel,
    recipient: subscriptions[0]!.endpoint,
    arrived: () =>
      service.pushed.map(({ endpoint, topic }, index) => ({
        recipient: endpoint,
        text: shown(index)['body'] as string,
        key: `${topic} ${String(shown(index)['tag'])}`,
      })),
    refuse: (how) => void (service.refusals = [how === 'for now' ? 503 : 400]),
    loseAnswer: () => service.http.loseAnswer(),
    outage: (down) => (down ? service.http.close() : service.http.open()),
    hasOneServer: false,
  }));

  test('reaches every browser of the customer, says in which language, and forgets those that have gone', async () => {
    subscriptions = [service.subscribe(), service.subscribe(), service.subscribe()];
    service.unsubscribe(subscriptions[1]!);
    const message = { ...MESSAGE, language: 'ar', link: 'https://shop.example/orders/1' };
    expect(await channel.send(message)).toEqual({ type: 'accepted' });
    expect(service.pushed.map(({ endpoint }) => endpoint)).toEqual([
      subscriptions[0]!.endpoint,
      subscriptions[2]!.endpoint,
    ]);
    expect(forgotten).toEqual([subscriptions[1]!.endpoint]);
    expect(service.pushed[0]).toMatchObject({ ttl: 172_800, payload: { web_push: 8030 } });
    expect(shown(0)).toMatchObject({ title: 'On its way', lang: 'ar', dir: 'rtl', navigate: message.link });
    subscriptions = [];
    expect(await channel.send(MESSAGE)).toMatchObject({ type: 'refused' });
  });

  test('fits its record, however long and wide the text is', async () => {
    expect(await channel.send({ ...MESSAGE, text: '\u0001"👩‍👩‍👧‍👦'.repeat(2_000), subject: 'ü'.repeat(500) })).toEqual({
      type: 'accepted',
    });
  });

  test('goes to push services alone', async () => {
    const services = ['https://fcm.googleapis.com', 'https://*.push.apple.com'];
    expect(isPushService('https://fcm.googleapis.com/fcm/send/1', services)).toBe(true);
    expect(isPushService('https://web.push.apple.com/1', services)).toBe(true);
    for (const endpoint of [
      'http://fcm.googleapis.com/1',
      'https://fcm.googleapis.com:8443/1',
      'https://fcm.googleapis.com@10.0.0.1/',
      'https://a.b.push.apple.com/',
      'https://10.0.0.1/?.push.apple.com',
      'https://evil.example',
      'no address',
    ])
      expect(isPushService(endpoint, services)).toBe(false);
    subscriptions = [{ ...service.subscribe(), endpoint: 'http://169.254.169.254/latest' }];
    expect(await channel.send(MESSAGE)).toEqual({ type: 'refused', reason: 'no push service that is permitted' });
  });

  test('takes no subscription whose keys are none', async () => {
    const { endpoint, keys } = service.subscribe();
    expect(subscriptionIn({ endpoint, keys })).toEqual({ endpoint, keys });
    for (const wrong of [
      null,
      { endpoint },
      { endpoint: 'no address', keys },
      { endpoint, keys: { ...keys, auth: 'AAAA' } },
      { endpoint, keys: { ...keys, p256dh: randomBytes(64).toString('base64url') } },
    ])
      expect(subscriptionIn(wrong)).toBeUndefined();
    const offCurve = { endpoint, keys: { ...keys, p256dh: Buffer.alloc(65, 4).toString('base64url') } };
    expect(() => encrypt(Buffer.from('x'), offCurve)).toThrow(/public key/i);
    subscriptions = [offCurve];
    expect(await channel.send(MESSAGE)).toMatchObject({ type: 'refused' });
    expect(forgotten).toEqual([endpoint]);
  });
});
