import type { Counter, Gauge, Histogram } from 'prom-client';
import type { ErrorCode } from '#contracts/errors.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { SHEDDABLE } from './limits/shedding.ts';
import { traceIdOf } from '#contracts/envelope.ts';
import { isSampled } from '#platform/telemetry/tracing.ts';

export interface HttpMetrics {
  readonly seconds: Histogram<'method' | 'route' | 'status' | 'role'>;
  readonly refused: Counter<'code'>;
  readonly dropped: Counter<'limit'>;
  readonly shed: Counter<'what'>;
  readonly breakerOpen: Gauge<'service'>;
}

const WATCHED = ['INTERNAL', 'OVERLOADED', 'UNAVAILABLE', 'RATE_LIMITED'] as const satisfies readonly ErrorCode[];

/** What is measured of requests, and of calls to other processes. */
export function httpMetrics(metrics: Metrics): HttpMetrics {
  const refused = metrics.counter({
    name: 'olms_refused_total',
    help: 'Requests refused, by error code',
    labelNames: ['code'],
  });
  const dropped = metrics.counter({
    name: 'olms_http_connections_dropped_total',
    help: 'Connections closed unanswered, because the process or one address had too many',
    labelNames: ['limit'],
  });
  const shed = metrics.counter({
    name: 'olms_http_shed_total',
    help: 'Requests refused because the process answers late: lists, what customers ask, what others ask',
    labelNames: ['what'],
  });
  // A first increase from nothing is none for Prometheus, and these are watched.
  for (const code of WATCHED) refused.labels(code).inc(0);
  for (const limit of ['process', 'address']) dropped.labels(limit).inc(0);
  for (const what of Object.keys(SHEDDABLE)) shed.labels(what).inc(0);
  return {
    refused,
    shed,
    dropped,
    seconds: metrics.histogram({
      name: 'olms_http_request_seconds',
      help: 'HTTP requests by route, and by role of the caller',
      labelNames: ['method', 'route', 'status', 'role'],
      exemplars: true,
    }),
    breakerOpen: metrics.gauge({
      name: 'olms_service_breaker_open',
      help: '1 while calls to a service in other processes are answered without it',
      labelNames: ['service'],
    }),
  };
}

const NONE = {};

/** The exemplar of a request: its trace, where there is one and it is recorded. */
export function exemplarOf(traceparent: string | undefined): Record<string, string> {
  return isSampled(traceparent) ? { trace_id: traceIdOf(traceparent) } : NONE;
}
