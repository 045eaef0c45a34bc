import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Mailbox } from '#tests/support/mailbox.ts';
import { carriedChannels } from './channels/channels.ts';
import { smtpChannel } from './channels/smtp.ts';
import { pageOfNotification } from './mail-html.ts';
import { readConfig } from './settings.ts';

const folder = mkdtempSync(join(tmpdir(), 'olms-settings-'));
afterAll(() => rmSync(folder, { recursive: true }));

function fileWith(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const TWILIO = { TWILIO_ACCOUNT_SID: 'AC1', TWILIO_AUTH_TOKEN: 'x', TWILIO_FROM: '+15005550006' };
const VAPID = { VAPID_PRIVATE_KEY: Buffer.alloc(32, 7).toString('base64url'), VAPID_SUBJECT: 'mailto:a@b.example' };

test.each([
  [{}, []],
  [{ SMTP_URL: 'smtp://mail.example' }, ['email']],
  [TWILIO, ['sms']],
  [VAPID, ['push']],
  [{ SMTP_URL: 'smtp://mail.example', ...TWILIO, ...VAPID }, ['email', 'sms', 'push']],
])('the settings %o carry %o', (env, channels) => {
  expect([...carriedChannels(readConfig(env))]).toEqual(channels);
});

test.each([
  [{ ...TWILIO, TWILIO_FROM: '' }, /belong together; TWILIO_FROM is not set/],
  [{ VAPID_PRIVATE_KEY: VAPID.VAPID_PRIVATE_KEY }, /VAPID_SUBJECT is not set/],
  [{ ...VAPID, VAPID_PRIVATE_KEY: 'AAAA' }, /VAPID_PRIVATE_KEY must be 32 bytes/],
  [{ ...VAPID, VAPID_SUBJECT: 'me' }, /VAPID_SUBJECT must begin with/],
  [{ SMS_COUNTRY_CODE: '+49' }, /SMS_COUNTRY_CODE/],
  [{ DKIM_DOMAIN: 'shop.example' }, /DKIM_SELECTOR, DKIM_KEY_FILE is not set/],
  [{ SMTP_URL: 'smtp://x', SMTP_CA_FILE: '/nowhere/ca.pem' }, /SMTP_CA_FILE names \/nowhere\/ca\.pem.*ENOENT/],
  [{ SMTP_STARTTLS: 'perhaps' }, /SMTP_STARTTLS must be one of offered, required/],
  [{ SHOP_TIME_ZONE: 'Mars/Olympus' }, /SHOP_TIME_ZONE/],
  [{ NOTIFICATIONS_LANGUAGE: 'fr' }, /NOTIFICATIONS_LANGUAGE must be one of en, de, es, ar/],
])('the settings %o are refused', (env, why) => {
  expect(() => readConfig(env)).toThrow(why);
});

describe('a logo', () => {
  test('goes with the mail, and stands in a page by itself', () => {
    const { logo, writing } = readConfig({ SHOP_LOGO_FILE: fileWith('logo.png', PNG), SHOP_NAME: 'Lumen' });
    expect(logo).toMatchObject({ filename: 'logo.png', contentType: 'image/png' });
    const mail = { eventType: 'OrderPaid', language: 'en', subject: 's', body: 'b', content: null };
    expect(pageOfNotification(mail, writing, logo)).toContain(`src="data:image/png;base64,${PNG.toString('base64')}"`);
    expect(writing.shop.logo).toBe(`cid:${logo!.id}`);
  });

  test.each([
    ['logo.svg', '<svg/>'],
    ['text.png', 'no picture'],
    ['large.png', Buffer.concat([PNG, Buffer.alloc(300 * 1024)])],
  ])('is refused where it is %s', (name, content) => {
    expect(() => readConfig({ SHOP_LOGO_FILE: fileWith(name, content) })).toThrow(/SHOP_LOGO_FILE must/);
  });
});

/** The header and body of RFC 6376 in their relaxed form, as they are signed. */
const relaxedBody = (body: string): string =>
  body
    .replace(/[ \t]+(?=\r\n)/g, '')
    .replace(/[ \t]+/g, ' ')
    .replace(/(\r\n)*$/, '\r\n');
const relaxedHeader = (name: string, value: string): string =>
  `${name.toLowerCase()}:${value
    .replace(/\r\n/g, '')
    .replace(/[ \t]+/g, ' ')
    .trim()}`;

test('mails are signed by DKIM, so that whoever has the public key can verify them', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const mailbox = new Mailbox();
  const { smtp } = readConfig({
    SMTP_URL: await mailbox.listen(),
    MAIL_FROM: 'Shop <orders@shop.example>',
    DKIM_DOMAIN: 'shop.example',
    DKIM_SELECTOR: 'k1',
    DKIM_KEY_FILE: fileWith('dkim.pem', privateKey.export({ type: 'pkcs8', format: 'pem' })),
  });
  const channel = smtpChannel(smtp!);
  try {
    await channel.send({
      id: 'x',
      sending: 1,
      attempt: 1,
      orderId: 'o',
      recipient: 'ada@example.com',
      subject: 'Grüße',
      text: 'Hello  there \n\n',
      language: 'en',
      createdAt: '2026-11-22T12:00:00.000Z',
    });
  } finally {
    await channel.close();
    await mailbox.close();
  }
  const [mail] = mailbox.mails;
  const end = mail!.indexOf('\r\n\r\n');
  const headers = mail!
    .slice(0, end)
    .split(/\r\n(?![ \t])/)
    .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const);
  const [, signature] = headers.find(([name]) => name === 'DKIM-Signature')!;
  const tags = new Map(
    signature.split(';').map((tag) => [tag.split('=')[0]!.trim(), tag.slice(tag.indexOf('=') + 1).replace(/\s/g, '')]),
  );
  expect([tags.get('d'), tags.get('s'), tags.get('c')]).toEqual(['shop.example', 'k1', 'relaxed/relaxed']);
  const hash = createHash('sha256')
    .update(relaxedBody(mail!.slice(end + 4)))
    .digest('base64');
  expect(tags.get('bh')).toBe(hash);
  const signed = tags
    .get('h')!
    .split(':')
    .map((name) => {
      const found = headers.find(([header]) => header.toLowerCase() === name.toLowerCase())!;
      return relaxedHeader(...found);
    });
  signed.push(relaxedHeader('DKIM-Signature', signature.replace(/b=[^;]*$/, 'b=')));
  expect(tags.get('h')!.toLowerCase()).toContain('message-id');
  expect(verify('sha256', Buffer.from(signed.join('\r\n')), publicKey, Buffer.from(tags.get('b')!, 'base64'))).toBe(
    true,
  );
});
