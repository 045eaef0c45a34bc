import { setTimeout as sleep } from 'node:timers/promises';
import type { Envelope } from '#contracts/envelope.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isTransient } from '#platform/database/failures.ts';
import { insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import { type LogPosition, isAfter, readOffsets, type StoredOffset } from './bus.ts';
import { addAuditEntries } from './audit-log.ts';

/**
 * A rewind: the stored offset of a consumer is moved to an earlier position, by compare-and-set like every move of it.
 * A consumer that runs meets another value than its own with its next save, which is refused whole, or when it compares
 * them; then it reads on from there. One that does not run does so when it starts.
 */

/** Where reading again begins or ends. `positions` are what stored offsets hold: see {@link LogPosition}. */
export type Bound =
  | { readonly kind: 'start' }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'positions'; readonly positions: readonly (readonly [number, number])[] };

/** What is read again of one partition: from one stored offset to another. */
export interface Range {
  readonly partition: number;
  readonly from: LogPosition;
  readonly to: LogPosition;
}

/** A request that makes no sense, with what does. */
export class CannotReplay extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export interface EventFilter {
  readonly types: readonly string[];
  /** Only these orders, where given. */
  readonly orders?: readonly string[] | undefined;
}

/** The log as it is read again, whichever bus carries it. */
export interface ReplayLog {
  /** The stored offsets with which a consumer would read from there on, for the partitions it has read. */
  positionsAt(bound: Bound, stored: ReadonlyMap<number, StoredOffset>): Promise<ReadonlyMap<number, LogPosition>>;
  /** Roughly how many events the ranges hold. */
  count(ranges: readonly Range[], filter: EventFilter): Promise<number>;
  /** The events of ranges in the order in which a consumer is given those of one order. */
  read(
    ranges: readonly Range[],
    filter: EventFilter,
    onEvents: (events: readonly Envelope[]) => Promise<void>,
  ): Promise<void>;
  close(): Promise<void>;
}

/** What a consumer has read between two positions, by partition; one that it has not read that far has none. */
export function rangesBetween(
  starts: ReadonlyMap<number, LogPosition>,
  stored: ReadonlyMap<number, LogPosition>,
  ends?: ReadonlyMap<number, LogPosition>,
): Range[] {
  const ranges: Range[] = [];
  for (const [partition, { txid, position }] of stored) {
    const from = starts.get(partition);
    const read: LogPosition = { txid, position };
    const end = ends?.get(partition);
    const to = end && isAfter(read, end) ? end : read;
    if (from && isAfter(to, from)) ranges.push({ partition, from, to });
  }
  return ranges;
}

/** Events of an order that wait behind a parked one. */
export interface QueuedEvents {
  readonly orderId: string;
  readonly events: readonly { readonly number: number; readonly event: Envelope }[];
}

export async function parkedQueues(database: Database, consumer: string): Promise<QueuedEvents[]> {
  const rows = await database.query<{ order_id: string; number: number; event: Envelope }>(
    'select order_id, number, event from log.parked_events where consumer = $1 order by order_id, number',
    [consumer],
  );
  return [...Map.groupBy(rows, (row) => row.order_id)].map(([orderId, events]) => ({ orderId, events }));
}

/**
 * Queues of which every event is read again: they are withdrawn, so that their events come in the order of the log,
 * behind what else is read again of their order. A queue that begins before stays; what of it is read again is known.
 */
export async function queuesWithin(
  log: ReplayLog,
  queues: readonly QueuedEvents[],
  ranges: readonly Range[],
  types: readonly string[],
): Promise<QueuedEvents[]> {
  if (queues.length === 0) return [];
  const read = new Set<string>();
  const orders = queues.map(({ orderId }) => orderId);
  await log.read(ranges, { types, orders }, async (page) => {
    for (const { id } of page) read.add(id);
  });
  return queues.filter((queue) => queue.events.every(({ event }) => read.has(event.id)));
}

const ATTEMPTS_MAX = 50;
const ATTEMPT_WAIT_MS = 10;

export interface Rewind {
  readonly consumer: string;
  readonly actor: string;
  /** As it was asked for, for the audit. */
  readonly asked: string;
  /** Where the stored offsets stand, and where they go. */
  readonly ranges: readonly Range[];
  readonly withdrawn: readonly QueuedEvents[];
}

