import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, type MessageToProduce, Producer } from '@platformatic/kafka';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSettings } from '#platform/runtime/settings.ts';
import type { Database } from '#platform/database/database.ts';
import { KafkaBus } from '#platform/kafka/bus.ts';
import { type KafkaConfig, kafkaSettings } from '#platform/kafka/settings.ts';
import { encoded } from '#platform/log/encoded.ts';
import { partitionOf } from '#platform/kafka/partitioner.ts';
import { describeTopics, ensureTopic } from '#platform/kafka/topic.ts';
import { openAppendPort } from '#platform/kafka/transport.ts';
import { listParked } from '#platform/log/parked.ts';
import { Relay, type RelayOptions } from '#platform/kafka/relay.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { freePort } from '#tests/support/ports.ts';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { readTopic } from '#dev/brokers/kcat.ts';
import { busContract, type BusUnderTest } from './bus.contract.ts';
import {
  append,
  disorder,
  newEvent,
  ROOT,
  startTestServer,
  stories,
  type TestDatabase,
  TestConsumer,
  type TestServer,
  until,
  untilEffects,
} from './support.ts';

const logger = createLogger('silent');
const SASL = { username: 'olms', password: 'right' };

let server: TestServer;
let kafka: Kafka;
const relays: Relay[] = [];
let topics = 0;

/** Settings with a topic of their own. */
function newConfig(overrides: Record<string, string> = {}): KafkaConfig {
  const topic = `test-${process.pid}-${Date.now()}-${++topics}`;
  return readSettings(kafkaSettings, {
    KAFKA_BROKERS: kafka.brokers,
    KAFKA_TOPIC: topic,
    KAFKA_PARTITIONS: '12',
    ...overrides,
  });
}

async function startRelay(
  database: Database,
  config: KafkaConfig,
  url: string,
  options: Pick<RelayOptions, 'recentCommits' | 'afterAcknowledged'> = {},
): Promise<Relay> {
  const relay = await Relay.start({ config, database, url, logger, ...options });
  relays.push(relay);
  return relay;
}

beforeAll(async () => {
  const progress = (line: string): void => console.log(line);
  server = await startTestServer();
  kafka = await startKafka({
    dir: join(server.folder, 'kafka'),
    port: await freePort(),
    secured: { users: { [SASL.username]: SASL.password } },
    log: progress,
  });
}, 300_000);

afterAll(async () => {
  await Promise.allSettled(relays.map((relay) => relay.stop()));
  await kafka?.stop();
  await server?.stop();
});

/** The adapters between our code and the brokers; see transport.ts. */
const TRANSPORTS = ['wire', 'client'];

for (const transport of TRANSPORTS) busContract(`Kafka by ${transport}`, () => setUpContract(transport));

async function setUpContract(transport: string): Promise<BusUnderTest> {
  const database = await server.newDatabase();
  const config = newConfig({ KAFKA_TRANSPORT: transport });
  await startRelay(database.connect(), config, database.url);
  return { database, open: () => KafkaBus.open(config, logger) };
}

