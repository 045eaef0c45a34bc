import type { Counter, Gauge, Histogram } from 'prom-client';
import type { Metrics } from '#platform/telemetry/metrics.ts';

export interface CacheMetrics {
  readonly up: Gauge;
  readonly hits: Counter;
  readonly misses: Counter;
  readonly errors: Counter;
  readonly seconds: Histogram;
}

/** What is measured of Redis. */
export function cacheMetrics(metrics: Metrics): CacheMetrics {
  return {
    up: metrics.gauge({ name: 'olms_cache_up', help: '1 while Redis answers' }),
    hits: metrics.counter({ name: 'olms_cache_hits_total', help: 'Values found in Redis' }),
    misses: metrics.counter({ name: 'olms_cache_misses_total', help: 'Values not found in Redis' }),
    errors: metrics.counter({ name: 'olms_cache_errors_total', help: 'Calls to Redis that failed' }),
    seconds: metrics.histogram({ name: 'olms_cache_call_seconds', help: 'Calls to Redis that were answered' }),
  };
}
