import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify, type RouteOptions } from 'fastify';
import { ERRORS } from '#contracts/errors.ts';
import { can, type Permission, RIGHTS } from '#contracts/permissions.ts';
import type { Peers } from '#contracts/peers.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Cause } from '#platform/processor/aggregate.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Tracing } from '#platform/telemetry/tracing.ts';
import { allowOrigins } from './cors.ts';
import { markDeprecated } from './deprecated.ts';
import { describeRoutes, type Tag } from './description/openapi.ts';
import { finishAnswers } from './finished-answers.ts';
import { InnerCalls } from './inner-calls.ts';
import { parseJsonBodies } from './json-body.ts';
import { type ConnectionLimits, limitConnections } from './limits/connections.ts';
import { Admission } from './limits/admission.ts';
import { Shedding } from './limits/shedding.ts';
import { closeUnread } from './limits/answered.ts';
import { exemplarOf, httpMetrics } from './metrics.ts';
import { assertOwnOrder, OwnOrders } from './own-orders.ts';
import { authTypeOf, forbidden, type Principal } from './principal.ts';
import { headProblem } from './request-head.ts';
import { beginRequestTrace, endRequestTrace } from './request-trace.ts';
import { PROCESS_PATHS } from './process-paths.ts';
import { Problem, problemDocument, problemOf, sendProblem } from './problems.ts';
import { isText, TEXT_FORMAT } from './schemas.ts';
import { withholdFields } from './withheld.ts';
import { takeSeveral } from './several.ts';

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal;
    correlationId: string;
    /** Cause of the commands this request gives. */
    cause: Cause;
    /** Who calls, where another request of this process does so for them. */
    inside: Principal | undefined;
  }
  interface FastifyContextConfig {
    /** Reachable without an API key. */
    public?: boolean;
    /** Reads, though its method does not say so: waits for its turn like every read of its caller. */
    reads?: boolean;
    /** Answered without end, and counted by itself; a route may decide by the request. */
    endless?: boolean | ((request: FastifyRequest) => boolean);
    /** What a caller must be permitted. A route that names none, and is neither public nor handed on, stops the start. */
    permission?: Permission;
    /** Handed on to another process, which knows the permission. */
    handedOn?: true;
  }
}

const CORRELATION_ID = /^[A-Za-z0-9._:/+=-]{1,128}$/;
export const BODY_LIMIT_BYTES = 1024 * 1024;
const REQUEST_TIMEOUT_MS = 30_000;
const HEADERS_TIMEOUT_MS = 10_000;
const CHECK_CONNECTIONS_MS = 2_000;
const STALLED_MS = 90_000;
const VALIDATION_ERRORS_MAX = 50;

export interface HttpOptions {
  /** Of the API, as its description states it. */
  readonly version?: string;
  /** Chapters of the API description. */
  readonly tags?: readonly Tag[];
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracing?: Tracing | undefined;
  /**
   * The caller behind a request, or undefined; asked for every route that is not public. `beforeLookup` is called where
   * that has to be looked up, and may throw.
   */
  readonly authenticate: (
    request: FastifyRequest,
    beforeLookup: () => void,
  ) => Promise<Principal | undefined> | Principal | undefined;
  /** Callers come through a gateway in another process, which vouches for them, even where a route is public. */
  readonly behindGateway?: boolean;
  /** Whose orders are whose, for callers who are customers; without it nothing is theirs. */
  readonly customersOfOrders?: Peers['customersOfOrders'];
  /** Origins whose pages may call from a browser; without it none. */
  readonly corsOrigins?: ReadonlySet<string>;
  /** How much callers may have at once; without it nothing is limited, as where the API is only described. */
  readonly limits?: HttpLimits;
  /** How long the first read that waits for a database has done so, in milliseconds. */
  readonly waitedMs?: () => number;
}

export interface HttpLimits extends ConnectionLimits {
  /** Changes that one caller may have in flight at once. */
  readonly changesPerKeyMax: number;
  /** Requests that wait longer are late, and the least urgent of them are refused, in milliseconds; 0: none is. */
  readonly shedAfterMs: number;
}

