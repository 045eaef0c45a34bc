import { randomBytes } from 'node:crypto';
import { isRole, type Role, type Scope } from '#contracts/permissions.ts';
import type { Database } from '#platform/database/database.ts';
import { isUniqueViolation } from '#platform/database/failures.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import { type RequestKey, storedReply } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Principal } from '#platform/http/server.ts';

/** API keys as they are stored: who each belongs to, what it may, and the hashes of its secrets. */

/** Roles that the previous version knows, and grants to whoever has the hash of one of these keys. */
const RANKED: ReadonlySet<string> = new Set<Role>(['reader', 'client', 'operator', 'admin']);
const KEY_BYTES = 32;
/** Of `olms_live_` or `olms_test_`, and four characters more. */
const PREFIX_LENGTH = 14;

/** A secret of 32 random bytes; what it begins with says that it is ours, and whether it opens a system in production. */
export function newKey(production = false): string {
  return `olms_${production ? 'live' : 'test'}_${randomBytes(KEY_BYTES).toString('base64url')}`;
}

/** How a key begins, by which it is recognized; it opens nothing. */
export function prefixOf(key: string): string {
  return key.slice(0, PREFIX_LENGTH);
}

/** What a key is: all that is shown of it. */
export interface KeyDescription {
  readonly name: string;
  /** Whom it belongs to. */
  readonly client: string;
  readonly role: Exclude<Principal['role'], 'anonymous' | 'service'>;
  /** What a `scoped` one may. */
  readonly scopes?: readonly Scope[] | undefined;
  /** Whose orders the key of a customer shows. */
  readonly customer?: string | undefined;
  /** RFC 3339. */
  readonly expiresAt?: string | undefined;
}

export interface StoredKey extends KeyDescription {
  readonly prefix?: string | undefined;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
  readonly rotatedAt: Date | null;
  /** Until when the secret before the last rotation is good. */
  readonly previousUntil: Date | null;
  readonly revokedAt: Date | null;
}

interface KeyRow extends Record<string, unknown> {
  name: string;
  client: string;
  role: string;
  scopes: string[] | null;
  customer: string | null;
  prefix: string | null;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  rotated_at: Date | null;
  previous_until: Date | null;
  revoked_at: Date | null;
}

/** A key that was found by a secret, and until when this secret opens it. */
export interface FoundKey {
  readonly principal: Principal;
  readonly until: Date | null;
}

const COLUMNS = `name, coalesce(client, name) as client, role, scopes, customer, prefix, created_at, expires_at, last_used_at, rotated_at, revoked_at`;

/** What a key may: one role, or several scopes. Stored scopes stand for the role, which then is only what the column can hold. */
function grantOf({ role, scopes }: Pick<KeyRow, 'role' | 'scopes'>): Pick<KeyDescription, 'role' | 'scopes'> {
  const [only, ...more] = scopes ?? [role];
  if (only !== undefined && more.length === 0 && isRole(only) && only !== 'service') return { role: only };
  return { role: 'scoped', scopes: (scopes ?? []) as Scope[] };
}

function storedKey(row: KeyRow): StoredKey {
  return {
    name: row.name,
    client: row.client,
    ...grantOf(row),
    customer: row.customer ?? undefined,
    prefix: row.prefix ?? undefined,
    createdAt: row.created_at,
    expiresAt: row.expires_at?.toISOString(),
    lastUsedAt: row.last_used_at,
    rotatedAt: row.rotated_at,
    previousUntil: row.previous_until,
    revokedAt: row.revoked_at,
  };
}

/** None where another request with the same `Idempotency-Key` was faster. */
async function unlessKept(database: Database, text: string, values: unknown[]): Promise<unknown[]> {
  return database
    .query(text, values)
    .catch((error: unknown) => (isUniqueViolation(error) ? [] : Promise.reject(error as Error)));
}

