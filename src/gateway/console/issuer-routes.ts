import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { permissionsOf } from '#contracts/permissions.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Tokens } from '../tokens.ts';
import { agentOf, type ConsoleOptions, hidden, noStore } from './common.ts';
import type { Flow, IssuerSignIn } from './issuer.ts';
import { cookieOf } from './sessions.ts';

/** Signing in to the console at an issuer of tokens. */

const FLOW_COOKIE = 'olms_sign_in';
const FLOW_PATH = '/console/session/issuer';
const FLOW_LIFE_S = 600;

export function issuerRoutes(
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
      const cookie = await sessions.open(principal, agentOf(request));
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
