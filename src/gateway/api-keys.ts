import { createHash, timingSafeEqual } from 'node:crypto';
import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import type { RequestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Principal } from '#platform/http/server.ts';
import { Lru } from '#platform/runtime/lru.ts';
import {
  findKey,
  insertKey,
  type KeyDescription,
  listKeys,
  newKey,
  noteUse,
  prefixOf,
  refuseShown,
  revokeKey,
  rotateKey,
  type StoredKey,
} from './key-store.ts';

/** Keys of the API: random, stored as hashes, looked up once and remembered for a short time. */

const REMEMBERED_MAX = 10_000;
/** A revoked key works at most this long in a process that knew it. */
const REMEMBER_MS = 10_000;
const KEY_LENGTH_MAX = 500;
/** That a key was used is noted at most so often by each process. */
const NOTE_USE_MS = 60_000;
export const BOOTSTRAP_NAME = 'bootstrap';

export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A key that was made, or its new secret; shown this once. */
export interface ShownKey {
  readonly key: string;
  readonly prefix: string;
}

export class ApiKeys {
  readonly #database: Database;
  readonly #bootstrapHash: Buffer | undefined;
  readonly #production: boolean;
  readonly #known = new Lru<{ principal: Principal | undefined; untilMs: number }>(REMEMBERED_MAX);
  /** When a use was noted last, by the name of the key. */
  readonly #noted = new Lru<number>(REMEMBERED_MAX);

  constructor(database: Database, bootstrapKey: string, production = false) {
    this.#database = database;
    this.#bootstrapHash = bootstrapKey === '' ? undefined : Buffer.from(hashKey(bootstrapKey), 'hex');
    this.#production = production;
  }

  /** The caller who has this key, or undefined. Calls `beforeLookup`, which may throw, before it asks the database. */
  authenticate(key: string, beforeLookup?: () => void): Principal | undefined | Promise<Principal | undefined> {
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
    const found = await findKey(this.#database, hash);
    const untilMs = found?.until?.getTime() ?? Number.POSITIVE_INFINITY;
    if (!found || untilMs <= Date.now()) return this.#remember(hash, undefined);
    this.#noteUse(found.principal.name);
    return this.#remember(hash, found.principal, untilMs);
  }

  #remember(hash: string, principal: Principal | undefined, untilMs = Number.POSITIVE_INFINITY): Principal | undefined {
    this.#known.set(hash, { principal, untilMs: Math.min(untilMs, Date.now() + REMEMBER_MS) });
    return principal;
  }

  /** Nobody waits for it, and where it fails the next use is noted instead. */
  #noteUse(name: string): void {
    const nowMs = Date.now();
    if (nowMs - (this.#noted.get(name) ?? 0) < NOTE_USE_MS) return;
    this.#noted.set(name, nowMs);
    noteUse(this.#database, name).catch(() => this.#noted.delete(name));
  }

  /**
   * A new key of a client, shown this once; undefined where the name is taken. It is stored as a hash, so a repeat of the request
   * cannot be answered alike: it throws API_KEY_SHOWN.
   */
  async create(described: KeyDescription, by: AuditedBy, request?: RequestKey): Promise<ShownKey | undefined> {
    const key = newKey(this.#production);
    const prefix = prefixOf(key);
    const made = await insertKey(this.#database, described, { hash: hashKey(key), prefix }, by, request);
    if (made) return { key, prefix };
    await refuseShown(this.#database, described.name, request);
    return undefined;
  }

  /**
   * Another secret of a key, shown this once; the one before is good for so much longer. Throws NOT_FOUND, API_KEY_EXPIRED
   * where it has ended and is given no new end, API_KEY_SHOWN for a repeat, and what `assertMay` throws for the key.
   */
  async rotate(
    name: string,
    {
      overlapSeconds,
      expiresAt,
      assertMay,
    }: {
      readonly overlapSeconds: number;
      readonly expiresAt?: string | undefined;
      readonly assertMay?: (of: KeyDescription) => void;
    },
    by: AuditedBy,
    request?: RequestKey,
  ): Promise<ShownKey & { readonly of: StoredKey; readonly previousUntil: Date }> {
    this.#known.clear();
    await refuseShown(this.#database, name, request);
    const [of] = await listKeys(this.#database, name);
    if (!of || of.revokedAt !== null) throw new Problem('NOT_FOUND', 'There is no such key in force.');
    assertMay?.(of);
    const ends = expiresAt ?? of.expiresAt;
    if (ends !== undefined && Date.parse(ends) <= Date.now())
      throw new Problem(
        'API_KEY_EXPIRED',
        `The key ${name} ended at ${ends}. Say with expiresAt when it ends from now on.`,
      );
    const key = newKey(this.#production);
    const prefix = prefixOf(key);
    const rotation = { hash: hashKey(key), prefix, overlapSeconds, expiresAt };
    const rotated = await rotateKey(this.#database, of, rotation, by, request);
    if (!rotated) {
      await refuseShown(this.#database, name, request);
      throw new Problem('UNAVAILABLE', `The key ${name} was changed by another request at the same time. Try again.`);
    }
    return { key, prefix, of: { ...of, expiresAt: ends }, previousUntil: rotated.previousUntil };
  }

  /** The keys by name, those that were revoked too. */
  list(): Promise<StoredKey[]> {
    return listKeys(this.#database);
  }

  /** False where no such key is in force, and this request did not revoke it before. */
  revoke(name: string, by: AuditedBy, request?: RequestKey): Promise<boolean> {
    this.#known.clear();
    return revokeKey(this.#database, name, by, request);
  }
}
