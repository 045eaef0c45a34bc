import type { LogFaultKind } from '#platform/log/faults.ts';
import { leaderlessReason } from './errors.ts';
import {
  type Divergence,
  type FetchedPartition,
  type FetchedRecord,
  type RecordBatch,
  UNKNOWN_EPOCH,
} from './ports.ts';

/** What was fetched of one partition and not given out yet. */

const PARTITION_BYTES_MAX = 1024 * 1024;
const PARTITION_EVENTS_MAX = 1_000;
const RECORD_OVERHEAD_BYTES = 400;

/** What is wrong with a batch. */
export interface Damage {
  readonly kind: LogFaultKind;
  readonly what: string;
}

/** Why a partition is left alone for a while: its next batch is damaged, or the broker refuses it. */
export interface Stop {
  readonly reason: string;
  readonly why: 'damaged' | 'refused';
  /** How often it was tried, and was so each time. */
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
  /** No broker leads it, so nobody can be asked for it. */
  leaderless = false;
  /** Under which epochs of its leader it was written, and from which offset on each; oldest first, one nearly always. */
  #epochs: { readonly epoch: number; readonly from: number }[];
  /** A batch was fetched, so the next one begins where that one ended. */
  #isAtBatch = false;

  /** `epoch`: under which the record before `offset` was written, where that is known. */
  constructor(number: number, offset: number, epoch: number = UNKNOWN_EPOCH) {
    this.number = number;
    this.#epochs = [{ epoch, from: Number.NEGATIVE_INFINITY }];
    this.fetched = offset;
    this.taken = offset;
  }

  get hasRoom(): boolean {
    return this.bytes < PARTITION_BYTES_MAX && this.queue.length < PARTITION_EVENTS_MAX;
  }

  /** Records not given out yet; 1 while the end is not known, because there may be one. */
  get unread(): number {
    return this.end === undefined ? 1 : Math.max(0, this.end - this.taken);
  }

  /** The epoch under which the record before an offset was written, as far as it is known. */
  epochBefore(offset: number): number {
    return this.#epochs.findLast(({ from }) => from < offset)?.epoch ?? UNKNOWN_EPOCH;
  }

  /** Reads on from where the log was cut: what lay behind is on no broker any more. */
  cutAt({ epoch, end }: Divergence): void {
    const kept = this.queue.findIndex(({ offset }) => offset >= end);
    if (kept >= 0) for (const record of this.queue.splice(kept)) this.bytes -= bytesOf(record);
    this.fetched = end;
    this.taken = this.queue[0]?.offset ?? end;
    this.end = undefined;
    this.#isAtBatch = false;
    this.#epochs = [{ epoch, from: Number.NEGATIVE_INFINITY }];
  }

  /** The epochs that were read are not those of the broker: from here on they are learned again. */
  forgetEpochs(): void {
    this.#epochs = [{ epoch: UNKNOWN_EPOCH, from: Number.NEGATIVE_INFINITY }];
  }

  /** Adds what a broker answered, up to the first damaged batch; returns what is wrong with that one. */
  add({ end, batches, damage }: FetchedPartition): Damage | undefined {
    this.end = end;
    let problem: Damage | undefined = damage === undefined ? undefined : { kind: 'corrupt', what: damage };
    for (const batch of batches) {
      const gap = this.#gapBefore(batch);
      if (gap !== undefined) {
        problem = gap;
        break;
      }
      for (const record of batch.records) this.#enqueue(record);
      // It never falls; no checksum covers it.
      if (batch.epoch > this.#epochs.at(-1)!.epoch) this.#epochs.push({ epoch: batch.epoch, from: batch.firstOffset });
      this.fetched = batch.nextOffset;
      this.#isAtBatch = true;
    }
    if (this.queue.length === 0) this.taken = this.fetched;
    while (this.#epochs.length > 1 && this.#epochs[1]!.from < this.taken) this.#epochs.shift();
    return problem;
  }

  /**
   * A batch is sent whole, so the first one may begin before the offset asked for. Beyond that there are neither gaps
   * nor overlaps, because a compacted topic is refused: where there seems to be one, the batch's first offset, which
   * no checksum covers, is not what it was.
   */
  #gapBefore({ firstOffset, nextOffset }: RecordBatch): Damage | undefined {
    const isNext = firstOffset === this.fetched || (!this.#isAtBatch && firstOffset < this.fetched);
    if (isNext && nextOffset > this.fetched) return undefined;
    return {
      kind: firstOffset > this.fetched ? 'gap' : 'corrupt',
      what: `it claims the offsets ${firstOffset} to ${nextOffset - 1}, where ${this.fetched} comes next`,
    };
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

/** Records of partitions not given out yet, and the age in ms of the oldest buffered one at or behind the offset of `unreadFrom`. */
export function unreadIn(
  partitions: Iterable<PartitionBuffer>,
  timeOf: (record: FetchedRecord) => number | undefined,
  unreadFrom: (partition: number) => number = () => 0,
): { events: number; ageMs: number } {
  let events = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  for (const { number, unread, queue } of partitions) {
    events += unread;
    const [first] = queue;
    if (first && first.offset < unreadFrom(number)) continue;
    const time = first && timeOf(first);
    if (time !== undefined) oldestMs = Math.min(oldestMs, time);
  }
  return { events, ageMs: Number.isFinite(oldestMs) ? Math.max(0, Date.now() - oldestMs) : 0 };
}

/** At most so many reasons make one text. */
const REASONS_MAX = 3;

/** Why some of these partitions stand still while others go on; undefined where none does. */
export function standingOf(topic: string, partitions: readonly PartitionBuffer[]): string | undefined {
  const lost = partitions.filter(({ leaderless }) => leaderless).map(({ number }) => number);
  const reasons = partitions.flatMap(({ leaderless, stop }) => (leaderless || !stop ? [] : stop.reason));
  if (lost.length > 0) reasons.unshift(leaderlessReason(topic, lost));
  if (reasons.length === 0) return undefined;
  const more = reasons.length - REASONS_MAX;
  return [...reasons.slice(0, REASONS_MAX), ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}
