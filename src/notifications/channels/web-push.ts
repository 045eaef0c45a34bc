import { HttpCaller } from './http-call.ts';
import { type ChannelAdapter, messageKey, type OutgoingMessage, type SendOutcome } from './port.ts';
import { cut } from '#contracts/text.ts';
import { encrypt, PAYLOAD_BYTES_MAX, type PushSubscription, type Vapid } from './web-push-crypto.ts';

/**
 * Push to browsers (RFC 8030). One notification goes to every browser that the customer subscribed with. A repeat after
 * a crash takes the place of what is still waiting at the push service (`Topic`), and of what the browser shows (`tag`).
 */

const CONNECTIONS = 16;
const MESSAGES_AT_ONCE = 8;
/** What a push service may keep a message for, in seconds. Later, a mail says it better. */
const TTL_S = 2 * 86_400;
/** Version of declarative Web Push: browsers that know it need no script of the shop to show a message. */
const DECLARATIVE = 8030;
/** Longest text; in UTF-8 with its escapes it fits a record. */
const TEXT_MAX = 500;
const TITLE_MAX = 150;
const RIGHT_TO_LEFT = /^(ar|fa|he|ur)\b/;

export interface WebPushOptions {
  readonly vapid: Vapid;
  /** Origins of push services that messages go to, `*` for one label of the host: `https://*.push.apple.com`. */
  readonly services: readonly string[];
  /** Where the message goes: the browsers of the customer. */
  readonly subscriptionsOf: (message: OutgoingMessage) => Promise<readonly PushSubscription[]>;
  /** The browser has gone. */
  readonly forget: (endpoint: string) => Promise<void>;
  readonly nowMs: () => number;
}

/** Whether an endpoint belongs to one of these push services; a customer could name any address. */
export function isPushService(endpoint: string, services: readonly string[]): boolean {
  if (!URL.canParse(endpoint)) return false;
  const { origin, username, password } = new URL(endpoint);
  if (username !== '' || password !== '') return false;
  return services.some((service) => {
    const [head, tail] = service.split('*');
    if (tail === undefined) return origin === service;
    if (!origin.startsWith(head!) || !origin.endsWith(tail)) return false;
    return /^[a-z0-9-]+$/.test(origin.slice(head!.length, origin.length - tail.length));
  });
}

/** What a browser gets to show. */
function payloadOf(message: OutgoingMessage): Buffer {
  const { subject, text, language, link } = message;
  const payload = (max: number): Buffer =>
    Buffer.from(
      JSON.stringify({
        web_push: DECLARATIVE,
        notification: {
          title: cut(subject, TITLE_MAX),
          body: cut(text, max),
          lang: language,
          dir: RIGHT_TO_LEFT.test(language) ? 'rtl' : 'ltr',
          tag: messageKey(message),
          ...(link !== undefined && { navigate: link }),
        },
      }),
    );
  const whole = payload(TEXT_MAX);
  return whole.length <= PAYLOAD_BYTES_MAX ? whole : payload(TEXT_MAX / 4);
}

/** At most 32 characters of base64url. */
function topicOf(message: OutgoingMessage): string {
  return messageKey(message)
    .replace(/[^0-9a-zA-Z]/g, '')
    .slice(-32);
}

export function webPushChannel(options: WebPushOptions): ChannelAdapter {
  const { vapid, services, subscriptionsOf, forget, nowMs } = options;
  const caller = new HttpCaller(CONNECTIONS);

  const sendTo = async (
    subscription: PushSubscription,
    message: OutgoingMessage,
    payload: Buffer,
  ): Promise<SendOutcome> => {
    const { endpoint } = subscription;
    if (!isPushService(endpoint, services)) return { type: 'refused', reason: 'no push service that is permitted' };
    let body: Buffer;
    try {
      body = encrypt(payload, subscription);
    } catch {
      await forget(endpoint);
      return { type: 'refused', reason: 'the subscription has no valid key' };
    }
    const called = await caller.call({
      method: 'POST',
      url: endpoint,
      headers: {
        authorization: vapid.authorization(new URL(endpoint).origin, nowMs()),
        'content-encoding': 'aes128gcm',
        'content-type': 'application/octet-stream',
        ttl: String(TTL_S),
        topic: topicOf(message),
        urgency: 'normal',
      },
      body,
    });
    // One of many push services: that it is away says nothing of the others.
    if ('failed' in called)
      return { type: 'again', reason: 'reason' in called.failed ? called.failed.reason : 'failed' };
    const { status, retryAfterMs } = called.reply;
    if (status >= 200 && status < 300) return { type: 'accepted' };
    const reason = `push ${status}`;
    if (status === 404 || status === 410) {
      await forget(endpoint);
      return { type: 'refused', reason };
    }
    if (status >= 500 || status === 429 || status === 408) return { type: 'again', reason, afterMs: retryAfterMs };
    return { type: 'refused', reason };
  };

  return {
    name: 'push',
    atOnce: MESSAGES_AT_ONCE,
    async send(message) {
      try {
        const subscriptions = await subscriptionsOf(message);
        if (subscriptions.length === 0) return { type: 'refused', reason: 'no subscription is left' };
        const payload = payloadOf(message);
        const outcomes = await Promise.all(subscriptions.map((subscription) => sendTo(subscription, message, payload)));
        // What has to be tried again counts most: whoever has it already shows it once.
        return (
          outcomes.find(({ type }) => type === 'again') ??
          outcomes.find(({ type }) => type === 'accepted') ??
          outcomes[0]!
        );
      } catch {
        return { type: 'again', reason: 'subscriptions could not be read' };
      }
    },
    close: () => caller.close(),
  };
}
