import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type Environment, readSettings, type Settings } from '#platform/runtime/settings.ts';
import type { SmtpOptions } from './channels/smtp.ts';
import type { TwilioOptions } from './channels/twilio.ts';
import { Vapid } from './channels/web-push-crypto.ts';
import type { InlineImage } from './channels/port.ts';
import type { Writing } from './rules.ts';
import type { Language } from '#contracts/languages.ts';
import { CUSTOMER_LANGUAGE, SHOP_NAME } from '#contracts/shop.ts';

const LOGO_BYTES_MAX = 200 * 1024;
/** Under what the HTML of a mail finds the logo. */
const LOGO_ID = 'logo@shop';
const PICTURES: Readonly<Record<string, readonly [contentType: string, begins: string]>> = {
  png: ['image/png', '89504e47'],
  jpg: ['image/jpeg', 'ffd8ff'],
  jpeg: ['image/jpeg', 'ffd8ff'],
  gif: ['image/gif', '474946'],
};

/** Of Chrome, Firefox, Safari and Edge. */
const PUSH_SERVICES =
  'https://fcm.googleapis.com,https://updates.push.services.mozilla.com,https://*.push.apple.com,https://*.notify.windows.com';

export const notificationsSettings = {
  smtpUrl: {
    type: 'secret',
    env: 'SMTP_URL',
    default: '',
    meaning:
      'Mail server, e.g. smtps://user:password@mail.example.com; empty: mails stay in the mailbox that GET /notifications shows',
  },
  mailFrom: {
    type: 'string',
    env: 'MAIL_FROM',
    default: 'OLMS <orders@localhost>',
    meaning: 'Sender of mails to customers',
  },
  shopName: SHOP_NAME,
  shopContact: {
    type: 'string',
    env: 'SHOP_CONTACT',
    default: '',
    meaning: 'Where customers write to with questions; empty: the address in MAIL_FROM',
  },
  shopAddress: {
    type: 'string',
    env: 'SHOP_ADDRESS',
    default: '',
    meaning: 'Postal address at the end of mails, in one line',
  },
  shopUrl: { type: 'string', env: 'SHOP_URL', default: '', meaning: 'Where name and logo in mails lead to' },
  shopLogoFile: {
    type: 'string',
    env: 'SHOP_LOGO_FILE',
    default: '',
    meaning: 'Logo of mails, a PNG, JPEG or GIF of at most 200 KiB; mails carry it, and fetch nothing',
  },
  language: CUSTOMER_LANGUAGE,
  timeZone: {
    type: 'string',
    env: 'SHOP_TIME_ZONE',
    default: 'UTC',
    meaning: 'IANA name of the time zone of days in messages, such as Europe/Berlin',
  },
  smtpTls: {
    type: 'choice',
    choices: ['offered', 'required'],
    env: 'SMTP_STARTTLS',
    default: 'offered',
    meaning:
      'With an smtp:// URL: `offered`: encrypt where the server offers it; `required`: send nothing to a server that does not',
  },
  smtpCaFile: {
    type: 'string',
    env: 'SMTP_CA_FILE',
    default: '',
    meaning: 'PEM file with certificates that the mail server may be signed by, instead of those that Node.js trusts',
  },
  dkimDomain: {
    type: 'string',
    env: 'DKIM_DOMAIN',
    default: '',
    meaning: 'Domain that mails are signed for by DKIM; empty: they are not signed here',
  },
  dkimSelector: {
    type: 'string',
    env: 'DKIM_SELECTOR',
    default: '',
    meaning: 'Selector under which the DNS of DKIM_DOMAIN has the public key',
  },
  dkimKeyFile: {
    type: 'string',
    env: 'DKIM_KEY_FILE',
    default: '',
    meaning: 'PEM file with the private key of DKIM',
  },
  twilioAccountSid: {
    type: 'string',
    env: 'TWILIO_ACCOUNT_SID',
    default: '',
    meaning:
      'Account of Twilio (`AC…`), which carries text messages; empty: they stay in the mailbox that GET /notifications shows',
  },
  twilioAuthToken: {
    type: 'secret',
    env: 'TWILIO_AUTH_TOKEN',
    default: '',
    meaning: 'Its auth token, which also signs what it reports',
  },
  twilioFrom: {
    type: 'string',
    env: 'TWILIO_FROM',
    default: '',
    meaning: 'Sender of text messages: a number such as +15017122661, or a messaging service (`MG…`)',
  },
  twilioCallbackUrl: {
    type: 'string',
    env: 'TWILIO_CALLBACK_URL',
    default: '',
    meaning:
      'URL from outside of POST /notifications/reports/twilio, where Twilio reports what became of a message; empty: it does not',
  },
  twilioUrl: {
    type: 'string',
    env: 'TWILIO_API_URL',
    default: 'https://api.twilio.com',
    meaning: 'Base URL of the API of Twilio; another one for its regions and for tests',
  },
  smsCountryCode: {
    type: 'string',
    env: 'SMS_COUNTRY_CODE',
    default: '',
    meaning: 'Calling code of phone numbers that name no country, such as 49; empty: no text message goes to those',
  },
  vapidPrivateKey: {
    type: 'secret',
    env: 'VAPID_PRIVATE_KEY',
    default: '',
    meaning:
      'Private key of Web Push (RFC 8292): 32 bytes in base64url; a new one invalidates all subscriptions. Empty: pushes stay in the mailbox',
  },
  vapidSubject: {
    type: 'string',
    env: 'VAPID_SUBJECT',
    default: '',
    meaning: 'Whom push services may write to about our messages: mailto:… or https://…; needed with VAPID_PRIVATE_KEY',
  },
  pushServices: {
    type: 'string',
    env: 'PUSH_SERVICES',
    default: '',
    meaning:
      'Origins of push services, comma-separated, `*` for one label of the host; a subscription at any other is refused. Empty: those of Chrome, Firefox, Safari and Edge',
  },
} as const satisfies Settings;

