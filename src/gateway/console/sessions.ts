import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { isRole, type Scope } from '#contracts/permissions.ts';
import type { Database } from '#platform/database/database.ts';
import type { Principal } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';
import { Lru } from '#platform/runtime/lru.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { hashKey } from '../api-keys.ts';

/**
 * Sessions of the console. The browser holds a random token in a cookie that no script reads; here is its hash. A session
 * ends when nobody used it for a while, in any case after some hours, and at once when somebody signs out or is kept out.
 */

/** What a request says of who sends it, and from where. */
export interface Bearing {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

export interface SessionLimits {
  readonly idleMs: number;
  readonly maxMs: number;
}

const TOKEN_BYTES = 32;
const TOKEN = /^[\w-]{43}$/;
const REMEMBERED_MAX = 10_000;
/** A session that ended works at most this long in a process that knew it, as a key does. */
const REMEMBER_MS = 10_000;
/** That a session was used is noted at most so often. */
const NOTE_USE_MS = 60_000;
/** The token is changed after so long; who copied an old one has it for nothing. */
const ROTATE_MS = 900_000;
/** Calls that were under way when the token changed. */
const PREVIOUS_S = 60;
const FORGET_AFTER_MS = 600_000;
const READING = new Set(['GET', 'HEAD', 'OPTIONS']);
/** A page of another origin cannot send it without being asked whether it may. */
const CONSOLE_HEADER = 'x-olms-console';

interface SessionRow extends Record<string, unknown> {
  id: string;
  name: string;
  client: string | null;
  person: string | null;
  scopes: Scope[];
  ends: Date;
  rotates: boolean;
}

/** A session as its person sees it. */
export interface SessionView {
  readonly id: string;
  /** What the browser said it is. */
  readonly agent: string | null;
  readonly createdAt: Date;
  /** To the minute. */
  readonly seenAt: Date;
  readonly endsAt: Date;
  /** Whether it is the one that asks. */
  readonly current: boolean;
}

/** Whose a session is ($1): the client that its principal has. */
const OWNER = `coalesce('person:' || person, client, 'session:' || name) = $1`;
const SESSIONS_MAX = 200;

interface Known {
  readonly principal: Principal | undefined;
  readonly untilMs: number;
}

export class Sessions {
  readonly #database: Database;
  readonly #limits: SessionLimits;
  readonly #publicUrl: () => string;
  readonly #known = new Lru<Known>(REMEMBERED_MAX);
  readonly #noted = new Lru<number>(REMEMBERED_MAX);
  #forgottenMs = 0;

  constructor(database: Database, limits: SessionLimits, publicUrl: () => string) {
    this.#database = database;
    this.#limits = limits;
    this.#publicUrl = publicUrl;
  }

  /** The token in the cookies of a request. */
  tokenOf({ cookie }: IncomingHttpHeaders): string | undefined {
    return cookieOf(cookie, this.#cookie);
  }

  /**
   * Whose session a token is; undefined where it is none. A change must come from a page of our own: throws FORBIDDEN
   * otherwise. Calls `beforeLookup`, which may throw, before it asks the database.
   */
  authenticate(
    token: string,
    bearing: Bearing,
    beforeLookup?: () => void,
  ): Principal | undefined | Promise<Principal | undefined> {
    if (!TOKEN.test(token)) return undefined;
    if (!READING.has(bearing.method)) this.assertOwnPage(bearing.headers);
    const hash = hashKey(token);
    const known = this.#known.get(hash);
    if (known && known.untilMs > Date.now()) return known.principal;
    beforeLookup?.();
    return this.#lookup(hash);
  }

  /** Throws FORBIDDEN where a request may come from a page that is not the console. */
  assertOwnPage({ origin, host, [CONSOLE_HEADER]: ours }: IncomingHttpHeaders): void {
    const from = origin !== undefined && URL.canParse(origin) ? new URL(origin) : undefined;
    const own = this.#publicUrl();
    const isOwn =
      from !== undefined && (from.host === host || (URL.canParse(own) && new URL(own).origin === from.origin));
    if (isOwn && ours !== undefined) return;
    throw new Problem(
      'FORBIDDEN',
      'A change with a session must come from the console itself. Other programs use an API key.',
    );
  }

  async #lookup(hash: string): Promise<Principal | undefined> {
    const row = await this.#find(hash);
    if (!row) {
      this.#known.set(hash, { principal: undefined, untilMs: Date.now() + REMEMBER_MS });
      return undefined;
    }
    const principal = principalOf(row);
    this.#known.set(hash, { principal, untilMs: Math.min(row.ends.getTime(), Date.now() + REMEMBER_MS) });
    this.#noteUse(row.id);
    return principal;
  }

  async #find(hash: string): Promise<SessionRow | undefined> {
    const [row] = await this.#database.query<SessionRow>(
      `select id, sessions.name, client, person, case when person is null then sessions.scopes else people.scopes end as scopes,
         least(ends_at, seen_at + make_interval(secs => $2::float8 / 1000)) as ends,
         token_hash = $1 and rotated_at < now() - make_interval(secs => $3::float8 / 1000) as rotates
       from gateway.sessions left join gateway.people on people.name = person
       where (token_hash = $1 or (previous_hash = $1 and previous_until > now()))
         and ends_at > now() and seen_at > now() - make_interval(secs => $2::float8 / 1000)
         and (person is null or disabled_at is null)`,
      [hash, this.#limits.idleMs, ROTATE_MS],
    );
    return row;
  }

