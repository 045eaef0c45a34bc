import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Metrics of a process. Labels are bounded: service, route, method, status class, event type; never an id. */
export interface Metrics {
  readonly registry: Registry;
  processor(service: string): ProcessorMetrics;
  readonly httpSeconds: Histogram<'method' | 'route' | 'status'>;
  readonly providerSeconds: Histogram<'provider' | 'operation' | 'outcome'>;
  readonly breakerOpen: Gauge<'provider'>;
  readonly refused: Counter<'code'>;
}

export interface ProcessorMetrics {
  committed(items: number, events: number, seconds: number): void;
  conflict(): void;
  lag(events: number, ageMs: number, parked: number): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const service = ['service'] as const;
  const sets = new Histogram({
    name: 'olms_set_seconds',
    help: 'Time to load, fold and commit one set of events and commands',
    labelNames: service,
    buckets: SECONDS,
    registers,
  });
  const items = new Counter({
    name: 'olms_set_items_total',
    help: 'Events and commands folded',
    labelNames: service,
    registers,
  });
  const events = new Counter({
    name: 'olms_events_total',
    help: 'Events written to the log',
    labelNames: service,
    registers,
  });
  const conflicts = new Counter({
    name: 'olms_conflicts_total',
    help: 'Sets decided again because another writer was faster',
    labelNames: service,
    registers,
  });
  const lagEvents = new Gauge({
    name: 'olms_consumer_lag_events',
    help: 'Events between a consumer and the end of the log',
    labelNames: service,
    registers,
  });
  const lagSeconds = new Gauge({
    name: 'olms_consumer_lag_seconds',
    help: 'Age of the oldest unread event',
    labelNames: service,
    registers,
  });
  const parked = new Gauge({
    name: 'olms_parked_orders',
    help: 'Orders whose events wait for an operator',
    labelNames: service,
    registers,
  });
  return {
    registry,
    httpSeconds: new Histogram({
      name: 'olms_http_request_seconds',
      help: 'HTTP requests by route',
      labelNames: ['method', 'route', 'status'],
      buckets: SECONDS,
      registers,
    }),
    providerSeconds: new Histogram({
      name: 'olms_provider_call_seconds',
      help: 'Calls to payment providers',
      labelNames: ['provider', 'operation', 'outcome'],
      buckets: SECONDS,
      registers,
    }),
    breakerOpen: new Gauge({
      name: 'olms_provider_breaker_open',
      help: '1 while the circuit breaker of a provider is open',
      labelNames: ['provider'],
      registers,
    }),
    refused: new Counter({
      name: 'olms_refused_total',
      help: 'Requests refused, by error code',
      labelNames: ['code'],
      registers,
    }),
    processor(name) {
      const seconds = sets.labels(name);
      const itemCount = items.labels(name);
      const eventCount = events.labels(name);
      return {
        committed(itemsInSet, eventsInSet, duration) {
          seconds.observe(duration);
          itemCount.inc(itemsInSet);
          eventCount.inc(eventsInSet);
        },
        conflict: () => conflicts.labels(name).inc(),
        lag(lagging, ageMs, parkedOrders) {
          lagEvents.labels(name).set(lagging);
          lagSeconds.labels(name).set(ageMs / 1000);
          parked.labels(name).set(parkedOrders);
        },
      };
    },
  };
}
