import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { type Environment, isProduction, readSettings, type Settings } from '#platform/runtime/settings.ts';
import { internalSecretSetting } from './remote/identity.ts';

/**
 * Links that open one thing, named by a UUID, without a key until they end: whoever has the link may. They are signed and
 * kept nowhere, so every process can make and check them that has the secret.
 */

export const linkSettings = {
  secrets: {
    type: 'secret',
    env: 'TRACKING_LINK_SECRETS',
    default: '',
    meaning:
      'Sign the links to tracking pages, at least 32 characters each, comma-separated: the first signs, all are believed, so that one can follow another. Empty: derived from OLMS_INTERNAL_SECRET; in production without either there are no tracking pages',
  },
  days: {
    type: 'integer',
    min: 1,
    max: 3_650,
    env: 'TRACKING_LINK_DAYS',
    default: 90,
    meaning: 'How long a link to a tracking page is good',
  },
} as const satisfies Settings;

const SECRET_LENGTH_MIN = 32;
const KEY_BYTES = 32;
const DEVELOPMENT_SECRET = 'links of a system that is no production';

const ID_BYTES = 16;
const TIME_BYTES = 4;
/** Half of a SHA-256, as NIST SP 800-107 allows for a MAC: nobody guesses 128 bits. */
const MAC_BYTES = 16;
const TOKEN = /^[A-Za-z0-9_-]{48}$/;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a token says: of whom it is good, or that it was. */
export type Opened = { readonly id: string; readonly untilMs: number } | 'expired' | undefined;

export class SignedLinks {
  readonly #purpose: string;
  readonly #secrets: readonly (string | Buffer)[];
  readonly #lifeMs: number;

  /** `purpose`: what the links open; those of one purpose open nothing of another. The first secret signs. */
  constructor(purpose: string, secrets: readonly (string | Buffer)[], lifeMs: number) {
    this.#purpose = purpose;
    this.#secrets = secrets;
    this.#lifeMs = lifeMs;
  }

  /** The token of a link that is good from now on, 48 characters for a path, and when it ends, to the hour. */
  sign(id: string, nowMs: number): { token: string; untilMs: number } {
    const hours = Math.ceil((nowMs + this.#lifeMs) / HOUR_MS);
    const payload = Buffer.alloc(ID_BYTES + TIME_BYTES);
    payload.write(id.replaceAll('-', ''), 'hex');
    payload.writeUInt32BE(hours, ID_BYTES);
    const token = Buffer.concat([payload, this.#mac(this.#secrets[0]!, payload)]).toString('base64url');
    return { token, untilMs: hours * HOUR_MS };
  }

  /** What a token opens; undefined for one that none of the secrets signed. */
  open(token: string, nowMs: number): Opened {
    if (!TOKEN.test(token)) return undefined;
    const bytes = Buffer.from(token, 'base64url');
    const payload = bytes.subarray(0, ID_BYTES + TIME_BYTES);
    const mac = bytes.subarray(payload.length);
    if (!this.#secrets.some((secret) => timingSafeEqual(this.#mac(secret, payload), mac))) return undefined;
    const untilMs = payload.readUInt32BE(ID_BYTES) * HOUR_MS;
    if (untilMs <= nowMs) return 'expired';
    const hex = payload.toString('hex', 0, ID_BYTES);
    const id = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
    return { id, untilMs };
  }

  #mac(secret: string | Buffer, payload: Buffer): Buffer {
    return createHmac('sha256', secret).update(`${this.#purpose}.`).update(payload).digest().subarray(0, MAC_BYTES);
  }
}

/** The links to tracking pages of orders; undefined where production has no secret for them. Throws for one that is too short. */
export function trackingLinks(env: Environment): SignedLinks | undefined {
  const { secrets, days, internalSecret } = readSettings(
    { ...linkSettings, internalSecret: internalSecretSetting },
    env,
  );
  const given = secrets
    .split(',')
    .map((secret) => secret.trim())
    .filter(Boolean);
  if (given.some((secret) => secret.length < SECRET_LENGTH_MIN))
    throw new Error(`Configuration: each of TRACKING_LINK_SECRETS must have at least ${SECRET_LENGTH_MIN} characters`);
  const purpose = 'olms-tracking-1';
  const lifeMs = days * DAY_MS;
  if (given.length > 0) return new SignedLinks(purpose, given, lifeMs);
  if (internalSecret === '' && isProduction(env)) return undefined;
  const derived = hkdfSync('sha256', internalSecret || DEVELOPMENT_SECRET, '', purpose, KEY_BYTES);
  return new SignedLinks(purpose, [Buffer.from(derived)], lifeMs);
}