/** Commits one attempt; throws {@link ConflictError} where the consumer has moved on or a queue has changed. */
async function tryRewind(
  database: Database,
  { consumer, actor, asked, ranges, withdrawn }: Rewind,
  stored: ReadonlyMap<number, StoredOffset>,
): Promise<void> {
  const writes: Write[] = [setOffsets(consumer, ranges, stored)];
  if (withdrawn.length > 0) {
    writes.push({
      name: 'withdrawn',
      sql: 'delete from log.parked_events where consumer = $1 and order_id = any($2::uuid[])',
      params: [consumer, withdrawn.map(({ orderId }) => orderId)],
      // One that was queued since would be read before those that stand before it.
      expect: withdrawn.reduce((sum, { events }) => sum + events.length, 0),
    });
  }
  const detail = {
    asked,
    partitions: ranges.map(({ partition, from, to }) => ({ partition, from: to, to: from })),
    unparked: withdrawn.map(({ orderId }) => orderId),
  };
  writes.push(...recordReplay({ actor, action: 'set back', consumer, detail }));
  await database.write(writes);
}

function setOffsets(consumer: string, ranges: readonly Range[], stored: ReadonlyMap<number, StoredOffset>): Write {
  const rows = ranges.map(({ partition, from, to }) => {
    const before = stored.get(partition)!.rereadTo;
    const rereadTo = before && isAfter(before, to) ? before : to;
    return {
      consumer,
      partition,
      from_txid: to.txid,
      from_position: to.position,
      txid: from.txid,
      position: from.position,
      again_txid: rereadTo.txid,
      again_position: rereadTo.position,
    };
  });
  const columns = {
    consumer: 'text',
    partition: 'integer',
    from_txid: 'bigint',
    from_position: 'bigint',
    txid: 'bigint',
    position: 'bigint',
    again_txid: 'bigint',
    again_position: 'bigint',
  } as const;
  // By compare-and-set, like the consumer's own moves: each row holds what its range was computed from.
  return updateRows('offsets', 'log.consumer_offsets', ['consumer', 'partition'], columns, rows, {
    expected: { txid: 'from_txid', position: 'from_position' },
    // What was read before the earlier place was read under an epoch that nobody has noted.
    set: ['updated_at = now()', 'epoch = null'],
  });
}

export interface ReplayEntry {
  readonly actor: string;
  readonly action: 'set back' | 'rebuild';
  readonly consumer: string;
  readonly detail: unknown;
}

const ACTIONS = { 'set back': 'consumer.rewound', rebuild: 'projection.rebuilt' } as const;

/** Who did what, and when. */
export function recordReplay({ actor, action, consumer, detail }: ReplayEntry): Write[] {
  const columns = { actor: 'text', action: 'text', consumer: 'text', detail: 'json' } as const;
  return [
    insertRows('audit', 'log.replay_audit', columns, [{ actor, action, consumer, detail }]),
    addAuditEntries([
      {
        actor,
        actorKind: 'person',
        action: ACTIONS[action],
        subject: consumer,
        after: detail as object,
        correlationId: 'olms replay',
      },
    ]),
  ];
}

/**
 * Sets a consumer back to where `from` says, however busy it is. Resolves with what it reads again, empty where it has
 * not read that far itself.
 */
export async function rewind(
  database: Database,
  log: ReplayLog,
  options: Pick<Rewind, 'consumer' | 'actor' | 'asked'> & { readonly from: Bound; readonly types: readonly string[] },
): Promise<{ readonly ranges: readonly Range[]; readonly withdrawn: readonly QueuedEvents[] }> {
  const { consumer, from, types } = options;
  // Where to go is looked up once; how far the consumer is by now, with every attempt.
  const starts = await log.positionsAt(from, await readOffsets(database, consumer));
  for (let attempt = 1; ; attempt++) {
    const queues = await parkedQueues(database, consumer);
    let stored = await readOffsets(database, consumer);
    let ranges = rangesBetween(starts, stored);
    const withdrawn = await queuesWithin(log, queues, ranges, types);
    if (queues.length > 0) {
      // Looking for them took its time.
      stored = await readOffsets(database, consumer);
      ranges = rangesBetween(starts, stored);
    }
    if (ranges.length === 0) return { ranges, withdrawn: [] };
    try {
      await tryRewind(database, { ...options, ranges, withdrawn }, stored);
      return { ranges, withdrawn };
    } catch (error) {
      if ((!(error instanceof ConflictError) && !isTransient(error)) || attempt >= ATTEMPTS_MAX) throw error;
      await sleep(Math.random() * ATTEMPT_WAIT_MS);
    }
  }
}
