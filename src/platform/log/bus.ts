import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import type { Health } from '#platform/runtime/health.ts';
import { insertRows, updateRows, type Write } from '#platform/database/statement.ts';

/** A place in a log. PostgreSQL: (transaction id, position). Kafka: (0, offset of the next message). */
export interface LogPosition {
  readonly txid: number;
  readonly position: number;
}

export const LOG_START: LogPosition = { txid: 0, position: 0 };

export function isSame(a: LogPosition, b: LogPosition): boolean {
  return a.txid === b.txid && a.position === b.position;
}

export function isAfter(a: LogPosition, b: LogPosition): boolean {
  return a.txid > b.txid || (a.txid === b.txid && a.position > b.position);
}

/** Where a consumer reads on. */
export interface StoredOffset extends LogPosition {
  /** It stood here before a replay set it back: up to this place it reads again what it has read. */
  readonly again?: LogPosition;
}

/** A consumer's progress on one partition, to be stored in the transaction of the effects. */
export interface OffsetMove {
  readonly partition: number;
  /** What `consumer_offsets` holds now. */
  readonly from: LogPosition;
  readonly to: LogPosition;
}

export interface Delivery {
  readonly events: readonly Envelope[];
  readonly moves: readonly OffsetMove[];
}

export interface Lag {
  /** Events between the consumer and the end of what can be read, as far as known. */
  readonly events: number;
  /** Age of the oldest event never read in milliseconds; 0 where nothing waits, or only what a replay reads again. */
  readonly ageMs: number;
}

/** One consumer's place in the log, whichever bus carries it. */
export interface Subscription {
  /** The next events without waiting, at most `max`, or undefined. Taken events are not given again before {@link reset}. */
  take(max: number): Delivery | undefined;
  /** The moves were committed. */
  saved(moves: readonly OffsetMove[]): void;
  /** Progress over events the consumer does not care about, worth storing at leisure; empty if none, or while a delivery is not saved. */
  idleMoves(): readonly OffsetMove[];
  /** Forget what was taken but not saved, and read again from the stored offsets. */
  reset(): Promise<void>;
  /** Whether somebody else moved the stored offsets, as a replay does; to be asked while no delivery is unsaved. */
  moved(): Promise<boolean>;
  lag(): Lag;
  close(): Promise<void>;
}

export interface SubscribeOptions {
  readonly consumer: string;
  readonly types: ReadonlySet<string>;
  /** Give the events with their data as JSON text: for a consumer that only hands them on. */
  readonly encoded?: boolean;
  /** The database that holds the consumer's offsets and effects. */
  readonly database: Database;
  /** Called when {@link Subscription.take} may have something. */
  readonly onReady: () => void;
  /**
   * Awaited before the events of partitions gained from another process are given: what that one parked must be
   * known by then. May be called again if it fails.
   */
  readonly onGained?: () => Promise<void>;
}

export interface Bus {
  /** Where the bus is a log in a database: that one. A cursor given to an observer is then a place to read on from. */
  readonly log?: Database;
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** These events are about to be committed by this process: the bus need not parse them again. */
  remember(events: readonly Envelope[]): void;
  /** The remembered events were not committed. */
  forget(events: readonly Envelope[]): void;
  /** Live events in log order for observers, from after `cursor` or from now; returns the way to stop. */
  observe(listener: (event: Envelope, cursor: LogPosition) => void): () => void;
  healthy(): Health;
  close(): Promise<void>;
}

const OFFSET_COLUMNS = {
  consumer: 'text',
  partition: 'integer',
  from_txid: 'bigint',
  from_position: 'bigint',
  txid: 'bigint',
  position: 'bigint',
} as const;

/**
 * Moves offsets by compare-and-set. A consumer that lost its partition meets another value and its whole
 * save, effects included, is refused. `startedOver`: on another log than before, of which nothing was ever read.
 */
export function moveOffsets(consumer: string, moves: readonly OffsetMove[], { startedOver = false } = {}): Write {
  const rows = moves.map((move) => ({
    consumer,
    partition: move.partition,
    from_txid: move.from.txid,
    from_position: move.from.position,
    txid: move.to.txid,
    position: move.to.position,
  }));
  return updateRows('offsets', 'log.consumer_offsets', ['consumer', 'partition'], OFFSET_COLUMNS, rows, {
    expected: { txid: 'from_txid', position: 'from_position' },
    set: ['updated_at = now()', ...(startedOver ? ['again_txid = null', 'again_position = null'] : [])],
  });
}

/** Stored offsets of a consumer by partition, created at `start` where missing. */
export async function loadOffsets(
  database: Database,
  consumer: string,
  partitions: readonly number[],
  start: (partition: number) => LogPosition = () => LOG_START,
): Promise<Map<number, StoredOffset>> {
  const rows = partitions.map((partition) => ({ consumer, partition, ...start(partition) }));
  await database.write([
    insertRows(
      'offsets',
      'log.consumer_offsets',
      { consumer: 'text', partition: 'integer', txid: 'bigint', position: 'bigint' },
      rows,
      { onConflict: 'do nothing' },
    ),
  ]);
  const stored = await readOffsets(database, consumer);
  return new Map([...stored].filter(([partition]) => partitions.includes(partition)));
}

/** Stored offsets of a consumer by partition, as they are. */
export async function readOffsets(
  database: Pick<Database, 'query'>,
  consumer: string,
): Promise<Map<number, StoredOffset>> {
  const rows = await database.query<{
    partition: number;
    txid: number;
    position: number;
    again_txid: number | null;
    again_position: number | null;
  }>(
    'select partition, txid, position, again_txid, again_position from log.consumer_offsets where consumer = $1 order by partition',
    [consumer],
  );
  return new Map(
    rows.map(({ partition, txid, position, again_txid, again_position }) => [
      partition,
      {
        txid,
        position,
        ...(again_txid !== null &&
          again_position !== null && { again: { txid: again_txid, position: again_position } }),
      },
    ]),
  );
}

/** A bus whose consumers read nothing: for maintenance, and for measuring the intake alone. Events are still written. */
export function pausedBus(bus: Bus): Bus {
  const subscription: Subscription = {
    take: () => undefined,
    saved: () => {},
    idleMoves: () => [],
    reset: async () => {},
    moved: async () => false,
    lag: () => ({ events: 0, ageMs: 0 }),
    close: async () => {},
  };
  return {
    ...(bus.log && { log: bus.log }),
    subscribe: async () => subscription,
    remember: (events) => bus.remember(events),
    forget: (events) => bus.forget(events),
    observe: (listener) => bus.observe(listener),
    healthy: () => bus.healthy(),
    close: () => bus.close(),
  };
}