describe('the relay', () => {
  test('publishes what an independent reader can check: keys, gapless sequences, nothing missing', async () => {
    const { database, url, config, bus } = await newService();
    const relay = await startRelay(database, config, url, { recentCommits: bus.recentCommits });
    const events = stories(200, 15, 'Checked');
    const startedMs = performance.now();
    // Its own process's events, another one's, and some that are remembered and never committed.
    bus.remember(stories(10, 1, 'Checked'));
    await append(database, events.slice(0, 2_000), 150, bus);
    await append(database, events.slice(2_000), 150);
    await relay.settled();
    const seconds = (performance.now() - startedMs) / 1000;
    console.log(
      `written and published ${events.length} events in ${seconds.toFixed(1)} s (${Math.round(events.length / seconds)}/s)`,
    );
    // A transaction of any database on this server holds the end of the log back for a moment, and the relay rests.
    const messages = await until(
      'everything to be on the topic',
      () => readTopic(kafka.brokers, config.topic, (line) => console.log(line)),
      (all) => new Set(all.map(({ headers }) => headers['ce_id'])).size >= events.length,
    );
    for (const { key, headers, partition } of messages) {
      expect(key).toBe(headers['ce_subject']);
      expect(partition).toBe(partitionOf(key!, config.partitions));
      expect(headers).toMatchObject({
        ce_specversion: '1.0',
        ce_type: 'Checked',
        ce_source: '/olms/test',
        ce_dataschema: '/schemas/events/Checked/1',
        'content-type': 'application/json',
      });
    }
    const unique = [...new Map(messages.map((message) => [message.headers['ce_id'], message])).values()];
    expect(
      disorder(unique.map(({ key, headers }) => ({ subject: key!, sequence: Number(headers['ce_sequence']) }))),
    ).toEqual([]);
    const outbox = await database.query<{ id: string; time: Date; data: { sequence: number } }>(
      'select id, time, data from log.order_outbox',
    );
    expect(new Set(unique.map(({ headers }) => headers['ce_id']))).toEqual(new Set(outbox.map(({ id }) => id)));
    const byId = new Map(unique.map((message) => [message.headers['ce_id'], message]));
    for (const { id, time, data } of outbox) {
      expect(JSON.parse(byId.get(id)!.payload!)).toEqual(data);
      expect(byId.get(id)!.headers['ce_time']).toBe(time.toISOString());
    }
  });

  test('publishes a suffix again after a crash between acknowledgement and cursor; effects stay single', async () => {
    const { database, url, config, bus } = await newService();
    const crash = Promise.withResolvers<never>();
    crash.promise.catch(() => {});
    let crashing = false;
    let reached = false;
    const doomed = await startRelay(database, config, url, {
      afterAcknowledged: async () => {
        if (!crashing) return;
        reached = true;
        await crash.promise;
      },
    });
    const events = stories(50, 10, 'Repeated');
    await append(database, events.slice(0, 300), 20);
    await doomed.settled();
    crashing = true;
    await append(database, events.slice(300), 20);
    await until(
      'the crash',
      () => reached,
      (isReached) => isReached,
    );
    const stopped = doomed.stop();
    crash.reject(new Error('crashed'));
    await stopped;
    const survivor = await startRelay(database, config, url);
    await until(
      'the next relay',
      () => survivor.active,
      (active) => active,
      5_000,
    );
    await survivor.settled();
    const ids = (await readTopic(kafka.brokers, config.topic)).map(({ headers }) => headers['ce_id']!);
    expect(ids.length).toBeGreaterThan(events.length);
    expect(new Set(ids).size).toBe(events.length);
    const consumer = await TestConsumer.start(bus, database, 'repeated', 'Repeated');
    expect(disorder(await untilEffects(database, 'repeated', events.length))).toEqual([]);
    await until(
      'the repeats',
      () => consumer.delivered.length,
      (n) => n === ids.length,
    );
    await consumer.stop();
  });

  test('is one per database, and another one takes over within 2 s when its connection dies', async () => {
    const { database, testDatabase, url, config } = await newService();
    const first = await startRelay(database, config, url);
    await until(
      'the first to be active',
      () => first.active,
      (active) => active,
    );
    const second = await startRelay(testDatabase.connect(), config, url);
    await sleep(600);
    expect([first.active, second.active]).toEqual([true, false]);
    expect(second.healthy()).toMatchObject({ ok: true, detail: 'standing by: another process relays' });
    const client = await testDatabase.client();
    const holder = async (): Promise<number | undefined> =>
      (
        await client.query<{ pid: number }>(
          "select pid from pg_locks join pg_database d on d.oid = database where locktype = 'advisory' and d.datname = current_database()",
        )
      ).rows[0]?.pid;
    const before = await holder();
    const killedMs = Date.now();
    await client.query('select pg_terminate_backend($1)', [before]);
    await until('another session to hold the lease', holder, (pid) => pid !== undefined && pid !== before, 2_000);
    await until(
      'its relay',
      () => [first, second].filter((relay) => relay.active).length,
      (n) => n === 1,
      2_000,
    );
    console.log(`relay taken over after ${Date.now() - killedMs} ms`);
    const events = stories(5, 3, 'TakenOver');
    await append(database, events);
    await until(
      'the events',
      async () => (await readTopic(kafka.brokers, config.topic)).length,
      (n) => n >= events.length,
    );
  });

  test('is taken over from a process that is paused, and what that one says later changes nothing', async () => {
    const { database, testDatabase, url, config, bus } = await newService();
    const paused = fork(join(ROOT, 'tests/bus/paused-relay.ts'), [url, JSON.stringify(config)], {
      execPath: process.execPath,
    });
    await once(paused, 'message');
    const standby = await startRelay(testDatabase.connect(), config, url);
    const events = stories(30, 6, 'Handed');
    await append(database, events.slice(0, 90), 10);
    await until(
      'the other process to publish',
      async () => (await readTopic(kafka.brokers, config.topic)).length,
      (n) => n > 0,
    );
    paused.kill('SIGSTOP');
    const stoppedMs = Date.now();
    await append(database, events.slice(90), 10);
    await until(
      'the takeover',
      () => standby.active,
      (active) => active,
      5_000,
    );
    console.log(`relay of a paused process taken over after ${Date.now() - stoppedMs} ms`);
    await standby.settled();
    paused.kill('SIGCONT');
    const more = stories(10, 3, 'Handed');
    await append(database, more, 10);
    const consumer = await TestConsumer.start(bus, database, 'handed', 'Handed');
    expect(disorder(await untilEffects(database, 'handed', events.length + more.length))).toEqual([]);
    const exited = once(paused, 'exit');
    paused.kill('SIGKILL');
    await exited;
    await consumer.stop();
  });

  test('parks the order of an oversized event, publishes all others, and publishes it once it was made smaller', async () => {
    const { database, url, config, bus } = await newService();
    const relay = await startRelay(database, config, url);
    const events = stories(10, 4, 'Sized');
    const huge = events.find(({ sequence }) => sequence === 2)!;
    (huge.data as { note?: string }).note = 'x'.repeat(1_200_000);
    const consumer = await TestConsumer.start(bus, database, 'sized', 'Sized');
    await append(database, events, 10);
    expect(disorder(await untilEffects(database, 'sized', events.length - 3))).toEqual([]);
    const [parked] = await until(
      'the order to be parked',
      () => listParked(database),
      (list) => list[0]?.events === 3,
    );
    expect(parked).toMatchObject({ consumer: 'relay', orderId: huge.subject, eventId: huge.id });
    expect(parked!.reason).toMatch(/max\.message\.bytes/);
    await append(database, [newEvent(huge.subject, 5, 'Sized')]);
    await until(
      'the fifth event to queue behind',
      () => listParked(database),
      (list) => list[0]?.events === 4,
    );
    expect(relay.parkedCount).toBe(1);
    expect(await relay.unpark(huge.subject, { action: 'retry', data: { note: 'short' }, actor: 'test' })).toBe(4);
    expect(disorder(await untilEffects(database, 'sized', events.length + 1))).toEqual([]);
    expect(await listParked(database)).toEqual([]);
    await consumer.stop();
  });

  test('parks what the broker refuses though the topic said otherwise when the relay started', async () => {
    const { database, url, config } = await newService();
    const relay = await startRelay(database, config, url);
    await setTopic(config, 'max.message.bytes', '20000');
    const events = stories(30, 4, 'Refused');
    const big = events.find(({ sequence }) => sequence === 3)!;
    (big.data as { note?: string }).note = 'x'.repeat(30_000);
    await append(database, events, 120);
    await until(
      'the order to be parked',
      () => listParked(database),
      (list) => list[0]?.events === 2,
    );
    await relay.settled();
    const unique = new Set((await readTopic(kafka.brokers, config.topic)).map(({ headers }) => headers['ce_id']));
    expect(unique.size).toBe(events.length - 2);
    expect((await listParked(database))[0]!.reason).toMatch(/MESSAGE_TOO_LARGE/);
  });
});

