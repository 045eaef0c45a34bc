import { createHmac, timingSafeEqual } from 'node:crypto';
import { isRole } from '#contracts/permissions.ts';
import { Lru } from '#platform/runtime/lru.ts';
import type { Setting } from '#platform/runtime/settings.ts';
import type { Principal } from '#platform/http/principal.ts';

/**
 * Who calls and what they may, passed on from one process to another, with an early end, signed with the secret that
 * the processes of a deployment share. A service behind the gateway believes nothing else.
 */

export const IDENTITY_HEADER = 'x-olms-identity';

export const internalSecretSetting = {
  type: 'secret',
  env: 'OLMS_INTERNAL_SECRET',
  default: '',
  meaning:
    'Signs who calls between the processes of a deployment, at least 32 characters, the same for all; required wherever services run apart from the gateway',
} as const satisfies Setting;

/** The only principal that reaches a public route of a service: nobody has been asked who calls. */
export const ANONYMOUS: Principal = { name: 'anonymous', role: 'anonymous' };

const SECRET_LENGTH_MIN = 32;
const LIFE_S = 60;
/** A signature is used again for so long; what is sent is then good for at least the rest of its life. */
const REUSE_S = 20;
const CLOCK_SKEW_S = 5;
const HEADER_LENGTH_MAX = 4_000;
const REMEMBERED_MAX = 10_000;
const PURPOSE = 'olms-identity-1';

/** The previous version knows name, client and role, and refuses a role that it does not know. */
interface Claims extends Principal {
  /** The service that is called; what is signed for one is void at another. Missing in what the previous version signs. */
  readonly aud?: string;
  /** Seconds since 1970 at which it was signed. Missing likewise. */
  readonly iat?: number;
  /** Seconds since 1970 after which the identity is void. */
  readonly exp: number;
}

/** Whether it says whose orders a customer's are, and otherwise what may be done. */
function isSound({ role, scopes, customer }: Principal): boolean {
  if (role === 'scoped') return Array.isArray(scopes) && customer === undefined;
  if (role === 'customer') return typeof customer === 'string' && customer !== '';
  return (role === 'anonymous' || isRole(role)) && customer === undefined;
}

export class Identities {
  readonly #secret: string;
  readonly #audiences: ReadonlySet<string>;
  readonly #nowMs: () => number;
  readonly #signed = new Lru<{ header: string; untilS: number }>(REMEMBERED_MAX);
  /** Claims of headers that were found to be genuine: a caller's next calls bring the same one. */
  readonly #genuine = new Lru<Claims>(REMEMBERED_MAX);

  /** `audiences`: the services of this process, in whose place it may be called. */
  constructor(secret: string, audiences: readonly string[], nowMs: () => number = Date.now) {
    if (secret.length < SECRET_LENGTH_MIN)
      throw new Error(`Configuration: OLMS_INTERNAL_SECRET must have at least ${SECRET_LENGTH_MIN} characters`);
    this.#secret = secret;
    this.#audiences = new Set(audiences);
    this.#nowMs = nowMs;
  }

  /** The header that says to a process of this service who calls. */
  sign({ name, kind, client, role, scopes, customer }: Principal, audience: string): string {
    const nowS = Math.floor(this.#nowMs() / 1000);
    // Nothing of it has a line break, whoever named it.
    const key = [audience, role, kind, scopes, client, customer, name].join('\n');
    const known = this.#signed.get(key);
    if (known && known.untilS > nowS) return known.header;
    const claims: Claims = {
      name,
      ...(kind !== undefined && { kind }),
      ...(client !== undefined && { client }),
      role,
      ...(scopes !== undefined && { scopes }),
      ...(customer !== undefined && { customer }),
      aud: audience,
      iat: nowS,
      exp: nowS + LIFE_S,
    };
    const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
    const header = `${payload}.${this.#mac(payload).toString('base64url')}`;
    this.#signed.set(key, { header, untilS: nowS + REUSE_S });
    return header;
  }

  /** Who calls; undefined where the header is missing, forged, expired, signed for another service or in the future, or promises to live longer than any should. */
  verify(header: string | string[] | undefined): Principal | undefined {
    if (typeof header !== 'string' || header.length > HEADER_LENGTH_MAX) return undefined;
    const claims = this.#genuine.get(header) ?? this.#read(header);
    if (!claims) return undefined;
    const { exp, aud, iat, ...principal } = claims;
    const nowS = this.#nowMs() / 1000;
    const leftS = exp - nowS;
    if (!(leftS > 0) || leftS > LIFE_S + CLOCK_SKEW_S || !isSound(principal)) return undefined;
    if (aud !== undefined && !this.#audiences.has(aud)) return undefined;
    if (iat !== undefined && (iat > nowS + CLOCK_SKEW_S || exp - iat > LIFE_S)) return undefined;
    return principal;
  }

  #read(header: string): Claims | undefined {
    const dot = header.indexOf('.');
    if (dot < 1) return undefined;
    const payload = header.slice(0, dot);
    const given = Buffer.from(header.slice(dot + 1), 'base64url');
    const wanted = this.#mac(payload);
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return undefined;
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims;
    this.#genuine.set(header, claims);
    return claims;
  }

  #mac(payload: string): Buffer {
    return createHmac('sha256', this.#secret).update(`${PURPOSE}.${payload}`).digest();
  }
}
