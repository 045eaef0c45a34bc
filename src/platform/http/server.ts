import { isUtf8 } from 'node:buffer';
import { randomFillSync } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { ERRORS } from '#contracts/errors.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Cause } from '#platform/processor/aggregate.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { describeRoutes, type Tag } from './description/openapi.ts';
import { Problem, problemDocument, problemOf, sendProblem } from './problems.ts';
import { isText, TEXT_FORMAT } from './schemas.ts';

/** Who calls: the name and role of an API key; between processes also a service, or nobody that was asked. */
export interface Principal {
  readonly name: string;
  readonly role: 'service' | 'admin' | 'operator' | 'client' | 'reader' | 'anonymous';
}

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal;
    correlationId: string;
    /** Cause of the commands this request gives. */
    cause: Cause;
  }
  interface FastifyContextConfig {
    /** Reachable without an API key. */
    public?: boolean;
    /** The least role that may call; by default reading needs `reader`, everything else `client`. */
    role?: Principal['role'];
  }
}

const RANKS: Record<Principal['role'], number> = {
  anonymous: -1,
  reader: 0,
  client: 1,
  operator: 2,
  admin: 3,
  service: 4,
};
/** What machines ask a process itself, and not the system behind it. */
const OPEN_ROUTES: ReadonlySet<string | undefined> = new Set(['/health/liveness', '/health/readiness', '/metrics']);
const CORRELATION_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;
const TRACEPARENT = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;
export const BODY_LIMIT_BYTES = 1024 * 1024;
const VALIDATION_ERRORS_MAX = 50;

