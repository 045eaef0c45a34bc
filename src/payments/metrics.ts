import type { Gauge, Histogram } from 'prom-client';
import type { Metrics } from '#platform/telemetry/metrics.ts';

export interface PaymentsMetrics {
  readonly providerSeconds: Histogram<'provider' | 'operation' | 'outcome'>;
  readonly breakerOpen: Gauge<'provider'>;
}

/** What is measured of the calls to payment providers. */
export function paymentsMetrics(metrics: Metrics): PaymentsMetrics {
  return {
    providerSeconds: metrics.histogram({
      name: 'olms_provider_call_seconds',
      help: 'Calls to payment providers',
      labelNames: ['provider', 'operation', 'outcome'],
    }),
    breakerOpen: metrics.gauge({
      name: 'olms_provider_breaker_open',
      help: '1 while the circuit breaker of a provider is open',
      labelNames: ['provider'],
    }),
  };
}
