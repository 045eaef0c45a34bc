import { ProduceAcks, Producer } from '@platformatic/kafka';
import { type Appended, type AppendPort, unverified, type Verify } from '#platform/kafka/ports.ts';
import { clientOptions } from '#platform/kafka/client-options.ts';
import { BrokerError } from '#platform/kafka/errors.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import { type ClientContent, toContent } from './message.ts';

/**
 * Appends by the client's own producer. It hides its connections, so the log is verified before every append, and what
 * fails is not sent again here: that would happen unverified.
 */

export class ClientAppender implements AppendPort {
  readonly #topic: string;
  readonly #producer: Producer;
  /** Resolves when the append before has ended, however it did. */
  #before: Promise<unknown> = Promise.resolve();

  readonly #publicUrl: string;

  constructor(config: KafkaConfig) {
    this.#topic = config.topic;
    this.#publicUrl = config.publicUrl ?? '';
    this.#producer = new Producer({
      ...clientOptions(config),
      idempotent: true,
      acks: ProduceAcks.ALL,
      retries: 0,
    });
  }

  encode(event: EncodedEvent): ClientContent {
    return toContent(event, this.#publicUrl);
  }

  append(
    batches: ReadonlyMap<number, readonly ClientContent[]>,
    verify: Verify = unverified,
  ): Promise<ReadonlyMap<number, Appended>> {
    // One after the other: two requests on their way could change places where one of them is sent once more.
    const work = this.#before.then(() => this.#append(batches, verify));
    this.#before = work.catch(() => {});
    return work;
  }

  async #append(
    batches: ReadonlyMap<number, readonly ClientContent[]>,
    verify: Verify,
  ): Promise<ReadonlyMap<number, Appended>> {
    const doubtful = await verify();
    const timestamp = BigInt(Date.now());
    const partitions = (await this.#producer.metadata({ topics: [this.#topic] })).topics.get(this.#topic)?.partitions;
    const appended = new Map<number, Appended>();
    // A send fails whole: by itself, a partition that fails leaves the others alone.
    const leaders = Map.groupBy(batches, ([partition]) => partitions?.[partition]?.leader ?? -1);
    for (const [leader, led] of leaders) {
      const messages = led.flatMap(([partition, contents]) =>
        contents.map(({ message }) => ({ ...message, topic: this.#topic, partition, timestamp })),
      );
      try {
        if (leader < 0 || led.some(([partition]) => doubtful.has(partition)))
          throw new BrokerError('LEADER_NOT_AVAILABLE', 'No broker leads the partition');
        const { offsets = [] } = await this.#producer.send({ messages });
        const stored = new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
        for (const [partition] of led) appended.set(partition, { offset: stored.get(partition) });
      } catch (error) {
        this.#producer.clearMetadata();
        for (const [partition] of led) appended.set(partition, { error });
      }
    }
    return appended;
  }

  async close(): Promise<void> {
    await this.#producer.close(true);
  }
}
