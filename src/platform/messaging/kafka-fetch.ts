import {
  type Broker,
  ConnectionPool,
  createAPI,
  type FetchIsolationLevels,
  fetchV13,
  protocolErrorsCodesById,
  type Reader,
} from '@platformatic/kafka';
import { clientOptions, type KafkaConfig } from './kafka-config.ts';
import { readBatches, type RecordBatch } from './kafka-records.ts';

/** Asks one broker for the records of partitions: the fetch request in version 13 (Kafka 3.1 and newer), without a session. */

export interface FetchRequest {
  readonly topicId: string;
  readonly partitions: readonly { readonly number: number; readonly offset: number; readonly bytesMax: number }[];
  /** How long the broker holds a question that has no answer. */
  readonly waitMs: number;
  readonly bytesMax: number;
}

export interface FetchedPartition {
  readonly number: number;
  /** The name of what went wrong; undefined where nothing did. */
  readonly error: string | undefined;
  readonly end: number;
  readonly batches: readonly RecordBatch[];
}

/** What a broker answered instead of records; `apiId` is Kafka's name for it, as in the client's own errors. */
export class FetchError extends Error {
  readonly apiId: string;
  constructor(apiId: string) {
    super(`The broker gives no records: ${apiId}`);
    this.apiId = apiId;
  }
}

const FETCH = 1;
const VERSION = 13;
const READ_COMMITTED: (typeof FetchIsolationLevels)['READ_COMMITTED'] = 1;
const NO_SESSION = { id: 0, epoch: -1 };
const UNKNOWN_EPOCH = -1;

const ask = createAPI<fetchV13.FetchRequest, FetchedPartition[]>(
  FETCH,
  VERSION,
  fetchV13.createRequest,
  (_correlationId, _apiKey, _apiVersion, reader) => readAnswer(reader),
);

export class KafkaFetcher {
  readonly #connections: ConnectionPool;

  constructor(config: KafkaConfig) {
    const { clientId, ...options } = clientOptions(config);
    this.#connections = new ConnectionPool(clientId, options);
  }

  async fetch(broker: Broker, { topicId, partitions, waitMs, bytesMax }: FetchRequest): Promise<FetchedPartition[]> {
    const connection = await this.#connections.get(broker);
    const asked = partitions.map(({ number, offset, bytesMax: partitionMaxBytes }) => ({
      partition: number,
      currentLeaderEpoch: UNKNOWN_EPOCH,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch: UNKNOWN_EPOCH,
      partitionMaxBytes,
    }));
    const topics = [{ topicId, partitions: asked }];
    const { id, epoch } = NO_SESSION;
    return ask.async(connection, waitMs, 1, bytesMax, READ_COMMITTED, id, epoch, topics, [], '');
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}

/*
 * throttle_time_ms INT32, error_code INT16, session_id INT32, then topics, each with partitions, each with its records;
 * arrays and bytes are of the compact kind, and everything ends with tagged fields.
 */
function readAnswer(reader: Reader): FetchedPartition[] {
  reader.readInt32();
  const error = errorOf(reader.readInt16());
  if (error !== undefined) throw new FetchError(error);
  reader.readInt32();
  const topics = reader.readArray((topic) => {
    topic.readUUID();
    return topic.readArray(readPartition);
  });
  return topics.flat();
}

function readPartition(reader: Reader): FetchedPartition {
  const number = reader.readInt32();
  const error = errorOf(reader.readInt16());
  const end = Number(reader.readInt64());
  reader.readInt64(); // last stable offset
  reader.readInt64(); // log start offset
  const aborted = reader.readNullableArray((entry) => ({
    producerId: entry.readInt64(),
    firstOffset: Number(entry.readInt64()),
  }));
  reader.readInt32(); // preferred read replica
  const size = reader.readUnsignedVarInt() - 1;
  const begin = reader.position;
  if (size > 0) reader.skip(size);
  const batches = size > 0 ? readBatches(reader.buffer.slice(begin, begin + size)) : [];
  return { number, error, end, batches: aborted ? withoutAborted(batches, aborted) : batches };
}

function errorOf(code: number): string | undefined {
  return code === 0 ? undefined : (protocolErrorsCodesById[code] ?? `Kafka error ${code}`);
}

/** Empties the batches of transactions that were aborted; their places in the log remain. */
function withoutAborted(
  batches: readonly RecordBatch[],
  aborted: readonly { readonly producerId: bigint; readonly firstOffset: number }[],
): RecordBatch[] {
  const open = new Map<bigint, number[]>();
  for (const { producerId, firstOffset } of aborted)
    open.set(
      producerId,
      [...(open.get(producerId) ?? []), firstOffset].sort((a, b) => a - b),
    );
  return batches.map((batch) => {
    const [begin] = open.get(batch.producerId) ?? [];
    if (begin === undefined || batch.firstOffset < begin || !batch.transactional) return batch;
    if (batch.control === 'abort') open.get(batch.producerId)!.shift();
    return batch.control === undefined ? { ...batch, records: [] } : batch;
  });
}
