import type { Broker } from '@platformatic/kafka';
import type { Envelope } from '#contracts/envelope.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';

/**
 * What the bus needs of a Kafka client: one port that appends records, one that reads them. There are two adapters of
 * each, `wire/` and `client/`, and transport.ts chooses by KAFKA_TRANSPORT. Groups, topics and offsets at the broker
 * are the client's own business with either of them.
 */

/** Key, value and headers of one record, as the adapter that encoded it wants to have them back. */
export interface RecordContent {
  /** Bytes it takes in a batch without the head of the record, never less than it really does. */
  readonly length: number;
}

/** What a record takes in a batch beside its content, at most: length, attributes, time and offset. */
export const RECORD_HEAD_BYTES_MAX = 12;

/** What is appended to each partition, in order. */
export type Batches = ReadonlyMap<number, readonly RecordContent[]>;

/** What became of the batch of one partition: the offset of its first record, where the broker says it, or why it is not known to be stored. */
export type Appended = { readonly offset: number | undefined } | { readonly error: unknown };

/**
 * Asks whether the log is what it was; answers the partitions of which nobody could say. What it throws ends the append
 * before anything (more) is sent.
 */
export type Verify = () => Promise<ReadonlySet<number>>;
/** For who does not care. */
export const unverified: Verify = async () => new Set();

/** Appends records to the topic of the settings, each batch once: with `acks=all` and an idempotent producer (KIP-98). */
export interface AppendPort {
  encode(event: EncodedEvent): RecordContent;
  /**
   * Resolves with what became of each batch: all in-sync replicas have it, or an error that has Kafka's name of it as
   * `apiId` or that of one of its causes. Calls are carried out one after the other; brokers that are away or change are
   * asked a few times. Throws where nobody could be asked. `verify` is called before records go out over a connection
   * that is new, and after every failure: a log that was cut meanwhile must not be appended to as if it were whole.
   */
  append(batches: Batches, verify?: Verify): Promise<ReadonlyMap<number, Appended>>;
  close(): Promise<void>;
}

export interface FetchRequest {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly number: number;
    readonly offset: number;
    /** The leader's epoch under which the record before that offset was written, {@link UNKNOWN_EPOCH} where nobody knows. */
    readonly epoch: number;
    readonly bytesMax: number;
  }[];
  /** How long the broker holds a request to which it has no records. */
  readonly waitMs: number;
  readonly bytesMax: number;
}

/** A record that was read; the port that read it knows what is in it. */
export interface FetchedRecord {
  readonly offset: number;
  /** Bytes of its content. */
  readonly length: number;
}

export interface RecordBatch<Record extends FetchedRecord = FetchedRecord> {
  readonly firstOffset: number;
  /** Offset after the last record, also where that one was removed. */
  readonly nextOffset: number;
  /** Under which leader it was written: each new leader of a partition counts one up. */
  readonly epoch: number;
  readonly producerId: bigint;
  /** Written in a transaction, which may have been aborted. */
  readonly transactional: boolean;
  /** Marks a transaction's end instead of holding records; undefined for all others. */
  readonly control: 'abort' | 'commit' | undefined;
  /** How many records are in it, wanted or not. */
  readonly count: number;
  /** Those that are wanted, with memory of their own. */
  readonly records: readonly Record[];
}

export interface FetchedPartition {
  readonly number: number;
  /** Kafka's name of what went wrong; undefined where nothing did. */
  readonly error: string | undefined;
  /** The high watermark: the offset after the last record that all in-sync replicas have. */
  readonly end: number;
  readonly batches: readonly RecordBatch[];
  /** Why the batch after these is not what was written and must not be read; undefined where all is well. */
  readonly damage: string | undefined;
  /** Where the log departs from the one that was read before, because it was cut (KIP-320); undefined where it does not. */
  readonly divergence: Divergence | undefined;
}

export interface Divergence {
  /** The last epoch that both have in common, and the offset at which it ends now. */
  readonly epoch: number;
  readonly end: number;
}

/** Reads partitions from given offsets; it keeps no offset itself. Seeking, buffering and pausing are done by reader.ts. */
export interface ReadPort {
  /**
   * Asks one broker for the records of partitions it leads. Throws where it does not answer, a {@link BrokerError} of
   * errors.ts where it refuses the request as a whole. Records of aborted transactions are left out.
   */
  fetch(broker: Broker, request: FetchRequest): Promise<FetchedPartition[]>;
  /** When the event of a record was recorded, in ms since 1970: its own time may lie long before. */
  timeOf(record: FetchedRecord): number | undefined;
  /** The event in a record, its data as `read` makes it of the JSON text; or why the record is none. */
  toEvent<Data>(record: FetchedRecord, read: (json: string) => Data): Envelope<Data> | string;
  close(): Promise<void>;
}

export const UNKNOWN_EPOCH = -1;
export const NO_RECORDS = 'The broker gives no records';
