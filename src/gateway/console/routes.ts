import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { isRole, permissionsOf } from '#contracts/permissions.ts';
import { networkOf } from '#platform/http/limits/connections.ts';
import type { Principal } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';
import { accountRoutes } from './account-routes.ts';
import {
  agentOf,
  assertGood,
  closed,
  type ConsoleOptions,
  hidden,
  Name,
  noStore,
  Password,
  personal,
  personOf,
  signedIn,
} from './common.ts';
import { issuerRoutes } from './issuer-routes.ts';
import { passkeyRoutes } from './passkey-routes.ts';
import { hashPassword, isPassword, PASSWORD_MIN } from './passwords.ts';
import { hasPeople, passwordHashOf, personOfLink, useLink } from './people.ts';
import { peopleRoutes } from './people-routes.ts';
import { presenceRoutes } from './presence.ts';

/**
 * What the console asks beside the API: who is signed in, signing in and out, and the people who may. It is no part of the
 * API for programs, which use keys.
 */

const SignIn = Type.Object({ name: Name, password: Password }, closed);
const Link = Type.String({ minLength: 1, maxLength: 100 });
const UseLink = Type.Object({ link: Link, password: Password }, closed);

export function consoleRoutes(app: FastifyInstance, options: ConsoleOptions): void {
  const { sessions, database, issuer, passkeys, tokens, traceUrl } = options;

  app.get('/console/session', { config: { public: true }, schema: hidden }, async (request, reply) => {
    const token = sessions.tokenOf(request.headers);
    const principal = token === undefined ? undefined : await sessions.authenticate(token, request);
    const rotated = principal && (await sessions.rotate(token!));
    if (rotated !== undefined) void reply.header('set-cookie', rotated);
    const [password, passkey] = await Promise.all([hasPeople(database), passkeys.areThere()]);
    return noStore(reply).send({
      ...(principal && { person: { ...shown(principal), ...(traceUrl !== '' && { traceUrl }) } }),
      methods: { password, issuer: issuer !== undefined, passkey },
    });
  });
  app.delete('/console/session', { config: { public: true }, schema: hidden }, async (request, reply) => {
    sessions.assertOwnPage(request.headers);
    return noStore(reply)
      .header('set-cookie', await sessions.close(sessions.tokenOf(request.headers)))
      .code(204)
      .send();
  });
  passwordRoutes(app, options);
  passkeyRoutes(app, options);
  accountRoutes(app, options);
  peopleRoutes(app, options);
  presenceRoutes(app, options.database);
  if (issuer && tokens) issuerRoutes(app, options, issuer, tokens);
}

function passwordRoutes(app: FastifyInstance, { database, sessions, attempts }: ConsoleOptions): void {
  app.post<{ Body: Static<typeof SignIn> }>(
    '/console/session',
    { config: { public: true }, schema: { ...hidden, body: SignIn } },
    async (request, reply) => {
      sessions.assertOwnPage(request.headers);
      const { password } = request.body;
      const name = request.body.name.trim();
      const network = networkOf(request.ip);
      attempts.check(name, network);
      if (!(await isPassword(password, await passwordHashOf(database, name)))) {
        attempts.failed(name, network);
        throw new Problem('UNAUTHENTICATED', 'The name or the password is wrong.');
      }
      attempts.succeeded(name);
      await sessions.close(sessions.tokenOf(request.headers));
      return signedIn(reply, await sessions.open(personal(name), agentOf(request)));
    },
  );
  app.post<{ Body: { link: string } }>(
    '/console/session/links',
    { config: { public: true }, schema: { ...hidden, body: Type.Object({ link: Link }, closed) } },
    async (request, reply) => {
      sessions.assertOwnPage(request.headers);
      const name = await personOfLink(database, request.body.link);
      if (name === undefined) throw usedUp();
      return noStore(reply).send({ name, passwordMin: PASSWORD_MIN });
    },
  );
  app.put<{ Body: Static<typeof UseLink> }>(
    '/console/session/links',
    { config: { public: true }, schema: { ...hidden, body: UseLink } },
    async (request, reply) => {
      sessions.assertOwnPage(request.headers);
      const { link, password } = request.body;
      const network = networkOf(request.ip);
      attempts.check(undefined, network);
      const forWhom = await personOfLink(database, link);
      if (forWhom === undefined) {
        attempts.failed(undefined, network);
        throw usedUp();
      }
      assertGood(password, forWhom);
      const name = await useLink(database, link, await hashPassword(password), request.correlationId);
      if (name === undefined) throw usedUp();
      sessions.forget();
      await sessions.close(sessions.tokenOf(request.headers));
      return signedIn(reply, await sessions.open(personal(name), agentOf(request)));
    },
  );
}

function usedUp(): Problem {
  return new Problem('UNAUTHENTICATED', 'This link has been used, or has ended. Ask for another one.');
}

/** What the console knows of who is signed in. */
function shown(principal: Principal): object {
  const { name, role, scopes = [], expiresAtMs } = principal;
  return {
    name,
    roles: role === 'scoped' ? scopes.filter(isRole) : [role],
    permissions: permissionsOf(principal),
    endsAt: expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString(),
    // Of the people of this system, who have a password and passkeys here.
    local: personOf(principal) !== undefined,
  };
}
