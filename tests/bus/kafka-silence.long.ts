import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, expect, test } from 'vitest';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { freePort } from '#tests/support/ports.ts';
import { Proxy } from '#tests/support/proxy.ts';
import { untilSeen } from '#tests/support/until.ts';
import { KafkaUnderTest } from './kafka-support.ts';
import { append, disorder, stories, TestConsumer, untilEffects, untilWell } from './support.ts';

/** A network that takes everything and brings nothing, and a relay that cannot begin. */

let broker: Kafka;
let proxy: Proxy;
const kafka = new KafkaUnderTest(async (folder) => {
  const port = await freePort();
  proxy = await Proxy.listen({ port });
  broker = await startKafka({
    dir: join(folder, 'kafka'),
    port,
    own: true,
    settings: { 'advertised.listeners': `PLAINTEXT://127.0.0.1:${proxy.port}` },
  });
  return { brokers: `127.0.0.1:${proxy.port}`, listeners: {} };
});

afterAll(async () => {
  await proxy?.close();
  await broker?.stop();
});

test('over dead connections, health says within seconds that nothing goes on, and everything goes on afterwards', async () => {
  const { database, url, config, bus } = await kafka.newService();
  const relay = await kafka.startRelay(database, config, url);
  const consumer = await TestConsumer.start(bus, database, 'silence', 'Silence');
  const events = stories(30, 4, 'Silence');
  await append(database, events.slice(0, 60), 10);
  await untilEffects(database, 'silence', 60);
  expect([relay.healthy().ok, bus.healthy().ok]).toEqual([true, true]);
  proxy.freeze();
  const frozenMs = performance.now();
  await append(database, events.slice(60), 10);
  await untilSeen(
    'the relay to say so',
    () => relay.healthy(),
    ({ ok }) => !ok,
    15_000,
  );
  expect(relay.healthy().detail).toMatch(
    /^NO_ANSWER: Kafka at .* has acknowledged nothing for \d+ s|no answer|timed out/i,
  );
  await untilSeen(
    'the bus to say so',
    () => bus.healthy(),
    ({ ok }) => !ok,
    15_000,
  );
  expect(performance.now() - frozenMs).toBeLessThan(15_000);
  await sleep(12_000);
  expect([relay.healthy().ok, bus.healthy().ok]).toEqual([false, false]);
  proxy.thaw();
  expect(disorder(await untilEffects(database, 'silence', events.length, 60_000))).toEqual([]);
  await untilWell('the relay to be well', relay, 60_000);
  await untilWell('the bus to be well', bus, 60_000);
  await consumer.stop();
  await relay.stop();
}, 180_000);

test('a relay that cannot begin says so once, waits longer each time, and begins when it can', async () => {
  const { database, url, config } = await kafka.newService();
  const lines: string[] = [];
  const logger = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  await database.query('alter table log.published rename to published_elsewhere');
  const relay = await kafka.startRelay(database, config, url, { logger });
  await untilSeen(
    'the relay to say so',
    () => relay.healthy(),
    ({ ok }) => !ok,
  );
  expect(relay.healthy().detail).toContain('log.published');
  await sleep(7_000);
  const before = proxy.connections;
  await sleep(6_000);
  expect(proxy.connections - before).toBeLessThanOrEqual(6);
  expect(lines.filter((line) => line.includes('the relay stopped'))).toHaveLength(1);
  await database.query('alter table log.published_elsewhere rename to published');
  await untilSeen(
    'the relay to begin',
    () => relay.active,
    (active) => active,
    15_000,
  );
  expect(relay.healthy().ok).toBe(true);
  await relay.stop();
}, 90_000);
