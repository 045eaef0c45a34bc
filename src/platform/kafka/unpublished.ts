import type { Database } from '#platform/database/database.ts';
import type { LogPosition } from '#platform/log/bus.ts';
import { encoded, type EncodedEvent } from '#platform/log/encoded.ts';
import { fromRow } from '#platform/log/outbox.ts';
import type { RecentCommits } from '#platform/log/recent-commits.ts';
import { readTailEvents } from '#platform/log/tail.ts';
import type { KafkaPublisher, Outgoing } from './publisher.ts';

/** Data stays the text it was stored as. */
const COLUMNS =
  'id, source, type, subject, sequence, time, correlationid, causationid, traceparent, data::text as data';

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
