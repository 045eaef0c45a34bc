import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { sequenceText } from '#contracts/envelope.ts';
import { encoded } from '#platform/log/encoded.ts';
import { listParked } from '#platform/log/parked.ts';
import { partitionOf } from '#platform/kafka/partitioner.ts';
import { openAppendPort } from '#platform/kafka/transport.ts';
import { readTopic } from '#dev/brokers/kcat.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest, TRANSPORTS } from './kafka-support.ts';
import { append, disorder, newEvent, ROOT, stories, TestConsumer, untilEffects } from './support.ts';

const kafka = new KafkaUnderTest();

describe('the relay', () => {
  test('publishes what an independent reader can check: keys, gapless sequences, nothing missing', async () => {
    const { database, url, config, bus } = await kafka.newService();
    const relay = await kafka.startRelay(database, config, url, { recentCommits: bus.recentCommits });
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
    const messages = await untilSeen(
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
    // On a new machine the independent reader is fetched first.
  }, 120_000);

  test('publishes a suffix again after a crash between acknowledgement and cursor; effects stay single', async () => {
    const { database, url, config, bus } = await kafka.newService();
    const crash = Promise.withResolvers<never>();
    crash.promise.catch(() => {});
    let crashing = false;
    let reached = false;
    const doomed = await kafka.startRelay(database, config, url, {
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
    await untilSeen(
      'the crash',
      () => reached,
      (isReached) => isReached,
    );
    const stopped = doomed.stop();
    crash.reject(new Error('crashed'));
    await stopped;
    const survivor = await kafka.startRelay(database, config, url);
    await untilSeen(
      'the next relay',
      () => survivor.active,
      (active) => active,
      5_000,
    );
    await survivor.settled();
    const ids = await untilSeen(
      'everything to be on the topic',
      async () => (await readTopic(kafka.brokers, config.topic)).map(({ headers }) => headers['ce_id']!),
      (all) => new Set(all).size >= events.length,
    );
    expect(ids.length).toBeGreaterThan(events.length);
    expect(new Set(ids).size).toBe(events.length);
    const consumer = await TestConsumer.start(bus, database, 'repeated', 'Repeated');
    expect(disorder(await untilEffects(database, 'repeated', events.length))).toEqual([]);
    await untilSeen(
      'the repeats',
      () => consumer.delivered.length,
      (n) => n === ids.length,
    );
    await consumer.stop();
  });

  test('is one per database, and another one takes over within 2 s when its connection dies', async () => {
    const { database, testDatabase, url, config } = await kafka.newService();
    const first = await kafka.startRelay(database, config, url);
    await untilSeen(
      'the first to be active',
      () => first.active,
      (active) => active,
    );
    const second = await kafka.startRelay(testDatabase.connect(), config, url);
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
    await untilSeen('another session to hold the lease', holder, (pid) => pid !== undefined && pid !== before, 2_000);
    await untilSeen(
      'its relay',
      () => [first, second].filter((relay) => relay.active).length,
      (n) => n === 1,
      2_000,
    );
    console.log(`relay taken over after ${Date.now() - killedMs} ms`);
    const events = stories(5, 3, 'TakenOver');
    await append(database, events);
    await untilSeen(
      'the events',
      async () => (await readTopic(kafka.brokers, config.topic)).length,
      (n) => n >= events.length,
    );
  });

  test('is taken over from a process that is paused, and what that one says later changes nothing', async () => {
    const { database, testDatabase, url, config, bus } = await kafka.newService();
    const paused = fork(join(ROOT, 'tests/bus/paused-relay.ts'), [url, JSON.stringify(config)], {
      execPath: process.execPath,
    });
    await once(paused, 'message');
    const standby = await kafka.startRelay(testDatabase.connect(), config, url);
    const events = stories(30, 6, 'Handed');
    await append(database, events.slice(0, 90), 10);
    await untilSeen(
      'the other process to publish',
      async () => (await readTopic(kafka.brokers, config.topic)).length,
      (n) => n > 0,
    );
    paused.kill('SIGSTOP');
    const stoppedMs = Date.now();
    await append(database, events.slice(90), 10);
    await untilSeen(
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
    const { database, url, config, bus } = await kafka.newService();
    const relay = await kafka.startRelay(database, config, url);
    const events = stories(10, 4, 'Sized');
    const huge = events.find(({ sequence }) => sequence === 2)!;
    (huge.data as { note?: string }).note = 'x'.repeat(4_000_000);
    const consumer = await TestConsumer.start(bus, database, 'sized', 'Sized');
    await append(database, events, 10);
    expect(disorder(await untilEffects(database, 'sized', events.length - 3))).toEqual([]);
    const [parked] = await untilSeen(
      'the order to be parked',
      () => listParked(database),
      (list) => list[0]?.events === 3,
    );
    expect(parked).toMatchObject({ consumer: 'relay', orderId: huge.subject, eventId: huge.id });
    expect(parked!.reason).toMatch(/max\.message\.bytes/);
    await append(database, [newEvent(huge.subject, 5, 'Sized')]);
    await untilSeen(
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
    const { database, url, config } = await kafka.newService();
    const relay = await kafka.startRelay(database, config, url);
    await kafka.setTopic(config, 'max.message.bytes', '20000');
    const events = stories(30, 4, 'Refused');
    const big = events.find(({ sequence }) => sequence === 3)!;
    (big.data as { note?: string }).note = 'x'.repeat(30_000);
    await append(database, events, 120);
    await untilSeen(
      'the order to be parked',
      () => listParked(database),
      (list) => list[0]?.events === 2,
    );
    await relay.settled();
    const published = async (): Promise<number> =>
      new Set((await readTopic(kafka.brokers, config.topic)).map(({ headers }) => headers['ce_id'])).size;
    await untilSeen('the others to be published', published, (n) => n >= events.length - 2);
    expect(await published()).toBe(events.length - 2);
    expect((await listParked(database))[0]!.reason).toMatch(/MESSAGE_TOO_LARGE/);
  });
});

test.each(TRANSPORTS)(
  'what is appended at the same time by %s is all stored, each once and in its order',
  async (transport) => {
    const { config } = await kafka.newService({ KAFKA_TRANSPORT: transport });
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
    expect(stored(3)).toEqual(events.map(({ sequence }) => sequenceText(sequence)));
    expect(stored(4)).toHaveLength(20);
    await appender.close();
  },
  60_000,
);