/** A Fastify instance with what every route shares: correlation, authentication, problem+json, metrics. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const { logger, metrics, tracing, version = '', tags = [], behindGateway = false } = options;
  const { seconds, refused, shed } = httpMetrics(metrics);
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
    // A whole request, its head, and how often that is looked at; then a connection on which nothing moves, either way.
    requestTimeout: REQUEST_TIMEOUT_MS,
    http: { headersTimeout: HEADERS_TIMEOUT_MS, connectionsCheckingInterval: CHECK_CONNECTIONS_MS },
    connectionTimeout: STALLED_MS,
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
  app.addHook('onRoute', demandPermission);
  describeRoutes(app, { version, tags });
  parseJsonBodies(app);
  takeSeveral(app);
  markDeprecated(app);
  if (options.corsOrigins) allowOrigins(app, options.corsOrigins);
  const inner = new InnerCalls(app);
  const admission = new Admission(options.limits?.changesPerKeyMax ?? Number.POSITIVE_INFINITY, logger);
  const shedding = new Shedding({
    lateMs: options.limits?.shedAfterMs ?? 0,
    waitedMs: options.waitedMs ?? (() => 0),
    shed,
  });
  app.addHook('onReady', async () => shedding.start());
  app.addHook('onClose', async () => shedding.stop());
  if (options.limits) limitConnections(app.server, options.limits, metrics);
  app.decorate('ownOrders', new OwnOrders(options.customersOfOrders ?? (async () => ({ customers: {} }))));
  app.decorateRequest('principal', null as never);
  app.decorateRequest('correlationId', '');
  app.decorateRequest('cause', null as never);
  app.decorateRequest('span', undefined);
  app.decorateRequest('inside', undefined);

  app.addHook('onRequest', async (request, reply) => {
    request.inside = inner.callerOf(request);
    const given = request.headers['x-correlation-id'];
    const commandId = uuidv7();
    request.correlationId = typeof given === 'string' && CORRELATION_ID.test(given) ? given : commandId;
    request.cause = {
      causationid: commandId,
      correlationid: request.correlationId,
      traceparent: beginRequestTrace(tracing, request, PROCESS_PATHS.has(request.routeOptions.url)),
    };
    reply.header('x-correlation-id', request.correlationId);
    const problem = headProblem(request);
    if (problem) throw problem;
    const { config } = request.routeOptions;
    // Before Fastify minds the body of what nobody takes.
    if (request.is404) return sendProblem(reply, notFound(app, request));
    const unknown = unknownCondition(request);
    if (unknown) throw unknown;
    const open = config?.public ?? false;
    if (!open || (behindGateway && !PROCESS_PATHS.has(request.routeOptions.url))) {
      const principal = request.inside ?? (await admission.authenticate(request, options.authenticate));
      if (!principal) throw unauthenticated(request, behindGateway);
      if (!open) admit(request, principal, config);
    }
    shedding.check(request);
    // What a request calls inside counts to it.
    const turn = request.inside ? undefined : admission.enter(request, reply);
    if (turn) await turn;
    if (config?.ofCustomer === 'order' && request.principal?.customer !== undefined) await assertOwnOrder(request);
  });
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (!request.inside) admission.watchBody(request, reply);
    done(null, payload);
  });
  withholdFields(app);
  finishAnswers(app, (request, length) => {
    if (!request.inside) admission.answered(request, length);
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.inside) return endRequestTrace(request, reply.statusCode);
    const route = request.routeOptions.url ?? 'unknown';
    seconds.observe({
      labels: {
        method: request.method,
        route,
        status: String(reply.statusCode),
        role: request.principal?.role ?? 'anonymous',
      },
      value: reply.elapsedTime / 1000,
      exemplarLabels: exemplarOf(request.cause?.traceparent),
    });
    endRequestTrace(request, reply.statusCode);
    if (!request.raw.complete) closeUnread(request);
  });
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error, VALIDATION_ERRORS_MAX, request.routeOptions.bodyLimit);
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

const CONDITIONS = ['If-Match', 'If-None-Match'] as const;

/** A change under a condition that nobody would look at must not happen. */
function unknownCondition({ method, headers, routeOptions }: FastifyRequest): Problem | undefined {
  // What is handed on to another process is looked at there.
  if (READING.has(method) || routeOptions.schema?.operationId === undefined) return undefined;
  const name = CONDITIONS.find(
    (each) => headers[each.toLowerCase()] !== undefined && !routeOptions.config?.headers?.[each],
  );
  return name && new Problem('VALIDATION_FAILED', `This call takes no ${name}, so nothing was done.`);
}

/** Throws for a route of which nobody said who may call it, or how a customer who may is kept from the orders of others. */
function demandPermission({ method, url, config = {} }: RouteOptions): void {
  const { permission, ofCustomer } = config;
  if (permission === undefined && !config.public && !config.handedOn)
    throw new Error(`${String(method)} ${url} names no permission: set config.permission, or config.public`);
  if (permission !== undefined && RIGHTS.customer.has(permission) && ofCustomer === undefined)
    throw new Error(
      `${String(method)} ${url} may be called by customers and does not say how the orders of others are kept from them: set config.ofCustomer`,
    );
}

/** Notes who calls; throws FORBIDDEN where they lack the permission of the route. */
function admit(request: FastifyRequest, principal: Principal, config: FastifyRequest['routeOptions']['config']): void {
  const { permission } = config;
  if (permission !== undefined && !can(principal, permission)) throw forbidden(principal, permission);
  request.principal = principal;
  if (!READING.has(request.method))
    request.cause = { ...request.cause, authtype: authTypeOf(principal), authid: principal.name };
}

/** As RFC 6750 says: without a reason where no key was sent. */
function unauthenticated({ headers }: FastifyRequest, behindGateway: boolean): Problem {
  return new Problem(
    'UNAUTHENTICATED',
    behindGateway
      ? 'This service takes requests through the gateway only.'
      : 'Send a valid API key as "Authorization: Bearer <key>".',
    headers.authorization === undefined
      ? {}
      : { headers: { 'www-authenticate': 'Bearer realm="olms", error="invalid_token"' } },
  );
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
  ERR_HTTP_REQUEST_TIMEOUT: new Problem(
    'REQUEST_TIMEOUT',
    `Send the whole request within ${REQUEST_TIMEOUT_MS / 1000} s.`,
  ),
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
  // What is not there is not repeated: it may be somebody's name, or a key that was put into the wrong place.
  const others = METHODS.filter((method) => method !== request.method && app.findRoute({ method, url: path }));
  if (others.length === 0)
    return new Problem('NOT_FOUND', 'There is nothing at this path. GET /openapi.json lists what there is.');
  return new Problem('METHOD_NOT_ALLOWED', `Use ${others.join(' or ')} here.`, {
    headers: { allow: others.join(', ') },
  });
}

export type { FastifyReply, FastifyRequest, Principal };
