import { ConflictError, type Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { loadOffsets, LOG_START, moveOffsets, type StoredOffset } from '#platform/log/bus.ts';

/**
 * Offsets that hold for one topic and no other of its name. A topic that was deleted and made again begins at 0 and
 * knows nothing of what was on the old one: an offset of it would skip what comes. So `log.topics` has the topic that
 * each offset holds for; where the brokers have another one, everything begins from the start, and what was consumed
 * before is recognized as repeated.
 */

const ATTEMPTS_MAX = 5;

/** A number for a topic's id that JavaScript holds exactly: 48 of its random bits. */
export function topicNumber(topicId: string): number {
  return Number.parseInt(topicId.replaceAll('-', '').slice(0, 12), 16);
}

/**
 * Stored offsets on this topic, by partition. `startedOver` where they were for another topic, and begin from the
 * start now. An offset of which no topic is known is taken over as it is.
 */
export async function loadTopicOffsets(
  database: Database,
  consumer: string,
  partitions: readonly number[],
  topicId: string,
): Promise<{ offsets: Map<number, StoredOffset>; startedOver: boolean }> {
  const topic = topicNumber(topicId);
  let startedOver = false;
  for (let attempt = 1; ; attempt++) {
    const offsets = await loadOffsets(database, consumer, partitions);
    const topics = await loadTopics(database, consumer);
    const others = partitions.filter((partition) => !topics.get(partition)?.has(topic));
    if (others.length === 0) return { offsets, startedOver };
    const stale = others.filter((partition) => topics.has(partition));
    const moves = stale.map((partition) => ({ partition, from: offsets.get(partition)!, to: LOG_START }));
    try {
      await database.write([
        ...(moves.length > 0 ? [moveOffsets(consumer, moves, { startedOver: true })] : []),
        ...storeTopics(consumer, others, topic),
      ]);
      startedOver ||= stale.length > 0;
    } catch (error) {
      // Somebody saved what was on the old topic, or was here before us.
      if (!(error instanceof ConflictError) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * The topics that offsets are known to hold for, by partition. The previous version notes them among the offsets, as
 * the consumer `<consumer>@topic`. Whoever notes a topic moves the offset with it, and no id is given twice: so what
 * either place says is true.
 */
async function loadTopics(database: Database, consumer: string): Promise<Map<number, ReadonlySet<number>>> {
  const rows = await database.query<{ partition: number; topics: number[] }>(
    `select partition, json_agg(topic) as topics from (
       select partition, topic from log.topics where consumer = $1
       union all
       select partition, position from log.consumer_offsets where consumer = $2
     ) known group by partition`,
    [consumer, `${consumer}@topic`],
  );
  return new Map(rows.map(({ partition, topics }) => [partition, new Set(topics)]));
}

function storeTopics(consumer: string, partitions: readonly number[], topic: number): Write[] {
  return [
    insertRows(
      'topics',
      'log.topics',
      { consumer: 'text', partition: 'integer', topic: 'bigint' },
      partitions.map((partition) => ({ consumer, partition, topic })),
      { onConflict: '(consumer, partition) do update set topic = excluded.topic' },
    ),
    // For the previous version, which may run beside this one or after it; for one release.
    insertRows(
      'topics_before',
      'log.consumer_offsets',
      { consumer: 'text', partition: 'integer', txid: 'bigint', position: 'bigint' },
      partitions.map((partition) => ({ consumer: `${consumer}@topic`, partition, txid: 0, position: topic })),
      { onConflict: '(consumer, partition) do update set position = excluded.position' },
    ),
  ];
}
