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
  /** Whether they have chosen a password. */
  readonly password: boolean;
  readonly passkeys: number;
  /** How many sessions of theirs are open. */
  readonly sessions: number;
  /** Until when a link is good that was not used yet. */
  readonly linkUntil: Date | null;
  readonly disabledAt: Date | null;
}

/** Everybody, by name; sessions that nobody used for `idleMs` are none. With a name that one alone. */
export function listPeople(database: Database, idleMs: number, name?: string): Promise<Person[]> {
  return database.query<Person & Record<string, unknown>>(
    `select people.name, scopes, created_at as "createdAt", signed_in_at as "signedInAt", disabled_at as "disabledAt",
       password_hash is not null as password, case when link_until > now() then link_until end as "linkUntil",
       (select count(*)::int from gateway.passkeys where person = people.name) as passkeys,
       (select count(*)::int from gateway.sessions where person = people.name and ends_at > now()
          and seen_at > now() - make_interval(secs => $1::float8 / 1000)) as sessions
     from gateway.people where $2::text is null or people.name = $2 order by people.name limit ${PEOPLE_MAX}`,
    [idleMs, name ?? null],
  );
}

/** What became of a change that might have left nobody who can give rights. */
export type Changed = 'done' | 'missing' | 'last admin';

/**
 * Admins who can sign in, locked in one order, so that of two who take each other's role away one comes later and is
 * refused. `KEEPS_AN_ADMIN`: whether there is one without the person $1.
 */
const ADMINS = `admins as materialized (
    select name from gateway.people
    where 'admin' = any(scopes) and disabled_at is null
      and (password_hash is not null or exists (select 1 from gateway.passkeys where person = people.name))
    order by name for update
  )`;
const KEEPS_AN_ADMIN = `(not exists (select 1 from admins where admins.name = $1) or exists (select 1 from admins where admins.name <> $1))`;

/** Why a change of somebody did not happen. */
async function outcomeOf(database: Database, name: string, rows: readonly unknown[]): Promise<Changed> {
  if (rows.length > 0) return 'done';
  const found = await database.query(`select 1 from gateway.people where name = $1 and disabled_at is null`, [name]);
  return found.length > 0 ? 'last admin' : 'missing';
}

/**
 * Invites somebody, or gives who is there already another link and these rights; a link of before is void, a password of
 * before is good until the link is used. Returns the secret of the link, which is kept as a hash; undefined where that
 * would take the role of the last admin.
 */
export async function invite(
  database: Database,
  { name, scopes, lifeMs }: { readonly name: string; readonly scopes: readonly Scope[]; readonly lifeMs: number },
  by: AuditedBy,
): Promise<Link | undefined> {
  const secret = newSecret();
  const [row] = await database.query<{ link_until: Date }>(
    `with ${ADMINS}, before as (
       select json_build_object('scopes', scopes, 'disabledAt', disabled_at) as was from gateway.people where name = $1
     ), invited as (
       insert into gateway.people (name, scopes, link_hash, link_until)
       values ($1, $2::text[], $3, now() + make_interval(secs => $4::float8 / 1000))
       on conflict (name) do update set scopes = excluded.scopes, link_hash = excluded.link_hash, link_until = excluded.link_until, disabled_at = null
         where 'admin' = any(excluded.scopes) or ${KEEPS_AN_ADMIN}
       returning link_until
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, after, correlationid)
       select $5, $6, 'person.invited', $1, (select was from before), json_build_object('scopes', $2::text[], 'linkUntil', link_until), $7 from invited
     )
     select link_until from invited`,
    [name, scopes, hashKey(secret), lifeMs, by.actor, by.actorKind, by.correlationId],
  );
  return row && { secret, until: row.link_until };
}

/** The secret of a link, shown this once, and until when it is good. */
export interface Link {
  readonly secret: string;
  readonly until: Date;
}

function newSecret(): string {
  return randomBytes(LINK_BYTES).toString('base64url');
}

