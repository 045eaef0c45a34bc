import type { IncomingHttpHeaders } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { DRAINING_HEADER } from '#platform/http/drain.ts';
import { INNER_HEADER } from '#platform/http/inner-calls.ts';
import type { Problem } from '#platform/http/problems.ts';
import type { FastifyReply, FastifyRequest } from '#platform/http/server.ts';
import { ANSWER_TIMEOUT_MS, type RemoteService, unavailable } from './client.ts';
import { ANONYMOUS, IDENTITY_HEADER } from './identity.ts';

/** What a service answers behind the gateway. */
export interface ServedPath {
  /** A route's URL, with `*` for everything below it. A more exact path wins over a wider one. */
  readonly path: string;
  /** Reachable without a key: the service checks by itself who calls. */
  readonly public?: true;
  /** Of a body; by default what every route takes. */
  readonly bodyMaxBytes?: number;
  /** What the service would refuse for its head alone; asked before the body is taken, because it may be anybody's. */
  readonly refuse?: (headers: IncomingHttpHeaders) => Problem | undefined;
}

/** A service in other processes, and what is handed on to it. */
export interface Elsewhere {
  readonly name: string;
  readonly paths: readonly ServedPath[];
  /** Undefined where it has no address: calls are answered with what is missing. */
  readonly remote: RemoteService | undefined;
}

const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Hands on what belongs to services that are not in this process. */
export function proxyRoutes(app: FastifyInstance, services: readonly Elsewhere[]): void {
  void app.register(async (scope) => {
    // Bodies are handed on as the bytes they came as; what they mean, the service decides.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    for (const { name, paths, remote } of services) {
      for (const { path, public: open = false, bodyMaxBytes, refuse } of paths) {
        scope.route({
          method: [...METHODS],
          url: path,
          config: open ? { public: true } : { handedOn: true },
          ...(bodyMaxBytes !== undefined && { bodyLimit: bodyMaxBytes }),
          ...(refuse && {
            onRequest: async ({ headers }) => {
              const problem = refuse(headers);
              if (problem) throw problem;
            },
          }),
          schema: { hide: true },
          handler: async (request, reply) => {
            if (!remote) throw unavailable(name, `it is not in this process, and ${name.toUpperCase()}_URL is not set`);
            return forward(remote, request, reply);
          },
        });
      }
    }
  });
}

/** `Prefer: wait` may hold an answer for 30 s. */
const PATIENT_TIMEOUT_MS = 35_000;

/** What concerns one connection only, what the next hop must not believe, and what is set here. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'expect',
  'host',
  'content-length',
  'authorization',
  'cookie',
  IDENTITY_HEADER,
  INNER_HEADER,
  'x-forwarded-for',
]);
const NOT_ANSWERED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'trailer',
  'upgrade',
  'date',
  DRAINING_HEADER,
]);

/** Hands a request on to a service as it came, and its answer back. The body must be the bytes as received. */
async function forward(service: RemoteService, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (value !== undefined && !NOT_FORWARDED.has(name)) headers[name] = value;
  headers['x-correlation-id'] = request.correlationId;
  if (request.cause.traceparent !== undefined) headers['traceparent'] = request.cause.traceparent;
  headers['x-forwarded-for'] = request.ip;
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  const timeoutMs = headers['prefer'] === undefined ? ANSWER_TIMEOUT_MS : PATIENT_TIMEOUT_MS;
  const answer = await service.send(
    { method: request.method, path: request.url, headers, body, timeoutMs },
    request.principal ?? ANONYMOUS,
  );
  reply.code(answer.statusCode);
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !NOT_ANSWERED.has(name)) reply.header(name, value);
  return reply.send(answer.body);
}
