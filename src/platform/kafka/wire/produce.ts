import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Broker,
  type ClusterMetadata,
  type Connection,
  ConnectionPool,
  createAPI,
  Producer,
  protocolErrors,
  type Reader,
  Writer,
} from '@platformatic/kafka';
import { clientOptions } from '#platform/kafka/client-options.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import { BrokerError, errorName } from '#platform/kafka/errors.ts';
import { type Appended, type AppendPort, unverified, type Verify } from '#platform/kafka/ports.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import { toContent } from './message.ts';
import { encodeBatch } from './encode.ts';

/**
 * Appends records to partitions, each batch once: the produce request in version 9 (Kafka 2.4 and newer) with
 * `acks=all` and an idempotent producer (KIP-98). The broker knows a batch by the producer's id and the number of its
 * first record, so one that is sent again is stored once. The client's own producer does the same, at six times the
 * processor time: it makes 60 buffers of each record.
 */

/** The contents of records, in order, by partition. */
type Batches = ReadonlyMap<number, readonly Buffer[]>;

const PRODUCE = 0;
const VERSION = 9;
const ALL_REPLICAS = -1;
const ATTEMPTS_MAX = 5;
const RETRY_MS = 250;
const SEQUENCE_MAX = 0x7fffffff;
/** The broker has this batch already: an answer was lost. */
const STORED = 'DUPLICATE_SEQUENCE_NUMBER';

interface Identity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** The number of the next record, by partition. */
  readonly sequences: Map<number, number>;
}

interface Encoded {
  readonly partition: number;
  readonly batch: Buffer;
}

interface PartitionAnswer {
  readonly partition: number;
  /** Of its first record; negative where the broker does not say. */
  readonly offset: number;
  /** The name of what went wrong; undefined where nothing did. */
  readonly error: string | undefined;
  readonly message: string | null;
}

const ask = createAPI<[topic: string, timeoutMs: number, batches: readonly Encoded[]], PartitionAnswer[]>(
  PRODUCE,
  VERSION,
  (topic: string, timeoutMs: number, batches: readonly Encoded[]) =>
    Writer.create()
      .appendString(null) // transactional id
      .appendInt16(ALL_REPLICAS)
      .appendInt32(timeoutMs)
      .appendArray([topic], (writer, name) =>
        writer.appendString(name).appendArray([...batches], (inner, { partition, batch }) =>
          inner
            .appendInt32(partition)
            .appendUnsignedVarInt(batch.length + 1)
            .append(batch),
        ),
      )
      .appendTaggedFields(),
  (_correlationId, _apiKey, _apiVersion, reader) => readAnswer(reader),
);

export class WireAppender implements AppendPort {
  readonly #topic: string;
  readonly #requestTimeoutMs: number;
  /** For what is to be known of the topic, and for the identity. */
  readonly #client: Producer;
  readonly #connections: ConnectionPool;
  #identity: Identity | undefined;
  /** Connections over which nothing went wrong since the log was found whole. */
  #verified = new WeakSet<Connection>();
  /** Resolves when the append before has ended, however it did. */
  #before: Promise<unknown> = Promise.resolve();
  #closed = false;

  readonly #publicUrl: string;

  constructor(config: KafkaConfig) {
    const options = clientOptions(config);
    const { clientId, ...connectionOptions } = options;
    this.#topic = config.topic;
    this.#publicUrl = config.publicUrl ?? '';
    this.#requestTimeoutMs = options.requestTimeout!;
    this.#client = new Producer({ ...options, retries: ATTEMPTS_MAX - 1, retryDelay: RETRY_MS });
    this.#connections = new ConnectionPool(clientId, connectionOptions);
  }

  encode(event: EncodedEvent): Buffer {
    return toContent(event, this.#publicUrl);
  }

  /** What the brokers know of the topic; they are asked once in a while. */
  #metadata(): Promise<ClusterMetadata> {
    return this.#client.metadata({ topics: [this.#topic] });
  }

  /** See the port; a {@link BrokerError} where a broker refused a batch. */
  append(batches: Batches, verify: Verify = unverified): Promise<ReadonlyMap<number, Appended>> {
    // One after the other: the next numbers depend on what became of this batch, and one sent under numbers that were
    // used already is taken for a repetition of the other, and dropped.
    const work = this.#before.then(() => this.#append(batches, verify));
    this.#before = work.catch(() => {});
    return work;
  }

