import { withTimeout } from '#platform/runtime/timeout.ts';
import type { LogPosition } from '#platform/log/bus.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import type { KafkaConfig } from './settings.ts';
import { answeredWith } from './errors.ts';
import { partitionOf } from './partitioner.ts';
import { type AppendPort, RECORD_HEAD_BYTES_MAX, type RecordContent } from './ports.ts';
import { openAppendPort } from './transport.ts';
import { findTopic, type Topic } from './topic.ts';

const SEND_TIMEOUT_MS = 60_000;
const BATCH_BYTES_MAX = 900 * 1024;
/** Kafka's name of it, also where the relay itself sees it coming: operators search for one code. */
const TOO_LARGE = 'MESSAGE_TOO_LARGE';
const REFUSED_FOR_CONTENT = [TOO_LARGE, 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD'];

/** An event of the log, ready to be sent. */
export interface Outgoing {
  readonly position: LogPosition;
  readonly event: EncodedEvent;
  readonly partition: number;
  /** Key, value and headers of its record. */
  readonly content: RecordContent;
  /** What it takes in a batch, never less than it really does. */
  readonly bytes: number;
}

/** Another topic has the name of the one that was published on. */
export class TopicReplacedError extends Error {
  constructor(name: string) {
    super(`the topic ${name} was replaced`);
  }
}

/** Sends events. What waiting cures is thrown; for what it does not cure, the reason is returned. */
export class KafkaPublisher {
  readonly #config: KafkaConfig;
  #topic: Topic;
  #appender: AppendPort;

  constructor(config: KafkaConfig, topic: Topic) {
    this.#config = config;
    this.#topic = topic;
    this.#appender = openAppendPort(config);
  }

  prepare(position: LogPosition, event: EncodedEvent): Outgoing {
    const content = this.#appender.encode(event);
    const partition = partitionOf(event.subject, this.#config.partitions);
    return { position, event, partition, content, bytes: content.length + RECORD_HEAD_BYTES_MAX };
  }

  /** Reads the topic, which may have changed or be another one; returns its id. */
  async refresh(): Promise<string> {
    this.#topic = await findTopic(this.#config);
    return this.#topic.id;
  }

  /** Throws where the brokers cannot be asked, or have another topic of this name by now. Asks them once in a while. */
  async check(): Promise<void> {
    const { topic } = this.#config;
    if ((await this.#orReplace(this.#appender.topicId())) !== this.#topic.id) throw new TopicReplacedError(topic);
  }

  /** Sends events as one batch. Undefined: the brokers have them all. A reason: they refuse the batch for its content. */
  async send(events: readonly Outgoing[]): Promise<string | undefined> {
    const [first] = events;
    // Such an event is alone in its batch. The broker would refuse it, or drop the connection over it.
    const isTooLarge = (): boolean => events.length === 1 && first!.bytes > this.#topic.maxMessageBytes;
    // An operator may have raised the limit since.
    if (first && isTooLarge()) await this.refresh();
    if (first && isTooLarge()) {
      return `${TOO_LARGE}: the event takes ${first.bytes} bytes, the topic allows ${this.#topic.maxMessageBytes} (max.message.bytes).`;
    }
    try {
      const batches = new Map<number, RecordContent[]>();
      for (const { partition, content } of events) {
        const batch = batches.get(partition);
        if (batch) batch.push(content);
        else batches.set(partition, [content]);
      }
      await this.#orReplace(this.#appender.append(batches));
      return undefined;
    } catch (error) {
      const refused = REFUSED_FOR_CONTENT.find((id) => answeredWith(error, id));
      if (refused) return `Kafka refuses it: ${refused}`;
      throw error;
    }
  }

  /** A client that lost its broker can go on believing in what is gone: a new one takes its place. */
  async #orReplace<T>(work: Promise<T>): Promise<T> {
    try {
      return await withTimeout(work, SEND_TIMEOUT_MS);
    } catch (error) {
      void this.#appender.close().catch(() => {});
      this.#appender = openAppendPort(this.#config);
      throw error;
    }
  }

  /** Splits by bytes, so that no broker refuses a batch whose every event it would take. */
  *batches(events: readonly Outgoing[]): Generator<Outgoing[]> {
    const bytesMax = Math.min(BATCH_BYTES_MAX, this.#topic.maxMessageBytes);
    let batch: Outgoing[] = [];
    let bytes = 0;
    for (const event of events) {
      if (batch.length > 0 && bytes + event.bytes > bytesMax) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(event);
      bytes += event.bytes;
    }
    if (batch.length > 0) yield batch;
  }

  async close(timeoutMs: number): Promise<void> {
    await withTimeout(this.#appender.close(), timeoutMs).catch(() => {});
  }
}