export interface HttpOptions {
  /** Of the API, as its description states it. */
  readonly version?: string;
  /** Chapters of the API description. */
  readonly tags?: readonly Tag[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The caller behind a request, or undefined; asked for every route that is not public. */
  readonly authenticate: (request: FastifyRequest) => Promise<Principal | undefined> | Principal | undefined;
  /** Callers come through a gateway in another process, which vouches for them, even where a route is public. */
  readonly behindGateway?: boolean;
}

const POOL_BYTES = 4096;
const SPAN_BYTES = 8;
const TRACE_BYTES = 16;
const randomPool = Buffer.alloc(POOL_BYTES);
let randomUsed = POOL_BYTES;

/** Random hex digits out of a pool: one system call serves many requests. */
function randomHex(bytes: number): string {
  if (randomUsed + bytes > POOL_BYTES) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  return randomPool.toString('hex', randomUsed, (randomUsed += bytes));
}

/** A W3C trace context: the caller's, with this hop as parent, or a new trace. */
function traceparentOf(header: unknown): string {
  const spanId = randomHex(SPAN_BYTES);
  if (typeof header === 'string' && TRACEPARENT.test(header))
    return `${header.slice(0, 36)}${spanId}${header.slice(52)}`;
  return `00-${randomHex(TRACE_BYTES)}-${spanId}-01`;
}

/** A Fastify instance with what every route shares: correlation, authentication, problem+json, metrics. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const { logger, metrics, version = '', tags = [], behindGateway = false } = options;
  const seconds = metrics.histogram({
    name: 'olms_http_request_seconds',
    help: 'HTTP requests by route',
    labelNames: ['method', 'route', 'status'],
  });
  const refused = metrics.counter({
    name: 'olms_refused_total',
    help: 'Requests refused, by error code',
    labelNames: ['code'],
  });
  const app = fastify({
    logger: false,
    // What is no URL, or one with a part too long for any route, meets no route and none of its hooks.
    frameworkErrors: (error, request, reply) => {
      request.correlationId = uuidv7();
      const problem = problemOf(error, VALIDATION_ERRORS_MAX);
      refused.labels(problem.code).inc();
      void sendProblem(reply.header('x-correlation-id', request.correlationId), problem);
    },
    clientErrorHandler: refuseBytes,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 60_000,
    keepAliveTimeout: 75_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    ajv: {
      customOptions: {
        coerceTypes: false,
        removeAdditional: false,
        useDefaults: false,
        allErrors: true,
        strict: false,
        formats: { [TEXT_FORMAT]: isText },
      },
    },
  });
  describeRoutes(app, { version, tags });
  const parseJson = app.getDefaultJsonParser('error', 'error');
  // Many clients send the content type without a body: then there is none, and the route's schema judges that.
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) done(null, undefined);
    // Decoding would put another character in the place of what is none.
    else if (!isUtf8(body)) done(new Problem('MALFORMED_JSON', 'The body is not UTF-8.'));
    else void parseJson(request, body.toString(), done);
  });
  app.removeContentTypeParser('text/plain');
  app.decorateRequest('principal', null as never);
  app.decorateRequest('correlationId', '');
  app.decorateRequest('cause', null as never);

  app.addHook('onRequest', async (request, reply) => {
    const given = request.headers['x-correlation-id'];
    const commandId = uuidv7();
    request.correlationId = typeof given === 'string' && CORRELATION_ID.test(given) ? given : commandId;
    request.cause = {
      causationid: commandId,
      correlationid: request.correlationId,
      traceparent: traceparentOf(request.headers.traceparent),
    };
    reply.header('x-correlation-id', request.correlationId);
    const { config } = request.routeOptions;
    // Before Fastify minds the body of what nobody takes.
    if (request.is404) return sendProblem(reply, notFound(app, request));
    if (config?.public && !(behindGateway && !OPEN_ROUTES.has(request.routeOptions.url))) return;
    const principal = await options.authenticate(request);
    if (!principal)
      throw new Problem(
        'UNAUTHENTICATED',
        behindGateway
          ? 'This service takes requests through the gateway only.'
          : 'Send a valid API key as "Authorization: Bearer <key>".',
      );
    if (config?.public) return;
    const reading = READING.has(request.method);
    const needed = config?.role ?? (reading ? 'reader' : 'client');
    if (RANKS[principal.role] < RANKS[needed])
      throw new Problem('FORBIDDEN', `This needs a key with the role ${needed}; yours has ${principal.role}.`);
    request.principal = principal;
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    seconds.labels(request.method, route, String(reply.statusCode)).observe(reply.elapsedTime / 1000);
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, VALIDATION_ERRORS_MAX);
    refused.labels(problem.code).inc();
    if (problem.code === 'INTERNAL')
      logger.error(
        { err: error, correlationId: request.correlationId, route: request.routeOptions.url },
        'request failed',
      );
    return sendProblem(reply, problem);
  });
  return app;
}

/** Answers bytes that never became a request, and closes their connection. */
function refuseBytes(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const problem = BYTES_REFUSED[error.code ?? ''] ?? NO_REQUEST;
  const correlationId = uuidv7();
  const body = JSON.stringify(problemDocument(problem, correlationId));
  const { status } = ERRORS[problem.code];
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/problem+json',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-correlation-id: ${correlationId}`,
      'connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}

const NO_REQUEST = new Problem('MALFORMED_REQUEST', 'Send an HTTP/1.1 request.');
const BYTES_REFUSED: Readonly<Record<string, Problem>> = {
  HPE_HEADER_OVERFLOW: new Problem('HEADERS_TOO_LARGE', 'Send at most 16 KiB of URL and headers.'),
  ERR_HTTP_REQUEST_TIMEOUT: new Problem('REQUEST_TIMEOUT', 'Send the whole request within a minute.'),
};

/** A command without details may come without a body. */
export async function emptyBodyIsObject(request: FastifyRequest): Promise<void> {
  if (request.body === undefined || request.body === null) request.body = {};
}

const READING: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/** Why no route takes a request: nothing is there, or nothing with this method. */
function notFound(app: FastifyInstance, request: FastifyRequest): Problem {
  const path = request.url.split('?')[0]!;
  const others = METHODS.filter((method) => method !== request.method && app.findRoute({ method, url: path }));
  if (others.length === 0) return new Problem('NOT_FOUND', `There is nothing at ${path.slice(0, 200)}.`);
  return new Problem('METHOD_NOT_ALLOWED', `Use ${others.join(' or ')} here.`, {
    headers: { allow: others.join(', ') },
  });
}

export type { FastifyReply, FastifyRequest };