export interface NotificationsConfig {
  /** Undefined: mails stay in the mailbox. */
  readonly smtp: SmtpOptions | undefined;
  /** Undefined: text messages stay in the mailbox. */
  readonly twilio: TwilioOptions | undefined;
  /** Undefined: pushes stay in the mailbox. */
  readonly vapid: Vapid | undefined;
  readonly pushServices: readonly string[];
  readonly writing: Writing;
  readonly logo: InlineImage | undefined;
}

function fileOf(variable: string, path: string): string {
  return bytesOf(variable, path).toString();
}

function bytesOf(variable: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new Error(
      `Configuration: ${variable} names ${path}, which cannot be read (${(error as { code?: string }).code})`,
      {
        cause: error,
      },
    );
  }
}

function logoIn(path: string): InlineImage {
  const extension = extname(path).slice(1).toLowerCase();
  const [contentType, begins] = PICTURES[extension] ?? ['', ''];
  const content = bytesOf('SHOP_LOGO_FILE', path);
  if (contentType === '' || !content.toString('hex', 0, 8).startsWith(begins))
    throw new Error('Configuration: SHOP_LOGO_FILE must be a PNG, JPEG or GIF, and named so');
  if (content.length > LOGO_BYTES_MAX) throw new Error('Configuration: SHOP_LOGO_FILE must have at most 200 KiB');
  return { id: LOGO_ID, filename: `logo.${extension}`, contentType, content };
}

function timeZoneIn(name: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone;
  } catch (error) {
    throw new Error('Configuration: SHOP_TIME_ZONE must be an IANA name such as Europe/Berlin', { cause: error });
  }
}

/** Throws where some of these variables are set and others that belong to them are not. */
function togetherOrNone(values: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(values);
  const missing = names.filter((name) => values[name] === '');
  if (missing.length === names.length) return false;
  if (missing.length > 0)
    throw new Error(`Configuration: ${names.join(', ')} belong together; ${missing.join(', ')} is not set`);
  return true;
}

/** The settings in force, with the files that they name. Throws where they are incomplete or contradict each other. */
export function readConfig(env: Environment): NotificationsConfig {
  const values = readSettings(notificationsSettings, env);
  const { smtpUrl, smtpCaFile, dkimDomain, dkimSelector, dkimKeyFile } = values;
  const hasDkim = togetherOrNone({ DKIM_DOMAIN: dkimDomain, DKIM_SELECTOR: dkimSelector, DKIM_KEY_FILE: dkimKeyFile });
  const hasTwilio = togetherOrNone({
    TWILIO_ACCOUNT_SID: values.twilioAccountSid,
    TWILIO_AUTH_TOKEN: values.twilioAuthToken,
    TWILIO_FROM: values.twilioFrom,
  });
  const hasPush = togetherOrNone({ VAPID_PRIVATE_KEY: values.vapidPrivateKey, VAPID_SUBJECT: values.vapidSubject });
  if (values.smsCountryCode !== '' && !/^[1-9]\d{0,3}$/.test(values.smsCountryCode))
    throw new Error('Configuration: SMS_COUNTRY_CODE must be a calling code without plus and zeros, such as 49');
  if (hasPush && !/^(mailto:[^@\s]+@\S+|https:\/\/\S+)$/.test(values.vapidSubject))
    throw new Error('Configuration: VAPID_SUBJECT must begin with mailto: or https://');
  const logo = values.shopLogoFile === '' ? undefined : logoIn(values.shopLogoFile);
  const sender = /^\s*"?([^"<]*?)"?\s*<([^>]+)>\s*$/.exec(values.mailFrom);
  return {
    logo,
    writing: {
      shop: {
        name: values.shopName || sender?.[1] || 'OLMS',
        contact: values.shopContact || (sender?.[2] ?? values.mailFrom),
        address: values.shopAddress || undefined,
        url: values.shopUrl || undefined,
        logo: logo && `cid:${logo.id}`,
      },
      language: values.language as Language,
      timeZone: timeZoneIn(values.timeZone),
    },
    smtp:
      smtpUrl === ''
        ? undefined
        : {
            url: smtpUrl,
            from: values.mailFrom,
            requireTls: values.smtpTls === 'required',
            ...(smtpCaFile !== '' && { ca: fileOf('SMTP_CA_FILE', smtpCaFile) }),
            ...(hasDkim && {
              dkim: {
                domain: dkimDomain,
                selector: dkimSelector,
                privateKey: fileOf('DKIM_KEY_FILE', dkimKeyFile),
              },
            }),
          },
    twilio: hasTwilio
      ? {
          url: values.twilioUrl,
          accountSid: values.twilioAccountSid,
          authToken: values.twilioAuthToken,
          from: values.twilioFrom,
          callbackUrl: values.twilioCallbackUrl || undefined,
          countryCode: values.smsCountryCode || undefined,
        }
      : undefined,
    vapid: hasPush ? new Vapid({ privateKey: values.vapidPrivateKey, subject: values.vapidSubject }) : undefined,
    pushServices: (values.pushServices || PUSH_SERVICES)
      .split(',')
      .map((service) => service.trim())
      .filter((service) => service !== ''),
  };
}
