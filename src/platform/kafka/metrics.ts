import type { Counter, Histogram } from 'prom-client';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { ReadPort } from './ports.ts';

export interface KafkaMetrics {
  readonly published: Counter;
  readonly publishSeconds: Histogram;
  readonly publishFailures: Counter;
  readonly partitionFailures: Counter;
  readonly fetched: Counter<'group'>;
  readonly fetchFailures: Counter<'group'>;
}

/** What is measured of the conversation with the brokers. */
export function kafkaMetrics(metrics: Pick<Metrics, 'counter' | 'histogram'>): KafkaMetrics {
  return {
    published: metrics.counter({
      name: 'olms_relay_published_events_total',
      help: 'Events that the brokers acknowledged',
    }),
    publishSeconds: metrics.histogram({
      name: 'olms_relay_publish_seconds',
      help: 'Time until the brokers acknowledge a batch',
    }),
    publishFailures: metrics.counter({
      name: 'olms_relay_publish_failures_total',
      help: 'Attempts to publish a batch that no partition took; they are repeated',
    }),
    partitionFailures: metrics.counter({
      name: 'olms_relay_partition_failures_total',
      help: 'Attempts to publish on a partition that takes nothing while the others go on',
    }),
    fetched: metrics.counter({
      name: 'olms_kafka_fetched_records_total',
      help: 'Records that a consumer group fetched, of types that it does not care about too',
      labelNames: ['group'],
    }),
    fetchFailures: metrics.counter({
      name: 'olms_kafka_fetch_failures_total',
      help: 'Requests for records that failed; they are repeated',
      labelNames: ['group'],
    }),
  };
}

/** The port of a consumer group, counting what it fetches. */
export function metered(port: ReadPort, group: string, { fetched, fetchFailures }: KafkaMetrics): ReadPort {
  const [records, failures] = [fetched.labels(group), fetchFailures.labels(group)];
  failures.inc(0);
  return {
    toEvent: (record, read) => port.toEvent(record, read),
    timeOf: (record) => port.timeOf(record),
    close: () => port.close(),
    async fetch(broker, request) {
      try {
        const answers = await port.fetch(broker, request);
        let count = 0;
        for (const { batches } of answers) for (const batch of batches) count += batch.count;
        if (count > 0) records.inc(count);
        return answers;
      } catch (error) {
        failures.inc();
        throw error;
      }
    },
  };
}
