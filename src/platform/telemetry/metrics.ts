import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { type Measurement, Measurements } from './measurements.ts';

/** What a metric is called and means. */
export interface MetricDescription<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly Label[];
}

export interface HistogramDescription<Label extends string> extends MetricDescription<Label> {
  /** Upper bounds; by default those of {@link SECONDS}. */
  readonly buckets?: readonly number[];
  /** Observed with the id of a trace: each bucket shows one, to whoever asks for OpenMetrics. */
  readonly exemplars?: boolean;
}

/** Metrics as a text, in the format that was asked for. */
export interface MetricsText {
  readonly contentType: string;
  readonly body: string;
}

/**
 * Metrics of a process. Labels are bounded: service, route, method, status class, event type; never an id. Each room
 * and each service makes its own in a function of its `metrics.ts`, from which docs/metrics.md is written; asked for a
 * name twice, the same metric is given.
 */
export interface Metrics {
  processor(service: string): ProcessorMetrics;
  counter<Label extends string = never>(description: MetricDescription<Label>): Counter<Label>;
  gauge<Label extends string = never>(description: MetricDescription<Label>): Gauge<Label>;
  /** Of durations in seconds, unless the buckets say otherwise. */
  histogram<Label extends string = never>(description: HistogramDescription<Label>): Histogram<Label>;
  /** Looks something up before the metrics are given out, but not every time; see {@link Measurement}. */
  measure(measurement: Measurement): void;
  /** Current values of the metric with this name, without looking anything up. */
  values(name: string): Promise<readonly MetricValue[]>;
  /** Everything, as OpenMetrics where the `Accept` header of a request prefers it, else as Prometheus text. */
  text(accept?: string): Promise<MetricsText>;
  /** What was made so far. */
  readonly descriptions: readonly MadeMetric[];
}

export interface MetricValue {
  readonly value: number;
  readonly labels: Readonly<Partial<Record<string, string | number>>>;
}

/** A metric as it was made. */
export interface MadeMetric {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly labelNames: readonly string[];
}

export interface ProcessorMetrics {
  /** A batch was committed: how many events and commands it decided, the events that it wrote by type, and how long it took. */
  committed(items: number, events: readonly { readonly type: string }[], seconds: number): void;
  conflict(): void;
  lag(events: number, ageMs: number, parked: number): void;
}

export const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Of sizes of batches. */
export const SIZES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
/** The types of the library bind a registry to the format it was made for. */
const OPEN_TYPE = Registry.OPENMETRICS_CONTENT_TYPE as never;
/** Gauges of the library that are called like counters; they are sums of those without `_total`. */
const SUMS = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];
const OPEN_METRICS = /\bapplication\/openmetrics-text\b/;

export function createMetrics(): Metrics {
  // Exemplars are kept only by a registry of this kind; what is given out is rendered by one made for it.
  const registry = new Registry();
  registry.setContentType(OPEN_TYPE);
  collectDefaultMetrics({ register: registry });
  for (const name of SUMS) registry.removeSingleMetric(name);
  const registers = [registry];
  const known = <Kind>(name: string, make: () => Kind): Kind =>
    (registry.getSingleMetric(name) as Kind | undefined) ?? make();
  const counter: Metrics['counter'] = ({ name, help, labelNames = [] }) =>
    known(name, () => new Counter({ name, help, labelNames, registers }));
  const gauge: Metrics['gauge'] = ({ name, help, labelNames = [] }) =>
    known(name, () => new Gauge({ name, help, labelNames, registers }));
  const histogram: Metrics['histogram'] = ({ name, help, labelNames = [], buckets = SECONDS, exemplars = false }) =>
    known(
      name,
      () => new Histogram({ name, help, labelNames, buckets: [...buckets], enableExemplars: exemplars, registers }),
    );
  const measurements = new Measurements(counter);
  return {
    counter,
    gauge,
    histogram,
    processor: processorMetrics({ counter, gauge, histogram }),
    values: async (name) => (await registry.getSingleMetric(name)?.get())?.values ?? [],
    measure: (measurement) => measurements.add(measurement),
    async text(accept = '') {
      await measurements.refresh();
      return render(registry, OPEN_METRICS.test(accept));
    },
    get descriptions() {
      return registry.getMetricsAsArray() as unknown as MadeMetric[];
    },
  };
}

/**
 * The library changes the names of counters for good when it writes OpenMetrics. So each text is written from objects
 * that only inherit from the metrics, and the names of the metrics themselves stay.
 */
async function render(registry: Registry, open: boolean): Promise<MetricsText> {
  const view = new Registry();
  if (open) view.setContentType(OPEN_TYPE);
  for (const metric of registry.getMetricsAsArray()) view.registerMetric(Object.create(metric) as Counter);
  return { contentType: view.contentType, body: await view.metrics() };
}

function processorMetrics({
  counter,
  gauge,
  histogram,
}: Pick<Metrics, 'counter' | 'gauge' | 'histogram'>): Metrics['processor'] {
  const labelNames = ['service'] as const;
  const batches = histogram({
    name: 'olms_set_seconds',
    help: 'Time to load, fold and commit one batch of events and commands',
    labelNames,
  });
  const sizes = histogram({
    name: 'olms_batch_items',
    help: 'Events and commands of one batch',
    labelNames,
    buckets: SIZES,
  });
  const items = counter({ name: 'olms_set_items_total', help: 'Events and commands folded', labelNames });
  const events = counter({ name: 'olms_events_total', help: 'Events written to the log', labelNames });
  const types = counter({
    name: 'olms_events_by_type_total',
    help: 'Events that batches wrote to the log, by type; new orders are in olms_orders_created_total',
    labelNames: ['service', 'type'],
  });
  const conflicts = counter({
    name: 'olms_conflicts_total',
    help: 'Batches decided again because another writer was faster',
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
    const size = sizes.labels(name);
    const itemCount = items.labels(name);
    const eventCount = events.labels(name);
    // What is not there looks like what stands at zero, and a first increase would not be seen.
    itemCount.inc(0);
    eventCount.inc(0);
    conflicts.labels(name).inc(0);
    const byType = new Map<string, { inc(count: number): void }>();
    return {
      committed(itemsInBatch, written, duration) {
        seconds.observe(duration);
        size.observe(itemsInBatch);
        itemCount.inc(itemsInBatch);
        eventCount.inc(written.length);
        for (const [type, count] of countBy(written, (event) => event.type)) {
          let child = byType.get(type);
          if (!child) byType.set(type, (child = types.labels(name, type)));
          child.inc(count);
        }
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

/** How many of them have each key: counters are increased once for a batch. */
export function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string | undefined): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) {
    const key = keyOf(item);
    if (key !== undefined) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
