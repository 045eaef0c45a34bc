import { describe, expect, test } from 'vitest';
import { ensureTopic } from '#platform/kafka/topic.ts';
import { readTopic } from '#dev/brokers/kcat.ts';
import { freePort } from '#tests/support/ports.ts';
import { KAFKA_USERS } from '#tests/support/shared-servers.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest } from './kafka-support.ts';
import { append, disorder, stories, TestConsumer, untilEffects } from './support.ts';

const kafka = new KafkaUnderTest();

test('a topic that is replaced under its readers is read from its start, and nothing is lost or done twice', async () => {
  const { database, url, config, bus } = await kafka.newService();
  const relay = await kafka.startRelay(database, config, url);
  const first = await TestConsumer.start(bus, database, 'renewed', 'Renewed');
  const events = stories(20, 6, 'Renewed');
  await append(database, events.slice(0, 60));
  await untilEffects(database, 'renewed', 60);
  await first.stop();
  // A replay set it back once, and it has read everything again.
  await database.query(
    "update log.consumer_offsets set again_txid = txid, again_position = position where consumer = 'renewed'",
  );
  // Published, and read by nobody.
  await append(database, events.slice(60, 100));
  await relay.settled();
  await kafka.withAdmin(async (admin) => {
    await admin.deleteTopics({ topics: [config.topic] });
    await untilSeen(
      'the topic to be gone',
      () => admin.listTopics(),
      (names) => !names.includes(config.topic),
    );
    await admin.createTopics({ topics: [config.topic], partitions: 12, replicas: 1 });
  });
  await kafka.setTopic(config, 'retention.ms', '-1');
  // More than was ever on the old one: a stored offset would lie in the middle of it.
  await append(database, stories(100, 3, 'Renewed'));
  await untilSeen(
    'the new topic to be filled',
    async () => (await readTopic(kafka.brokers, config.topic)).length,
    (n) => n >= 400,
    40_000,
  );
  const second = await TestConsumer.start(bus, database, 'renewed', 'Renewed');
  await append(database, events.slice(100));
  expect(disorder(await untilEffects(database, 'renewed', events.length + 300))).toEqual([]);
  await untilSeen(
    'no lag',
    () => second.lag,
    (lag) => lag === 0,
  );
  await second.stop();
  expect(relay.healthy().ok).toBe(true);
  // Where it stood on the old topic says nothing about what is old on this one.
  const again = "select partition from log.consumer_offsets where consumer = 'renewed' and again_position is not null";
  expect(await database.query(again)).toEqual([]);
}, 90_000);

