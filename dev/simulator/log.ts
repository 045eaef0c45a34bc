import type { Envelope } from '#contracts/envelope.ts';

/** What a story found wrong. */
export class StoryFailure extends Error {}

export function fail(message: string): never {
  throw new StoryFailure(message);
}

interface LastSequence {
  readonly id: string;
  readonly sequence: number;
}

/**
 * The log as consumers see it: partitions by order, every event after its cause, and repetitions where a
 * relay crashed between publishing and saving its cursor. Each promise of the log is checked as it grows.
 */
export class Log {
  readonly partitions: Envelope[][];
  /** Every event once, in the order it was first published. */
  readonly events: Envelope[] = [];
  repeated = 0;
  readonly #partitionOf = new Map<string, number>();
  readonly #last = new Map<string, LastSequence>();
  readonly #known = new Set<string>();
  readonly #onPublished: (partition: number, event: Envelope) => void;

  constructor(partitions: number, onPublished: (partition: number, event: Envelope) => void) {
    this.partitions = Array.from({ length: partitions }, () => []);
    this.#onPublished = onPublished;
  }

  /** A command was given; events may name it as their cause. */
  commanded(causationid: string): void {
    this.#known.add(causationid);
  }

  publish(event: Envelope): void {
    const partition = this.partitionOf(event.subject);
    if (this.#known.has(event.id)) this.repeated++;
    else this.#first(event);
    this.partitions[partition]!.push(event);
    this.#onPublished(partition, event);
  }

  #first(event: Envelope): void {
    const key = event.source + event.subject;
    const sequence = (this.#last.get(key)?.sequence ?? 0) + 1;
    if (event.sequence !== sequence)
      fail(`${event.type} of ${event.source} has sequence ${event.sequence} where ${sequence} is due`);
    if (!this.#known.has(event.causationid))
      fail(`${event.type} stands in the log before its cause ${event.causationid}`);
    this.#last.set(key, event);
    this.#known.add(event.id);
    this.events.push(event);
  }

  partitionOf(orderId: string): number {
    let partition = this.#partitionOf.get(orderId);
    if (partition === undefined)
      this.#partitionOf.set(orderId, (partition = this.#partitionOf.size % this.partitions.length));
    return partition;
  }
}
