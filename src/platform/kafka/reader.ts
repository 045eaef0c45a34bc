import type { Envelope } from '#contracts/envelope.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { parseData } from '#platform/log/encoded.ts';
import { LogFaults } from '#platform/log/faults.ts';
import type { KafkaConfig } from './settings.ts';
import { AskedBrokers } from './asked-brokers.ts';
import { BrokerError, damagedReason, diagnose, gapReason, truncatedReason } from './errors.ts';
import type { KafkaMetrics } from './metrics.ts';
import { type Damage, PartitionBuffer, standingOf, type Stop, unreadIn } from './partition-buffer.ts';
import { type Divergence, type FetchedPartition, NO_RECORDS, type ReadPort, UNKNOWN_EPOCH } from './ports.ts';
import { type TopicMetadata, TopicView } from './topic-view.ts';
import { openReadPort } from './transport.ts';
import { type Backoff, backoffMs } from '#platform/runtime/backoff.ts';
import { Linger } from '#platform/runtime/linger.ts';
import { Timers } from '#platform/runtime/timers.ts';

/**
 * Reads partitions from given offsets into bounded buffers. It belongs to no group and decides nothing about
 * offsets: whoever owns it says where to read, because the offsets that count are in a database, not at the broker.
 * A partition whose buffer is full is left out of the next fetch; that is all the backpressure there is.
 */

const BUFFER_BYTES_MAX = 24 * 1024 * 1024;
const FETCH_PARTITION_BYTES = 256 * 1024;
const FETCH_BYTES = 4 * 1024 * 1024;
/** The broker answers at once when there is something; this is how long it holds a request to which there is nothing. */
const FETCH_WAIT_MS = 500;
/** While a full partition is left out: it must get into the next request soon after it was drained. */
const FETCH_WAIT_BUSY_MS = 25;
/** From so many events a second on, of whatever type, requests linger after the answer before. */
const BUSY_PER_SECOND = 1_000;
const LINGER_MS = { first: 40, longest: 150 };
const RETRY = { firstMs: 100, longestMs: 2_000 };
/** Fetching one damaged batch every few seconds costs nothing, and a batch that is whole is read soon. */
const DAMAGED_RETRY = { firstMs: 500, longestMs: 5_000 };
/** Kafka's name of it, also where a broker finds the damage itself. */
const DAMAGED = 'CORRUPT_MESSAGE';
const REPORTED: Damage = { kind: 'corrupt', what: 'the broker reports it so' };
const STOPPED = 'a batch is damaged; its partition stands still';
/** Whether a partition without a leader has one by now. */
const LEADERLESS_RETRY_MS = 1_000;
const LEADERLESS = 'a partition has no leader';

export interface ReaderOptions {
  readonly config: KafkaConfig;
  readonly name: string;
  /** Undefined: every type. */
  readonly types: ReadonlySet<string> | undefined;
  /** Leave the events' data the JSON text it is. */
  readonly encoded?: boolean | undefined;
  readonly logger: Logger;
  /** What is met of damage and loss is counted here. */
  readonly faults?: LogFaults | undefined;
  readonly metrics?: KafkaMetrics | undefined;
  readonly onReady: () => void;
  /** The topic was deleted and made once more: no offset on it holds any longer. */
  readonly onReplaced: () => void;
}

export interface Taken {
  readonly events: Envelope[];
  /** The offset after each event. */
  readonly positions: number[];
  /** Partitions the events came from, with the offset after the last one given. */
  readonly progress: ReadonlyMap<number, number>;
}

export class KafkaReader {
  readonly #options: ReaderOptions;
  readonly #topic: string;
  readonly #faults: LogFaults;
  readonly topic: TopicView;
  readonly #port: ReadPort;
  readonly #partitions = new Map<number, PartitionBuffer>();
  readonly #asked = new AskedBrokers();
  readonly #timers = new Timers();
  readonly #linger = new Linger(BUSY_PER_SECOND, LINGER_MS.first, LINGER_MS.longest);
  readonly #read: (json: string) => unknown;
  #wanted = false;
  #pumping = false;
  #bytes = 0;
  #turn = 0;
  #failures = 0;
  /** The brokers will be asked who leads the partitions without a leader. */
  #looking = false;
  #failure: string | undefined;
  #closed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#topic = options.config.topic;
    this.#read = options.encoded ? (json) => json : parseData;
    this.#faults = options.faults ?? new LogFaults();
    this.topic = new TopicView(options.config, options.name, () => this.#replaced());
    this.#port = openReadPort(options.config, options.types, options);
  }

