import { expect } from 'vitest';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import type { Kafka } from '#dev/brokers/kafka.ts';
import { loseTail } from '#tests/support/power-cut.ts';
import { untilSeen } from '#tests/support/until.ts';
import type { KafkaUnderTest } from './kafka-support.ts';
import { append, disorder, stories, TestConsumer, untilEffects } from './support.ts';

async function faultsOf(metrics: Metrics): Promise<Record<string, number>> {
  const values = await metrics.values('olms_log_faults_total');
  return Object.fromEntries(values.map(({ labels, value }) => [String(labels['kind']), value]));
}

/**
 * A broker loses its power, and with it the end of its log, though it had acknowledged that: everything is published and
 * read again, in order and before anything newer. `start` starts it again with the data and the port it had.
 */
export async function powerCutStory(
  kafka: KafkaUnderTest,
  transport: string,
  broker: Kafka,
  start: () => Promise<unknown>,
): Promise<void> {
  const metrics = createMetrics();
  const service = await kafka.newService({ KAFKA_TRANSPORT: transport }, metrics);
  const { database, url, config, bus } = service;
  const relay = await kafka.startRelay(database, config, url, { metrics });
  const reading = await TestConsumer.start(bus, database, 'reading', 'Lost');
  const resting = await TestConsumer.start(bus, database, 'resting', 'Lost');
  const events = stories(120, 6, 'Lost');
  const first = events.slice(0, 360);
  await append(database, first, 20);
  await untilEffects(database, 'resting', first.length);
  await resting.stop();
  // Long enough ago to be a mark of its own.
  await database.query('update log.published set slot = 1000');
  await append(database, events.slice(360, 480), 20);
  await untilEffects(database, 'reading', 480);
  await relay.settled();

  await broker.kill();
  const lost = loseTail(broker.dataDir!, config.topic);
  expect(lost.length).toBeGreaterThan(6);
  await start();
  // These take the offsets of those that were lost.
  await append(database, events.slice(480), 20);

  expect(disorder(await untilEffects(database, 'reading', events.length, 60_000))).toEqual([]);
  expect(relay.healthy()).toMatchObject({ ok: false, detail: expect.stringContaining('LOG_TRUNCATED') as string });
  expect(bus.healthy()).toMatchObject({ ok: false, detail: expect.stringContaining('LOG_TRUNCATED') as string });
  const late = await TestConsumer.start(bus, database, 'resting', 'Lost');
  expect(disorder(await untilEffects(database, 'resting', events.length, 60_000))).toEqual([]);
  await untilSeen(
    'no lag',
    () => reading.lag + late.lag,
    (lag) => lag === 0,
  );
  expect((await faultsOf(metrics))['truncated']).toBeGreaterThanOrEqual(lost.length);
  // Only what stood behind the last mark that is still there was published again.
  expect(reading.delivered.length - events.length).toBeLessThanOrEqual(120);
  await Promise.all([reading.stop(), late.stop()]);
  await relay.stop();
  await bus.close();
}
