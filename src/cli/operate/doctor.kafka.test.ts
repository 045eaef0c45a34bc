import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { ApiClient } from '#cli/client.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { placeMug } from '#tests/support/mug-orders.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { until } from '#tests/support/until.ts';
import { diagnose, type Diagnosis } from './doctor.ts';

const KEY = 'doctor-test';
/** More than consumers take to store their progress over what does not concern them. */
const PATIENCE_MS = 15_000;

/** The log is a topic, and billing has a database of its own. */
describe('olms doctor on Kafka', { timeout: 90_000 }, () => {
  let folder: string;
  let kafka: Kafka;
  let postgres: TestPostgres;
  let env: Record<string, string>;
  let system: System;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'olms-doctor-kafka-'));
    postgres = await startTestPostgres();
    kafka = await startKafka({ dir: join(folder, 'kafka'), port: await freePort(), log: () => {} });
    env = {
      PORT: '0',
      OLMS_ENV: 'test',
      OLMS_BOOTSTRAP_API_KEY: KEY,
      SANDBOX_PROVIDER_PORT: String(await freePort()),
      SANDBOX_CARRIER_DELAY_MS: '0',
      KAFKA_BROKERS: kafka.brokers,
      KAFKA_PARTITIONS: '4',
      DATABASE_URL: await postgres.createDatabase(),
      BILLING_DATABASE_URL: await postgres.createDatabase(),
    };
    system = await startSystem({ env, logger: createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent') });
    const api = new ApiClient(system.url, KEY);
    await api.putProduct({ sku: 'MUG' }, { name: 'Mug' });
    await api.adjustStock({ sku: 'MUG', delta: 10, reason: 'test' });
    await placeMug(api, 'tok_approve');
    await system.settle();
    await api.close();
  }, 300_000);

  afterAll(async () => {
    await system?.stop();
    await kafka?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const look = (more: Record<string, string> = {}): Promise<Diagnosis> =>
    // The server is shared with other tests, which may hold its log back or take its connections.
    diagnose({ ...env, OLMS_URL: system.url, ...more }, { limits: { patienceMs: PATIENCE_MS } });
  const kafkaOf = ({ checks }: Diagnosis) => checks.find(({ check }) => check === 'kafka')!;

  test('where everything is well it finds nothing, and sees every group', async () => {
    const { state, seen, findings } = await until('groups to have their members', async () => {
      const found = kafkaOf(await look());
      return found.state === 'ok' && found;
    });
    expect(findings).toEqual([]);
    expect(state).toBe('ok');
    expect(seen).toMatch(/^4 partitions, \d+ groups$/);
  });

  test.each([
    [
      'fewer partitions than configured',
      { KAFKA_PARTITIONS: '99' },
      /the topic does not fit/,
      /Set KAFKA_PARTITIONS=4/,
    ],
    [
      'fewer replicas than configured',
      { KAFKA_REPLICATION: '3' },
      /the topic does not fit/,
      /kafka-reassign-partitions/,
    ],
    ['no topic', { KAFKA_TOPIC: 'gone' }, /the topic is missing/, /gone/],
    [
      'too few replicas for production',
      { OLMS_ENV: 'production' },
      /too few replicas for production/,
      /KAFKA_REPLICATION is 1/,
    ],
  ])('it names a topic with %s', async (_, more, what, detail) => {
    const { findings } = kafkaOf(await look(more));
    const found = findings.find((finding) => what.test(finding.what));
    expect(found?.detail).toMatch(detail);
    expect(found?.do).toMatch(/bin\/olms|KAFKA_REPLICATION/);
  });

  test('it names consumers that nobody reads for', async () => {
    await system.stop();
    const found = await until('the groups to be empty', async () => {
      const { findings } = kafkaOf(await look());
      return findings.filter(({ what }) => what.startsWith('nobody reads for')).length >= 8 && findings;
    });
    const billing = found.find(({ what }) => what === 'nobody reads for billing');
    expect(billing?.do).toMatch(/bin\/olms start billing/);
  });
});
