import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import {
  isScope,
  type Permission,
  PERMISSIONS,
  permissionsOf,
  type Role,
  ROLES,
  rolesWith,
  type Scope,
} from '#contracts/permissions.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { Problem } from '#platform/http/problems.ts';
import { assertMayGive } from '../giving.ts';
import { closed, type ConsoleOptions, hidden, managing, Name, noStore, ofOneself, personOf } from './common.ts';
import {
  anotherLink,
  type Changed,
  changeRoles,
  disable,
  endSessions,
  invite,
  type Link,
  listPeople,
  type Person,
} from './people.ts';

/**
 * Who has an account of this system, and what they may. It is managed by those who manage keys: both say who may what.
 * Nobody gives what they may not, changes their own roles, or takes the role of the last admin.
 */

const Roles = Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 50, uniqueItems: true });
const Invite = Type.Object({ name: Name, roles: Roles }, closed);
const ChangeRoles = Type.Object({ roles: Roles }, closed);
const GIVEN_ROLES = (Object.keys(ROLES) as Role[]).filter((role) => role !== 'service');
const params = Type.Object({ name: Name }, closed);
interface OfPerson {
  Params: { name: string };
}

export function peopleRoutes(app: FastifyInstance, { database, sessions, linkMs, publicUrl }: ConsoleOptions): void {
  const schema = { ...hidden, params };

  /** Somebody over whom the caller may decide. Throws NOT_FOUND, and FORBIDDEN for who may more than the caller. */
  const someone = async ({ principal }: FastifyRequest, name: string): Promise<Person> => {
    const [person] = await listPeople(database, sessions.idleMs, name);
    if (!person || person.disabledAt !== null) throw nobody();
    assertMayGive(principal, { role: 'scoped', scopes: person.scopes });
    return person;
  };
  /** Where a link leads: to the page on which it was asked for; programs ask for that of everybody. */
  const linkTo = ({ headers }: FastifyRequest, { secret, until }: Link): object => {
    const own = sessions.tokenOf(headers) !== undefined && headers.authorization === undefined;
    // Behind the #, so that no log on the way has it.
    return {
      link: `${own && headers.origin !== undefined ? headers.origin : publicUrl()}/console/welcome#${secret}`,
      until,
    };
  };

  app.get('/console/roles', { config: ofOneself, schema: hidden }, async () => ({
    roles: GIVEN_ROLES.map((name) => ({
      name,
      meaning: ROLES[name],
      permissions: permissionsOf({ role: name }),
    })),
    permissions: Object.entries(PERMISSIONS)
      .filter(([name]) => rolesWith(name as Permission).length > 0)
      .map(([name, { meaning }]) => ({ name, meaning })),
  }));
  app.get('/console/people', { config: managing, schema: hidden }, async () => ({
    items: await listPeople(database, sessions.idleMs),
  }));
  app.post<{ Body: Static<typeof Invite> }>(
    '/console/people',
    { config: managing, schema: { ...hidden, body: Invite } },
    async (request, reply) => {
      const name = request.body.name.trim();
      const scopes = scopesIn(request.body.roles);
      if (name === '') throw wrong('/name', 'is empty');
      assertMayGive(request.principal, { role: 'scoped', scopes });
      assertOther(request, name);
      const [there] = await listPeople(database, sessions.idleMs, name);
      if (there && there.disabledAt === null) await someone(request, name);
      const link = await invite(database, { name, scopes, lifeMs: linkMs }, auditedBy(request));
      if (!link) throw lastAdmin();
      sessions.forget();
      return noStore(reply)
        .code(201)
        .send({ name, roles: scopes, ...linkTo(request, link) });
    },
  );
  app.post<OfPerson>('/console/people/:name/link', { config: managing, schema }, async (request, reply) => {
    const { name } = await someone(request, request.params.name);
    const link = await anotherLink(database, { name, lifeMs: linkMs }, auditedBy(request));
    if (!link) throw nobody();
    return noStore(reply)
      .code(201)
      .send({ name, ...linkTo(request, link) });
  });
  app.put<OfPerson & { Body: Static<typeof ChangeRoles> }>(
    '/console/people/:name/roles',
    { config: managing, schema: { ...schema, body: ChangeRoles } },
    async (request, reply) => {
      const { name } = await someone(request, request.params.name);
      const scopes = scopesIn(request.body.roles);
      assertMayGive(request.principal, { role: 'scoped', scopes });
      assertOther(request, name);
      assertDone(await changeRoles(database, { name, scopes }, auditedBy(request)));
      sessions.forget();
      return reply.code(204).send();
    },
  );
  app.delete<OfPerson>('/console/people/:name/sessions', { config: managing, schema }, async (request) => {
    const ended = await endSessions(database, request.params.name, auditedBy(request));
    sessions.forget();
    return { ended };
  });
  app.delete<OfPerson>('/console/people/:name', { config: managing, schema }, async (request, reply) => {
    const { name } = request.params;
    assertOther(request, name);
    assertDone(await disable(database, name, auditedBy(request)));
    sessions.forget();
    return reply.code(204).send();
  });
}

function scopesIn(roles: readonly string[]): Scope[] {
  if (!roles.every(isScope)) throw wrong('/roles', 'must name roles or permissions that a person can have');
  return [...roles] as Scope[];
}

function wrong(pointer: string, detail: string): Problem {
  return new Problem('VALIDATION_FAILED', `${pointer} ${detail}.`, { errors: [{ pointer, detail }] });
}

/** Nobody decides about themselves: by a slip they would be out, or by intent more than they are. Throws FORBIDDEN. */
function assertOther({ principal }: FastifyRequest, name: string): void {
  if (personOf(principal) === name)
    throw new Problem('FORBIDDEN', 'Nobody changes their own roles, or keeps themselves out. Another admin can.');
}

function assertDone(outcome: Changed): void {
  if (outcome === 'missing') throw nobody();
  if (outcome === 'last admin') throw lastAdmin();
}

function nobody(): Problem {
  return new Problem('NOT_FOUND', 'There is nobody of this name who may come in.');
}

function lastAdmin(): Problem {
  return new Problem(
    'LAST_ADMIN',
    'This is the last admin who can sign in. Make another one first: invite somebody as admin, and wait until they have signed in.',
  );
}
