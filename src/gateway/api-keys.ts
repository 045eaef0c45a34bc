import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Database } from '#platform/database/database.ts';
import type { Principal } from '#platform/http/server.ts';
import { Lru } from '#platform/lru.ts';

/** Keys of the API: random, stored as hashes, looked up once and remembered for a short time. */

const REMEMBERED_MAX = 10_000;
/** A revoked key works at most this long in a process that knew it. */
const REMEMBER_MS = 10_000;
const KEY_LENGTH_MAX = 500;
export const BOOTSTRAP_NAME = 'bootstrap';

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

export function newKey(): string {
  return `olms_${randomBytes(32).toString('base64url')}`;
}

export class ApiKeys {
  readonly #database: Database;
  readonly #bootstrapHash: Buffer | undefined;
  readonly #known = new Lru<{ principal: Principal | undefined; untilMs: number }>(REMEMBERED_MAX);

  constructor(database: Database, bootstrapKey: string) {
    this.#database = database;
    this.#bootstrapHash = bootstrapKey === '' ? undefined : Buffer.from(hashKey(bootstrapKey), 'hex');
  }

  /** The caller behind an `Authorization` header, or undefined. */
  authenticate(header: string | undefined): Principal | undefined | Promise<Principal | undefined> {
    const key = header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : '';
    if (key === '' || key.length > KEY_LENGTH_MAX) return undefined;
    const hash = hashKey(key);
    const known = this.#known.get(hash);
    if (known && known.untilMs > Date.now()) return known.principal;
    if (this.#bootstrapHash && timingSafeEqual(Buffer.from(hash, 'hex'), this.#bootstrapHash)) {
      return this.#remember(hash, { name: BOOTSTRAP_NAME, role: 'admin' });
    }
    return this.#lookup(hash);
  }

  async #lookup(hash: string): Promise<Principal | undefined> {
    const [row] = await this.#database.query<{ name: string; role: Principal['role'] }>(
      'select name, role from gateway.api_keys where key_hash = $1 and revoked_at is null',
      [hash],
    );
    return this.#remember(hash, row && { name: row.name, role: row.role });
  }

  #remember(hash: string, principal: Principal | undefined): Principal | undefined {
    this.#known.set(hash, { principal, untilMs: Date.now() + REMEMBER_MS });
    return principal;
  }

  /** A new key, shown this once; undefined where the name is taken. */
  async create(name: string, role: Principal['role']): Promise<string | undefined> {
    const key = newKey();
    const rows = await this.#database.query(
      'insert into gateway.api_keys (name, key_hash, role) values ($1, $2, $3) on conflict do nothing returning name',
      [name, hashKey(key), role],
    );
    return rows.length > 0 ? key : undefined;
  }

  async list(): Promise<{ name: string; role: string; createdAt: Date; revokedAt: Date | null }[]> {
    const rows = await this.#database.query<{ name: string; role: string; created_at: Date; revoked_at: Date | null }>(
      'select name, role, created_at, revoked_at from gateway.api_keys order by name limit 1000',
    );
    return rows.map((row) => ({
      name: row.name,
      role: row.role,
      createdAt: row.created_at,
      revokedAt: row.revoked_at,
    }));
  }

  /** False where no such key is in force. */
  async revoke(name: string): Promise<boolean> {
    this.#known.clear();
    return (
      (
        await this.#database.query(
          'update gateway.api_keys set revoked_at = now() where name = $1 and revoked_at is null returning name',
          [name],
        )
      ).length > 0
    );
  }
}
