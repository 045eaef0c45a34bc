import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Called, HttpCaller } from './http-call.ts';
import type { ChannelAdapter, OutgoingMessage, SendOutcome } from './port.ts';

/** Text messages by Twilio's REST API (version 2010-04-01), and what it reports of them later. */

const CONNECTIONS = 8;
/** E.164: a plus, and at most 15 digits. */
const E164 = /^\+[1-9]\d{6,14}$/;
/** How far before a message its copy is looked for: clocks differ. */
const LOOK_BACK_MS = 5 * 60_000;
const LOOK_UP_PAGE = 50;
/** Of an account that may not send, whatever it sends. */
const ACCOUNT_STATUSES: ReadonlySet<number> = new Set([401, 403]);

export interface TwilioOptions {
  /** Origin of the API. */
  readonly url: string;
  readonly accountSid: string;
  readonly authToken: string;
  /** A number, or a messaging service (`MG…`). */
  readonly from: string;
  /** Where Twilio reports what became of a message; absent: it does not. */
  readonly callbackUrl?: string | undefined;
  /** Of numbers without a country: its calling code, such as 49. */
  readonly countryCode?: string | undefined;
}

/**
 * A phone number as Twilio takes it; undefined where it is none that a text message reaches. `+49 (0)30 1`, `0049 30 1`
 * and, with the country code 49, `030 1` are one number.
 */
export function e164(phone: string, countryCode?: string): string | undefined {
  const text = phone.replace(/\(0\)/g, '').replace(/[\s().\-/\u00a0]/g, '');
  let number = text.startsWith('00') ? `+${text.slice(2)}` : text;
  if (!number.startsWith('+') && countryCode !== undefined) number = `+${countryCode}${number.replace(/^0/, '')}`;
  return E164.test(number) ? number : undefined;
}

/**
 * Whether a callback is Twilio's: `X-Twilio-Signature` is the HMAC-SHA1, under the auth token, of the URL that was called
 * and of every parameter with its value, sorted by name.
 */
export function isSignedByTwilio(
  authToken: string,
  url: string,
  parameters: readonly (readonly [name: string, value: string])[],
  signature: string,
): boolean {
  const signed = parameters
    .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .reduce((text, [name, value]) => `${text}${name}${value}`, url);
  const expected = createHmac('sha1', authToken).update(signed).digest();
  const given = Buffer.from(signature, 'base64');
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** What a callback says of a message; undefined where it only is on its way. */
export function twilioVerdict(
  status: string,
  errorCode: string | undefined,
): 'delivered' | { failed: string } | undefined {
  if (status === 'delivered' || status === 'read') return 'delivered';
  if (status !== 'undelivered' && status !== 'failed' && status !== 'canceled') return undefined;
  return { failed: [status, /^\d{1,6}$/.test(errorCode ?? '') ? errorCode : undefined].filter(Boolean).join(' ') };
}

interface TwilioMessage {
  readonly sid?: unknown;
  readonly body?: unknown;
  readonly status?: unknown;
}

function parsed(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function sidOf({ sid }: TwilioMessage): string | undefined {
  return typeof sid === 'string' && /^[A-Za-z0-9]{2,64}$/.test(sid) ? sid : undefined;
}

export function twilioChannel(options: TwilioOptions): ChannelAdapter {
  const { accountSid, authToken, from, callbackUrl, countryCode } = options;
  const caller = new HttpCaller(CONNECTIONS);
  const messages = `${new URL(options.url).origin}/2010-04-01/Accounts/${encodeURIComponent(accountSid)}/Messages.json`;
  const authorization = `Basic ${Buffer.from(`${accountSid}:${authToken}`).toString('base64')}`;

  /** A message of ours that Twilio has taken although we never heard so: it knows no idempotency keys. */
  const takenBefore = async (
    to: string,
    { text, createdAt }: OutgoingMessage,
  ): Promise<Called | { sid: string | undefined }> => {
    const query = new URLSearchParams({
      To: to,
      'DateSent>': new Date(Date.parse(createdAt) - LOOK_BACK_MS).toISOString(),
      PageSize: String(LOOK_UP_PAGE),
    });
    const called = await caller.call({ method: 'GET', url: `${messages}?${query}`, headers: { authorization } });
    if ('failed' in called || called.reply.status !== 200) return called;
    const listed = parsed(called.reply.body)['messages'];
    const same = (Array.isArray(listed) ? (listed as TwilioMessage[]) : []).find(
      ({ body, status }) => body === text && status !== 'failed' && status !== 'canceled',
    );
    return { sid: same && sidOf(same) };
  };

  return {
    name: 'sms',
    atOnce: CONNECTIONS,
    async send(message) {
      const to = e164(message.recipient, countryCode);
      if (to === undefined) return { type: 'refused', reason: 'no phone number in international form' };
      // Asked for again, the same text is meant to arrive once more.
      if (message.attempt > 1 && message.sending === 1) {
        const before = await takenBefore(to, message);
        if (!('sid' in before)) return outcomeOf(before);
        if (before.sid !== undefined) return { type: 'accepted', providerId: before.sid };
      }
      const form = new URLSearchParams({ To: to, Body: message.text });
      form.set(from.startsWith('MG') ? 'MessagingServiceSid' : 'From', from);
      if (callbackUrl !== undefined) form.set('StatusCallback', callbackUrl);
      return outcomeOf(
        await caller.call({
          method: 'POST',
          url: messages,
          headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
          body: form.toString(),
        }),
      );
    },
    close: () => caller.close(),
  };
}

function outcomeOf(called: Called): SendOutcome {
  if ('failed' in called) return called.failed;
  const { status, body, retryAfterMs } = called.reply;
  const { code, ...message } = parsed(body);
  if (status === 201) return { type: 'accepted', providerId: sidOf(message) };
  const reason = ['twilio', status, typeof code === 'number' ? code : undefined]
    .filter((part) => part !== undefined)
    .join(' ');
  if (ACCOUNT_STATUSES.has(status)) return { type: 'unreachable', reason };
  if (status >= 400 && status < 500 && status !== 408 && status !== 429) return { type: 'refused', reason };
  return { type: 'again', reason, afterMs: retryAfterMs };
}
