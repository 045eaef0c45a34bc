import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '#platform/telemetry/logger.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose } from './errors.ts';
import { partitionOf } from './partitioner.ts';
import { KafkaReader } from './reader.ts';
import { type Bound, CannotReplay, type Range, type ReplayLog } from '#platform/log/rewind.ts';

const READ_MAX = 1_000;
const POLL_MS = 10;
/** Brokers that give nothing new for so long are away. */
const SILENCE_MAX_MS = 10_000;
/** A message is stamped by who publishes it, an event by who emits it: their clocks may differ a little. */
const CLOCKS_DIFFER_MS = 60_000;

/** The topic, as a replay reads it. Stored offsets are those of the services; the brokers' own only report lag. */
export function kafkaReplayLog(config: KafkaConfig): ReplayLog {
  const logger = createLogger('silent');
  const readerOf = (types: readonly string[] | undefined): KafkaReader =>
    new KafkaReader({
      config,
      name: 'olms-replay',
      types: types && new Set(types),
      logger,
      onReady: () => {},
      // Its partitions are let go then, and the replay ends because it gets no events any more.
      onReplaced: () => {},
    });
  const asking = readerOf(undefined);
  return {
    async positionsAt(bound, stored) {
      const offsets = await offsetsAt(asking, bound).catch((error: unknown) => {
        if (error instanceof CannotReplay) throw error;
        throw new Error(`Kafka at ${config.brokers}: ${diagnose(error, config).reason}`, { cause: error });
      });
      return new Map(
        [...offsets]
          // A position in a PostgreSQL log (txid > 0) is none here: nothing of the topic was read.
          .filter(([partition]) => stored.get(partition)?.txid === 0)
          .map(([partition, position]) => [partition, { txid: 0, position }]),
      );
    },
    async count(ranges) {
      return ranges.reduce((sum, { from, to }) => sum + to.position - from.position, 0);
    },
    async read(ranges, { types, orders }, onEvents) {
      const wanted = orders && new Set(orders);
      const partitions = orders && new Set(orders.map((id) => partitionOf(id, config.partitions)));
      const ends = await asking.topic.ends();
      const asked = ranges
        .filter(({ partition }) => !partitions || partitions.has(partition))
        // An offset beyond the end is of a topic that was there before this one.
        .map((range) => ({
          ...range,
          to: { txid: 0, position: Math.min(range.to.position, ends[range.partition] ?? 0) },
        }));
      const open = new Map(asked.map((range) => [range.partition, range]));
      const reader = readerOf(types);
      try {
        for (const { partition, from } of asked) reader.seek(partition, from.position);
        let movedMs = Date.now();
        while (open.size > 0) {
          const { events, positions } = reader.take(READ_MAX);
          // Beyond a range lies what the consumer has not read yet.
          const within = events.filter((event, i) => {
            const range = open.get(partitionOf(event.subject, config.partitions));
            return range && positions[i]! <= range.to.position && (!wanted || wanted.has(event.subject));
          });
          if (within.length > 0) await onEvents(within);
          if (dropFinished(reader, open) || events.length > 0) movedMs = Date.now();
          else if (Date.now() - movedMs > SILENCE_MAX_MS)
            throw new Error(`Kafka at ${config.brokers} gives no events: ${reader.failure ?? 'it does not answer'}`);
          else await sleep(POLL_MS);
        }
      } finally {
        await reader.close();
      }
    },
    close: () => asking.close(),
  };
}

/** Lets go of partitions that are read to their end; true where one was. */
function dropFinished(reader: KafkaReader, open: Map<number, Range>): boolean {
  let finished = false;
  for (const [partition, { to }] of open) {
    if ((reader.position(partition) ?? -1) < to.position) continue;
    reader.drop(partition);
    open.delete(partition);
    finished = true;
  }
  return finished;
}

async function offsetsAt(reader: KafkaReader, bound: Bound): Promise<Map<number, number>> {
  const starts = await reader.topic.starts();
  if (bound.kind === 'start') return new Map(starts.entries());
  if (bound.kind === 'time') {
    const [found, ends] = [await reader.topic.offsetsAt(bound.ms - CLOCKS_DIFFER_MS), await reader.topic.ends()];
    return new Map(found.map((offset, partition) => [partition, offset < 0 ? ends[partition]! : offset]));
  }
  for (const [partition, offset] of bound.positions) {
    const start = starts[partition];
    if (start === undefined)
      throw new CannotReplay('NO_SUCH_PARTITION', `The topic has no partition ${partition}; it has ${starts.length}.`);
    if (offset < start)
      throw new CannotReplay(
        'NOT_KEPT',
        `Partition ${partition} begins at offset ${start}; what stood before was deleted by the topic's retention.`,
      );
  }
  return new Map(bound.positions);
}
