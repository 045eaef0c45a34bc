import { withTimeout } from '#platform/runtime/timeout.ts';
import type { LogPosition } from '#platform/log/bus.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import type { KafkaConfig } from './settings.ts';
import { answeredWith } from './errors.ts';
import { partitionOf } from './partitioner.ts';
import { type Appended, type AppendPort, RECORD_HEAD_BYTES_MAX, type RecordContent, type Verify } from './ports.ts';
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

export interface Sent {
  /** Why the brokers refuse the batch for its content; undefined where they do not. */
  readonly refusal: string | undefined;
  /** Partitions on which nothing was stored, as far as anybody knows, and why. Never all of them. */
  readonly failed: ReadonlyMap<number, unknown>;
}

/** Learns at which offset of its partition an event is stored. */
export type OnStored = (partition: number, offset: number, eventId: string) => void;

/** Sends events. What waiting cures for all of them is thrown; for what it does not cure, the reason is returned. */
export class KafkaPublisher {
  readonly #config: KafkaConfig;
  readonly #verify: Verify;
  readonly #onStored: OnStored;
  #topic: Topic;
  #appender: AppendPort;

  /** `verify`: see {@link AppendPort}. */
  constructor(config: KafkaConfig, topic: Topic, verify: Verify, onStored: OnStored) {
    this.#config = config;
    this.#topic = topic;
    this.#verify = verify;
    this.#onStored = onStored;
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

  get topicId(): string {
    return this.#topic.id;
  }

  /** Sends events as one batch. Throws where no partition took any. */
  async send(events: readonly Outgoing[]): Promise<Sent> {
    const [first] = events;
    // Such an event is alone in its batch. The broker would refuse it, or drop the connection over it.
    const isTooLarge = (): boolean => events.length === 1 && first!.bytes > this.#topic.maxMessageBytes;
    // An operator may have raised the limit since.
    if (first && isTooLarge()) await this.refresh();
    if (first && isTooLarge()) {
      const refusal = `${TOO_LARGE}: the event takes ${first.bytes} bytes, the topic allows ${this.#topic.maxMessageBytes} (max.message.bytes).`;
      return { refusal, failed: new Map() };
    }
    const batches = new Map<number, RecordContent[]>();
    const lasts = new Map<number, string>();
    for (const { partition, content, event } of events) {
      const batch = batches.get(partition);
      if (batch) batch.push(content);
      else batches.set(partition, [content]);
      lasts.set(partition, event.id);
    }
    const appended = await this.#orReplace(this.#appender.append(batches, this.#verify));
    const failed = new Map<number, unknown>();
    for (const [partition, contents] of batches) {
      const outcome: Appended = appended.get(partition) ?? {
        error: new Error('nobody knows what became of the batch'),
      };
      if ('error' in outcome) failed.set(partition, outcome.error);
      else if (outcome.offset !== undefined)
        this.#onStored(partition, outcome.offset + contents.length - 1, lasts.get(partition)!);
    }
    for (const error of failed.values()) {
      const refused = REFUSED_FOR_CONTENT.find((id) => answeredWith(error, id));
      if (refused) return { refusal: `Kafka refuses it: ${refused}`, failed: new Map() };
    }
    if (failed.size === batches.size && batches.size > 0) {
      this.#replace();
      throw failed.values().next().value;
    }
    return { refusal: undefined, failed };
  }

  async #orReplace<T>(work: Promise<T>): Promise<T> {
    try {
      return await withTimeout(work, SEND_TIMEOUT_MS);
    } catch (error) {
      this.#replace();
      throw error;
    }
  }

  /** A client that lost its broker can go on believing in what is gone: a new one takes its place. */
  #replace(): void {
    void this.#appender.close().catch(() => {});
    this.#appender = openAppendPort(this.#config);
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
