import { ProduceAcks, Producer } from '@platformatic/kafka';
import { type AppendPort } from '#platform/kafka/ports.ts';
import { clientOptions } from '#platform/kafka/client-options.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import { type ClientContent, toContent } from './message.ts';

/** Appends by the client's own producer. */

const RETRIES = 4;
const RETRY_MS = 250;

export class ClientAppender implements AppendPort {
  readonly #topic: string;
  readonly #producer: Producer;
  /** Resolves when the append before has ended, however it did. */
  #before: Promise<unknown> = Promise.resolve();

  constructor(config: KafkaConfig) {
    this.#topic = config.topic;
    this.#producer = new Producer({
      ...clientOptions(config),
      idempotent: true,
      acks: ProduceAcks.ALL,
      retries: RETRIES,
      retryDelay: RETRY_MS,
    });
  }

  encode(event: EncodedEvent): ClientContent {
    return toContent(event);
  }

  async topicId(): Promise<string | undefined> {
    return (await this.#producer.metadata({ topics: [this.#topic] })).topics.get(this.#topic)?.id;
  }

  append(batches: ReadonlyMap<number, readonly ClientContent[]>): Promise<void> {
    // One after the other: two requests on their way could change places where one of them is sent once more.
    const work = this.#before.then(() => this.#append(batches));
    this.#before = work.catch(() => {});
    return work;
  }

  async #append(batches: ReadonlyMap<number, readonly ClientContent[]>): Promise<void> {
    const timestamp = BigInt(Date.now());
    const messages = [...batches].flatMap(([partition, contents]) =>
      contents.map(({ message }) => ({ ...message, topic: this.#topic, partition, timestamp })),
    );
    await this.#producer.send({ messages });
  }

  async close(): Promise<void> {
    await this.#producer.close(true);
  }
}
