import { gatewayMetrics } from '#gateway/metrics.ts';
import { inventoryMetrics } from '#inventory/metrics.ts';
import { notificationsMetrics } from '#notifications/metrics.ts';
import { ordersMetrics } from '#orders/metrics.ts';
import { paymentsMetrics } from '#payments/metrics.ts';
import { cacheMetrics } from '#platform/cache/metrics.ts';
import { databaseMetrics } from '#platform/database/metrics.ts';
import { httpMetrics } from '#platform/http/metrics.ts';
import { kafkaMetrics } from '#platform/kafka/metrics.ts';
import { logFaultsMetric } from '#platform/log/faults.ts';
import { createMetrics, type MadeMetric, type Metrics } from '#platform/telemetry/metrics.ts';
import { reviewsMetrics } from '#reviews/metrics.ts';
import { shippingMetrics } from '#shipping/metrics.ts';
import { systemMetrics } from '#system/measurements.ts';
import { generatedFrom, markdownTable } from './markdown.ts';

/** docs/metrics.md: every metric, from where it is declared. */

/** Whoever declares metrics, in the order of the document. */
const SECTIONS: Readonly<Record<string, (metrics: Metrics) => void>> = {
  // Those of processors are made with the first of all.
  'Batches and consumers': systemMetrics,
  'Requests and calls between processes': httpMetrics,
  'Kafka and the relay': (metrics) => {
    logFaultsMetric(metrics);
    kafkaMetrics(metrics);
  },
  PostgreSQL: databaseMetrics,
  Redis: cacheMetrics,
  Orders: ordersMetrics,
  Payments: paymentsMetrics,
  Stock: inventoryMetrics,
  Reviews: reviewsMetrics,
  'Messages of carriers': shippingMetrics,
  Notifications: notificationsMetrics,
  'Live events': gatewayMetrics,
  'The metrics themselves': (metrics) => metrics.measure({ name: 'any', everyMs: 0, read: () => () => {} }),
};

/** Units by the end of a name. */
const UNITS: readonly (readonly [pattern: RegExp, unit: string])[] = [
  [/_seconds$/, 'seconds'],
  [/_bytes$/, 'bytes'],
  [/_(items|events)(_total)?$/, 'events'],
  [/_orders(_|$)/, 'orders'],
  [/_money_total$/, 'units of the currency'],
];

function unitOf(name: string): string {
  return UNITS.find(([pattern]) => pattern.test(name))?.[1] ?? '';
}

/** Metrics by section. */
export function metricsBySection(): Map<string, MadeMetric[]> {
  const metrics = createMetrics();
  const seen = new Set(metrics.descriptions.map(({ name }) => name).filter((name) => !name.startsWith('olms_')));
  const sections = new Map<string, MadeMetric[]>();
  for (const [title, declare] of Object.entries(SECTIONS)) {
    declare(metrics);
    const made = metrics.descriptions.filter(({ name }) => !seen.has(name));
    for (const { name } of made) seen.add(name);
    sections.set(title, made);
  }
  return sections;
}

export function metricsDocument(): string {
  const sections = [...metricsBySection()].map(([title, made]) => {
    const rows = made.map(({ name, type, labelNames, help }) => [
      `\`${name}\``,
      type,
      labelNames.map((label) => `\`${label}\``).join(', '),
      unitOf(name),
      help,
    ]);
    return `## ${title}\n\n${markdownTable(['name', 'type', 'labels', 'unit', 'meaning'], rows)}\n`;
  });
  return `${generatedFrom('the `metrics.ts` of each room and service')}
# Metrics

Every process answers \`GET /metrics\`: Prometheus text, or OpenMetrics for whoever accepts \`application/openmetrics-text\`, in which the buckets of \`olms_http_request_seconds\` carry the id of a trace. Beside what follows, each has the usual \`process_\` and \`nodejs_\` metrics of prom-client: processor time, memory, event loop delay, garbage collection.

Labels have few values: names of services, routes, statuses, codes; never an id, nor anything of a customer. What is looked up in a database is looked up at most every ten seconds, by an index, and is the same from every process of a service: take the maximum of it. Everything else is what one process did: take the sum.

Rules, alerts and dashboards that use them are in \`deploy/observability\`; what to do about an alert is in [runbook.md](runbook.md).

${sections.join('\n')}`;
}
