import type { FastifyInstance } from 'fastify';
import type { Cache } from '#platform/cache/cache.ts';
import { Problem } from '#platform/http/problems.ts';
import { callerId, type Principal } from '#platform/http/principal.ts';

const WINDOW_MS = 1_000;
const POLICY = 'second';

/**
 * At most so many calls of one API key in any second, counted together by all gateways that share a Redis. While that
 * is away nobody counts and everybody passes: a limit protects the system from a caller, not a caller from the system.
 * Without a limit (0), requests do not meet any of this.
 */
export function limitRates(app: FastifyInstance, perSecond: number, cache: Cache): void {
  if (perSecond <= 0) return;
  const policy = `"${POLICY}";q=${perSecond};w=${WINDOW_MS / 1000}`;
  app.addHook('onRequest', async (request, reply) => {
    const principal = request.principal as Principal | undefined;
    // What is public has no key; health and metrics must answer in any case. What a call asks inside was counted with it.
    if (!principal || request.inside) return;
    const taken = await cache.take(`rate:${callerId(principal)}`, perSecond, WINDOW_MS);
    if (!taken) return;
    const waitS = Math.max(1, Math.ceil(taken.waitMs / 1000));
    const headers = { 'ratelimit-policy': policy, ratelimit: `"${POLICY}";r=${taken.remaining};t=${waitS}` };
    reply.headers(headers);
    if (taken.allowed) return;
    throw new Problem('RATE_LIMITED', `This key may call ${perSecond} times a second. Try again in ${waitS} s.`, {
      headers: { ...headers, 'retry-after': String(waitS) },
    });
  });
}
