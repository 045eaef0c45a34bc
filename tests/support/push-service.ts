import { createDecipheriv, createECDH, createHmac, createPublicKey, type ECDH, randomBytes, verify } from 'node:crypto';
import type { PushSubscription } from '#notifications/channels/web-push-crypto.ts';
import { type Answered, type Asked, HttpStandIn } from './http-stand-in.ts';

/**
 * A push service and the browsers behind it, by the letter of the RFCs and with nothing of ours: it lets in whoever signs
 * by VAPID (RFC 8292), takes what RFC 8030 asks for, and its browsers decrypt by RFC 8291 and 8188.
 */

export interface Pushed {
  readonly endpoint: string;
  readonly topic: string;
  readonly ttl: number;
  /** What the browser decrypted. */
  readonly payload: Readonly<Record<string, unknown>>;
}

interface Browser {
  readonly keys: ECDH;
  readonly auth: Buffer;
}

function hmac(key: Buffer, ...parts: Buffer[]): Buffer {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}

/** The first `bytes` bytes of HKDF (RFC 5869) that fit one round of it, written out as the RFCs do. */
function hkdf(salt: Buffer, key: Buffer, info: Buffer, bytes: number): Buffer {
  return hmac(hmac(salt, key), info, Buffer.from([1])).subarray(0, bytes);
}

export class PushServiceStandIn {
  readonly pushed: Pushed[] = [];
  /** HTTP status for the next messages, in order. */
  refusals: number[] = [];
  /** Why somebody was not let in. */
  readonly complaints: string[] = [];
  readonly http = new HttpStandIn((asked) => this.#answer(asked));
  readonly #browsers = new Map<string, Browser>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => Date.now()) {
    this.#nowMs = nowMs;
  }

  /** A browser subscribes, under the key of who may send to it. */
  subscribe(): PushSubscription {
    const keys = createECDH('prime256v1');
    const auth = randomBytes(16);
    const path = `/push/${randomBytes(12).toString('base64url')}`;
    this.#browsers.set(path, { keys, auth });
    return {
      endpoint: `${this.http.url}${path}`,
      keys: { p256dh: keys.generateKeys().toString('base64url'), auth: auth.toString('base64url') },
    };
  }

  /** The browser is not there any more. */
  unsubscribe({ endpoint }: PushSubscription): void {
    this.#browsers.delete(new URL(endpoint).pathname);
  }

  #answer({ method, path, headers, body }: Asked): Answered {
    const refuse = (status: number, why: string): Answered => {
      this.complaints.push(why);
      return { status, body: why };
    };
    const browser = this.#browsers.get(path);
    if (!browser) return { status: 410 };
    const refusal = this.refusals.shift();
    if (refusal !== undefined) return { status: refusal };
    if (method !== 'POST') return refuse(405, 'not a POST');
    const stranger = this.#strangerBecause(headers.authorization ?? '');
    if (stranger !== undefined) return refuse(403, stranger);
    if (headers['content-encoding'] !== 'aes128gcm') return refuse(400, 'not encrypted by aes128gcm');
    const ttl = Number(headers['ttl']);
    if (!Number.isInteger(ttl) || ttl < 0) return refuse(400, 'no TTL');
    const topic = String(headers['topic'] ?? '');
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(topic)) return refuse(400, 'a topic that is none');
    if (body.length > 4_096) return refuse(413, 'too large');
    try {
      const payload = JSON.parse(this.#decrypt(browser, body).toString()) as Record<string, unknown>;
      this.pushed.push({ endpoint: `${this.http.url}${path}`, topic, ttl, payload });
    } catch (error) {
      return refuse(400, `the browser cannot read it: ${(error as Error).message}`);
    }
    return { status: 201, headers: { location: `${this.http.url}/message/${this.pushed.length}` } };
  }

  /** RFC 8292: `vapid t=<JWT by ES256>, k=<public key>`. */
  #strangerBecause(authorization: string): string | undefined {
    const [, token, key] = /^vapid t=([\w-]+\.[\w-]+\.[\w-]+), k=([\w-]+)$/.exec(authorization) ?? [];
    if (token === undefined || key === undefined) return 'no VAPID header';
    const [head, claims, signature] = token.split('.') as [string, string, string];
    const point = Buffer.from(key, 'base64url');
    const publicKey = createPublicKey({
      format: 'jwk',
      key: {
        kty: 'EC',
        crv: 'P-256',
        x: point.subarray(1, 33).toString('base64url'),
        y: point.subarray(33, 65).toString('base64url'),
      },
    });
    const read = (part: string): Record<string, unknown> =>
      JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
    const signed = { key: publicKey, dsaEncoding: 'ieee-p1363' as const };
    if (read(head)['alg'] !== 'ES256') return 'not signed by ES256';
    if (!verify('sha256', Buffer.from(`${head}.${claims}`), signed, Buffer.from(signature, 'base64url')))
      return 'the signature is wrong';
    const { aud, exp, sub } = read(claims);
    const nowS = this.#nowMs() / 1000;
    if (aud !== this.http.url) return `meant for ${String(aud)}`;
    if (typeof exp !== 'number' || exp <= nowS || exp > nowS + 86_400) return 'expired, or valid for too long';
    return typeof sub === 'string' && /^(mailto:|https:)/.test(sub) ? undefined : 'nobody to write to';
  }

  /** RFC 8188, one record, with the keys of RFC 8291. */
  #decrypt({ keys, auth }: Browser, body: Buffer): Buffer {
    const salt = body.subarray(0, 16);
    const recordBytes = body.readUInt32BE(16);
    const idBytes = body.readUInt8(20);
    const theirKey = body.subarray(21, 21 + idBytes);
    const record = body.subarray(21 + idBytes);
    if (idBytes !== 65 || record.length > recordBytes) throw new Error('not one record with a key of P-256');
    const info = Buffer.concat([Buffer.from('WebPush: info\0'), keys.getPublicKey(), theirKey]);
    const input = hkdf(auth, keys.computeSecret(theirKey), info, 32);
    const key = hkdf(salt, input, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
    const nonce = hkdf(salt, input, Buffer.from('Content-Encoding: nonce\0'), 12);
    const decipher = createDecipheriv('aes-128-gcm', key, nonce);
    decipher.setAuthTag(record.subarray(-16));
    const padded = Buffer.concat([decipher.update(record.subarray(0, -16)), decipher.final()]);
    const end = padded.findLastIndex((byte) => byte !== 0);
    if (padded[end] !== 2) throw new Error('not the last record');
    return padded.subarray(0, end);
  }
}
