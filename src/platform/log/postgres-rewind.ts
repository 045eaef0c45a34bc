import type { Database } from '#platform/database/database.ts';
import type { LogPosition } from './bus.ts';
import { countRange, positionBefore, readRange } from './tail.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from './outbox.ts';
import { type Bound, CannotReplay, type ReplayLog } from './rewind.ts';

const PAGE = 1_000;

/** The log in PostgreSQL, as it is read again: one partition, 0. */
export function postgresReplayLog(database: Database): ReplayLog {
  return {
    async positionsAt(bound, stored) {
      for (const { txid, position } of stored.values())
        if (txid === 0 && position > 0)
          throw new CannotReplay(
            'READS_KAFKA',
            'This consumer reads from Kafka: set KAFKA_BROKERS as for the services.',
          );
      if (!stored.has(0)) return new Map();
      return new Map([[0, await positionAt(database, bound)]]);
    },
    async count(ranges, filter) {
      let rows = 0;
      for (const range of ranges) rows += await countRange(database, range, filter);
      return rows;
    },
    async read(ranges, filter, onEvents) {
      for (const range of ranges) {
        for (let from: LogPosition = range.from; ;) {
          const rows = await readRange<OutboxRow>(database, OUTBOX_COLUMNS, { from, to: range.to }, filter, PAGE);
          if (rows.length > 0) await onEvents(rows.map(fromRow));
          if (rows.length < PAGE) break;
          from = rows.at(-1)!;
        }
      }
    },
    close: async () => {},
  };
}

async function positionAt(database: Database, bound: Bound): Promise<LogPosition> {
  if (bound.kind === 'start') return { txid: 0, position: 0 };
  if (bound.kind === 'time') return positionBefore(database, new Date(bound.ms));
  const [place, ...more] = bound.positions;
  if (!place || more.length > 0)
    throw new CannotReplay('ONE_PLACE', 'The log in PostgreSQL is one: give one place, transaction/position.');
  const [txid, position] = place;
  // The stored offset is the last position read, so the one named is read again.
  return { txid, position: position - 1 };
}