  /** Reads a partition from an offset, forgetting what was read of it before; see {@link PartitionBuffer} for `epoch`. */
  seek(number: number, offset: number, epoch: number = UNKNOWN_EPOCH): void {
    this.drop(number);
    this.#partitions.set(number, new PartitionBuffer(number, offset, epoch));
    this.#pump();
  }

  /** Stops reading a partition and forgets what is buffered of it. */
  drop(number: number): void {
    this.#bytes -= this.#partitions.get(number)?.bytes ?? 0;
    this.#partitions.delete(number);
  }

  /** Next offset to give out of a partition. */
  position(number: number): number | undefined {
    return this.#partitions.get(number)?.taken;
  }

  /** See {@link PartitionBuffer.epochBefore}. */
  epochBefore(number: number, offset: number): number {
    return this.#partitions.get(number)?.epochBefore(offset) ?? UNKNOWN_EPOCH;
  }

  /** Up to `max` events, partition by partition, beginning with another one each time. */
  take(max: number): Taken {
    const taken = { events: [] as Envelope[], positions: [] as number[], progress: new Map<number, number>() };
    const { events, progress } = taken;
    const partitions = [...this.#partitions.values()];
    this.#turn++;
    for (let i = 0; i < partitions.length && events.length < max; i++) {
      const partition = partitions[(i + this.#turn) % partitions.length]!;
      const before = events.length;
      this.#takeFrom(partition, taken, max);
      if (events.length > before) progress.set(partition.number, partition.taken);
    }
    if (events.length > 0) this.#pump();
    return taken;
  }

  #takeFrom(partition: PartitionBuffer, { events, positions }: Taken, max: number): void {
    let used = 0;
    for (const record of partition.queue) {
      if (events.length >= max) break;
      used++;
      const event = this.#port.toEvent(record, this.#read);
      if (typeof event === 'string') {
        this.#options.logger.error(
          { topic: this.#topic, partition: partition.number, offset: record.offset, reason: event },
          'a message that is no event of this system was skipped',
        );
        continue;
      }
      events.push(event);
      positions.push(record.offset + 1);
    }
    this.#bytes -= partition.bytes;
    partition.remove(used);
    this.#bytes += partition.bytes;
  }

  /** Records of each partition not given out yet, as far as the broker has reported. */
  unreadByPartition(): ReadonlyMap<number, number> {
    return new Map([...this.#partitions].map(([number, { unread }]) => [number, unread]));
  }

  /** Records not given out yet, as far as the broker has reported, and the age of the oldest buffered one that was not read before. */
  unread(unreadFrom?: (partition: number) => number): { events: number; ageMs: number } {
    return unreadIn(this.#partitions.values(), (record) => this.#port.timeOf(record), unreadFrom);
  }

  get failure(): string | undefined {
    return this.#failure ?? this.#asked.failure ?? standingOf(this.#topic, [...this.#partitions.values()]);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timers.stop();
    await Promise.all([this.topic.close(), this.#port.close().catch(() => {})]);
  }

  /** Asks every broker that leads a partition with room, unless a request to it is open. */
  #pump(): void {
    this.#wanted = true;
    if (!this.#pumping) void this.#run();
  }

  async #run(): Promise<void> {
    this.#pumping = true;
    try {
      while (this.#wanted && !this.#closed && this.#partitions.size > 0) {
        this.#wanted = false;
        const metadata = await this.topic.metadata();
        for (const node of this.#leaders(metadata)) if (!this.#asked.isBusy(node)) void this.#ask(node, metadata);
        this.#failure = undefined;
        this.#failures = 0;
      }
    } catch (error) {
      this.#failure = this.#asked.report(diagnose(error, this.#options.config).reason, this.#options.logger);
      this.topic.forget();
      this.#later(backoffMs(this.#failures++, RETRY), () => {});
    } finally {
      this.#pumping = false;
    }
  }

  #replaced(): void {
    this.#options.logger.warn({ topic: this.#topic }, 'the topic was replaced; reading it from its start');
    for (const number of this.#partitions.keys()) this.drop(number);
    this.#faults.forget();
    this.#options.onReplaced();
  }

  #leaders(metadata: TopicMetadata): Set<number> {
    const nodes = new Set<number>();
    let lost = false;
    for (const partition of this.#partitions.values()) {
      const leader = metadata.leaderOf(partition.number);
      if (leader !== undefined) nodes.add(leader);
      else if (!partition.leaderless)
        this.#options.logger.warn({ topic: this.#topic, partition: partition.number }, LEADERLESS);
      partition.leaderless = leader === undefined;
      lost ||= partition.leaderless;
    }
    this.#asked.keep(nodes);
    // Somebody may lead them by now: the brokers are asked again, and the others read meanwhile.
    if (lost && !this.#looking) {
      this.#looking = true;
      this.#later(LEADERLESS_RETRY_MS, () => {
        this.#looking = false;
        this.topic.forget();
      });
    }
    return nodes;
  }

  async #ask(node: number, metadata: TopicMetadata): Promise<void> {
    if (this.#closed) return;
    const led = [...this.#partitions.values()].filter(
      ({ number, stop }) => metadata.leaderOf(number) === node && !stop?.isWaiting,
    );
    const asked = led
      .filter((partition) => partition.hasRoom && this.#bytes < BUFFER_BYTES_MAX)
      .map((partition) => ({ partition, offset: partition.fetched }));
    if (asked.length === 0) return;
    const waitMs = asked.length < led.length ? FETCH_WAIT_BUSY_MS : FETCH_WAIT_MS;
    this.#asked.ask(node, waitMs);
    let records: number;
    try {
      const answers = await this.#port.fetch(metadata.broker(node), {
        topicId: metadata.id,
        partitions: asked.map(({ partition, offset }) => ({
          number: partition.number,
          offset,
          epoch: partition.epochBefore(offset),
          bytesMax: FETCH_PARTITION_BYTES,
        })),
        waitMs,
        bytesMax: FETCH_BYTES,
      });
      records = this.#accept(answers, asked);
    } catch (error) {
      return this.#failed(error, node);
    }
    const behind = asked.some(({ partition }) => partition.fetched < (partition.end ?? 0));
    const lingerMs = this.#linger.after(records, performance.now());
    this.#asked.answered(node);
    if (lingerMs > 0 && !behind) this.#later(lingerMs, () => this.#asked.released(node));
    else {
      this.#asked.released(node);
      this.#pump();
    }
  }

  /** After a while, releases what waited and asks the brokers for more. */
  #later(ms: number, release: () => void): void {
    this.#timers.after(ms, () => {
      release();
      this.#pump();
    });
  }

