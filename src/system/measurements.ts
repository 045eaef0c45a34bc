import type { Gauge } from 'prom-client';
import { databaseName, measureDatabase } from '#platform/database/metrics.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Databases } from './databases.ts';
import type { Messaging } from './messaging.ts';

export interface SystemMetrics {
  readonly partitionLag: Gauge<'service' | 'partition'>;
  readonly consumerLag: Gauge<'service'>;
  readonly consumerAge: Gauge<'service'>;
  readonly consumerHealthy: Gauge<'service'>;
  readonly relayLag: Gauge<'database'>;
  readonly relayAge: Gauge<'database'>;
  readonly relayActive: Gauge<'database'>;
  readonly relayParked: Gauge<'database'>;
}

/** What is measured of a process as a whole. */
export function systemMetrics(metrics: Metrics): SystemMetrics {
  return {
    partitionLag: metrics.gauge({
      name: 'olms_consumer_partition_lag_events',
      help: 'Events that a consumer has not taken of each partition that this process reads; take the sum',
      labelNames: ['service', 'partition'],
    }),
    // Processors set these as they go; of consumers that are none, such as the history, they are looked up.
    consumerLag: metrics.gauge({
      name: 'olms_consumer_lag_events',
      help: 'Events between a consumer and the end of the log',
      labelNames: ['service'],
    }),
    consumerAge: metrics.gauge({
      name: 'olms_consumer_lag_seconds',
      help: 'Age of the oldest unread event',
      labelNames: ['service'],
    }),
    consumerHealthy: metrics.gauge({
      name: 'olms_consumer_healthy',
      help: '1 while a consumer can do its work; readiness says why where it is 0',
      labelNames: ['service'],
    }),
    relayLag: metrics.gauge({
      name: 'olms_relay_lag_events',
      help: 'Events of a database that are not published yet, from the process that relays; the others say 0',
      labelNames: ['database'],
    }),
    relayAge: metrics.gauge({
      name: 'olms_relay_oldest_unpublished_seconds',
      help: 'Age of the oldest event that is not published, from the process that relays; the others say 0',
      labelNames: ['database'],
    }),
    relayActive: metrics.gauge({
      name: 'olms_relay_active',
      help: '1 in the process that relays the log of a database; the sum over all processes is 1 for each database',
      labelNames: ['database'],
    }),
    relayParked: metrics.gauge({
      name: 'olms_relay_parked_orders',
      help: 'Orders with an event that the brokers refuse for its content; take the maximum',
      labelNames: ['database'],
    }),
  };
}

export interface MeasuredSystem {
  readonly metrics: Metrics;
  readonly databases: Databases;
  readonly messaging: Messaging;
  readonly consumers: ReadonlyMap<string, Consumer>;
}

/** Measures what every process has, whichever services it runs. */
export function measureSystem({ metrics, databases, messaging, consumers }: MeasuredSystem): void {
  const known = systemMetrics(metrics);
  for (const { url, database } of databases.distinct) measureDatabase(metrics, databaseName(url), database);
  metrics.measure({
    name: 'consumers',
    everyMs: 0,
    read: () => () => {
      known.partitionLag.reset();
      for (const [name, consumer] of consumers) {
        const { events, ageMs } = consumer.lag();
        known.consumerLag.labels(name).set(events);
        known.consumerAge.labels(name).set(ageMs / 1000);
        known.consumerHealthy.labels(name).set(consumer.healthy().ok ? 1 : 0);
        for (const [partition, lag] of consumer.lagByPartition?.() ?? [])
          known.partitionLag.labels(name, String(partition)).set(lag);
      }
    },
  });
  const relays = messaging.relays.map(({ url, relay }) => ({ name: databaseName(url), relay }));
  if (relays.length === 0) return;
  metrics.measure({
    name: 'relays',
    everyMs: 0,
    read: () => () => {
      for (const { name, relay } of relays) {
        const { events, ageMs } = relay.active ? relay.lag() : { events: 0, ageMs: 0 };
        known.relayActive.labels(name).set(relay.active ? 1 : 0);
        known.relayLag.labels(name).set(events);
        known.relayAge.labels(name).set(ageMs / 1000);
        known.relayParked.labels(name).set(relay.parkedCount);
      }
    },
  });
}
