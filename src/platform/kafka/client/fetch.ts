import { recordedMs } from '#contracts/ids.ts';
import {
  type Broker,
  ConnectionPool,
  type FetchIsolationLevels,
  fetchV13,
  IS_CONTROL,
  IS_TRANSACTIONAL,
  type RecordsBatch,
  ResponseError,
} from '@platformatic/kafka';
import type { Envelope } from '#contracts/envelope.ts';
import { BrokerError, errorName } from '#platform/kafka/errors.ts';
import {
  type Divergence,
  type FetchedPartition,
  type FetchRequest,
  NO_RECORDS,
  type ReadPort,
  type RecordBatch,
  UNKNOWN_EPOCH,
} from '#platform/kafka/ports.ts';
import { clientOptions } from '#platform/kafka/client-options.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import { withoutAborted } from '#platform/kafka/transactions.ts';
import { type ClientRecord, fromRecord } from './message.ts';

/**
 * Reads by the client's own fetch request and record reader. Not by its stream: that takes its partitions from the
 * group and its offsets from the brokers, cannot leave out a partition whose buffer is full, and ends with the first
 * error. Nor by its `Consumer.fetch`, which forgets all but one of a producer's aborted transactions. The record
 * reader checks neither magic nor checksum: with this adapter only TCP and TLS guard against a flipped byte.
 */

const READ_COMMITTED: (typeof FetchIsolationLevels)['READ_COMMITTED'] = 1;
const NO_SESSION = { id: 0, epoch: -1 };
/** The key of a control record holds a version and a type, of which 0 is an abort. */
const CONTROL_TYPE_AT = 2;

export class ClientFetcher implements ReadPort {
  readonly #connections: ConnectionPool;
  readonly #types: ReadonlySet<string> | undefined;

  constructor(config: KafkaConfig, types: ReadonlySet<string> | undefined) {
    const { clientId, ...options } = clientOptions(config);
    this.#connections = new ConnectionPool(clientId, options);
    this.#types = types;
  }

  async fetch(broker: Broker, request: FetchRequest): Promise<FetchedPartition[]> {
    const { errorCode, responses } = await this.#ask(broker, request);
    const error = errorName(errorCode);
    if (error !== undefined) throw new BrokerError(error, NO_RECORDS);
    return responses.flatMap(({ partitions }) => partitions.map((partition) => this.#partition(partition)));
  }

  async #ask(broker: Broker, { topicId, partitions, waitMs, bytesMax }: FetchRequest): Promise<fetchV13.FetchResponse> {
    const connection = await this.#connections.get(broker);
    const wanted = partitions.map(({ number, offset, epoch: lastFetchedEpoch, bytesMax: partitionMaxBytes }) => ({
      partition: number,
      currentLeaderEpoch: UNKNOWN_EPOCH,
      fetchOffset: BigInt(offset),
      lastFetchedEpoch,
      partitionMaxBytes,
    }));
    const topics = [{ topicId, partitions: wanted }];
    const { id, epoch } = NO_SESSION;
    try {
      return await fetchV13.api.async(connection, waitMs, 1, bytesMax, READ_COMMITTED, id, epoch, topics, [], '');
    } catch (error) {
      // The client throws where one partition of many has an error; the others' records are in it.
      if (error instanceof ResponseError) return error.response as fetchV13.FetchResponse;
      throw error;
    }
  }

  #partition(partition: fetchV13.FetchResponsePartition): FetchedPartition {
    const aborted = (partition.abortedTransactions ?? []).map(({ producerId, firstOffset }) => ({
      producerId,
      firstOffset: Number(firstOffset),
    }));
    const batches = (partition.records ?? []).map((batch) => this.#batch(batch));
    return {
      number: partition.partitionIndex,
      error: errorName(partition.errorCode),
      end: Number(partition.highWatermark),
      batches: withoutAborted(batches, aborted),
      damage: undefined,
      divergence: divergenceOf(partition),
    };
  }

  #batch(batch: RecordsBatch): RecordBatch<ClientRecord> {
    const firstOffset = Number(batch.firstOffset);
    const isControl = (batch.attributes & IS_CONTROL) !== 0;
    const isAbort = isControl && batch.records[0]?.key?.readInt16BE(CONTROL_TYPE_AT) === 0;
    return {
      firstOffset,
      nextOffset: firstOffset + batch.lastOffsetDelta + 1,
      epoch: batch.partitionLeaderEpoch,
      producerId: batch.producerId,
      transactional: (batch.attributes & IS_TRANSACTIONAL) !== 0,
      control: isControl ? (isAbort ? 'abort' : 'commit') : undefined,
      count: batch.records.length,
      records: isControl ? [] : this.#wanted(batch, firstOffset),
    };
  }

  #wanted(batch: RecordsBatch, firstOffset: number): ClientRecord[] {
    const records: ClientRecord[] = [];
    for (const { length, key, value, headers: pairs, offsetDelta } of batch.records) {
      const headers = new Map(pairs.map(([name, text]) => [textOf(name), textOf(text)]));
      const type = headers.get('ce_type');
      if (type === undefined || (this.#types && !this.#types.has(type))) continue;
      records.push({ offset: firstOffset + offsetDelta, length, key: textOf(key), value: textOf(value), headers });
    }
    return records;
  }

  timeOf(record: ClientRecord): number | undefined {
    return recordedMs(record.headers.get('ce_id'));
  }

  toEvent<Data>(record: ClientRecord, read: (json: string) => Data): Envelope<Data> | string {
    return fromRecord(record, read);
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }
}

function divergenceOf({ divergingEpoch }: fetchV13.FetchResponsePartition): Divergence | undefined {
  if (!divergingEpoch || divergingEpoch.endOffset < 0n) return undefined;
  return { epoch: divergingEpoch.epoch, end: Number(divergingEpoch.endOffset) };
}

function textOf(bytes: Buffer | null): string {
  return bytes?.toString() ?? '';
}
