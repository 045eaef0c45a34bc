import type { Database } from '#platform/database/database.ts';
import { TopicReplacedError } from './publisher.ts';
import { PublishedMarks } from './published-marks.ts';
import type { ReadPort } from './ports.ts';
import type { KafkaConfig } from './settings.ts';
import { TopicView } from './topic-view.ts';
import { openReadPort } from './transport.ts';

/** So soon readiness knows that nobody answers, also where nothing is to be published. */
const CHECK_MS = 2_000;
const CHECK_LEADERLESS_MS = 1_000;

/** What a relay knows of the log it publishes on: that the topic is the same, who leads its partitions, and that it is whole. */
export class LogWatch {
  readonly marks: PublishedMarks;
  readonly #config: KafkaConfig;
  readonly #topic: TopicView;
  readonly #port: ReadPort;
  #topicId = '';
  #leaderless: readonly number[] = [];
  /** The epochs of the leaders when the log was found whole. */
  #epochs = '';
  #checkedMs = Number.NEGATIVE_INFINITY;

  constructor(config: KafkaConfig, database: Database) {
    this.#config = config;
    this.#topic = new TopicView(config, 'olms-relay');
    this.#port = openReadPort(config, undefined);
    this.marks = new PublishedMarks(database, this.#topic, this.#port);
  }

  /** Begins on a topic, with what the relay before noted about it. */
  async begin(topicId: string): Promise<void> {
    this.#topicId = topicId;
    this.#epochs = '';
    this.soon();
    await this.marks.load(topicId);
  }

  /** Partitions that no broker leads. */
  get leaderless(): readonly number[] {
    return this.#leaderless;
  }

  /** An event is stored at an offset. */
  stored(partition: number, offset: number, eventId: string): void {
    if (!this.marks.acknowledged(partition, offset, eventId)) this.soon();
  }

  /** There is a reason to ask. */
  soon(): void {
    this.#checkedMs = Number.NEGATIVE_INFINITY;
  }

  /** There is none for a while. */
  later(): void {
    this.#checkedMs = performance.now();
  }

  /**
   * Asks the brokers once in a while, more often where a partition has no leader; false where it did not. Throws
   * {@link TopicReplacedError}, or a `LogCut` where they have lost what they had acknowledged.
   */
  async check(): Promise<boolean> {
    const everyMs = this.#leaderless.length > 0 ? CHECK_LEADERLESS_MS : CHECK_MS;
    if (performance.now() - this.#checkedMs < everyMs) return false;
    this.#topic.forget();
    const metadata = await this.#topic.metadata();
    if (metadata.id !== this.#topicId) throw new TopicReplacedError(this.#config.topic);
    this.#leaderless = metadata.leaderless;
    const epochs = metadata.epochs.join();
    // Where every leader is the same as before, none can have lost anything.
    if (epochs !== this.#epochs && (await this.marks.verify()).size === 0) this.#epochs = epochs;
    this.later();
    return true;
  }

  async close(): Promise<void> {
    await Promise.all([this.#topic.close(), this.#port.close().catch(() => {})]);
  }
}
