import type { FastifyInstance } from 'fastify';

/**
 * Operations that will go: their answers say since when they are deprecated (RFC 9745), when they go at the earliest (RFC
 * 8594), and where to read what to call instead. The description of the API marks them.
 */

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Days, such as `2027-01-31`; `instead` is the id of the operation to call. */
    readonly deprecated?: { readonly since: string; readonly goes: string; readonly instead: string };
  }
}

/** Marks the answers of deprecated routes that are registered from here on. */
export function markDeprecated(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const { deprecated } = route.config ?? {};
    if (!deprecated) return;
    const headers = {
      deprecation: `@${Date.parse(deprecated.since) / 1000}`,
      sunset: new Date(deprecated.goes).toUTCString(),
      link: `</docs#${deprecated.instead}>; rel="deprecation"`,
    };
    route.onRequest = [async (_request, reply) => void reply.headers(headers), ...[route.onRequest ?? []].flat()];
  });
}
