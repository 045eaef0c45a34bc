import { type Broker, type ClusterMetadata, Consumer } from '@platformatic/kafka';
import { clientOptions } from './client-options.ts';
import { BrokerError, leaderlessReason } from './errors.ts';
import type { KafkaConfig } from './settings.ts';

const EARLIEST = -2n;
const LATEST = -1n;

/** What the brokers say of the topic: who leads its partitions, and where they begin and end. It reads no record. */
export class TopicView {
  readonly name: string;
  readonly #client: Consumer;
  readonly #onReplaced: () => void;
  #id: string | undefined;

  /** `name` is that of a group which nobody joins; `onReplaced`: another topic has the name by now. */
  constructor(config: KafkaConfig, name: string, onReplaced: () => void = () => {}) {
    this.name = config.topic;
    this.#onReplaced = onReplaced;
    // A client of its own: a fetch waits at the broker, and a heartbeat behind it on one connection would be late.
    this.#client = new Consumer({ ...clientOptions(config), groupId: name, retries: 0 });
    this.#client.topics.track(this.name);
  }

  /** The id of the topic; undefined until a broker has answered. */
  get id(): string | undefined {
    return this.#id;
  }

  /** Partitions and brokers as they were when they were asked for last, a few minutes ago at most. */
  async metadata(): Promise<TopicMetadata> {
    const metadata = await this.#client.metadata({ topics: [this.name] });
    const { id } = metadata.topics.get(this.name)!;
    const isReplaced = this.#id !== undefined && this.#id !== id;
    this.#id = id;
    if (isReplaced) this.#onReplaced();
    return new TopicMetadata(metadata, this.name);
  }

  /** The next question about the partitions goes to the brokers. */
  forget(): void {
    this.#client.clearMetadata();
  }

  /** The current ends of all partitions. Like what follows, it throws where one of them has no leader. */
  ends(): Promise<number[]> {
    return this.#offsets(LATEST);
  }

  /** The first offsets that are kept, by partition. */
  starts(): Promise<number[]> {
    return this.#offsets(EARLIEST);
  }

  /** The first offsets stamped at a time or later, by partition; -1 where there is none. */
  offsetsAt(ms: number): Promise<number[]> {
    return this.#offsets(BigInt(Math.max(0, Math.floor(ms))));
  }

  async #offsets(timestamp: bigint): Promise<number[]> {
    const lost = (await this.metadata()).leaderless;
    if (lost.length > 0) {
      this.forget();
      throw new BrokerError('LEADER_NOT_AVAILABLE', leaderlessReason(this.name, lost));
    }
    return this.#ask(timestamp);
  }

  /** Where these partitions begin and end; of one that cannot be asked now there is nothing. */
  async boundsOf(
    partitions: readonly number[],
  ): Promise<Map<number, { readonly start: number; readonly end: number }>> {
    const { leaderless } = await this.metadata();
    if (leaderless.length > 0) this.forget();
    const led = partitions.filter((number) => !leaderless.includes(number));
    if (led.length === 0) return new Map();
    const [starts, ends] = [await this.#ask(EARLIEST, led), await this.#ask(LATEST, led)];
    return new Map(led.map((number) => [number, { start: starts[number]!, end: ends[number]! }]));
  }

  async #ask(timestamp: bigint, partitions?: readonly number[]): Promise<number[]> {
    const only = partitions && { partitions: { [this.name]: [...partitions] } };
    const offsets = await this.#client.listOffsets({ topics: [this.name], timestamp, ...only });
    return (offsets.get(this.name) ?? []).map(Number);
  }

  async close(): Promise<void> {
    await this.#client.close(true).catch(() => {});
  }
}

/** Who leads which partition. */
export class TopicMetadata {
  readonly id: string;
  readonly #brokers: ClusterMetadata['brokers'];
  readonly #partitions: readonly { readonly leader: number; readonly leaderEpoch: number }[];

  constructor({ brokers, topics }: Pick<ClusterMetadata, 'brokers' | 'topics'>, name: string) {
    const { id, partitions } = topics.get(name)!;
    this.id = id;
    this.#brokers = brokers;
    this.#partitions = partitions;
  }

  /** The broker that leads a partition, by its number; undefined where none does. */
  leaderOf(partition: number): number | undefined {
    const leader = this.#partitions[partition]?.leader ?? -1;
    return leader >= 0 && this.#brokers.has(leader) ? leader : undefined;
  }

  broker(node: number): Broker {
    return this.#brokers.get(node)!;
  }

  get partitions(): number[] {
    return [...this.#partitions.keys()];
  }

  /** Partitions that nobody leads. */
  get leaderless(): number[] {
    return this.partitions.filter((number) => this.leaderOf(number) === undefined);
  }

  /** The epoch of each partition's leader: where one is the same, so is the leader, and the log was not cut. */
  get epochs(): readonly number[] {
    return this.#partitions.map(({ leaderEpoch }) => leaderEpoch);
  }
}
