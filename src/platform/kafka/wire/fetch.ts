import {
  type Broker,
  ConnectionPool,
  createAPI,
  type API,
  type FetchIsolationLevels,
  fetchV13,
  Reader,
  readKnownTaggedFields,
} from '@platformatic/kafka';
import type { Envelope } from '#contracts/envelope.ts';
import { clientOptions } from '#platform/kafka/client-options.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import { BrokerError, errorName } from '#platform/kafka/errors.ts';
import {
  type Divergence,
  type FetchedPartition,
  type FetchRequest,
  NO_RECORDS,
  type ReadPort,
  UNKNOWN_EPOCH,
} from '#platform/kafka/ports.ts';
import { withoutAborted } from '#platform/kafka/transactions.ts';
import { fromRecord, timeOf, typeOf } from './message.ts';
import { readBatches, type WireRecord } from './records.ts';

/** The fetch request in version 13 (Kafka 3.1 and newer), without a session; records are read where they lie in the answer. */

const FETCH = 1;
const VERSION = 13;
const READ_COMMITTED: (typeof FetchIsolationLevels)['READ_COMMITTED'] = 1;
const NO_SESSION = { id: 0, epoch: -1 };
const NOTHING = Buffer.alloc(0);

export class WireFetcher implements ReadPort {
  readonly #connections: ConnectionPool;
  readonly #ask: API<fetchV13.FetchRequest, FetchedPartition[]>;
  /** For answers that arrived in pieces, one after the other: buffers of that size, made for each, would have the collector at work all the time. */
  #memory = Buffer.alloc(0);

  /** Records of other types than `types` are counted and dropped; undefined: every type is wanted. */
  constructor(config: KafkaConfig, types: ReadonlySet<string> | undefined) {
    const wanted = (record: WireRecord): boolean => {
      const type = typeOf(record);
      return type !== undefined && (types === undefined || types.has(type));
    };
    const { clientId, ...options } = clientOptions(config);
    this.#connections = new ConnectionPool(clientId, options);
    this.#ask = createAPI(FETCH, VERSION, fetchV13.createRequest, (_correlationId, _apiKey, _apiVersion, reader) =>
      readAnswer(this.#inOnePiece(reader), wanted),
    );
  }

  async fetch(broker: Broker, { topicId, partitions, waitMs, bytesMax }: FetchRequest): Promise<FetchedPartition[]> {
    const connection = await this.#connections.get(broker);
    const asked = partitions.map(({ number, offset, epoch: lastFetchedEpoch, bytesMax: partitionMaxBytes }) => ({
      partition: number,
      currentLeaderEpoch: UNKNOWN_EPOCH,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch,
      partitionMaxBytes,
    }));
    const topics = [{ topicId, partitions: asked }];
    const { id, epoch } = NO_SESSION;
    return this.#ask.async(connection, waitMs, 1, bytesMax, READ_COMMITTED, id, epoch, topics, [], '');
  }

  timeOf(record: WireRecord): number | undefined {
    return timeOf(record);
  }

  toEvent<Data>(record: WireRecord, read: (json: string) => Data): Envelope<Data> | string {
    return fromRecord(record, read);
  }

  #inOnePiece({ buffer: { buffers, length }, position }: Reader): Reader {
    let [bytes] = buffers;
    if (buffers.length > 1) {
      if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(length + (length >>> 2));
      let at = 0;
      for (const piece of buffers) {
        this.#memory.set(piece, at);
        at += piece.length;
      }
      bytes = this.#memory.subarray(0, length);
    }
    return Reader.from(bytes!).skip(position);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}

/*
 * throttle_time_ms INT32, error_code INT16, session_id INT32, then topics, each with partitions, each with its records;
 * arrays and bytes are of the compact kind, and everything ends with tagged fields.
 */
function readAnswer(reader: Reader, wanted: (record: WireRecord) => boolean): FetchedPartition[] {
  reader.readInt32();
  const error = errorName(reader.readInt16());
  if (error !== undefined) throw new BrokerError(error, NO_RECORDS);
  reader.readInt32();
  const topics = reader.readArray((topic) => {
    topic.readUUID();
    // The tagged fields of each partition say where the log was cut, so they are not skipped by the array.
    return topic.readArray((partition) => readPartition(partition, wanted), true, false);
  });
  return topics.flat();
}

function readPartition(reader: Reader, wanted: (record: WireRecord) => boolean): FetchedPartition {
  const number = reader.readInt32();
  const error = errorName(reader.readInt16());
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
  const bytes = size > 0 ? reader.buffer.slice(begin, begin + size) : NOTHING;
  const { batches, damage } = readBatches(bytes, wanted);
  const divergence = readDivergence(reader);
  return { number, error, end, batches: withoutAborted(batches, aborted), damage, divergence };
}

/** The end of the last epoch that the broker's log and ours have in common, where it has another one than ours. */
function readDivergence(reader: Reader): Divergence | undefined {
  let divergence: Divergence | undefined;
  readKnownTaggedFields(reader, {
    0: (field) => {
      const epoch = field.readInt32();
      const end = Number(field.readInt64());
      if (end >= 0) divergence = { epoch, end };
    },
  });
  return divergence;
}
