import { type ClusterMetadata, Consumer } from '@platformatic/kafka';
import type { Envelope } from '#contracts/envelope.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { parseData } from '#platform/log/encoded.ts';
import { clientOptions } from './client-options.ts';
import type { KafkaConfig } from './settings.ts';
import { BrokerError, damagedReason, diagnose } from './errors.ts';
import { PartitionBuffer } from './partition-buffer.ts';
import { type FetchedPartition, NO_RECORDS, type ReadPort } from './ports.ts';
import { openReadPort } from './transport.ts';
import { backoffMs } from '#platform/runtime/backoff.ts';
import { Linger } from '#platform/runtime/linger.ts';

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
const STOPPED = 'a batch is damaged; its partition stands still';
const EARLIEST = -2n;
const LATEST = -1n;

export interface ReaderOptions {
  readonly config: KafkaConfig;
  readonly name: string;
  /** Undefined: every type. */
  readonly types: ReadonlySet<string> | undefined;
  /** Leave the events' data the JSON text it is. */
  readonly encoded?: boolean | undefined;
  readonly logger: Logger;
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
  /** For what is to be known of the topic: leaders and ends. */
  readonly #client: Consumer;
  readonly #port: ReadPort;
  readonly #partitions = new Map<number, PartitionBuffer>();
  readonly #busyNodes = new Set<number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #linger = new Linger(BUSY_PER_SECOND, LINGER_MS.first, LINGER_MS.longest);
  readonly #read: (json: string) => unknown;
  #wanted = false;
  #pumping = false;
  #bytes = 0;
  #turn = 0;
  #failures = 0;
  #failure: string | undefined;
  #topicId: string | undefined;
  #closed = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#topic = options.config.topic;
    this.#read = options.encoded ? (json) => json : parseData;
    // A client of its own: a fetch waits at the broker, and a heartbeat behind it on one connection would be late.
    this.#client = new Consumer({ ...clientOptions(options.config), groupId: options.name, retries: 0 });
    this.#client.topics.track(this.#topic);
    this.#port = openReadPort(options.config, options.types);
  }

  /** Reads a partition from an offset, forgetting what was read of it before. */
  seek(number: number, offset: number): void {
    this.drop(number);
    this.#partitions.set(number, new PartitionBuffer(number, offset));
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

  /** Records not given out yet, as far as the broker has reported, and the age of the oldest buffered one that was not read before. */
  unread(unreadFrom: (partition: number) => number = () => 0): { events: number; ageMs: number } {
    let events = 0;
    let oldestMs = Number.POSITIVE_INFINITY;
    for (const partition of this.#partitions.values()) {
      events += partition.end === undefined ? 1 : Math.max(0, partition.end - partition.taken);
      const first = partition.queue[0];
      if (first && first.offset < unreadFrom(partition.number)) continue;
      const time = first && this.#port.timeOf(first);
      if (time !== undefined) oldestMs = Math.min(oldestMs, Date.parse(time));
    }
    return { events, ageMs: Number.isFinite(oldestMs) ? Math.max(0, Date.now() - oldestMs) : 0 };
  }

  get failure(): string | undefined {
    return this.#failure ?? [...this.#partitions.values()].find(({ stop }) => stop)?.stop?.reason;
  }

  /** The current ends of all partitions, for a reader that starts from now. */
  async ends(): Promise<number[]> {
    return (await this.#offsets(LATEST)).map(Number);
  }

  /** The first offsets that are kept, by partition. */
  async starts(): Promise<number[]> {
    return (await this.#offsets(EARLIEST)).map(Number);
  }

  /** The first offsets stamped at a time or later, by partition; -1 where there is none. */
  async offsetsAt(ms: number): Promise<number[]> {
    return (await this.#offsets(BigInt(Math.max(0, Math.floor(ms))))).map(Number);
  }

  async #offsets(timestamp: bigint): Promise<bigint[]> {
    return (await this.#client.listOffsets({ topics: [this.#topic], timestamp })).get(this.#topic) ?? [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all([this.#client.close(true).catch(() => {}), this.#port.close().catch(() => {})]);
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
        const metadata = await this.#metadata();
        for (const node of this.#leaders(metadata)) if (!this.#busyNodes.has(node)) void this.#ask(node, metadata);
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#pumping = false;
    }
  }

  /** The id of the topic that is read; undefined until a broker has answered. */
  get topicId(): string | undefined {
    return this.#topicId;
  }

  /** The id of the topic as the brokers have it. */
  async findTopicId(): Promise<string> {
    await this.#metadata();
    return this.#topicId!;
  }

  async #metadata(): Promise<ClusterMetadata> {
    const metadata = await this.#client.metadata({ topics: [this.#topic] });
    const { id } = metadata.topics.get(this.#topic)!;
    if (this.#topicId !== undefined && this.#topicId !== id) {
      this.#options.logger.warn({ topic: this.#topic }, 'the topic was replaced; reading it from its start');
      for (const number of this.#partitions.keys()) this.drop(number);
      this.#topicId = id;
      this.#options.onReplaced();
    }
    this.#topicId = id;
    return metadata;
  }

  #leaders(metadata: ClusterMetadata): Set<number> {
    const nodes = new Set<number>();
    for (const { number } of this.#partitions.values()) {
      const leader = metadata.topics.get(this.#topic)?.partitions[number]?.leader;
      if (leader !== undefined && leader >= 0) nodes.add(leader);
    }
    return nodes;
  }

  async #ask(node: number, metadata: ClusterMetadata): Promise<void> {
    if (this.#closed) return;
    const topic = metadata.topics.get(this.#topic)!;
    const led = [...this.#partitions.values()].filter(
      ({ number, stop }) => topic.partitions[number]?.leader === node && !stop?.isWaiting,
    );
    const asked = led
      .filter((partition) => partition.hasRoom && this.#bytes < BUFFER_BYTES_MAX)
      .map((partition) => ({ partition, offset: partition.fetched }));
    if (asked.length === 0) return;
    this.#busyNodes.add(node);
    let records: number;
    try {
      const answers = await this.#port.fetch(metadata.brokers.get(node)!, {
        topicId: topic.id,
        partitions: asked.map(({ partition, offset }) => ({
          number: partition.number,
          offset,
          bytesMax: FETCH_PARTITION_BYTES,
        })),
        waitMs: asked.length < led.length ? FETCH_WAIT_BUSY_MS : FETCH_WAIT_MS,
        bytesMax: FETCH_BYTES,
      });
      records = this.#accept(answers, asked);
      const refused = answers.find(({ error }) => error !== undefined && error !== DAMAGED);
      // What the others got is taken in all the same.
      if (refused?.error !== undefined) return this.#failed(new BrokerError(refused.error, NO_RECORDS), node);
    } catch (error) {
      return this.#failed(error, node);
    }
    const behind = asked.some(({ partition }) => partition.fetched < (partition.end ?? 0));
    const waitMs = this.#linger.after(records, performance.now());
    if (waitMs > 0 && !behind) this.#later(waitMs, () => this.#busyNodes.delete(node));
    else {
      this.#busyNodes.delete(node);
      this.#pump();
    }
  }

  /** After a while, releases what waited and asks the brokers for more. */
  #later(ms: number, release: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      release();
      this.#pump();
    }, ms);
    this.#timers.add(timer);
  }

  #failed(error: unknown, node?: number): void {
    if (this.#closed) return;
    this.#failure = diagnose(error, this.#options.config).reason;
    // Leaders and brokers may have changed: the next request starts from fresh metadata.
    this.#client.clearMetadata();
    this.#later(backoffMs(this.#failures++, RETRY), () => {
      if (node !== undefined) this.#busyNodes.delete(node);
    });
  }

  /** Takes in an answer; returns how many records were in it. */
  #accept(
    answers: readonly FetchedPartition[],
    asked: readonly { partition: PartitionBuffer; offset: number }[],
  ): number {
    const wanted = new Map(asked.map((entry) => [entry.partition.number, entry]));
    let ready = false;
    let refused = false;
    let records = 0;
    for (const answer of answers) {
      for (const batch of answer.batches) records += batch.count;
      const entry = wanted.get(answer.number);
      // Dropped, or sent elsewhere meanwhile: nobody waits for this answer any more.
      if (!entry || this.#partitions.get(answer.number) !== entry.partition || entry.partition.fetched !== entry.offset)
        continue;
      if (answer.error === 'OFFSET_OUT_OF_RANGE') void this.#restart(entry.partition);
      if (answer.error !== undefined && answer.error !== DAMAGED) refused = true;
      else if (this.#buffer(entry.partition, answer)) ready = true;
    }
    if (!refused) {
      this.#failure = undefined;
      this.#failures = 0;
    }
    if (ready) this.#options.onReady();
    return records;
  }

  /** Takes in what one partition answered; true where something can be taken or the end came nearer. */
  #buffer(partition: PartitionBuffer, answer: FetchedPartition): boolean {
    const { fetched, end } = partition;
    this.#bytes -= partition.bytes;
    const damage = answer.error === DAMAGED ? 'the broker reports it so' : partition.add(answer);
    this.#bytes += partition.bytes;
    if (damage !== undefined) this.#stop(partition, damage, partition.fetched > fetched);
    else if (partition.fetched > fetched) this.#resume(partition);
    return partition.fetched > fetched || end === undefined;
  }

  /**
   * Lets a partition stand at a damaged batch: whoever consumes it must neither use nor skip it. The batch is fetched
   * again after a while, because what was damaged on its way is whole the next time, and an operator may have moved
   * the partition to another replica.
   */
  #stop(partition: PartitionBuffer, damage: string, moved: boolean): void {
    const { number, fetched: offset, stop } = partition;
    const reason = damagedReason(this.#topic, number, offset, damage);
    const attempts = stop && !moved ? stop.attempts + 1 : 1;
    if (attempts === 1) this.#options.logger.error({ topic: this.#topic, partition: number, offset, reason }, STOPPED);
    partition.stop = { reason, attempts, isWaiting: true };
    this.#later(backoffMs(attempts - 1, DAMAGED_RETRY), () => {
      if (partition.stop) partition.stop = { ...partition.stop, isWaiting: false };
    });
  }

  #resume(partition: PartitionBuffer): void {
    if (!partition.stop) return;
    partition.stop = undefined;
    this.#options.logger.warn({ topic: this.#topic, partition: partition.number }, 'a damaged batch was fetched whole');
  }

  /** The stored offset is not on the topic: retention was faster than the consumer, or the topic was replaced. */
  async #restart(partition: PartitionBuffer): Promise<void> {
    try {
      const start = Number((await this.#offsets(EARLIEST))[partition.number]);
      if (!Number.isSafeInteger(start) || this.#partitions.get(partition.number) !== partition) return;
      this.#options.logger.error(
        { topic: this.#topic, partition: partition.number, wanted: partition.fetched, start },
        'the stored offset is not on the topic; reading from its start',
      );
      this.seek(partition.number, start);
    } catch {
      // The next fetch meets the same error and tries again.
    }
  }
}
