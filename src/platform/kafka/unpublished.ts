import type { Database } from '#platform/database/database.ts';
import { isAfter, type LogPosition } from '#platform/log/bus.ts';
import { encoded, type EncodedEvent } from '#platform/log/encoded.ts';
import { fromRow } from '#platform/log/outbox.ts';
import type { RecentCommits } from '#platform/log/recent-commits.ts';
import { readTailEvents } from '#platform/log/tail.ts';
import type { BehindPartitions } from './behind-partitions.ts';
import type { KafkaPublisher, Outgoing } from './publisher.ts';

/** Data stays the text it was stored as. */
const COLUMNS =
  'id, source, type, subject, sequence, time, correlationid, causationid, traceparent, authtype, authid, data::text as data';

/** The next events in the order of the log, ready to be sent. What this process wrote is still in memory, the rest is read. */
export async function readUnpublished(
  database: Database,
  recentCommits: RecentCommits | undefined,
  publisher: KafkaPublisher,
  after: LogPosition,
  limit: number,
): Promise<Outgoing[]> {
  const entries = await readTailEvents(database, after, {
    limit,
    recentCommits,
    columns: COLUMNS,
    ofMemory: encoded,
    ofRow: (row) => fromRow(row) as EncodedEvent,
  });
  return entries.map(({ cursor, event }) => publisher.prepare(cursor, event));
}

/**
 * The next events that the `open` ones of the partitions that are behind have missed, up to the cursor, and from where to
 * where the log was looked through for them.
 */
export async function readMissed(
  database: Database,
  publisher: KafkaPublisher,
  behind: BehindPartitions,
  { open, cursor, limit }: { readonly open: ReadonlySet<number>; readonly cursor: LogPosition; readonly limit: number },
): Promise<{ readonly from: LogPosition; readonly to: LogPosition; readonly missed: Outgoing[] }> {
  const from = behind.lowest(open);
  const entries = await readUnpublished(database, undefined, publisher, from, limit);
  const page = entries.filter(({ position }) => !isAfter(position, cursor));
  const to = page.length === limit ? page.at(-1)!.position : cursor;
  const missed = page.filter(
    ({ partition, position }) => open.has(partition) && isAfter(position, behind.positionOf(partition)!),
  );
  return { from, to, missed };
}
