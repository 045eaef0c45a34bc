import { afterAll, expect, test } from 'vitest';
import { partitionOf } from '#platform/kafka/partitioner.ts';
import { listParked } from '#platform/log/parked.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { loseTail } from '#tests/support/power-cut.ts';
import { KafkaCluster } from '#tests/support/kafka-cluster.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest } from './kafka-support.ts';
import { append, disorder, stories, TestConsumer, untilEffects, untilWell } from './support.ts';

/** Three brokers, of which some are away, or come back without what they had acknowledged. */

let cluster: KafkaCluster;
const kafka = new KafkaUnderTest(async (folder) => {
  cluster = await KafkaCluster.start(folder, 3);
  return { brokers: cluster.brokers, listeners: {} };
});

afterAll(() => cluster?.stop());

const PARTITION = 5;
const isLost = ({ subject }: { subject: string }): boolean => partitionOf(subject, 12) === PARTITION;

test('one partition of twelve without a leader waits and is named; the others go on, and it catches up in order', async () => {
  const config = kafka.newConfig();
  const assignments = Array.from({ length: 12 }, (_, partition) => ({
    partition,
    brokers: [partition === PARTITION ? 3 : 1 + (partition % 2)],
  }));
  await kafka.withAdmin((admin) =>
    admin.createTopics({ topics: [config.topic], partitions: -1, replicas: -1, assignments }),
  );
  await kafka.setTopic(config, 'retention.ms', '-1');
  const { database, url, bus } = await kafka.newService({ KAFKA_TOPIC: config.topic });
  const relay = await kafka.startRelay(database, config, url);
  const consumer = await TestConsumer.start(bus, database, 'lost', 'Led');
  const events = stories(240, 5, 'Led');
  await append(database, events.slice(0, 240), 30);
  await untilEffects(database, 'lost', 240);

  await cluster.kill(3);
  await append(database, events.slice(240, 960), 30);
  const others = events.slice(0, 960).filter((event) => !isLost(event)).length;
  await untilEffects(database, 'lost', 240 + others - events.slice(0, 240).filter((event) => !isLost(event)).length);
  const named = `LEADER_NOT_AVAILABLE: no broker leads partition ${PARTITION} of topic ${config.topic}`;
  await untilSeen(
    'the relay to name it',
    () => relay.healthy().detail,
    (detail) => detail.includes(named),
    30_000,
  );
  await untilSeen(
    'the bus to name it',
    () => bus.healthy().detail,
    (detail) => detail.includes(named),
    30_000,
  );
  // Nobody waits for it: what comes now is published and read at once.
  const startedMs = performance.now();
  const extra = stories(60, 1, 'Led').filter((event) => !isLost(event));
  await append(database, extra, 10);
  await untilSeen(
    'the others',
    () => consumer.delivered.filter(({ id }) => extra.some((event) => event.id === id)).length,
    (n) => n === extra.length,
  );
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(await listParked(database)).toEqual([]);

  // A relay that begins meanwhile knows what waits.
  await relay.stop();
  const next = await kafka.startRelay(database, config, url);
  await untilSeen(
    'the next relay',
    () => next.active,
    (active) => active,
  );
  await append(database, events.slice(960), 30);
  await untilSeen(
    'it to name the partition',
    () => next.healthy().detail,
    (detail) => detail.includes(named),
  );
  await cluster.startNode(3);
  const effects = await untilEffects(database, 'lost', events.length + extra.length, 60_000);
  expect(disorder(effects)).toEqual([]);
  await untilWell('the relay to be well', next, 30_000);
  await untilWell('the bus to be well', bus, 30_000);
  expect(await database.query('select * from log.published_behind')).toEqual([]);
  await consumer.stop();
  await next.stop();
}, 240_000);

test('what the only replica in sync had acknowledged and lost is published again', async () => {
  const metrics = createMetrics();
  const { database, url, config, bus } = await kafka.newService({ KAFKA_REPLICATION: '3' }, metrics);
  await kafka.setTopic(config, 'min.insync.replicas', '1');
  const relay = await kafka.startRelay(database, config, url, { metrics });
  const reading = await TestConsumer.start(bus, database, 'reading', 'Replicated');
  const resting = await TestConsumer.start(bus, database, 'resting', 'Replicated');
  const events = stories(120, 6, 'Replicated');
  await append(database, events.slice(0, 240), 20);
  await untilEffects(database, 'resting', 240);
  await resting.stop();
  await cluster.kill(2);
  await cluster.kill(3);
  // The others are out of sync now: broker 1 acknowledges alone.
  await append(database, events.slice(240, 480), 20);
  await untilEffects(database, 'reading', 480, 60_000);
  await relay.settled();
  await cluster.kill(1);
  expect(loseTail(cluster.dataDir(1), config.topic, 0.3).length).toBeGreaterThan(6);
  await Promise.all([1, 2, 3].map((id) => cluster.startNode(id)));
  await append(database, events.slice(480), 20);
  expect(disorder(await untilEffects(database, 'reading', events.length, 90_000))).toEqual([]);
  const late = await TestConsumer.start(bus, database, 'resting', 'Replicated');
  expect(disorder(await untilEffects(database, 'resting', events.length, 60_000))).toEqual([]);
  const values = await metrics.values('olms_log_faults_total');
  expect(values.find(({ labels }) => labels['kind'] === 'truncated')?.value).toBeGreaterThan(6);
  await Promise.all([reading.stop(), late.stop()]);
}, 240_000);