  /** A broker does not answer, or not as it should: it rests, and the others are read meanwhile. */
  #failed(error: unknown, node: number): void {
    if (this.#closed) return;
    const attempts = this.#asked.failed(node, diagnose(error, this.#options.config).reason, this.#options.logger);
    // Leaders and brokers may have changed: the next request starts from fresh metadata.
    this.topic.forget();
    this.#later(backoffMs(attempts - 1, RETRY), () => this.#asked.released(node));
  }

  /** Takes in an answer; returns how many records were in it. */
  #accept(
    answers: readonly FetchedPartition[],
    asked: readonly { partition: PartitionBuffer; offset: number }[],
  ): number {
    const wanted = new Map(asked.map((entry) => [entry.partition.number, entry]));
    let ready = false;
    let records = 0;
    for (const answer of answers) {
      for (const batch of answer.batches) records += batch.count;
      const entry = wanted.get(answer.number);
      // Dropped, or sent elsewhere meanwhile: nobody waits for this answer any more.
      if (!entry || this.#partitions.get(answer.number) !== entry.partition || entry.partition.fetched !== entry.offset)
        continue;
      if (answer.divergence) this.#cut(entry.partition, answer.divergence);
      else if (answer.error !== undefined && answer.error !== DAMAGED) this.#refused(entry.partition, answer.error);
      else if (this.#buffer(entry.partition, answer)) ready = true;
    }
    if (ready) this.#options.onReady();
    return records;
  }

  /** A broker refuses one partition, which another one may lead by now: it rests, and all others are read on. */
  #refused(partition: PartitionBuffer, error: string): void {
    if (error === 'OFFSET_OUT_OF_RANGE') void this.#restart(partition);
    const { reason } = diagnose(new BrokerError(error, NO_RECORDS), this.#options.config);
    this.topic.forget();
    this.#rest(partition, `${reason} (partition ${partition.number})`, 'refused', RETRY);
  }

  /** Takes in what one partition answered; true where something can be taken or the end came nearer. */
  #buffer(partition: PartitionBuffer, answer: FetchedPartition): boolean {
    const { fetched, end } = partition;
    this.#bytes -= partition.bytes;
    const damage = answer.error === DAMAGED ? REPORTED : partition.add(answer);
    this.#bytes += partition.bytes;
    if (damage !== undefined) this.#stop(partition, damage, partition.fetched > fetched);
    else if (partition.stop?.why === 'refused' || partition.fetched > fetched) this.#resume(partition);
    return partition.fetched > fetched || end === undefined;
  }

  /**
   * Lets a partition stand at a damaged batch: whoever consumes it must neither use nor skip it. The batch is fetched
   * again after a while, because what was damaged on its way is whole the next time, and an operator may have moved
   * the partition to another replica.
   */
  #stop(partition: PartitionBuffer, { kind, what }: Damage, moved: boolean): void {
    const { number, fetched: offset, stop } = partition;
    const reason = damagedReason(this.#topic, number, offset, what);
    if (moved || stop?.why !== 'damaged') {
      partition.stop = undefined;
      this.#faults.met(kind);
      this.#options.logger.error({ topic: this.#topic, partition: number, offset, reason }, STOPPED);
    }
    this.#rest(partition, reason, 'damaged', DAMAGED_RETRY);
  }

  /** Leaves a partition alone for a while. */
  #rest(partition: PartitionBuffer, reason: string, why: Stop['why'], backoff: Backoff): void {
    const attempts = partition.stop?.why === why ? partition.stop.attempts + 1 : 1;
    partition.stop = { reason, why, attempts, isWaiting: true };
    this.#later(backoffMs(attempts - 1, backoff), () => {
      if (partition.stop) partition.stop = { ...partition.stop, isWaiting: false };
    });
  }

  #resume(partition: PartitionBuffer): void {
    const { stop, number } = partition;
    if (!stop) return;
    partition.stop = undefined;
    if (stop.why === 'damaged')
      this.#options.logger.warn({ topic: this.#topic, partition: number }, 'a damaged batch was fetched whole');
  }

  /** The log was cut: it is read on from there. Stored offsets behind the cut move back with the next save. */
  #cut(partition: PartitionBuffer, divergence: Divergence): void {
    const { number, fetched } = partition;
    this.#bytes -= partition.bytes;
    partition.cutAt(divergence);
    this.#bytes += partition.bytes;
    this.#truncated(number, fetched, divergence.end);
  }

  #truncated(number: number, read: number, end: number): void {
    const reason = truncatedReason(this.#topic, number, read, end);
    this.#faults.met('truncated', { text: reason });
    this.#options.logger.error({ topic: this.#topic, partition: number, reason }, 'the log was cut');
  }

  /** The offset to read is not on the topic: retention was faster than the consumer, or the log was cut. */
  async #restart(partition: PartitionBuffer): Promise<void> {
    const { number, fetched: wanted } = partition;
    try {
      const bounds = (await this.topic.boundsOf([number])).get(number);
      if (!bounds || this.#partitions.get(number) !== partition || partition.fetched !== wanted) return;
      const { start, end } = bounds;
      // It is there, so what the broker does not know is the epoch under which it was read.
      if (wanted >= start && wanted <= end) return partition.forgetEpochs();
      if (wanted > end) this.#truncated(number, wanted, start);
      // A new consumer begins where the topic does; from any other, retention has taken what it had not read.
      else if (wanted > 0) {
        const reason = gapReason(this.#topic, number, wanted, start);
        this.#faults.met('gap', { text: reason, forEver: true });
        this.#options.logger.error({ topic: this.#topic, partition: number, reason }, 'reading from the start');
      }
      this.seek(number, start);
    } catch {
      // The next fetch meets the same error and tries again.
    }
  }
}