  async #append(batches: Batches, verify: Verify): Promise<ReadonlyMap<number, Appended>> {
    const appended = new Map<number, Appended>();
    const identity = (this.#identity ??= await this.#newIdentity());
    const timestampMs = Date.now();
    let open = [...batches].map(([partition, contents]): Encoded => {
      const sequence = identity.sequences.get(partition) ?? 0;
      return { partition, batch: encodeBatch(contents, { ...identity, sequence, timestampMs }) };
    });
    try {
      for (let attempt = 1; open.length > 0; attempt++) {
        const failures = await this.#send(open, appended, verify);
        if (failures.length === 0) break;
        // Whatever else it means: the next records go out only where the log is known to be whole.
        this.#verified = new WeakSet();
        for (const { encoded, error } of failures) appended.set(encoded.partition, { error });
        const isLast = attempt === ATTEMPTS_MAX || this.#closed;
        open = isLast ? [] : failures.filter(({ error }) => canRetry(error)).map(({ encoded }) => encoded);
        this.#client.clearMetadata();
        if (open.length > 0) await sleep(RETRY_MS);
      }
    } catch (error) {
      this.#identity = undefined;
      throw error;
    }
    // Of what failed it is not known whether it is stored, so neither are the next numbers: a new identity begins with new ones.
    if ([...appended.values()].some((outcome) => 'error' in outcome)) this.#identity = undefined;
    for (const [partition, { length }] of batches) {
      const next = (identity.sequences.get(partition) ?? 0) + length;
      identity.sequences.set(partition, next > SEQUENCE_MAX ? next - SEQUENCE_MAX - 1 : next);
    }
    return appended;
  }

  async #newIdentity(): Promise<Identity> {
    const { producerId, producerEpoch } = await this.#client.initIdempotentProducer({});
    return { producerId, producerEpoch, sequences: new Map() };
  }

  /** Sends each batch to the leader of its partition once; what was not stored comes back with the reason. */
  async #send(
    batches: readonly Encoded[],
    appended: Map<number, Appended>,
    verify: Verify,
  ): Promise<{ encoded: Encoded; error: unknown }[]> {
    const metadata = await this.#metadata();
    const partitions = metadata.topics.get(this.#topic)?.partitions;
    const leaderOf = ({ partition }: Encoded): number => partitions?.[partition]?.leader ?? -1;
    const byLeader = [...Map.groupBy(batches, leaderOf)];
    const connections = new Map(
      await Promise.all(
        byLeader.map(async ([leader]) => [leader, await this.#connect(metadata.brokers.get(leader))] as const),
      ),
    );
    const reached = [...connections.values()].filter(
      (connection): connection is Connection => !(connection instanceof Error),
    );
    const doubtful = reached.some((connection) => !this.#verified.has(connection)) ? await verify() : new Set<number>();
    const failures = await Promise.all(
      byLeader.map(async ([leader, sent]) => {
        const connection = connections.get(leader)!;
        if (connection instanceof Error) return failed(sent, connection);
        if (sent.some(({ partition }) => doubtful.has(partition)))
          return failed(sent, new BrokerError('LEADER_NOT_AVAILABLE', 'The leader does not say what it has'));
        this.#verified.add(connection);
        try {
          return notStored(sent, await this.#ask(connection, sent), appended);
        } catch (error) {
          return failed(sent, error);
        }
      }),
    );
    return failures.flat();
  }

  async #connect(broker: Broker | undefined): Promise<Connection | Error> {
    if (!broker) return new BrokerError('LEADER_NOT_AVAILABLE', 'No broker leads the partition');
    return this.#connections.get(broker).catch((error: unknown) => error as Error);
  }

  #ask(connection: Connection, batches: readonly Encoded[]): Promise<PartitionAnswer[]> {
    return ask.async(connection, this.#topic, this.#requestTimeoutMs, batches);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([this.#client.close(true), this.#connections.close()]);
  }
}

function failed(batches: readonly Encoded[], error: unknown): { encoded: Encoded; error: unknown }[] {
  return batches.map((encoded) => ({ encoded, error }));
}

/** Notes what is stored; a batch that the answer does not mention is not stored either. */
function notStored(
  sent: readonly Encoded[],
  answers: readonly PartitionAnswer[],
  appended: Map<number, Appended>,
): { encoded: Encoded; error: unknown }[] {
  const answered = new Map(answers.map((answer) => [answer.partition, answer]));
  return sent.flatMap((encoded) => {
    const answer = answered.get(encoded.partition);
    if (answer && (answer.error === undefined || answer.error === STORED)) {
      appended.set(encoded.partition, { offset: answer.offset < 0 ? undefined : answer.offset });
      return [];
    }
    const what = answer?.message ?? 'The broker takes no records';
    return failed([encoded], new BrokerError(answer?.error ?? 'UNKNOWN_SERVER_ERROR', what));
  });
}

/** Waiting may cure it: a broker is away, or another one leads. */
function canRetry(error: unknown): boolean {
  return !(error instanceof BrokerError) || (protocolErrors[error.apiId]?.canRetry ?? false);
}

/*
 * Topics, each with its name and partitions: index INT32, error_code INT16, base_offset INT64, log_append_time_ms
 * INT64, log_start_offset INT64, record_errors (batch_index INT32, message), error_message. Arrays and texts are of the
 * compact kind, and everything ends with tagged fields.
 */
function readAnswer(reader: Reader): PartitionAnswer[] {
  const topics = reader.readArray((topic) => {
    topic.readString();
    return topic.readArray(readPartition);
  });
  return topics.flat();
}

function readPartition(reader: Reader): PartitionAnswer {
  const partition = reader.readInt32();
  const code = reader.readInt16();
  const offset = Number(reader.readInt64());
  reader.readInt64(); // log append time
  reader.readInt64(); // log start offset
  reader.readArray((inner) => {
    inner.readInt32();
    inner.readNullableString();
  });
  return { partition, offset, error: errorName(code), message: reader.readNullableString() };
}
