import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type MessageToProduce, Producer } from '@platformatic/kafka';
import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import { describeTopics } from '#platform/kafka/topic.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest, TRANSPORTS } from './kafka-support.ts';
import { append, disorder, ROOT, stories, TestConsumer, untilEffects } from './support.ts';

const kafka = new KafkaUnderTest();

describe('consumers on Kafka', () => {
  test('a process that was paused until its partitions were given away is refused, and comes back', async () => {
    const { database, testDatabase, url, config, bus } = await kafka.newService();
    await kafka.startRelay(database, config, url);
    const paused = fork(
      join(ROOT, 'tests/bus/paused-consumer.ts'),
      [testDatabase.url, JSON.stringify(config), 'paused', 'Paused'],
      { execPath: process.execPath },
    );
    const messages: { kind: string; count?: number }[] = [];
    paused.on('message', (message) => messages.push(message as { kind: string }));
    await untilSeen(
      'the process to consume',
      () => messages.some(({ kind }) => kind === 'joined'),
      (joined) => joined,
      30_000,
    );
    const early = stories(40, 2, 'Paused');
    await append(database, early);
    await untilSeen(
      'the process to hold a delivery',
      () => messages.some(({ kind }) => kind === 'holding'),
      (holding) => holding,
    );
    paused.kill('SIGSTOP');

    const successor = await TestConsumer.start(bus, database, 'paused', 'Paused');
    const stoppedMs = Date.now();
    await untilEffects(database, 'paused', early.length, 40_000);
    console.log(
      `partitions of a paused process were served by another after ${((Date.now() - stoppedMs) / 1000).toFixed(1)} s`,
    );
    paused.kill('SIGCONT');
    await untilSeen(
      'the late save to be refused',
      () => messages.some(({ kind }) => kind === 'refused'),
      (refused) => refused,
      30_000,
    );

    // Back in the group, it gets its share of what comes now.
    await untilSeen(
      'it to consume again',
      async () => {
        await append(database, stories(20, 1, 'Paused'));
        await sleep(300);
        return messages.filter(({ kind }) => kind === 'saved').length;
      },
      (n) => n > 0,
      40_000,
    );
    const written = (await database.query<{ n: number }>('select count(*)::int as n from log.order_outbox'))[0]!.n;
    expect(disorder(await untilEffects(database, 'paused', written))).toEqual([]);
    const exited = once(paused, 'exit');
    paused.kill('SIGKILL');
    await exited;
    await successor.stop();
  }, 120_000);

  test('a second consumer gets its share within 10 s, and lag is shown', async () => {
    const { database, url, config, bus } = await kafka.newService();
    await kafka.startRelay(database, config, url);
    const first = await TestConsumer.start(bus, database, 'shared', 'Shared');
    await untilSeen(
      'partitions',
      async () => (await groupOf(config, 'olms-shared'))?.members.map(({ partitions }) => partitions.length),
      (sizes) => sizes?.[0] === 12,
    );
    const startedMs = Date.now();
    const second = await TestConsumer.start(bus, database, 'shared', 'Shared');
    await untilSeen(
      'equal shares',
      async () => (await groupOf(config, 'olms-shared'))?.members.map(({ partitions }) => partitions.length),
      (sizes) => sizes?.length === 2 && sizes.every((size) => size === 6),
      10_000,
    );
    console.log(`a second consumer had its share after ${((Date.now() - startedMs) / 1000).toFixed(1)} s`);
    const events = stories(60, 3, 'Shared');
    await append(database, events);
    expect(disorder(await untilEffects(database, 'shared', events.length))).toEqual([]);
    expect(first.conflicts + second.conflicts).toBe(0);
    await untilSeen(
      'the lag to be reported to the broker',
      async () => (await groupOf(config, 'olms-shared'))?.lag.reduce((sum, { lag }) => sum + lag, 0),
      (lag) => lag === 0,
    );
    await Promise.all([first.stop(), second.stop()]);
  }, 60_000);

  test.each(TRANSPORTS)(
    'does not give what was written in a transaction that was aborted, by %s',
    async (transport) => {
      const { database, config, bus } = await kafka.newService({ KAFKA_TRANSPORT: transport });
      const subject = uuidv7();
      const messageOf = (sequence: number): MessageToProduce => {
        const attributes = {
          ce_type: 'Committed',
          ce_id: uuidv7(),
          ce_source: '/olms/test',
          ce_sequence: String(sequence),
        };
        const headers = Object.entries(attributes).map(
          ([name, text]) => [Buffer.from(name), Buffer.from(text)] as const,
        );
        return {
          topic: config.topic,
          partition: 5,
          key: Buffer.from(subject),
          value: Buffer.from('{}'),
          headers: new Map(headers),
        };
      };
      const producer = new Producer({
        clientId: 'stranger',
        bootstrapBrokers: kafka.brokers.split(','),
        idempotent: true,
        transactionalId: uuidv7(),
      });
      for (const [sequence, ending] of [
        [1, 'commit'],
        [2, 'abort'],
        [3, 'abort'],
        [4, 'commit'],
      ] as const) {
        const transaction = await producer.beginTransaction();
        await transaction.send({ messages: [messageOf(sequence)] });
        await transaction[ending]();
      }
      await producer.close();
      const consumer = await TestConsumer.start(bus, database, 'sober', 'Committed');
      await untilEffects(database, 'sober', 2);
      expect(consumer.delivered.map(({ sequence }) => sequence)).toEqual([1, 4]);
      await consumer.stop();
    },
  );

  test('skips what is no event of ours, and reads on', async () => {
    const { database, url, config, bus } = await kafka.newService();
    await kafka.startRelay(database, config, url);
    const producer = new Producer({ clientId: 'stranger', bootstrapBrokers: kafka.brokers.split(',') });
    const headers = (pairs: Record<string, string>): Map<Buffer, Buffer> =>
      new Map(Object.entries(pairs).map(([name, value]) => [Buffer.from(name), Buffer.from(value)]));
    const strange = [
      { key: Buffer.from('no headers'), value: Buffer.from('{}'), headers: headers({}) },
      {
        key: Buffer.from('no uuid'),
        value: Buffer.from('{}'),
        headers: headers({ ce_type: 'Strange', ce_id: 'no uuid', ce_source: '/x', ce_sequence: '1' }),
      },
      {
        key: Buffer.from(uuidv7()),
        value: Buffer.from('{}'),
        headers: headers({ ce_type: 'Strange', ce_id: uuidv7(), ce_source: '/x', ce_sequence: 'first' }),
      },
    ];
    const good = { id: uuidv7(), subject: uuidv7() };
    const extended = headers({
      ce_type: 'Strange',
      ce_id: good.id,
      ce_source: '/olms/test',
      ce_sequence: '1',
      ce_subject: good.subject,
      ce_time: new Date().toISOString(),
      ce_priority: 'high',
    });
    const messages = [
      ...strange,
      { key: Buffer.from(good.subject), value: Buffer.from('not JSON'), headers: extended },
    ];
    await producer.send({ messages: messages.map((message) => ({ ...message, topic: config.topic, partition: 3 })) });
    await producer.close();
    const consumer = await TestConsumer.start(bus, database, 'strange', 'Strange');
    await untilEffects(database, 'strange', 1);
    // What cannot be parsed is left to the rules to refuse, and what we do not know is kept.
    expect(consumer.delivered).toMatchObject([{ ...good, sequence: 1, data: 'not JSON', priority: 'high' }]);
    await untilSeen(
      'no lag',
      () => consumer.lag,
      (lag) => lag === 0,
    );
    await consumer.stop();
  });

  test('a consumer that comes from the PostgreSQL log reads the topic from its start', async () => {
    const { database, url, config, bus } = await kafka.newService();
    const relay = await kafka.startRelay(database, config, url);
    const events = stories(30, 3, 'Moved');
    await append(database, events);
    await relay.settled();
    await database.query(
      "insert into log.consumer_offsets (consumer, partition, txid, position) values ('moved', 0, 4711, 815)",
    );
    const consumer = await TestConsumer.start(bus, database, 'moved', 'Moved');
    expect(disorder(await untilEffects(database, 'moved', events.length))).toEqual([]);
    expect(consumer.conflicts).toBe(0);
    await consumer.stop();
  });
});

async function groupOf(
  config: KafkaConfig,
  group: string,
): Promise<Awaited<ReturnType<typeof describeTopics>>['groups'][number] | undefined> {
  return (await describeTopics(config)).groups.find((entry) => entry.group === group);
}
