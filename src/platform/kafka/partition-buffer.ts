import type { FetchedPartition, FetchedRecord, RecordBatch } from './ports.ts';

/** What was fetched of one partition and not given out yet. */

const PARTITION_BYTES_MAX = 1024 * 1024;
const PARTITION_EVENTS_MAX = 1_000;
const RECORD_OVERHEAD_BYTES = 400;

/** A damaged batch is where the partition stops. */
export interface Stop {
  readonly reason: string;
  /** How often the batch was fetched, and found damaged each time. */
  readonly attempts: number;
  /** Until the next attempt. */
  readonly isWaiting: boolean;
}

export class PartitionBuffer {
  readonly number: number;
  /** Next offset to ask for. */
  fetched: number;
  /** Next offset to give out: everything before was given or is of no interest. */
  taken: number;
  readonly queue: FetchedRecord[] = [];
  bytes = 0;
  /** The broker's end of the partition; undefined until it is known. */
  end: number | undefined;
  stop: Stop | undefined;
  /** A batch was fetched, so the next one begins where that one ended. */
  #isAtBatch = false;

  constructor(number: number, offset: number) {
    this.number = number;
    this.fetched = offset;
    this.taken = offset;
  }

  get hasRoom(): boolean {
    return this.bytes < PARTITION_BYTES_MAX && this.queue.length < PARTITION_EVENTS_MAX;
  }

  /** Adds what a broker answered, up to the first damaged batch; returns why that one is damaged. */
  add({ end, batches, damage }: FetchedPartition): string | undefined {
    this.end = end;
    let problem = damage;
    for (const batch of batches) {
      const gap = this.#gapBefore(batch);
      if (gap !== undefined) {
        problem = gap;
        break;
      }
      for (const record of batch.records) this.#enqueue(record);
      this.fetched = batch.nextOffset;
      this.#isAtBatch = true;
    }
    if (this.queue.length === 0) this.taken = this.fetched;
    return problem;
  }

  /**
   * A batch is sent whole, so the first one may begin before the offset asked for. Beyond that there are neither gaps
   * nor overlaps, because a compacted topic is refused: where there seems to be one, the batch's first offset, which
   * no checksum covers, is not what it was.
   */
  #gapBefore({ firstOffset, nextOffset }: RecordBatch): string | undefined {
    const isNext = firstOffset === this.fetched || (!this.#isAtBatch && firstOffset < this.fetched);
    if (isNext && nextOffset > this.fetched) return undefined;
    return `it claims the offsets ${firstOffset} to ${nextOffset - 1}, where ${this.fetched} comes next`;
  }

  #enqueue(record: FetchedRecord): void {
    if (record.offset < this.fetched) return;
    this.queue.push(record);
    this.bytes += bytesOf(record);
  }

  /** Lets go of the first records of the queue. */
  remove(count: number): void {
    for (const record of this.queue.splice(0, count)) this.bytes -= bytesOf(record);
    this.taken = this.queue[0]?.offset ?? this.fetched;
  }
}

function bytesOf(record: FetchedRecord): number {
  return record.length + RECORD_OVERHEAD_BYTES;
}
