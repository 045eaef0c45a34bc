import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { partitionOf } from '#platform/kafka/partitioner.ts';
import { ensureTopic, renewTopic } from '#platform/kafka/topic.ts';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { freePort } from '#tests/support/ports.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest } from './kafka-support.ts';
import { powerCutStory } from './power-cut-story.ts';
import { append, disorder, stories, TestConsumer, untilEffects, untilWell } from './support.ts';

let broker: Kafka;
let port: number;
const kafka = new KafkaUnderTest(async (folder) => {
  port = await freePort();
  return startBroker(folder);
});

afterAll(() => broker?.stop());

async function startBroker(folder: string): Promise<Kafka> {
  broker = await startKafka({ dir: join(folder, 'kafka'), port, own: true });
  return broker;
}

test("a power cut by the client's own code", async () => {
  await powerCutStory(kafka, 'client', broker, () => startBroker(kafka.server.folder));
}, 120_000);

test('a damaged batch that stays so is mended by making the topic again, and nothing happens twice', async () => {
  const { database, url, config, bus } = await kafka.newService();
  const relay = await kafka.startRelay(database, config, url);
  const events = stories(60, 4, 'Mended');
  await append(database, events.slice(0, 120), 20);
  const first = await TestConsumer.start(bus, database, 'first', 'Mended');
  await untilEffects(database, 'first', 120);
  await first.stop();
  const partition = partitionOf(events[0]!.subject, config.partitions);
  const file = join(broker.dataDir!, `${config.topic}-${partition}`, '00000000000000000000.log');
  const bytes = readFileSync(file);
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(file, bytes, { flag: 'r+' });
  const consumer = await TestConsumer.start(bus, database, 'mended', 'Mended');
  await untilSeen(
    'the bus to name the batch',
    () => bus.healthy().detail,
    (detail) => detail.includes('CORRUPT_MESSAGE'),
  );
  expect(bus.healthy().detail).toContain('olms topics --renew');
  expect(await renewTopic(config)).toEqual({ partitions: 12, replicas: 1 });
  await append(database, events.slice(120), 20);
  expect(disorder(await untilEffects(database, 'mended', events.length, 60_000))).toEqual([]);
  await untilWell('the bus to be well', bus, 30_000);
  // With the settings that it had: a topic that deletes events would be refused.
  await ensureTopic(config);
  await consumer.stop();
  await relay.stop();
}, 120_000);
