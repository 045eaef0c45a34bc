import type { FastifyInstance } from 'fastify';
import { forward, type RemoteService, unavailable } from '#platform/http/remote/proxy.ts';

/** Which service answers what, for services that run in other processes. A more exact path wins over a wider one. */
interface Entry {
  readonly path: string;
  readonly service: string;
  /** Reachable without a key: the service checks by itself who calls. */
  readonly public?: true;
}

const ROUTING: readonly Entry[] = [
  { path: '/orders', service: 'orders' },
  { path: '/orders/*', service: 'orders' },
  { path: '/orders/:id/invoice', service: 'billing' },
  { path: '/dashboard', service: 'orders' },
  { path: '/products', service: 'inventory' },
  { path: '/products/*', service: 'inventory' },
  { path: '/stock', service: 'inventory' },
  { path: '/stock/*', service: 'inventory' },
  { path: '/payments', service: 'payments' },
  { path: '/payments/*', service: 'payments' },
  // Signed by the payment provider.
  { path: '/payments/webhooks/:provider', service: 'payments', public: true },
  { path: '/shipments', service: 'shipping' },
  { path: '/shipments/*', service: 'shipping' },
  { path: '/reviews', service: 'reviews' },
  { path: '/reviews/*', service: 'reviews' },
  { path: '/notifications', service: 'notifications' },
  { path: '/notifications/*', service: 'notifications' },
];

/** Services behind the gateway that answer callers. */
export const ROUTED_SERVICES: readonly string[] = [...new Set(ROUTING.map(({ service }) => service))];

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Hands on what belongs to services that are not in this process. `remote` holds those that have an address; calls
 * to the others are answered with what is missing.
 */
export function proxyRoutes(
  app: FastifyInstance,
  local: ReadonlySet<string>,
  remote: ReadonlyMap<string, RemoteService>,
): void {
  void app.register(async (scope) => {
    // Bodies are handed on as the bytes they came as; what they mean, the service decides.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const { path, service, public: open = false } of ROUTING) {
      if (local.has(service)) continue;
      const target = remote.get(service);
      scope.route({
        method: [...METHODS],
        url: path,
        config: { public: open },
        schema: { hide: true },
        handler: async (request, reply) => {
          if (!target)
            throw unavailable(service, `it is not in this process, and ${service.toUpperCase()}_URL is not set`);
          return forward(target, request, reply);
        },
      });
    }
  });
}