// At the same time: half of them wait for a bound.
describe.concurrent('a broker that does not fit is refused with what to do', () => {
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const startedMs = Date.now();
    const message = await work.then(
      () => 'no error',
      (error: Error) => error.message,
    );
    expect(Date.now() - startedMs).toBeLessThan(15_000);
    return message;
  };

  test('a wrong address', async () => {
    const port = await freePort();
    const config = kafka.newConfig({ KAFKA_BROKERS: `127.0.0.1:${port}` });
    expect(await refusal(ensureTopic(config, 1_000))).toMatch(
      new RegExp(`Kafka at 127.0.0.1:${port} \\(KAFKA_BROKERS\\) did not let us in within 1 s: .*ECONNREFUSED`),
    );
    expect(await refusal(ensureTopic(kafka.newConfig({ KAFKA_BROKERS: 'no-such-host.invalid:9092' }), 500))).toMatch(
      /KAFKA_BROKERS.*no-such-host/,
    );
    expect(await refusal(ensureTopic(kafka.newConfig({ KAFKA_BROKERS: 'localhost' }), 2_000))).toMatch(
      /"localhost" is not host:port/,
    );
  });

  test('wrong credentials, and none where some are asked for', async () => {
    if (kafka.listeners.SASL_PLAINTEXT === undefined) return; // KAFKA_BROKERS: no listener of ours
    const sasl = {
      KAFKA_BROKERS: kafka.listeners.SASL_PLAINTEXT,
      KAFKA_SASL_MECHANISM: 'PLAIN',
      KAFKA_SASL_USERNAME: 'olms',
    };
    await ensureTopic(kafka.newConfig({ ...sasl, KAFKA_SASL_PASSWORD: KAFKA_USERS.olms }));
    expect(await refusal(ensureTopic(kafka.newConfig({ ...sasl, KAFKA_SASL_PASSWORD: 'wrong' })))).toMatch(
      /SASL_AUTHENTICATION_FAILED: .*Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD/,
    );
    expect(
      await refusal(ensureTopic(kafka.newConfig({ KAFKA_BROKERS: kafka.listeners.SASL_PLAINTEXT }), 1_000)),
    ).toMatch(/may ask for TLS .* or credentials/);
    expect(await refusal(ensureTopic(kafka.newConfig({ ...sasl, KAFKA_SASL_PASSWORD: '' })))).toMatch(
      /needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/,
    );
  });

  test('a topic with fewer partitions; one with more is used as before', async () => {
    const config = kafka.newConfig({ KAFKA_PARTITIONS: '4' });
    await ensureTopic(config);
    expect(await refusal(ensureTopic({ ...config, partitions: 6 }))).toMatch(
      /has 4 partitions, KAFKA_PARTITIONS says 6\. Set KAFKA_PARTITIONS=4/,
    );
    await ensureTopic({ ...config, partitions: 3 });
  });

  test('a topic with other settings', async () => {
    const config = kafka.newConfig();
    await ensureTopic(config);
    expect(await refusal(ensureTopic({ ...config, replication: 3 }))).toMatch(
      /has 1 replicas per partition, KAFKA_REPLICATION says 3/,
    );
    await kafka.setTopic(config, 'retention.ms', '86400000');
    expect(await refusal(ensureTopic(config))).toMatch(
      /deletes events after 86400000 ms.*Set KAFKA_RETENTION_MS=86400000/,
    );
    await ensureTopic({ ...config, retentionMs: 86_400_000 });
    await kafka.setTopic(config, 'cleanup.policy', 'compact');
    expect(await refusal(ensureTopic({ ...config, retentionMs: 86_400_000 }))).toMatch(/cleanup\.policy is "compact"/);
    expect(await refusal(ensureTopic(kafka.newConfig({ KAFKA_REPLICATION: '5' })))).toMatch(
      /INVALID_REPLICATION_FACTOR/,
    );
  });

  test('another partition count than this database has published with', async () => {
    const { database, url, config } = await kafka.newService();
    await kafka.startRelay(database, { ...config, partitions: 6 }, url);
    expect(await refusal(kafka.startRelay(database, config, url))).toMatch(
      /KAFKA_PARTITIONS is 12, but this database has published with 6.*Set KAFKA_PARTITIONS=6/,
    );
  });

  test('another partition count than another service has published with', async () => {
    const { database, url, config } = await kafka.newService();
    const relay = await kafka.startRelay(database, config, url);
    await append(database, stories(30, 1, 'Mapped'));
    await relay.settled();
    await untilSeen(
      'everything to be on the topic',
      async () => (await readTopic(kafka.brokers, config.topic)).length,
      (n) => n >= 30,
    );
    const other = await kafka.server.newDatabase();
    const message = await refusal(kafka.startRelay(other.connect(), { ...config, partitions: 6 }, other.url));
    expect(message).toMatch(/KAFKA_PARTITIONS is 6, but on topic .* stands on partition \d+: others have published/);
    // The same number is fine, and so is an order of theirs that is read.
    await kafka.startRelay(other.connect(), config, other.url);
  });

  test('a topic that would lose events, or never take one', async () => {
    const config = kafka.newConfig();
    await ensureTopic(config);
    await kafka.setTopic(config, 'retention.bytes', '1000000');
    await kafka.setTopic(config, 'min.insync.replicas', '2');
    const message = await refusal(ensureTopic(config));
    expect(message).toMatch(/deletes events beyond 1000000 bytes.*--add-config retention\.bytes=-1/);
    expect(message).toMatch(
      /only with 2 replicas in sync \(min\.insync\.replicas\), but has 1: it would never take one/,
    );
  });
});
