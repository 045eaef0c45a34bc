import { ConflictError, type Database } from '#platform/database/database.ts';
import {
  type LogPosition,
  loadOffsets,
  LOG_START,
  moveOffsets,
  type OffsetMove,
  type StoredOffset,
} from '#platform/log/bus.ts';

/**
 * Offsets that hold for one topic and no other of its name. A topic that was deleted and made anew begins at 0 and
 * knows nothing of what was on the old one: a place there would skip what comes. So beside each offset stands the
 * topic it was for, as a row of `<consumer>@topic`; where that is another one, everything begins from the start, and
 * what was digested before is recognized as repeated.
 */

const ATTEMPTS_MAX = 5;

/** A number for a topic's id that a cursor can hold exactly: 48 of its random bits. */
function numberOf(topicId: string): number {
  return Number.parseInt(topicId.replaceAll('-', '').slice(0, 12), 16);
}

/** Stored offsets on this topic, by partition. `anew` where they were for another, and begin from the start now. */
export async function loadTopicOffsets(
  database: Database,
  consumer: string,
  partitions: readonly number[],
  topicId: string,
): Promise<{ offsets: Map<number, StoredOffset>; anew: boolean }> {
  const topic: LogPosition = { txid: 0, position: numberOf(topicId) };
  let anew = false;
  for (let attempt = 1; ; attempt++) {
    const offsets = await loadOffsets(database, consumer, partitions);
    const topics = await loadOffsets(database, `${consumer}@topic`, partitions, () => topic);
    const stale = partitions.filter((partition) => topics.get(partition)!.position !== topic.position);
    if (stale.length === 0) return { offsets, anew };
    const moved = (from: ReadonlyMap<number, LogPosition>, to: LogPosition): OffsetMove[] =>
      stale.map((partition) => ({ partition, from: from.get(partition)!, to }));
    try {
      await database.write([
        moveOffsets(consumer, moved(offsets, LOG_START), { anew: true }),
        { ...moveOffsets(`${consumer}@topic`, moved(topics, topic)), name: 'topics' },
      ]);
      anew = true;
    } catch (error) {
      // Somebody saved what was on the old topic, or was here before us.
      if (!(error instanceof ConflictError) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}