/** The key that has this hash and is not revoked; where that hash is over, `until` has passed. */
export async function findKey(database: Database, hash: string): Promise<FoundKey | undefined> {
  const [row] = await database.query<KeyRow & { until: Date | null }>(
    `with found as (
       select name, valid_until from gateway.api_key_secrets where key_hash = $1
       union all
       select name, null from gateway.api_keys where key_hash = $1
     )
     select ${COLUMNS}, least(expires_at, valid_until) as until
     from found join gateway.api_keys using (name) where revoked_at is null limit 1`,
    [hash],
  );
  if (!row) return undefined;
  const { name, client, customer } = row;
  const grant = grantOf(row);
  const principal: Principal = {
    name,
    client,
    ...grant,
    ...(grant.role === 'customer' && { kind: 'customer', customer: customer ?? '' }),
    ...(row.until !== null && { expiresAtMs: row.until.getTime() }),
  };
  return { principal, until: row.until };
}

/** Notes that a key was used, unless that was noted in the last minute. */
export async function noteUse(database: Database, name: string): Promise<void> {
  await database.query(
    `update gateway.api_keys set last_used_at = now() where name = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')`,
    [name],
  );
}

/** Keeps a key that was made; false where the name is taken, or this request was kept before. */
export async function insertKey(
  database: Database,
  { name, client, role, scopes, customer, expiresAt }: KeyDescription,
  { hash, prefix }: { readonly hash: string; readonly prefix: string },
  by: AuditedBy,
  request?: RequestKey,
): Promise<boolean> {
  const plain = RANKED.has(role) && expiresAt === undefined;
  const described = { name, client, role, scopes, customer, expiresAt, prefix };
  const made = await unlessKept(
    database,
    `with made as (
       insert into gateway.api_keys (name, key_hash, role, client, scopes, customer, expires_at, prefix)
       select $1::text, $2::text, $3::text, $7::text, $10::text[], $11::text, $12::timestamptz, $13::text
       where not exists (select 1 from log.idempotency_keys where key = $4::text)
       on conflict do nothing returning name
     ), secret as (
       insert into gateway.api_key_secrets (key_hash, name) select $14::text, name from made where $14::text is not null
     ), kept as (
       insert into log.idempotency_keys (key, request_hash, status, answer)
       select $4::text, $5::text, 201, $6::json from made where $4::text is not null
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, after, correlationid)
       select $8, $15, 'api_key.created', name, $6::json, $9 from made
     )
     select name from made`,
    [
      name,
      plain ? hash : noHash(name),
      RANKED.has(role) ? role : 'reader',
      request?.key ?? null,
      request?.requestHash ?? null,
      JSON.stringify(described),
      client,
      by.actor,
      by.correlationId,
      RANKED.has(role) ? null : (scopes ?? [role]),
      customer ?? null,
      expiresAt ?? null,
      prefix,
      plain ? null : hash,
      by.actorKind,
    ],
  );
  return made.length > 0;
}

/** What stands for the hash of a key that the previous version must not know. */
function noHash(name: string): string {
  return `none ${name}`;
}

export interface Rotation {
  readonly hash: string;
  readonly prefix: string;
  /** How much longer the secret of before is good. */
  readonly overlapSeconds: number;
  /** When the key ends from now on; as before where not given. */
  readonly expiresAt?: string | undefined;
}

