import { createCipheriv, createECDH, createPrivateKey, hkdfSync, type KeyObject, randomBytes, sign } from 'node:crypto';

/** What Web Push asks for: messages that only the browser can read (RFC 8291), from a sender that proves who it is (RFC 8292). */

const CURVE = 'prime256v1';
const PUBLIC_KEY_BYTES = 65;
const AUTH_BYTES = 16;
const RECORD_BYTES = 4_096;
/** What fits into the one record of a message beside its header, its tag and its delimiter. */
export const PAYLOAD_BYTES_MAX = RECORD_BYTES - 16 - 4 - 1 - PUBLIC_KEY_BYTES - 16 - 1;
const LAST_RECORD = Buffer.from([2]);
/** RFC 8292 allows 24 hours. */
const TOKEN_LIFE_S = 12 * 3_600;

/** A browser's subscription, as its `toJSON()` gives it. */
export interface PushSubscription {
  readonly endpoint: string;
  readonly keys: { readonly p256dh: string; readonly auth: string };
}

function bytesOf(text: unknown): Buffer {
  return typeof text === 'string' ? Buffer.from(text, 'base64url') : Buffer.alloc(0);
}

/** A subscription out of what somebody sent; undefined where it is none. */
export function subscriptionIn(value: unknown): PushSubscription | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { endpoint, keys } = value as { endpoint?: unknown; keys?: { p256dh?: unknown; auth?: unknown } };
  if (typeof endpoint !== 'string' || !URL.canParse(endpoint) || typeof keys !== 'object' || keys === null)
    return undefined;
  const [p256dh, auth] = [bytesOf(keys.p256dh), bytesOf(keys.auth)];
  if (p256dh.length !== PUBLIC_KEY_BYTES || p256dh[0] !== 4 || auth.length !== AUTH_BYTES) return undefined;
  return { endpoint, keys: { p256dh: keys.p256dh as string, auth: keys.auth as string } };
}

function derive(salt: Buffer, key: Buffer, info: Buffer, bytes: number): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, bytes));
}

/**
 * A payload for this browser alone: `aes128gcm` (RFC 8188) in one record, at most {@link PAYLOAD_BYTES_MAX} bytes. Throws
 * where the subscription's key is no point of the curve.
 */
export function encrypt(payload: Buffer, { keys }: PushSubscription): Buffer {
  const theirKey = bytesOf(keys.p256dh);
  const ours = createECDH(CURVE);
  const ourKey = ours.generateKeys();
  const secret = ours.computeSecret(theirKey);
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), theirKey, ourKey]);
  const inputKey = derive(bytesOf(keys.auth), secret, info, 32);
  const salt = randomBytes(16);
  const contentKey = derive(salt, inputKey, Buffer.from('Content-Encoding: aes128gcm\0'), 16);
  const nonce = derive(salt, inputKey, Buffer.from('Content-Encoding: nonce\0'), 12);
  const cipher = createCipheriv('aes-128-gcm', contentKey, nonce);
  const sealed = [cipher.update(payload), cipher.update(LAST_RECORD), cipher.final(), cipher.getAuthTag()];
  const size = Buffer.alloc(5);
  size.writeUInt32BE(RECORD_BYTES);
  size.writeUInt8(ourKey.length, 4);
  return Buffer.concat([salt, size, ourKey, ...sealed]);
}

export interface VapidOptions {
  /** The private key: 32 bytes, base64url. */
  readonly privateKey: string;
  /** Whom the push service may write to: `mailto:…` or `https://…`. */
  readonly subject: string;
}

/** Who we are to push services. */
export class Vapid {
  /** base64url; browsers subscribe under it. */
  readonly publicKey: string;
  readonly #key: KeyObject;
  readonly #subject: string;
  readonly #tokens = new Map<string, { readonly token: string; readonly untilS: number }>();

  /** Throws where the key is none. */
  constructor({ privateKey, subject }: VapidOptions) {
    const pair = createECDH(CURVE);
    const bytes = bytesOf(privateKey);
    if (bytes.length !== 32) throw new Error('Configuration: VAPID_PRIVATE_KEY must be 32 bytes in base64url');
    pair.setPrivateKey(bytes);
    const point = pair.getPublicKey();
    this.publicKey = point.toString('base64url');
    const coordinates = { x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
    this.#key = createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: privateKey, ...coordinates } });
    this.#subject = subject;
  }

  /** The header `Authorization` for a push service of this origin. */
  authorization(origin: string, nowMs: number): string {
    const nowS = Math.floor(nowMs / 1000);
    const known = this.#tokens.get(origin);
    if (known && known.untilS - nowS > TOKEN_LIFE_S / 2) return `vapid t=${known.token}, k=${this.publicKey}`;
    const untilS = nowS + TOKEN_LIFE_S;
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ typ: 'JWT', alg: 'ES256' })}.${part({ aud: origin, exp: untilS, sub: this.#subject })}`;
    const signature = sign('sha256', Buffer.from(signed), { key: this.#key, dsaEncoding: 'ieee-p1363' });
    const token = `${signed}.${signature.toString('base64url')}`;
    this.#tokens.set(origin, { token, untilS });
    return `vapid t=${token}, k=${this.publicKey}`;
  }
}
