import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { isRole, isScope, permissionsOf, type Scope } from '#contracts/permissions.ts';
import type { Database } from '#platform/database/database.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { networkOf } from '#platform/http/limits/connections.ts';
import type { Principal } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Tokens } from '../tokens.ts';
import { Attempts } from './attempts.ts';
import type { Flow, IssuerSignIn } from './issuer.ts';
import { hashPassword, isPassword, PASSWORD_MAX, PASSWORD_MIN } from './passwords.ts';
import { disable, hasPeople, invite, listPeople, passwordHashOf, personOfLink, useLink } from './people.ts';
import { cookieOf, type Sessions } from './sessions.ts';

/**
 * What the console asks beside the API: who is signed in, signing in and out, and the people who may. It is no part of the
 * API for programs, which use keys.
 */

export interface ConsoleOptions {
  readonly database: Database;
  readonly sessions: Sessions;
  /** Both where people sign in at an issuer. */
  readonly issuer: IssuerSignIn | undefined;
  readonly tokens: Tokens | undefined;
  readonly linkMs: number;
  readonly publicUrl: () => string;
}

const FLOW_COOKIE = 'olms_sign_in';
const FLOW_PATH = '/console/session/issuer';
const FLOW_LIFE_S = 600;
const hidden = { hide: true } as const;
const closed = { additionalProperties: false } as const;
const Name = Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\p{C}]+$' });
const Password = Type.String({ minLength: 1, maxLength: PASSWORD_MAX });
const SignIn = Type.Object({ name: Name, password: Password }, closed);
const UseLink = Type.Object({ link: Type.String({ minLength: 1, maxLength: 100 }), password: Password }, closed);
const Invite = Type.Object(
  { name: Name, roles: Type.Array(Type.String({ maxLength: 100 }), { minItems: 1, maxItems: 50 }) },
  closed,
);

