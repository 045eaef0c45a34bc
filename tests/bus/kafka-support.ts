import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, inject } from 'vitest';
import type { Database } from '#platform/database/database.ts';
import { KafkaBus } from '#platform/kafka/bus.ts';
import { Relay, type RelayOptions } from '#platform/kafka/relay.ts';
import { type KafkaConfig, kafkaSettings } from '#platform/kafka/settings.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Kafka } from '#dev/brokers/kafka.ts';
import { startTestServer, type TestDatabase, type TestServer } from './support.ts';

/** The bus on Kafka for one test file: a broker, a database server, and topics of its own. */

/** The adapters between our code and the brokers; see src/platform/kafka/transport.ts. */
export const TRANSPORTS = ['wire', 'client'];

const logger = createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent');
let topics = 0;

/** What a service has that takes part: a database, a topic of its own, and the bus. */
export interface BusService {
  readonly database: Database;
  readonly testDatabase: TestDatabase;
  readonly url: string;
  readonly config: KafkaConfig;
  readonly bus: KafkaBus;
}

type Broker = Pick<Kafka, 'brokers' | 'listeners'>;

export class KafkaUnderTest {
  server!: TestServer;
  #broker!: Broker;
  readonly #relays: Relay[] = [];

  /** Registers the hooks of the file; `startBroker` where it needs one that it may harm. */
  constructor(startBroker: (folder: string) => Promise<Broker> = sharedKafka) {
    beforeAll(async () => {
      this.server = await startTestServer();
      this.#broker = await startBroker(this.server.folder);
    }, 300_000);
    afterAll(async () => {
      await Promise.allSettled(this.#relays.map((relay) => relay.stop()));
      await this.server?.stop();
    });
  }

  get brokers(): string {
    return this.#broker.brokers;
  }

  get listeners(): Kafka['listeners'] {
    return this.#broker.listeners;
  }

  /** Settings with a topic of their own. */
  newConfig(overrides: Record<string, string> = {}): KafkaConfig {
    return readSettings(kafkaSettings, {
      KAFKA_BROKERS: this.brokers,
      KAFKA_TOPIC: `test-${process.pid}-${Date.now()}-${++topics}`,
      KAFKA_PARTITIONS: '12',
      ...overrides,
    });
  }

  async newService(overrides: Record<string, string> = {}, metrics?: Metrics): Promise<BusService> {
    const testDatabase = await this.server.newDatabase();
    const config = this.newConfig(overrides);
    const bus = await KafkaBus.open(config, logger, metrics);
    return { database: testDatabase.connect(), testDatabase, url: testDatabase.url, config, bus };
  }

  async startRelay(
    database: Database,
    config: KafkaConfig,
    url: string,
    options: Pick<Partial<RelayOptions>, 'recentCommits' | 'afterAcknowledged' | 'metrics' | 'logger'> = {},
  ): Promise<Relay> {
    const relay = await Relay.start({ config, database, url, logger, ...options });
    this.#relays.push(relay);
    return relay;
  }

  async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin({ clientId: 'operator', bootstrapBrokers: this.brokers.split(',') });
    try {
      return await work(admin);
    } finally {
      await admin.close();
    }
  }

  async setTopic({ topic }: KafkaConfig, name: string, value: string): Promise<void> {
    await this.withAdmin((admin) =>
      admin.incrementalAlterConfigs({
        resources: [{ resourceType: 2, resourceName: topic, configs: [{ name, configOperation: 0, value }] }],
      }),
    );
    await sleep(300);
  }
}

/** The Kafka of all files that do it no harm (tests/support/shared-servers.ts). */
async function sharedKafka(): Promise<Broker> {
  const response = await fetch(`${inject('sharedServers')}/kafka`);
  if (!response.ok) throw new Error(`The shared Kafka does not start: ${await response.text()}`);
  return (await response.json()) as Broker;
}
