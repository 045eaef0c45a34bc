import { randomFillSync } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { TRACEPARENT, type Tracing, type TraceSpan } from '#platform/telemetry/tracing.ts';

/** The trace that a request belongs to: the caller's, or a new one. */

declare module 'fastify' {
  interface FastifyRequest {
    /** Undefined where nothing is traced. */
    span: TraceSpan | undefined;
  }
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
function untraced(given: string | undefined): string {
  const spanId = randomHex(SPAN_BYTES);
  return given === undefined
    ? `00-${randomHex(TRACE_BYTES)}-${spanId}-01`
    : `${given.slice(0, 36)}${spanId}${given.slice(52)}`;
}

/** Begins the part that a request has in its trace; returns the W3C trace context for what it causes. */
export function beginRequestTrace(tracing: Tracing | undefined, request: FastifyRequest, quiet: boolean): string {
  const { traceparent } = request.headers;
  const given = typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? traceparent : undefined;
  if (!tracing || quiet) return untraced(given);
  const route = request.routeOptions.url ?? 'unknown';
  request.span = tracing.begin(`${request.method} ${route}`, {
    kind: 'server',
    parent: given,
    attributes: {
      'http.request.method': request.method,
      'http.route': route,
      'olms.correlation.id': request.correlationId,
    },
  });
  return request.span.traceparent;
}

/** Ends it; what failed on our side is marked as failed. */
export function endRequestTrace({ span }: FastifyRequest, status: number): void {
  if (!span) return;
  span.set({ 'http.response.status_code': status });
  span.end(status >= 500 ? Object.assign(new Error(), { code: String(status) }) : undefined);
}
