import { createHash } from 'node:crypto';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { plainId } from '#contracts/ids.ts';
import { isRole, isScope, type Scope } from '#contracts/permissions.ts';
import type { Check } from '#platform/http/operations.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Principal } from '#platform/http/server.ts';
import { type Job, startJob } from '#platform/runtime/job.ts';
import { Lru } from '#platform/runtime/lru.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { issuerKeys } from './issuer-keys.ts';

/**
 * Tokens of an OpenID Connect issuer: JWTs (RFC 7519, RFC 9068) of people and customers. The issuer's keys are read at
 * the start and again every now and then, never because of a token: whoever sends forged ones causes no connection.
 */

export interface TokenOptions {
  /** As tokens name it (`iss`), exactly. */
  readonly issuer: string;
  /** For whom tokens must be meant (`aud`). */
  readonly audience: string;
  /** Where its keys are; empty: where the issuer's discovery document says. */
  readonly jwksUrl: string;
  readonly rolesClaim: string;
  readonly customerClaim: string;
  readonly nameClaim: string;
  readonly refreshMs: number;
  readonly logger: Logger;
}

/** Nothing with a shared secret: a public key is no secret. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt', 'application/jwt']);
const CLOCK_SKEW_S = 5;
/** The end of the year 9999: what ends later names no time. */
const ENDS_MAX_S = 253_402_300_799;
const TOKEN_LENGTH_MAX = 12_000;
const REMEMBERED_MAX = 10_000;
/** A token is verified again after so long; one whose key the issuer took back sooner, by the next reading of the keys. */
const REMEMBER_MS = 60_000;
const FIRST_RETRY_MS = 5_000;
/** What callers are called by: no control characters, which would forge lines and separators. */
const NAME = /^\P{Cc}{1,100}$/u;
const ROLES_MAX = 100;

/** Whether a bearer is a JWT by its shape: a header that is a JSON object, a payload, a signature. */
export function looksLikeToken(bearer: string): boolean {
  return bearer.startsWith('eyJ') && bearer.split('.').length === 3;
}

export class Tokens {
  readonly #options: TokenOptions;
  readonly #known = new Lru<{ principal: Principal; untilMs: number }>(REMEMBERED_MAX);
  #keys: JWTVerifyGetKey | undefined;
  #keyIds = '';
  #readMs: number | undefined;
  #problem = 'its keys have not been read yet';
  #job: Job | undefined;

  constructor(options: TokenOptions) {
    this.#options = options;
  }

  /** Reads the issuer's keys; where that fails, tokens are answered 503 until it succeeds, and API keys work. */
  async start(): Promise<void> {
    const { refreshMs, logger } = this.#options;
    this.#job = startJob({ name: 'oidc-keys', everyMs: refreshMs, logger, run: () => this.#read() });
    await this.#job.runNow();
  }

  async stop(): Promise<void> {
    await this.#job?.stop();
  }

  async #read(): Promise<void> {
    const { logger } = this.#options;
    try {
      const keys = await issuerKeys(this.#options);
      const { createLocalJWKSet } = await import('jose');
      const keyIds = JSON.stringify(keys);
      if (keyIds !== this.#keyIds) {
        this.#known.clear();
        this.#keys = createLocalJWKSet({ keys });
        this.#keyIds = keyIds;
        logger.info({ issuer: this.#options.issuer, keys: keys.length }, 'the keys of the issuer of tokens were read');
      }
      this.#readMs = Date.now();
      this.#problem = '';
    } catch (error) {
      this.#problem = (error as Error).message;
      logger.warn({ err: error, issuer: this.#options.issuer }, 'the keys of the issuer of tokens could not be read');
      if (!this.#keys) this.#job?.pokeAt(Date.now() + FIRST_RETRY_MS);
    }
  }

  /** Whether tokens can be verified, and since when the issuer's keys are known. */
  healthy(): Check {
    const known = this.#readMs === undefined ? '' : `keys of ${new Date(this.#readMs).toISOString()}`;
    return {
      ok: this.#problem === '',
      detail: [known, this.#problem].filter(Boolean).join('; '),
      optional: true,
    };
  }

  /** The caller who has this token, or undefined. Throws UNAVAILABLE where the issuer's keys were never read. */
  async authenticate(token: string): Promise<Principal | undefined> {
    if (token.length > TOKEN_LENGTH_MAX) return undefined;
    const hash = createHash('sha256').update(token).digest('base64url');
    const known = this.#known.get(hash);
    if (known && known.untilMs > Date.now()) return known.principal;
    const principal = await this.#verified(token);
    if (!principal) return undefined;
    const untilMs = Math.min(Date.now() + REMEMBER_MS, principal.expiresAtMs!);
    this.#known.set(hash, { principal, untilMs });
    return principal;
  }

  async #verified(token: string): Promise<Principal | undefined> {
    const { issuer, audience } = this.#options;
    const { decodeJwt, decodeProtectedHeader, jwtVerify } = await import('jose');
    try {
      const { alg, typ } = decodeProtectedHeader(token);
      if (!ALGORITHMS.includes(alg ?? '') || !isAccepted(typ) || decodeJwt(token).iss !== issuer) return undefined;
    } catch {
      return undefined;
    }
    const keys = this.#keys;
    if (!keys) throw new Problem('UNAVAILABLE', `Tokens cannot be verified now: ${this.#problem}.`);
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        clockTolerance: CLOCK_SKEW_S,
        requiredClaims: ['exp', 'sub'],
      });
      return principalOf(payload, this.#options);
    } catch {
      // Whatever is wrong with it, it was not verified.
      return undefined;
    }
  }
}

function isAccepted(typ: unknown): boolean {
  return typ === undefined || (typeof typ === 'string' && TYPES.has(typ.toLowerCase()));
}

/** Who a verified token is about, and what they may; undefined where it says that badly. */
function principalOf(
  payload: JWTPayload,
  { rolesClaim, customerClaim, nameClaim }: TokenOptions,
): Principal | undefined {
  // A token that is bound to a key of its sender is good for nobody who only has the token.
  if (payload['cnf'] !== undefined || payload.exp! > ENDS_MAX_S) return undefined;
  const sub = textOf(payload.sub);
  const name = textOf(claimOf(payload, nameClaim)) ?? sub;
  if (sub === undefined || name === undefined) return undefined;
  const who = { name, client: `oidc:${sub}`, expiresAtMs: payload.exp! * 1000 };
  const given = listOf(claimOf(payload, rolesClaim));
  const scopes = given.filter(isScope);
  const customer = textOf(claimOf(payload, customerClaim));
  // Who works here sees what the work needs, also where they buy here.
  if (scopes.length === 0 && given.includes('customer') && customer !== undefined)
    return { ...who, kind: 'customer', role: 'customer', customer: plainId(customer) };
  return { ...who, kind: 'person', ...grant(scopes) };
}

function grant(scopes: readonly Scope[]): Pick<Principal, 'role' | 'scopes'> {
  const [only] = scopes;
  return scopes.length === 1 && isRole(only!) ? { role: only } : { role: 'scoped', scopes };
}

/** A claim by its name, or by the way to it through objects: `realm_access.roles`. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Record<string, unknown>)[part]
          : undefined,
      payload,
    );
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && NAME.test(value) && value.trim() !== '' ? value : undefined;
}

/** Names in a list, or in one text with spaces, as `scope` has them. */
function listOf(value: unknown): string[] {
  const list = typeof value === 'string' ? value.split(' ') : Array.isArray(value) ? value : [];
  return [...new Set(list.filter((entry): entry is string => typeof entry === 'string'))].slice(0, ROLES_MAX);
}
