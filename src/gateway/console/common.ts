import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import type { Principal } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Tokens } from '../tokens.ts';
import type { Attempts } from './attempts.ts';
import type { IssuerSignIn } from './issuer.ts';
import type { Passkeys } from './passkeys.ts';
import { PASSWORD_MAX, PASSWORD_MIN } from './passwords.ts';
import type { Sessions } from './sessions.ts';

/** What the console's own paths have in common. They are no part of the API for programs, which use keys. */

export interface ConsoleOptions {
  readonly database: Database;
  readonly sessions: Sessions;
  readonly passkeys: Passkeys;
  readonly attempts: Attempts;
  /** Both where people sign in at an issuer. */
  readonly issuer: IssuerSignIn | undefined;
  readonly tokens: Tokens | undefined;
  readonly linkMs: number;
  /** Where traces are looked at, with `{traceId}` in it; empty: nowhere. */
  readonly traceUrl: string;
  readonly publicUrl: () => string;
}

const AGENT_MAX = 300;
const PERSON = 'person:';
export const hidden = { hide: true } as const;
export const closed = { additionalProperties: false } as const;
export const Name = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{C}]+$' });
export const Password = Type.String({ minLength: 1, maxLength: PASSWORD_MAX });

/** What the caller of a route must be able to do who manages people: the same as for keys, since both say who may what. */
export const managing = { permission: 'keys:manage' } as const;
/** For everybody who is signed in to the console, about themselves. */
export const ofOneself = { permission: 'me:read', ofCustomer: 'everybody' } as const;

/** Who has a password or a passkey here: rights come from the table of people at each call. */
export function personal(name: string): Principal & { person: string } {
  return { name, person: name, kind: 'person', role: 'scoped', scopes: [] };
}

/** The name of a person of this system; undefined for a key, and for people of an issuer. */
export function personOf({ client }: Principal): string | undefined {
  return client?.startsWith(PERSON) ? client.slice(PERSON.length) : undefined;
}

/** Of what a person of this system alone has: a password, passkeys. Throws FORBIDDEN for everybody else. */
export function ownPerson({ principal }: FastifyRequest): string {
  const person = personOf(principal);
  if (person === undefined)
    throw new Problem('FORBIDDEN', 'This is for people who sign in to the console with an account of this system.');
  return person;
}

/** What a browser says it is. */
export function agentOf({ headers }: FastifyRequest): string | undefined {
  return headers['user-agent']?.slice(0, AGENT_MAX);
}

/** Throws VALIDATION_FAILED for a password that is guessed soon. */
export function assertGood(password: string, name: string): void {
  const plain = password.toLowerCase();
  const detail =
    password.length < PASSWORD_MIN
      ? `must have at least ${PASSWORD_MIN} characters`
      : plain.includes(name.toLowerCase()) && name.length > 3
        ? 'must not contain the name'
        : new Set(plain).size < 5
          ? 'must not repeat so few characters'
          : undefined;
  if (detail !== undefined)
    throw new Problem('VALIDATION_FAILED', `The password ${detail}.`, { errors: [{ pointer: '/password', detail }] });
}

export function signedIn(reply: FastifyReply, cookie: string): FastifyReply {
  return noStore(reply).header('set-cookie', cookie).code(204).send();
}

export function noStore(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store');
}
