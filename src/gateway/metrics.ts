import type { Counter, Gauge } from 'prom-client';
import type { Metrics } from '#platform/telemetry/metrics.ts';

export interface GatewayMetrics {
  readonly clients: Gauge;
  readonly dropped: Counter;
}

/** What is measured of the stream of live events. */
export function gatewayMetrics(metrics: Metrics): GatewayMetrics {
  return {
    clients: metrics.gauge({ name: 'olms_stream_clients', help: 'Clients of GET /stream' }),
    dropped: metrics.counter({
      name: 'olms_stream_dropped_total',
      help: 'Clients of GET /stream that were disconnected because they read too slowly',
    }),
  };
}