/** Another link for who forgot the password, which is good until the link is used. Undefined where nobody of this name may come in. */
export async function anotherLink(
  database: Database,
  { name, lifeMs }: { readonly name: string; readonly lifeMs: number },
  by: AuditedBy,
): Promise<Link | undefined> {
  const secret = newSecret();
  const [row] = await database.query<{ link_until: Date }>(
    `with linked as (
       update gateway.people set link_hash = $2, link_until = now() + make_interval(secs => $3::float8 / 1000)
       where name = $1 and disabled_at is null returning name, link_until
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, after, correlationid)
       select $4, $5, 'person.link_made', name, json_build_object('linkUntil', link_until), $6 from linked
     )
     select link_until from linked`,
    [name, hashKey(secret), lifeMs, by.actor, by.actorKind, by.correlationId],
  );
  return row && { secret, until: row.link_until };
}

/** Gives somebody these rights instead of those of before. */
export async function changeRoles(
  database: Database,
  { name, scopes }: { readonly name: string; readonly scopes: readonly Scope[] },
  by: AuditedBy,
): Promise<Changed> {
  const rows = await database.query(
    `with ${ADMINS}, before as (
       select scopes from gateway.people where name = $1
     ), changed as (
       update gateway.people set scopes = $2::text[]
       where name = $1 and disabled_at is null and ('admin' = any($2::text[]) or ${KEEPS_AN_ADMIN}) returning name
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, after, correlationid)
       select $3, $4, 'person.roles_changed', name, (select json_build_object('scopes', scopes) from before),
         json_build_object('scopes', $2::text[]), $5 from changed
     )
     select name from changed`,
    [name, scopes, by.actor, by.actorKind, by.correlationId],
  );
  return outcomeOf(database, name, rows);
}

/** Ends somebody's sessions; they may sign in again. Returns how many there were. */
export async function endSessions(database: Database, name: string, by: AuditedBy): Promise<number> {
  const rows = await database.query(
    `with ended as (
       delete from gateway.sessions where person = $1 returning person
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, correlationid)
       select $2, $3, 'person.sessions_ended', $1, json_build_object('sessions', count(*)), $4 from ended having count(*) > 0
     )
     select person from ended`,
    [name, by.actor, by.actorKind, by.correlationId],
  );
  return rows.length;
}

/** Keeps another password of somebody, over the one that was checked; false where that was changed meanwhile. */
export async function changePassword(
  database: Database,
  { name, was, becomes }: { readonly name: string; readonly was: string; readonly becomes: string },
  by: AuditedBy,
): Promise<boolean> {
  const rows = await database.query(
    `with changed as (
       update gateway.people set password_hash = $3 where name = $1 and password_hash = $2 and disabled_at is null returning name
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, after, correlationid)
       select $4, $5, 'person.password_set', name, json_build_object(), $6 from changed
     )
     select name from changed`,
    [name, was, becomes, by.actor, by.actorKind, by.correlationId],
  );
  return rows.length > 0;
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

/** Keeps somebody out from now on: their sessions end, their link and their passkeys are void. */
export async function disable(database: Database, name: string, by: AuditedBy): Promise<Changed> {
  const rows = await database.query(
    `with ${ADMINS}, disabled as (
       update gateway.people set disabled_at = now(), link_hash = null, link_until = null
       where name = $1 and disabled_at is null and ${KEEPS_AN_ADMIN} returning name, scopes
     ), ended as (
       delete from gateway.sessions where person in (select name from disabled)
     ), removed as (
       delete from gateway.passkeys where person in (select name from disabled)
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, correlationid)
       select $2, $3, 'person.disabled', name, json_build_object('scopes', scopes), $4 from disabled
     )
     select name from disabled`,
    [name, by.actor, by.actorKind, by.correlationId],
  );
  return outcomeOf(database, name, rows);
}

/** Whether anybody has a password yet. */
export async function hasPeople(database: Database): Promise<boolean> {
  const rows = await database.query(
    `select 1 from gateway.people where password_hash is not null and disabled_at is null limit 1`,
  );
  return rows.length > 0;
}