export function consoleRoutes(app: FastifyInstance, options: ConsoleOptions): void {
  const { sessions } = options;

  app.get('/console/session', { config: { public: true }, schema: hidden }, async (request, reply) => {
    const token = sessions.tokenOf(request.headers);
    const principal = token === undefined ? undefined : await sessions.authenticate(token, request);
    const rotated = principal && (await sessions.rotate(token!));
    if (rotated !== undefined) void reply.header('set-cookie', rotated);
    return noStore(reply).send({
      ...(principal && { person: shown(principal) }),
      methods: { password: await hasPeople(options.database), issuer: options.issuer !== undefined },
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
  peopleRoutes(app, options);
  if (options.issuer && options.tokens) issuerRoutes(app, options, options.issuer, options.tokens);
}

function passwordRoutes(app: FastifyInstance, { database, sessions }: ConsoleOptions): void {
  const attempts = new Attempts();

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
      return signedIn(reply, await sessions.open(personal(name)));
    },
  );
  app.post<{ Body: { link: string } }>(
    '/console/session/links',
    {
      config: { public: true },
      schema: { ...hidden, body: Type.Object({ link: Type.String({ minLength: 1, maxLength: 100 }) }, closed) },
    },
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
      attempts.check('', network);
      const forWhom = await personOfLink(database, link);
      if (forWhom === undefined) {
        attempts.failed('', network);
        throw usedUp();
      }
      assertGood(password, forWhom);
      const name = await useLink(database, link, await hashPassword(password), request.correlationId);
      if (name === undefined) throw usedUp();
      await sessions.close(sessions.tokenOf(request.headers));
      return signedIn(reply, await sessions.open(personal(name)));
    },
  );
}

/** Who has a password: rights come from the table of people at each call. */
function personal(name: string): Principal & { person: string } {
  return { name, person: name, kind: 'person', role: 'scoped', scopes: [] };
}

function usedUp(): Problem {
  return new Problem('UNAUTHENTICATED', 'This link has been used, or has ended. Ask for another one.');
}

/** Throws VALIDATION_FAILED for a password that is guessed soon. */
function assertGood(password: string, name: string): void {
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

/** Who may sign in with a password. It is managed by those who manage keys: both say who may what. */
function peopleRoutes(app: FastifyInstance, { database, linkMs, publicUrl }: ConsoleOptions): void {
  const config = { permission: 'keys:manage' } as const;

  app.get('/console/people', { config, schema: hidden }, async () => ({ items: await listPeople(database) }));
  app.post<{ Body: Static<typeof Invite> }>(
    '/console/people',
    { config, schema: { ...hidden, body: Invite } },
    async (request, reply) => {
      const { roles } = request.body;
      const name = request.body.name.trim();
      const unknown = roles.find((role) => !isScope(role));
      if (unknown !== undefined || name === '')
        throw new Problem('VALIDATION_FAILED', '/roles must name roles or permissions that a person can have.', {
          errors: [{ pointer: '/roles', detail: 'has one that no person can have' }],
        });
      const { secret, until } = await invite(
        database,
        { name, scopes: roles as Scope[], lifeMs: linkMs },
        auditedBy(request),
      );
      // Behind the #, so that no log on the way has it.
      return noStore(reply)
        .code(201)
        .send({ name, roles, link: `${publicUrl()}/console/welcome#${secret}`, until });
    },
  );
  app.delete<{ Params: { name: string } }>(
    '/console/people/:name',
    { config, schema: hidden },
    async (request, reply) => {
      if (!(await disable(database, request.params.name, auditedBy(request))))
        throw new Problem('NOT_FOUND', 'There is nobody of this name who may come in.');
      return reply.code(204).send();
    },
  );
}

function issuerRoutes(
  app: FastifyInstance,
  { sessions, publicUrl }: ConsoleOptions,
  issuer: IssuerSignIn,
  tokens: Tokens,
): void {
  const redirectUri = (): string => `${publicUrl()}${FLOW_PATH}/callback`;
  const flowCookie = (value: string, lifeS: number): string =>
    `${FLOW_COOKIE}=${value}; Path=${FLOW_PATH}; HttpOnly; SameSite=Lax; Max-Age=${lifeS}${sessions.secure ? '; Secure' : ''}`;

  app.get<{ Querystring: { to?: string } }>(
    FLOW_PATH,
    {
      config: { public: true },
      schema: { ...hidden, querystring: Type.Object({ to: Type.Optional(Type.String({ maxLength: 2_000 })) }) },
    },
    async (request, reply) => {
      const { to = '' } = request.query;
      const { url, flow } = await issuer.begin(redirectUri(), isOwnPath(to) ? to : '/console/');
      const kept = Buffer.from(JSON.stringify(flow)).toString('base64url');
      return noStore(reply).header('set-cookie', flowCookie(kept, FLOW_LIFE_S)).redirect(url);
    },
  );
  app.get<{ Querystring: { code?: string; state?: string } }>(
    `${FLOW_PATH}/callback`,
    { config: { public: true }, schema: hidden },
    async (request, reply) => {
      const flow = flowOf(request);
      const { code, state } = request.query;
      void noStore(reply).header('set-cookie', flowCookie('', 0));
      // Somebody else's answer, or one that comes a second time; `denied` is how the page of the console says so.
      if (!flow || typeof code !== 'string' || state !== flow.state) return reply.redirect('/console/?denied=again');
      const principal = await tokens
        .authenticate(await issuer.tokenFor(code, flow.verifier, redirectUri()))
        .catch((error: unknown) => {
          if (error instanceof Problem) return undefined;
          throw error;
        });
      if (principal?.kind !== 'person' || permissionsOf(principal).length < 2)
        return reply.redirect('/console/?denied=roles');
      const cookie = await sessions.open(principal);
      return reply.header('set-cookie', [flowCookie('', 0), cookie]).redirect(flow.to);
    },
  );
}

/** A page of the console, and no address elsewhere. */
function isOwnPath(path: string): boolean {
  return /^\/console\/[^\\]*$/.test(path) && !path.includes('//');
}

function flowOf({ headers }: FastifyRequest): Flow | undefined {
  const kept = cookieOf(headers.cookie, FLOW_COOKIE);
  try {
    const flow = JSON.parse(Buffer.from(kept ?? '', 'base64url').toString()) as Flow;
    return isOwnPath(flow.to) ? flow : undefined;
  } catch {
    return undefined;
  }
}

/** What the console knows of who is signed in. */
function shown(principal: Principal): object {
  const { name, role, scopes = [], expiresAtMs } = principal;
  return {
    name,
    roles: role === 'scoped' ? scopes.filter(isRole) : [role],
    permissions: permissionsOf(principal),
    endsAt: expiresAtMs === undefined ? undefined : new Date(expiresAtMs).toISOString(),
  };
}

function signedIn(reply: FastifyReply, cookie: string): FastifyReply {
  return noStore(reply).header('set-cookie', cookie).code(204).send();
}

function noStore(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store');
}
