import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What a metric is called and means. */
export interface MetricDescription<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

/**
 * Metrics of a process. Labels are bounded: service, route, method, status class, event type; never an id. Each room
 * and each service makes its own; asked for a name twice, the same metric is given.
 */
export interface Metrics {
  readonly registry: Registry;
  processor(service: string): ProcessorMetrics;
  counter<Label extends string = never>(description: MetricDescription<Label>): Counter<Label>;
  gauge<Label extends string = never>(description: MetricDescription<Label>): Gauge<Label>;
  /** Of durations in seconds. */
  histogram<Label extends string = never>(description: MetricDescription<Label>): Histogram<Label>;
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
  const known = <Kind>(name: string, make: () => Kind): Kind =>
    (registry.getSingleMetric(name) as Kind | undefined) ?? make();
  const counter: Metrics['counter'] = ({ name, help, labelNames = [] }) =>
    known(name, () => new Counter({ name, help, labelNames, registers }));
  const gauge: Metrics['gauge'] = ({ name, help, labelNames = [] }) =>
    known(name, () => new Gauge({ name, help, labelNames, registers }));
  const histogram: Metrics['histogram'] = ({ name, help, labelNames = [] }) =>
    known(name, () => new Histogram({ name, help, labelNames, buckets: SECONDS, registers }));
  return { registry, counter, gauge, histogram, processor: processorMetrics({ counter, gauge, histogram }) };
}

function processorMetrics({
  counter,
  gauge,
  histogram,
}: Pick<Metrics, 'counter' | 'gauge' | 'histogram'>): Metrics['processor'] {
  const labelNames = ['service'] as const;
  const batches = histogram({
    name: 'olms_set_seconds',
    help: 'Time to load, fold and commit one set of events and commands',
    labelNames,
  });
  const items = counter({ name: 'olms_set_items_total', help: 'Events and commands folded', labelNames });
  const events = counter({ name: 'olms_events_total', help: 'Events written to the log', labelNames });
  const conflicts = counter({
    name: 'olms_conflicts_total',
    help: 'Sets decided again because another writer was faster',
    labelNames,
  });
  const lagEvents = gauge({
    name: 'olms_consumer_lag_events',
    help: 'Events between a consumer and the end of the log',
    labelNames,
  });
  const lagSeconds = gauge({ name: 'olms_consumer_lag_seconds', help: 'Age of the oldest unread event', labelNames });
  const parked = gauge({
    name: 'olms_parked_orders',
    help: 'Orders whose events wait for an operator',
    labelNames,
  });
  return (name) => {
    const seconds = batches.labels(name);
    const itemCount = items.labels(name);
    const eventCount = events.labels(name);
    return {
      committed(itemsInBatch, eventsInBatch, duration) {
        seconds.observe(duration);
        itemCount.inc(itemsInBatch);
        eventCount.inc(eventsInBatch);
      },
      conflict: () => conflicts.labels(name).inc(),
      lag(lagging, ageMs, parkedOrders) {
        lagEvents.labels(name).set(lagging);
        lagSeconds.labels(name).set(ageMs / 1000);
        parked.labels(name).set(parkedOrders);
      },
    };
  };
}
