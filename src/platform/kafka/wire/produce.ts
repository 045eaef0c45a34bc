import { setTimeout as sleep } from 'node:timers/promises';
import {
  type Broker,
  type ClusterMetadata,
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
import type { AppendPort } from '#platform/kafka/ports.ts';
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
  /** Resolves when the append before has ended, however it did. */
  #before: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(config: KafkaConfig) {
    const options = clientOptions(config);
    const { clientId, ...connectionOptions } = options;
    this.#topic = config.topic;
    this.#requestTimeoutMs = options.requestTimeout!;
    this.#client = new Producer({ ...options, retries: ATTEMPTS_MAX - 1, retryDelay: RETRY_MS });
    this.#connections = new ConnectionPool(clientId, connectionOptions);
  }

  encode(event: EncodedEvent): Buffer {
    return toContent(event);
  }

  async topicId(): Promise<string | undefined> {
    return (await this.#metadata()).topics.get(this.#topic)?.id;
  }

  /** What the brokers know of the topic; they are asked once in a while. */
  #metadata(): Promise<ClusterMetadata> {
    return this.#client.metadata({ topics: [this.#topic] });
  }

  /** See the port; a {@link BrokerError} where a broker refused a batch. */
  append(batches: Batches): Promise<void> {
    // One after the other: the next numbers depend on what became of this batch, and one sent under numbers that were
    // used already is taken for a repetition of the other, and dropped.
    const work = this.#before.then(() => this.#append(batches));
    this.#before = work.catch(() => {});
    return work;
  }

  async #append(batches: Batches): Promise<void> {
    const identity = (this.#identity ??= await this.#newIdentity());
    const timestampMs = Date.now();
    let open = [...batches].map(([partition, contents]): Encoded => {
      const sequence = identity.sequences.get(partition) ?? 0;
      return { partition, batch: encodeBatch(contents, { ...identity, sequence, timestampMs }) };
    });
    try {
      for (let attempt = 1; ; attempt++) {
        const failures = await this.#send(open);
        const worst = failures.find(({ error }) => !canRetry(error)) ?? failures[0];
        if (!worst) break;
        if (attempt === ATTEMPTS_MAX || this.#closed || !canRetry(worst.error)) throw worst.error;
        open = failures.map(({ encoded }) => encoded);
        this.#client.clearMetadata();
        await sleep(RETRY_MS);
      }
    } catch (error) {
      // What is stored is not known, so neither are the next numbers: a new identity begins with new ones.
      this.#identity = undefined;
      throw error;
    }
    for (const [partition, { length }] of batches) {
      const next = (identity.sequences.get(partition) ?? 0) + length;
      identity.sequences.set(partition, next > SEQUENCE_MAX ? next - SEQUENCE_MAX - 1 : next);
    }
  }

  async #newIdentity(): Promise<Identity> {
    const { producerId, producerEpoch } = await this.#client.initIdempotentProducer({});
    return { producerId, producerEpoch, sequences: new Map() };
  }

  /** Sends each batch to the leader of its partition once; what was not stored comes back with the reason. */
  async #send(batches: readonly Encoded[]): Promise<{ encoded: Encoded; error: unknown }[]> {
    const metadata = await this.#metadata();
    const partitions = metadata.topics.get(this.#topic)?.partitions;
    const leaderOf = ({ partition }: Encoded): number => partitions?.[partition]?.leader ?? -1;
    const byLeader = Map.groupBy(batches, leaderOf);
    const failures = await Promise.all(
      [...byLeader].map(async ([leader, sent]) => {
        const broker = metadata.brokers.get(leader);
        if (!broker) return failed(sent, new BrokerError('LEADER_NOT_AVAILABLE', 'No broker leads the partition'));
        try {
          return notStored(sent, await this.#ask(broker, sent));
        } catch (error) {
          return failed(sent, error);
        }
      }),
    );
    return failures.flat();
  }

  async #ask(broker: Broker, batches: readonly Encoded[]): Promise<PartitionAnswer[]> {
    const connection = await this.#connections.get(broker);
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

/** A batch that the answer does not mention is not stored either. */
function notStored(
  sent: readonly Encoded[],
  answers: readonly PartitionAnswer[],
): { encoded: Encoded; error: unknown }[] {
  const answered = new Map(answers.map((answer) => [answer.partition, answer]));
  return sent.flatMap((encoded) => {
    const answer = answered.get(encoded.partition);
    if (answer && (answer.error === undefined || answer.error === STORED)) return [];
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
  reader.readInt64(); // base offset
  reader.readInt64(); // log append time
  reader.readInt64(); // log start offset
  reader.readArray((inner) => {
    inner.readInt32();
    inner.readNullableString();
  });
  return { partition, error: errorName(code), message: reader.readNullableString() };
}