  #noteUse(id: string): void {
    const nowMs = Date.now();
    if (nowMs - (this.#noted.get(id) ?? 0) < NOTE_USE_MS) return;
    this.#noted.set(id, nowMs);
    this.#database
      .query(`update gateway.sessions set seen_at = now() where id = $1 and seen_at < now() - interval '1 minute'`, [
        id,
      ])
      .catch(() => this.#noted.delete(id));
  }

  /**
   * Begins a session of a browser; returns the cookie that it keeps. The person's rights are those they have at each call.
   */
  async open(who: Principal & { readonly person?: string | undefined }, agent?: string): Promise<string> {
    this.#forgetEnded();
    const token = newToken();
    const scopes = who.role === 'scoped' ? (who.scopes ?? []) : [who.role];
    await this.#database.query(
      `with opened as (
         insert into gateway.sessions (id, token_hash, person, name, client, scopes, ends_at, agent)
         values ($1, $2, $3, $4, $5, $6::text[], now() + make_interval(secs => $7::float8 / 1000), $8)
       )
       update gateway.people set signed_in_at = now() where name = $3`,
      [
        uuidv7(),
        hashKey(token),
        who.person ?? null,
        who.name,
        who.client ?? null,
        scopes,
        this.#limits.maxMs,
        agent ?? null,
      ],
    );
    return this.#setCookie(token, this.#limits.maxMs);
  }

  /** Another token for a session whose token is old; undefined where it is not, or another call was faster. */
  async rotate(token: string): Promise<string | undefined> {
    const hash = hashKey(token);
    const row = await this.#find(hash);
    if (!row?.rotates) return undefined;
    const next = newToken();
    const rows = await this.#database.query(
      `update gateway.sessions set token_hash = $2, previous_hash = token_hash, previous_until = now() + make_interval(secs => ${PREVIOUS_S}),
         rotated_at = now() where token_hash = $1 returning id`,
      [hash, hashKey(next)],
    );
    return rows.length > 0 ? this.#setCookie(next, this.#limits.maxMs) : undefined;
  }

  /** Ends the session of a token; returns what takes the cookie from the browser. */
  async close(token: string | undefined): Promise<string> {
    if (token !== undefined) {
      const hash = hashKey(token);
      this.#known.delete(hash);
      await this.#database.query(`delete from gateway.sessions where token_hash = $1 or previous_hash = $1`, [hash]);
    }
    return this.#setCookie('', 0);
  }

  /** Those of whoever has this session, the one used last first. */
  async list(token: string, { client }: Principal): Promise<SessionView[]> {
    const rows = await this.#database.query<Omit<SessionView, 'id'> & { id: string }>(
      `select id, agent, created_at as "createdAt", seen_at as "seenAt",
         least(ends_at, seen_at + make_interval(secs => $2::float8 / 1000)) as "endsAt",
         token_hash = $3 or coalesce(previous_hash = $3, false) as current
       from gateway.sessions
       where ${OWNER} and ends_at > now() and seen_at > now() - make_interval(secs => $2::float8 / 1000)
       order by seen_at desc, id desc limit ${SESSIONS_MAX}`,
      [client, this.#limits.idleMs, hashKey(token)],
    );
    return rows;
  }

  /** Ends one session of whoever this is, or all but the one of `keep`; returns how many. */
  async end(
    { client }: Principal,
    which: { readonly id: string } | { readonly keep: string | undefined },
  ): Promise<number> {
    const [condition, value] =
      'id' in which
        ? ['id = $2::uuid', which.id]
        : [
            '($2::text is null or (token_hash <> $2 and previous_hash is distinct from $2))',
            which.keep === undefined ? null : hashKey(which.keep),
          ];
    const ended = await this.#database.query(
      `delete from gateway.sessions where ${OWNER} and ${condition} returning id`,
      [client, value],
    );
    this.forget();
    return ended.length;
  }

  /** What is known of sessions is read again: rights have changed, or sessions have ended. */
  forget(): void {
    this.#known.clear();
  }

  /** How long a session is good that nobody uses, in milliseconds. */
  get idleMs(): number {
    return this.#limits.idleMs;
  }

  /** Sessions that are over take no room for long. */
  #forgetEnded(): void {
    if (Date.now() - this.#forgottenMs < FORGET_AFTER_MS) return;
    this.#forgottenMs = Date.now();
    this.#database
      .query(
        `delete from gateway.sessions where id in (select id from gateway.sessions
           where ends_at < now() or seen_at < now() - make_interval(secs => $1::float8 / 1000) limit 1000)`,
        [this.#limits.idleMs],
      )
      .catch(() => (this.#forgottenMs = 0));
  }

  /** Whether browsers reach us by https: then no cookie goes out without it. */
  get secure(): boolean {
    return this.#publicUrl().startsWith('https:');
  }

  get #cookie(): string {
    return this.secure ? '__Host-olms_session' : 'olms_session';
  }

  #setCookie(value: string, lifeMs: number): string {
    const secure = this.secure ? '; Secure' : '';
    return `${this.#cookie}=${value}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${Math.floor(lifeMs / 1000)}${secure}`;
  }
}

function newToken(): string {
  return randomBytes(TOKEN_BYTES).toString('base64url');
}

/** The value of a cookie in a `Cookie` header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  const part = header
    ?.split(';')
    .map((text) => text.trim())
    .find((text) => text.startsWith(`${name}=`));
  return part?.slice(name.length + 1);
}

function principalOf({ name, client, person, scopes, ends }: SessionRow): Principal {
  const [only] = scopes;
  return {
    name,
    kind: 'person',
    client: person === null ? (client ?? `session:${name}`) : `person:${person}`,
    ...(scopes.length === 1 && isRole(only!) ? { role: only } : { role: 'scoped', scopes }),
    expiresAtMs: ends.getTime(),
  };
}
