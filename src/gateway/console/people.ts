import { randomBytes } from 'node:crypto';
import type { Scope } from '#contracts/permissions.ts';
import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import { hashKey } from '../api-keys.ts';

/** People who sign in with a password of this system: invited with a link, which one of them uses once. */

const LINK_BYTES = 32;
const PEOPLE_MAX = 1_000;

export interface Person {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly signedInAt: Date | null;
  /** Until when a link is good that was not used yet. */
  readonly linkUntil: Date | null;
  readonly disabledAt: Date | null;
}

interface PersonRow extends Record<string, unknown> {
  name: string;
  scopes: Scope[];
  created_at: Date;
  signed_in_at: Date | null;
  link_until: Date | null;
  disabled_at: Date | null;
}

/** Everybody, by name. */
export async function listPeople(database: Database): Promise<Person[]> {
  const rows = await database.query<PersonRow>(
    `select name, scopes, created_at, signed_in_at, case when link_until > now() then link_until end as link_until, disabled_at
     from gateway.people order by name limit ${PEOPLE_MAX}`,
  );
  return rows.map((row) => ({
    name: row.name,
    scopes: row.scopes,
    createdAt: row.created_at,
    signedInAt: row.signed_in_at,
    linkUntil: row.link_until,
    disabledAt: row.disabled_at,
  }));
}

/**
 * Invites somebody, or gives who is there already another link and these rights; a link of before is void, a password of
 * before is good until the link is used. Returns the secret of the link, which is kept as a hash.
 */
export async function invite(
  database: Database,
  { name, scopes, lifeMs }: { readonly name: string; readonly scopes: readonly Scope[]; readonly lifeMs: number },
  by: AuditedBy,
): Promise<{ readonly secret: string; readonly until: Date }> {
  const secret = randomBytes(LINK_BYTES).toString('base64url');
  const [row] = await database.query<{ link_until: Date }>(
    `with before as (
       select json_build_object('scopes', scopes, 'disabledAt', disabled_at) as was from gateway.people where name = $1
     ), invited as (
       insert into gateway.people (name, scopes, link_hash, link_until)
       values ($1, $2::text[], $3, now() + make_interval(secs => $4::float8 / 1000))
       on conflict (name) do update set scopes = excluded.scopes, link_hash = excluded.link_hash, link_until = excluded.link_until, disabled_at = null
       returning link_until
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, after, correlationid)
       select $5, $6, 'person.invited', $1, (select was from before), json_build_object('scopes', $2::text[], 'linkUntil', link_until), $7 from invited
     )
     select link_until from invited`,
    [name, scopes, hashKey(secret), lifeMs, by.actor, by.actorKind, by.correlationId],
  );
  return { secret, until: row!.link_until };
}

/** Whom a link is for, while it is good. */
export async function personOfLink(database: Database, secret: string): Promise<string | undefined> {
  const [row] = await database.query<{ name: string }>(
    `select name from gateway.people where link_hash = $1 and link_until > now() and disabled_at is null`,
    [hashKey(secret)],
  );
  return row?.name;
}

/** Uses a link up and keeps the password that came with it; sessions of before end. Undefined where the link is good no more. */
export async function useLink(
  database: Database,
  secret: string,
  passwordHash: string,
  correlationId: string,
): Promise<string | undefined> {
  const [row] = await database.query<{ name: string }>(
    `with used as (
       update gateway.people set password_hash = $2, link_hash = null, link_until = null
       where link_hash = $1 and link_until > now() and disabled_at is null returning name
     ), ended as (
       delete from gateway.sessions where person in (select name from used)
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, after, correlationid)
       select name, 'person', 'person.password_set', name, json_build_object(), $3 from used
     )
     select name from used`,
    [hashKey(secret), passwordHash, correlationId],
  );
  return row?.name;
}

/** The hash of somebody's password; undefined where there is none such, or they may not come in. */
export async function passwordHashOf(database: Database, name: string): Promise<string | undefined> {
  const [row] = await database.query<{ password_hash: string | null }>(
    `select password_hash from gateway.people where name = $1 and disabled_at is null`,
    [name],
  );
  return row?.password_hash ?? undefined;
}

/** Keeps somebody out from now on: their sessions end, their link is void. False where they are not there, or out already. */
export async function disable(database: Database, name: string, by: AuditedBy): Promise<boolean> {
  const rows = await database.query(
    `with disabled as (
       update gateway.people set disabled_at = now(), link_hash = null, link_until = null
       where name = $1 and disabled_at is null returning name, scopes
     ), ended as (
       delete from gateway.sessions where person in (select name from disabled)
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, correlationid)
       select $2, $3, 'person.disabled', name, json_build_object('scopes', scopes), $4 from disabled
     )
     select name from disabled`,
    [name, by.actor, by.actorKind, by.correlationId],
  );
  return rows.length > 0;
}

/** Whether anybody has a password yet. */
export async function hasPeople(database: Database): Promise<boolean> {
  const rows = await database.query(
    `select 1 from gateway.people where password_hash is not null and disabled_at is null limit 1`,
  );
  return rows.length > 0;
}