/** Gives a key another secret; undefined where it has been rotated or revoked since it was read, or this request was kept before. */
export async function rotateKey(
  database: Database,
  { name, rotatedAt }: Pick<StoredKey, 'name' | 'rotatedAt'>,
  { hash, prefix, overlapSeconds, expiresAt }: Rotation,
  by: AuditedBy,
  request?: RequestKey,
): Promise<{ readonly previousUntil: Date } | undefined> {
  const [rotated] = (await unlessKept(
    database,
    `with old as (
       select name, key_hash, s.plain, s.plain and $5::timestamptz is null as stays_plain,
         least(now() + make_interval(secs => $3), expires_at) as before_until
       from gateway.api_keys,
         lateral (select not exists (select 1 from gateway.api_key_secrets where api_key_secrets.name = api_keys.name and valid_until is null) as plain) s
       where name = $1 and revoked_at is null and date_trunc('milliseconds', rotated_at) is not distinct from $2::timestamptz
         and not exists (select 1 from log.idempotency_keys where key = $6::text)
       for update of api_keys
     ), before as (
       delete from gateway.api_key_secrets where name in (select name from old) and valid_until is not null
     ), ended as (
       update gateway.api_key_secrets set valid_until = before_until
       from old where api_key_secrets.name = old.name and valid_until is null
     ), ended_plain as (
       insert into gateway.api_key_secrets (key_hash, name, valid_until)
       select key_hash, name, before_until from old where plain
     ), secret as (
       insert into gateway.api_key_secrets (key_hash, name) select $4::text, name from old where not stays_plain
     ), updated as (
       update gateway.api_keys set key_hash = case when stays_plain then $4 else 'none ' || old.name end, prefix = $7,
         expires_at = coalesce($5, expires_at), rotated_at = now()
       from old where api_keys.name = old.name returning api_keys.name, expires_at, before_until
     ), kept as (
       insert into log.idempotency_keys (key, request_hash, status, answer)
       select $6::text, $8::text, 200, 'null' from updated where $6::text is not null
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, after, correlationid)
       select $9, $11, 'api_key.rotated', name,
         json_build_object('prefix', $7::text, 'previousUntil', before_until, 'expiresAt', expires_at), $10 from updated
     )
     select before_until as previous_until from updated`,
    [
      name,
      rotatedAt,
      overlapSeconds,
      hash,
      expiresAt ?? null,
      request?.key ?? null,
      prefix,
      request?.requestHash ?? null,
      by.actor,
      by.correlationId,
      by.actorKind,
    ],
  )) as { previous_until: Date }[];
  return rotated && { previousUntil: rotated.previous_until };
}

const KEYS_MAX = 1_000;

/** The keys by name, those that were revoked too; with a name that one alone. */
export async function listKeys(database: Database, name?: string): Promise<StoredKey[]> {
  const rows = await database.query<KeyRow>(
    `select ${COLUMNS}, (select max(valid_until) from gateway.api_key_secrets where api_key_secrets.name = api_keys.name) as previous_until
     from gateway.api_keys where $1::text is null or name = $1 order by name limit ${KEYS_MAX}`,
    [name ?? null],
  );
  return rows.map(storedKey);
}

/** False where no such key is in force, and this request did not revoke it before. */
export async function revokeKey(database: Database, name: string, by: AuditedBy, key?: RequestKey): Promise<boolean> {
  const revoked = await unlessKept(
    database,
    `with revoked as (
       update gateway.api_keys set revoked_at = now()
       where name = $1 and revoked_at is null
         and not exists (select 1 from log.idempotency_keys where key = $2::text)
       returning name, coalesce(client, name) as client, role, scopes, customer
     ), kept as (
       insert into log.idempotency_keys (key, request_hash, status, answer)
       select $2::text, $3::text, 204, 'null' from revoked where $2::text is not null
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, correlationid)
       select $4, $6, 'api_key.revoked', name, json_strip_nulls(row_to_json(revoked)), $5 from revoked
     )
     select name from revoked`,
    [name, key?.key ?? null, key?.requestHash ?? null, by.actor, by.correlationId, by.actorKind],
  );
  return revoked.length > 0 || (await storedReply(database, key)) !== undefined;
}

/** Throws API_KEY_SHOWN where this request made a secret before, which was shown then and is kept nowhere. */
export async function refuseShown(database: Database, name: string, request?: RequestKey): Promise<void> {
  if ((await storedReply(database, request)) !== undefined)
    throw new Problem(
      'API_KEY_SHOWN',
      `This request made a secret of the key ${name} before, and showed it then. If that answer was lost, rotate the key, or revoke it and create one of another name.`,
    );
}
