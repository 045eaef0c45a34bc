import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '#platform/database/database.ts';
import { isUniqueViolation } from '#platform/database/failures.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import { type RequestKey, storedReply } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Principal } from '#platform/http/server.ts';
import { Lru } from '#platform/runtime/lru.ts';

/** Keys of the API: random, stored as hashes, looked up once and remembered for a short time. */

const REMEMBERED_MAX = 10_000;
/** A revoked key works at most this long in a process that knew it. */
const REMEMBER_MS = 10_000;
const KEY_LENGTH_MAX = 500;
export const BOOTSTRAP_NAME = 'bootstrap';

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

const KEY_BYTES = 32;

export function newKey(): string {
  return `olms_${randomBytes(KEY_BYTES).toString('base64url')}`;
}

/** What an `Authorization` header bears; empty where it is no bearer. */
function bearerOf(header: string | undefined): string {
  return header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : '';
}

/** A key that is to be made. */
export interface NewKey {
  readonly name: string;
  /** Whom it belongs to. */
  readonly client: string;
  readonly role: Principal['role'];
}

export class ApiKeys {
  readonly #database: Database;
  readonly #bootstrapHash: Buffer | undefined;
  readonly #known = new Lru<{ principal: Principal | undefined; untilMs: number }>(REMEMBERED_MAX);

  constructor(database: Database, bootstrapKey: string) {
    this.#database = database;
    this.#bootstrapHash = bootstrapKey === '' ? undefined : Buffer.from(hashKey(bootstrapKey), 'hex');
  }

  /** The caller behind an `Authorization` header, or undefined. Calls `beforeLookup`, which may throw, before it asks the database. */
  authenticate(
    header: string | undefined,
    beforeLookup?: () => void,
  ): Principal | undefined | Promise<Principal | undefined> {
    const key = bearerOf(header);
    if (key === '' || key.length > KEY_LENGTH_MAX) return undefined;
    const hash = hashKey(key);
    const known = this.#known.get(hash);
    if (known && known.untilMs > Date.now()) return known.principal;
    if (this.#bootstrapHash && timingSafeEqual(Buffer.from(hash, 'hex'), this.#bootstrapHash)) {
      return this.#remember(hash, { name: BOOTSTRAP_NAME, role: 'admin' });
    }
    beforeLookup?.();
    return this.#lookup(hash);
  }

  async #lookup(hash: string): Promise<Principal | undefined> {
    const [row] = await this.#database.query<{ name: string; client: string; role: Principal['role'] }>(
      'select name, coalesce(client, name) as client, role from gateway.api_keys where key_hash = $1 and revoked_at is null',
      [hash],
    );
    return this.#remember(hash, row && { name: row.name, client: row.client, role: row.role });
  }

  #remember(hash: string, principal: Principal | undefined): Principal | undefined {
    this.#known.set(hash, { principal, untilMs: Date.now() + REMEMBER_MS });
    return principal;
  }

  /**
   * A new key of a client, shown this once; undefined where the name is taken. It is stored as a hash, so a repeat of the request
   * cannot be answered alike: it throws API_KEY_SHOWN.
   */
  async create({ name, client, role }: NewKey, by: AuditedBy, request?: RequestKey): Promise<string | undefined> {
    const key = newKey();
    const made = await this.#unlessKept(
      `with made as (
         insert into gateway.api_keys (name, key_hash, role, client)
         select $1::text, $2::text, $3::text, $7::text where not exists (select 1 from log.idempotency_keys where key = $4::text)
         on conflict do nothing returning name
       ), kept as (
         insert into log.idempotency_keys (key, request_hash, status, answer)
         select $4::text, $5::text, 201, $6::json from made where $4::text is not null
       ), audited as (
         insert into log.audit_entries (actor, action, subject, after, correlationid)
         select $8, 'api_key.created', name, $6::json, $9 from made
       )
       select name from made`,
      [
        name,
        hashKey(key),
        role,
        request?.key ?? null,
        request?.requestHash ?? null,
        JSON.stringify({ name, client, role }),
        client,
        by.actor,
        by.correlationId,
      ],
    );
    if (made.length > 0) return key;
    if ((await storedReply(this.#database, request)) !== undefined)
      throw new Problem(
        'API_KEY_SHOWN',
        `This request made the key ${name} before, and showed it then. If that answer was lost, revoke the key and create one of another name.`,
      );
    return undefined;
  }

  /** None where another request with the same `Idempotency-Key` was faster. */
  async #unlessKept(text: string, values: unknown[]): Promise<unknown[]> {
    return this.#database
      .query(text, values)
      .catch((error: unknown) => (isUniqueViolation(error) ? [] : Promise.reject(error as Error)));
  }

  async list(): Promise<{ name: string; client: string; role: string; createdAt: Date; revokedAt: Date | null }[]> {
    const rows = await this.#database.query<{
      name: string;
      client: string;
      role: string;
      created_at: Date;
      revoked_at: Date | null;
    }>(
      'select name, coalesce(client, name) as client, role, created_at, revoked_at from gateway.api_keys order by name limit 1000',
    );
    return rows.map((row) => ({
      name: row.name,
      client: row.client,
      role: row.role,
      createdAt: row.created_at,
      revokedAt: row.revoked_at,
    }));
  }

  /** False where no such key is in force, and this request did not revoke it before. */
  async revoke(name: string, by: AuditedBy, key?: RequestKey): Promise<boolean> {
    this.#known.clear();
    const revoked = await this.#unlessKept(
      `with revoked as (
         update gateway.api_keys set revoked_at = now()
         where name = $1 and revoked_at is null
           and not exists (select 1 from log.idempotency_keys where key = $2::text)
         returning name, coalesce(client, name) as client, role
       ), kept as (
         insert into log.idempotency_keys (key, request_hash, status, answer)
         select $2::text, $3::text, 204, 'null' from revoked where $2::text is not null
       ), audited as (
         insert into log.audit_entries (actor, action, subject, before, correlationid)
         select $4, 'api_key.revoked', name, row_to_json(revoked), $5 from revoked
       )
       select name from revoked`,
      [name, key?.key ?? null, key?.requestHash ?? null, by.actor, by.correlationId],
    );
    return revoked.length > 0 || (await storedReply(this.#database, key)) !== undefined;
  }
}
