import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '#platform/database/database.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { insertRows } from '#platform/database/statement.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose } from './errors.ts';
import { partitionOf } from './partitioner.ts';
import { KafkaReader } from './reader.ts';

/**
 * Orders are mapped to partitions by their number. With another number, later events of an order would go to another
 * partition and could be read before earlier ones; and so would those of another service that has another number.
 */

/** Where the previous version keeps the number of partitions, in the place of an offset; read and written for one release. */
const CONSUMER_BEFORE = 'relay-partitions';
const SAMPLE_TIMEOUT_MS = 3_000;
const SAMPLE_EVERY_MS = 20;
const LEADERS_TIMEOUT_MS = 20_000;
const LEADERS_EVERY_MS = 100;

/** Throws where this database, or others on the topic, have published with another number of partitions. */
export async function checkMapping(database: Database, config: KafkaConfig, logger: Logger): Promise<void> {
  const { partitions, topic } = config;
  const stored = await publishedPartitions(database);
  if (stored === undefined) {
    const stray = await findStray(config, logger);
    if (stray)
      throw new Error(
        `KAFKA_PARTITIONS is ${partitions}, but on topic ${topic} order ${stray.orderId} stands on partition ${stray.partition}: others have published there with another number. Set KAFKA_PARTITIONS to the same in all processes.`,
      );
    await storePartitions(database, partitions);
  } else if (stored !== partitions) {
    throw new Error(
      `KAFKA_PARTITIONS is ${partitions}, but this database has published with ${stored}. Orders are mapped to partitions by their number: with another one, later events of an order go to another partition and can be read before earlier ones. ` +
        `Set KAFKA_PARTITIONS=${stored}; or stop all services, wait until "olms topics" shows no lag, delete the row of log.publishing and the row "${CONSUMER_BEFORE}" of log.consumer_offsets in every service's database, and set KAFKA_TOPIC to a new name: everything is published there again.`,
    );
  }
}

/** The number of partitions this database has published with; undefined where it has not published yet. */
async function publishedPartitions(database: Database): Promise<number | undefined> {
  const [stored] = await database.query<{ partitions: number }>(
    `select coalesce(
       (select partitions from log.publishing),
       (select position from log.consumer_offsets where consumer = $1 and partition = 0)
     ) as partitions`,
    [CONSUMER_BEFORE],
  );
  return stored!.partitions ?? undefined;
}

async function storePartitions(database: Database, partitions: number): Promise<void> {
  await database.write([
    insertRows('publishing', 'log.publishing', { partitions: 'integer' }, [{ partitions }], {
      onConflict: 'do nothing',
    }),
    insertRows(
      'publishing_before',
      'log.consumer_offsets',
      { consumer: 'text', partition: 'integer', txid: 'bigint', position: 'bigint' },
      [{ consumer: CONSUMER_BEFORE, partition: 0, txid: 0, position: partitions }],
      { onConflict: 'do nothing' },
    ),
  ]);
}

/** Where the partitions end. A topic that was made a moment ago has no leaders yet: the brokers are asked again. */
async function endsOf(reader: KafkaReader, config: KafkaConfig): Promise<number[]> {
  for (const deadlineMs = Date.now() + LEADERS_TIMEOUT_MS; ; await sleep(LEADERS_EVERY_MS)) {
    try {
      return await reader.topic.ends();
    } catch (error) {
      const { reason, fatal } = diagnose(error, config);
      if (fatal || Date.now() > deadlineMs) throw new Error(`Kafka at ${config.brokers}: ${reason}`, { cause: error });
    }
  }
}

/** An order that stands where our number would not have put it, among the last event of each partition. */
async function findStray(
  config: KafkaConfig,
  logger: Logger,
): Promise<{ orderId: string; partition: number } | undefined> {
  const ignore = (): void => {};
  const reader = new KafkaReader({
    config,
    name: 'olms-mapping',
    types: undefined,
    logger,
    onReady: ignore,
    onReplaced: ignore,
  });
  try {
    const ends = await endsOf(reader, config);
    let open = 0;
    for (const [partition, end] of ends.entries()) {
      if (end === 0) continue;
      reader.seek(partition, end - 1);
      open++;
    }
    // What is gone by retention or is no event of ours is not waited for any longer than this.
    for (const deadlineMs = Date.now() + SAMPLE_TIMEOUT_MS; open > 0 && Date.now() < deadlineMs;) {
      const { events, progress } = reader.take(1);
      const [event] = events;
      if (!event) {
        await sleep(SAMPLE_EVERY_MS);
        continue;
      }
      open--;
      const [partition] = progress.keys();
      if (partitionOf(event.subject, config.partitions) !== partition!)
        return { orderId: event.subject, partition: partition! };
    }
    return undefined;
  } finally {
    await reader.close();
  }
}
