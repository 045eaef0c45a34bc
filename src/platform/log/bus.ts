import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import type { Health } from '#platform/runtime/health.ts';
import { insertRows, updateRows, type Write } from '#platform/database/statement.ts';

/**
 * A position in a log. PostgreSQL: (id of the writing transaction, number of the row) of the last event read. Kafka:
 * (0, offset of the next message), one log for each partition.
 */
export interface LogPosition {
  readonly txid: number;
  readonly position: number;
  /** Kafka: the leader's epoch under which the record before was written, where it is known. By it a cut log is noticed. */
  readonly epoch?: number;
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
  /** Where it stood before a rewind: up to this position it reads again what it has read. */
  readonly rereadTo?: LogPosition;
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
  /** Age of the oldest event never read in milliseconds; 0 where nothing waits, or only what is read once more after a rewind. */
  readonly ageMs: number;
}

/**
 * One consumer's way along the log, whichever bus carries it. Where several processes run the consumer, each partition
 * is read by one of them at a time. Events of one order come in the order of the log; one may come twice.
 */
export interface Subscription {
  /**
   * The next events of the asked types without waiting, at most `max`; undefined where there are none now. They are
   * not given a second time before {@link reset}. Several deliveries may be taken before the first one is saved.
   */
  take(max: number): Delivery | undefined;
  /** These moves, of a delivery or of {@link idleMoves}, were committed. */
  saved(moves: readonly OffsetMove[]): void;
  /** Progress over events the consumer does not care about, worth storing at leisure; empty if none, or while a delivery is not saved. */
  idleMoves(): readonly OffsetMove[];
  /** Forgets what was taken but not saved, and reads on from the stored offsets. Rejects where the database is away. */
  reset(): Promise<void>;
  /**
   * Whether somebody else moved the stored offsets, as a rewind does; to be asked while no delivery is unsaved.
   * Rejects where the database is away.
   */
  moved(): Promise<boolean>;
  lag(): Lag;
  /** Events not yet given by each partition that this process reads; only where the log has several. */
  lagByPartition?(): ReadonlyMap<number, number>;
  /** Stops reading and lets another process read; nothing is saved. */
  close(): Promise<void>;
}

export interface SubscribeOptions {
  /** Name under which offsets are stored; one process at a time reads for it, or for each of its partitions. */
  readonly consumer: string;
  /** Event types to be given; progress over others is an idle move. */
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

/** The port through which services read the log; written is the outbox, in the statement of the change it reports. */
export interface Bus {
  /** Where the bus is a log in a database: that one. A position given to an observer is then one to read on from. */
  readonly log?: Database;
  /** Begins to read where the consumer's stored offsets say, or at the start of the log. */
  subscribe(options: SubscribeOptions): Promise<Subscription>;
  /** These events are about to be committed by this process: the bus need not parse them again. */
  remember(events: readonly Envelope[]): void;
  /** The remembered events were not committed. */
  forget(events: readonly Envelope[]): void;
  /** Live events for observers, from now on, in the order of the log for each order; returns the way to stop. Nothing is stored. */
  observe(listener: (event: Envelope, cursor: LogPosition) => void): () => void;
  /**
   * Where the bus is a log in a database: resolves with the log's end when all that was committed before the call can
   * be taken. An open transaction of anybody on the same server hides what was committed after it began, and no lag
   * shows that.
   */
  caughtUp?(): Promise<LogPosition>;
  healthy(): Health;
  /** Stops reading; subscriptions are closed by their owners first. */
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
const EPOCH_COLUMN = { epoch: 'integer' } as const;

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
    epoch: move.to.epoch ?? null,
  }));
  // The log in PostgreSQL has no epochs, and its statements none of their column.
  const hasEpochs = startedOver || moves.some(({ to }) => to.epoch !== undefined);
  const columns = hasEpochs ? { ...OFFSET_COLUMNS, ...EPOCH_COLUMN } : OFFSET_COLUMNS;
  return updateRows('offsets', 'log.consumer_offsets', ['consumer', 'partition'], columns, rows, {
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
    epoch: number | null;
    again_txid: number | null;
    again_position: number | null;
  }>(
    'select partition, txid, position, epoch, again_txid, again_position from log.consumer_offsets where consumer = $1 order by partition',
    [consumer],
  );
  return new Map(
    rows.map(({ partition, txid, position, epoch, again_txid, again_position }) => [
      partition,
      {
        txid,
        position,
        ...(epoch !== null && { epoch }),
        ...(again_txid !== null &&
          again_position !== null && { rereadTo: { txid: again_txid, position: again_position } }),
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
