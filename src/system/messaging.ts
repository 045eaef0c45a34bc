import { loadClient } from '#platform/kafka/load-client.ts';
import type { Relay } from '#platform/kafka/relay.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import type { Bus } from '#platform/log/bus.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import { consumerCoordinator } from '#platform/log/coordinator.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { type Closers, type Databases, hasLog } from './databases.ts';

export interface Messaging {
  readonly bus: Bus;
  /** Of each log that services of this process write to, with the address of its database. */
  readonly relays: readonly { readonly url: string; readonly relay: Relay }[];
  /** The log can be away while everything else is there. */
  readonly apart: boolean;
}

export interface MessagingOptions {
  readonly kafka: KafkaConfig;
  readonly databases: Databases;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly closers: Closers;
}

/** The log in PostgreSQL, or Kafka with a relay for every log that services of this process write to. */
export async function startMessaging({
  kafka,
  databases,
  logger,
  metrics,
  closers,
}: MessagingOptions): Promise<Messaging> {
  if (kafka.brokers === '') {
    // A database that holds no log is one the gateway or the sandbox has for itself.
    const { directUrl, database } = databases.distinct.find(hasLog) ?? databases.distinct[0]!;
    const coordinator = database.soleWriter ? undefined : consumerCoordinator(directUrl, logger);
    if (coordinator) closers.push(() => coordinator.stop());
    const bus = await PostgresBus.open(database, coordinator);
    closers.push(() => bus.close());
    return { bus, relays: [], apart: false };
  }
  // Only where there are brokers: their client takes as long to load as everything else together.
  await loadClient();
  const [{ KafkaBus }, { Relay }] = await Promise.all([
    import('#platform/kafka/bus.ts'),
    import('#platform/kafka/relay.ts'),
  ]);
  const bus = await KafkaBus.open(kafka, logger, metrics);
  closers.push(() => bus.close());
  const relays: { url: string; relay: Relay }[] = [];
  for (const { url, directUrl, database, services } of databases.distinct.filter(hasLog)) {
    if (services.every(({ emits }) => emits === undefined)) continue;
    const relay = await Relay.start({
      config: kafka,
      database: database.reserved,
      url: directUrl,
      logger,
      metrics,
      recentCommits: bus.recentCommits,
    });
    closers.push(() => relay.stop());
    relays.push({ url, relay });
  }
  return { bus, relays, apart: true };
}

/** The relays of this process as one consumer: orders they parked can be released here. */
export function relayConsumer(relays: readonly Relay[]): Consumer | undefined {
  if (relays.length === 0) return undefined;
  return {
    lag: () =>
      relays
        .map((relay) => relay.lag())
        .reduce((a, b) => ({ events: a.events + b.events, ageMs: Math.max(a.ageMs, b.ageMs) })),
    healthy: () =>
      relays
        .map((relay) => relay.healthy())
        .reduce((a, b) => ({ ok: a.ok && b.ok, detail: `${a.detail}; ${b.detail}` })),
    settled: async () => void (await Promise.all(relays.map((relay) => relay.settled()))),
    async unpark(orderId, change) {
      let left = 0;
      for (const relay of relays) left += await relay.unpark(orderId, change);
      return left;
    },
    get parkedCount() {
      return relays.reduce((sum, relay) => sum + relay.parkedCount, 0);
    },
  };
}
