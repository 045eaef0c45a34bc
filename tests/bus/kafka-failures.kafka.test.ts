import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { encoded } from '#platform/log/encoded.ts';
import { openAppendPort } from '#platform/kafka/transport.ts';
import { partitionOf } from '#platform/kafka/partitioner.ts';
import { listParked } from '#platform/log/parked.ts';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { freePort } from '#tests/support/ports.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest } from './kafka-support.ts';
import { powerCutStory } from './power-cut-story.ts';
import { append, disorder, stories, TestConsumer, untilEffects, untilWell } from './support.ts';

/** A broker that is killed, one that loses its power, and one whose disk gives back something else than was written. */

let broker: Kafka;
const kafka = new KafkaUnderTest(async (folder) => startBroker(folder, await freePort()));

afterAll(() => broker?.stop());

async function startBroker(folder: string, port: number): Promise<Kafka> {
  broker = await startKafka({ dir: join(folder, 'kafka'), port, log: (line) => console.log(line) });
  return broker;
}

test('nothing is lost when the broker is killed and comes back', async () => {
  if (broker.pid === undefined) return; // KAFKA_BROKERS: not ours to kill
  const { database, url, config, bus } = await kafka.newService();
  const relay = await kafka.startRelay(database, config, url);
  const consumer = await TestConsumer.start(bus, database, 'outage', 'Outage');
  await append(database, stories(20, 2, 'Outage'));
  await untilEffects(database, 'outage', 40);
  const port = Number(kafka.brokers.split(':')[1]);
  await broker.kill();
  const during = stories(50, 5, 'Outage');
  await append(database, during, 50);
  await untilSeen(
    'the relay to say so',
    () => relay.healthy(),
    ({ ok }) => !ok,
    30_000,
  );
  expect(await listParked(database)).toEqual([]);
  await startBroker(kafka.server.folder, port);
  const backMs = Date.now();
  expect(disorder(await untilEffects(database, 'outage', 40 + during.length, 60_000))).toEqual([]);
  console.log(`flow back ${((Date.now() - backMs) / 1000).toFixed(1)} s after the broker`);
  await untilWell('the relay to recover', relay);
  await untilWell('the bus to recover', bus, 30_000);
  await consumer.stop();
}, 120_000);

test('what a broker had acknowledged and lost with its power is published and read again, in order', async () => {
  if (broker.pid === undefined) return; // KAFKA_BROKERS: not ours to kill
  const port = Number(kafka.brokers.split(':')[1]);
  await powerCutStory(kafka, 'wire', broker, () => startBroker(kafka.server.folder, port));
}, 120_000);

test('a batch that a flipped byte has damaged stops its partition, is named, and is read once it is whole', async () => {
  if (broker.dataDir === undefined) return; // KAFKA_BROKERS: its disk is not ours
  const { database, config, bus } = await kafka.newService();
  // Not by a relay: which events share a batch must not depend on how fast it is.
  const appender = openAppendPort(config);
  const publish = (events: readonly Envelope[]): Promise<unknown> =>
    appender.append(
      new Map(
        [...Map.groupBy(events, ({ subject }) => partitionOf(subject, config.partitions))].map(([number, batch]) => [
          number,
          batch.map((event) => appender.encode(encoded(event))),
        ]),
      ),
    );
  const events = stories(40, 3, 'Damaged');
  const { subject } = events[0]!;
  const partition = partitionOf(subject, config.partitions);
  const isThere = (event: { subject: string }): boolean => partitionOf(event.subject, config.partitions) === partition;
  const before = events.filter(({ sequence }) => sequence === 1);
  await publish(before);
  await publish(events.slice(before.length));

  const file = join(broker.dataDir, `${config.topic}-${partition}`, '00000000000000000000.log');
  const bytes = readFileSync(file);
  const flipLastByte = (): void => {
    bytes[bytes.length - 1]! ^= 1;
    writeFileSync(file, bytes, { flag: 'r+' });
  };
  flipLastByte();
  const consumer = await TestConsumer.start(bus, database, 'damaged', 'Damaged');
  const offset = before.filter(isThere).length;
  const readable = events.filter((event) => event.sequence === 1 || !isThere(event)).length;
  await untilEffects(database, 'damaged', readable);
  const { detail } = await untilSeen(
    'the bus to name the batch',
    () => bus.healthy(),
    ({ ok }) => !ok,
  );
  expect(detail).toMatch(
    new RegExp(
      `^damaged: CORRUPT_MESSAGE: partition ${partition} of topic ${config.topic} stands still at offset ${offset}: .*its checksum is [0-9a-f]{8}, its content has`,
    ),
  );
  // Everybody else goes on, and several attempts change nothing.
  await publish(stories(30, 1, 'Damaged').filter((event) => !isThere(event)));
  await sleep(1_700);
  expect(consumer.delivered.filter(isThere).length).toBe(offset);
  expect(consumer.delivered.length).toBeGreaterThan(readable);
  expect(consumer.lag).toBe(2 * offset);
  expect(bus.healthy()).toEqual({ ok: false, detail });
  expect(await listParked(database)).toEqual([]);

  flipLastByte();
  await untilSeen(
    'the rest',
    () => consumer.delivered.filter(isThere).length,
    (n) => n === 3 * offset,
  );
  expect(disorder(await untilEffects(database, 'damaged', consumer.delivered.length))).toEqual([]);
  await untilWell('the bus to be well', bus);
  await consumer.stop();
  await appender.close();
}, 60_000);