test.each(TRANSPORTS)(
  'what is appended at the same time by %s is all stored, each once and in its order',
  async (transport) => {
    const { config } = await newService({ KAFKA_TRANSPORT: transport });
    const appender = openAppendPort(config);
    const [subject, other] = [uuidv7(), uuidv7()];
    const events = Array.from({ length: 40 }, (_, n) => newEvent(subject, n + 1, 'Appended'));
    // A batch under numbers that are taken would be taken for the other one, and dropped.
    await Promise.all(
      events.map((event) => {
        const batches = new Map([[3, [appender.encode(encoded(event))]]]);
        if (event.sequence % 2 === 0)
          batches.set(4, [appender.encode(encoded(newEvent(other, event.sequence / 2, 'Appended')))]);
        return appender.append(batches);
      }),
    );
    const messages = await readTopic(kafka.brokers, config.topic);
    const stored = (partition: number): (string | undefined)[] =>
      messages.filter((message) => message.partition === partition).map(({ headers }) => headers['ce_sequence']);
    expect(stored(3)).toEqual(events.map(({ sequence }) => String(sequence)));
    expect(stored(4)).toHaveLength(20);
    await appender.close();
  },
  60_000,
);

describe('consumers on Kafka', () => {
  test('a process that was paused until its partitions were given away is refused, and comes back', async () => {
    const { database, testDatabase, url, config, bus } = await newService();
    await startRelay(database, config, url);
    const paused = fork(
      join(ROOT, 'tests/bus/paused-consumer.ts'),
      [testDatabase.url, JSON.stringify(config), 'paused', 'Paused'],
      { execPath: process.execPath },
    );
    const messages: { kind: string; count?: number }[] = [];
    paused.on('message', (message) => messages.push(message as { kind: string }));
    await until(
      'the process to consume',
      () => messages.some(({ kind }) => kind === 'joined'),
      (joined) => joined,
      30_000,
    );
    const early = stories(40, 2, 'Paused');
    await append(database, early);
    await until(
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
    await until(
      'the late save to be refused',
      () => messages.some(({ kind }) => kind === 'refused'),
      (refused) => refused,
      30_000,
    );

    // Back in the group, it gets its share of what comes now.
    await until(
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

  test('nothing is lost when the broker is killed and comes back', async () => {
    if (kafka.pid === undefined) return; // KAFKA_BROKERS: not ours to kill
    const { database, url, config, bus } = await newService();
    const relay = await startRelay(database, config, url);
    const consumer = await TestConsumer.start(bus, database, 'outage', 'Outage');
    await append(database, stories(20, 2, 'Outage'));
    await untilEffects(database, 'outage', 40);
    const port = Number(kafka.brokers.split(':')[1]);
    await kafka.kill();
    const during = stories(50, 5, 'Outage');
    await append(database, during, 50);
    await until(
      'the relay to say so',
      () => relay.healthy(),
      ({ ok }) => !ok,
      30_000,
    );
    expect(await listParked(database)).toEqual([]);
    kafka = await startKafka({
      dir: join(server.folder, 'kafka'),
      port,
      secured: { users: { [SASL.username]: SASL.password } },
    });
    const backMs = Date.now();
    expect(disorder(await untilEffects(database, 'outage', 40 + during.length, 60_000))).toEqual([]);
    console.log(`flow back ${((Date.now() - backMs) / 1000).toFixed(1)} s after the broker`);
    await until(
      'the relay to recover',
      () => relay.healthy(),
      ({ ok }) => ok,
    );
    await until(
      'the bus to recover',
      () => bus.healthy(),
      ({ ok }) => ok,
      30_000,
    );
    await consumer.stop();
  }, 120_000);

  test('a second consumer gets its share within 10 s, and lag is shown', async () => {
    const { database, url, config, bus } = await newService();
    await startRelay(database, config, url);
    const first = await TestConsumer.start(bus, database, 'shared', 'Shared');
    await until(
      'partitions',
      async () => (await groupOf(config, 'olms-shared'))?.members.map(({ partitions }) => partitions.length),
      (sizes) => sizes?.[0] === 12,
    );
    const startedMs = Date.now();
    const second = await TestConsumer.start(bus, database, 'shared', 'Shared');
    await until(
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
    await until(
      'the broker to be told',
      async () => (await groupOf(config, 'olms-shared'))?.lag.reduce((sum, { lag }) => sum + lag, 0),
      (lag) => lag === 0,
    );
    await Promise.all([first.stop(), second.stop()]);
  }, 60_000);

  test('a topic that was made anew under their feet is read from its start, and nothing is lost or done twice', async () => {
    const { database, url, config, bus } = await newService();
    const relay = await startRelay(database, config, url);
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
    await withAdmin(async (admin) => {
      await admin.deleteTopics({ topics: [config.topic] });
      await until(
        'the topic to be gone',
        () => admin.listTopics(),
        (names) => !names.includes(config.topic),
      );
      await admin.createTopics({ topics: [config.topic], partitions: 12, replicas: 1 });
    });
    await setTopic(config, 'retention.ms', '-1');
    // More than was ever on the old one: a stored offset would lie in the middle of it.
    await append(database, stories(100, 3, 'Renewed'));
    await until(
      'the new topic to be filled',
      async () => (await readTopic(kafka.brokers, config.topic)).length,
      (n) => n >= 400,
      40_000,
    );
    const second = await TestConsumer.start(bus, database, 'renewed', 'Renewed');
    await append(database, events.slice(100));
    expect(disorder(await untilEffects(database, 'renewed', events.length + 300))).toEqual([]);
    await until(
      'no lag',
      () => second.lag,
      (lag) => lag === 0,
    );
    await second.stop();
    expect(relay.healthy().ok).toBe(true);
    // Where it stood on the old topic says nothing about what is old on this one.
    const again =
      "select partition from log.consumer_offsets where consumer = 'renewed' and again_position is not null";
    expect(await database.query(again)).toEqual([]);
  }, 90_000);

  test.each(TRANSPORTS)(
    'does not give what was written in a transaction that was aborted, by %s',
    async (transport) => {
      const { database, config, bus } = await newService({ KAFKA_TRANSPORT: transport });
      const subject = uuidv7();
      const messageOf = (sequence: number): MessageToProduce => {
        const attributes = { ce_type: 'Told', ce_id: uuidv7(), ce_source: '/olms/test', ce_sequence: String(sequence) };
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
      const consumer = await TestConsumer.start(bus, database, 'sober', 'Told');
      await untilEffects(database, 'sober', 2);
      expect(consumer.delivered.map(({ sequence }) => sequence)).toEqual([1, 4]);
      await consumer.stop();
    },
  );

  test('skips what is no event of ours, and reads on', async () => {
    const { database, url, config, bus } = await newService();
    await startRelay(database, config, url);
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
    await until(
      'no lag',
      () => consumer.lag,
      (lag) => lag === 0,
    );
    await consumer.stop();
  });

  test('a consumer that comes from the PostgreSQL log reads the topic from its start', async () => {
    const { database, url, config, bus } = await newService();
    const relay = await startRelay(database, config, url);
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

describe('a broker that does not fit is refused with what to do', () => {
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
    const config = newConfig({ KAFKA_BROKERS: `127.0.0.1:${port}` });
    expect(await refusal(ensureTopic(config, 3_000))).toMatch(
      new RegExp(`Kafka at 127.0.0.1:${port} \\(KAFKA_BROKERS\\) did not let us in within 3 s: .*ECONNREFUSED`),
    );
    expect(await refusal(ensureTopic(newConfig({ KAFKA_BROKERS: 'no-such-host.invalid:9092' }), 2_000))).toMatch(
      /KAFKA_BROKERS.*no-such-host/,
    );
    expect(await refusal(ensureTopic(newConfig({ KAFKA_BROKERS: 'localhost' }), 2_000))).toMatch(
      /"localhost" is not host:port/,
    );
  });

  test('wrong credentials, and none where some are asked for', async () => {
    if (kafka.listeners.SASL_PLAINTEXT === undefined) return; // KAFKA_BROKERS: no listener of ours
    const sasl = {
      KAFKA_BROKERS: kafka.listeners.SASL_PLAINTEXT,
      KAFKA_SASL_MECHANISM: 'PLAIN',
      KAFKA_SASL_USERNAME: SASL.username,
    };
    await ensureTopic(newConfig({ ...sasl, KAFKA_SASL_PASSWORD: SASL.password }));
    expect(await refusal(ensureTopic(newConfig({ ...sasl, KAFKA_SASL_PASSWORD: 'wrong' })))).toMatch(
      /SASL_AUTHENTICATION_FAILED: .*Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD/,
    );
    expect(await refusal(ensureTopic(newConfig({ KAFKA_BROKERS: kafka.listeners.SASL_PLAINTEXT }), 3_000))).toMatch(
      /may ask for TLS .* or credentials/,
    );
    expect(await refusal(ensureTopic(newConfig({ ...sasl, KAFKA_SASL_PASSWORD: '' })))).toMatch(
      /needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD/,
    );
  });

  test('a topic with fewer partitions; one with more is used as before', async () => {
    const config = newConfig({ KAFKA_PARTITIONS: '4' });
    await ensureTopic(config);
    expect(await refusal(ensureTopic({ ...config, partitions: 6 }))).toMatch(
      /has 4 partitions, KAFKA_PARTITIONS says 6\. Set KAFKA_PARTITIONS=4/,
    );
    await ensureTopic({ ...config, partitions: 3 });
  });

  test('a topic with other settings', async () => {
    const config = newConfig();
    await ensureTopic(config);
    expect(await refusal(ensureTopic({ ...config, replication: 3 }))).toMatch(
      /has 1 replicas per partition, KAFKA_REPLICATION says 3/,
    );
    await setTopic(config, 'retention.ms', '86400000');
    expect(await refusal(ensureTopic(config))).toMatch(
      /deletes events after 86400000 ms.*Set KAFKA_RETENTION_MS=86400000/,
    );
    await ensureTopic({ ...config, retentionMs: 86_400_000 });
    await setTopic(config, 'cleanup.policy', 'compact');
    expect(await refusal(ensureTopic({ ...config, retentionMs: 86_400_000 }))).toMatch(/cleanup\.policy is "compact"/);
    expect(await refusal(ensureTopic(newConfig({ KAFKA_REPLICATION: '5' })))).toMatch(/INVALID_REPLICATION_FACTOR/);
  });

  test('another partition count than this database has published with', async () => {
    const { database, url, config } = await newService();
    await startRelay(database, { ...config, partitions: 6 }, url);
    expect(await refusal(startRelay(database, config, url))).toMatch(
      /KAFKA_PARTITIONS is 12, but this database has published with 6.*Set KAFKA_PARTITIONS=6/,
    );
  });

  test('another partition count than another service has published with', async () => {
    const { database, url, config } = await newService();
    const relay = await startRelay(database, config, url);
    await append(database, stories(30, 1, 'Mapped'));
    await relay.settled();
    const other = await server.newDatabase();
    const message = await refusal(startRelay(other.connect(), { ...config, partitions: 6 }, other.url));
    expect(message).toMatch(/KAFKA_PARTITIONS is 6, but on topic .* stands on partition \d+: others have published/);
    // The same number is fine, and so is an order of theirs that is read.
    await startRelay(other.connect(), config, other.url);
  });

  test('a topic that would lose events, or never take one', async () => {
    const config = newConfig();
    await ensureTopic(config);
    await setTopic(config, 'retention.bytes', '1000000');
    await setTopic(config, 'min.insync.replicas', '2');
    const message = await refusal(ensureTopic(config));
    expect(message).toMatch(/deletes events beyond 1000000 bytes.*--add-config retention\.bytes=-1/);
    expect(message).toMatch(
      /only with 2 replicas in sync \(min\.insync\.replicas\), but has 1: it would never take one/,
    );
  });
});

async function newService(overrides: Record<string, string> = {}): Promise<{
  database: Database;
  testDatabase: TestDatabase;
  url: string;
  config: KafkaConfig;
  bus: KafkaBus;
}> {
  const testDatabase = await server.newDatabase();
  const config = newConfig(overrides);
  return {
    database: testDatabase.connect(),
    testDatabase,
    url: testDatabase.url,
    config,
    bus: await KafkaBus.open(config, logger),
  };
}

async function groupOf(
  config: KafkaConfig,
  group: string,
): Promise<Awaited<ReturnType<typeof describeTopics>>['groups'][number] | undefined> {
  return (await describeTopics(config)).groups.find((entry) => entry.group === group);
}

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: kafka.brokers.split(',') });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

async function setTopic(config: KafkaConfig, name: string, value: string): Promise<void> {
  await withAdmin((admin) =>
    admin.incrementalAlterConfigs({
      resources: [{ resourceType: 2, resourceName: config.topic, configs: [{ name, configOperation: 0, value }] }],
    }),
  );
  await sleep(300);
}
