import type { Envelope } from '#contracts/envelope.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { LOG_START } from '#platform/log/bus.ts';
import { encoded } from '#platform/log/encoded.ts';
import { loadParked, type Parked, type UnparkChange } from '#platform/log/parked.ts';
import { Parking } from '#platform/log/parking.ts';
import type { KafkaPublisher } from './publisher.ts';

const ATTEMPTS_MAX = 10;

export interface RelayParkedOptions {
  readonly consumer: string;
  readonly database: Database;
  readonly publisher: KafkaPublisher;
  /** Puts an error of the client into words. */
  readonly describe: (error: unknown) => string;
}

/** The events a relay has parked because the brokers refuse them, and how they are published after all. */
export class RelayParked {
  readonly parking: Parking;
  readonly #options: RelayParkedOptions;

  constructor(options: RelayParkedOptions) {
    this.#options = options;
    this.parking = new Parking(options.database, options.consumer);
  }

  /**
   * An operator may release an order through another process while this one queues behind it. What then waits behind
   * nothing (its first event has no reason) is published here, before anything newer of that order.
   */
  async releaseWaiting(): Promise<void> {
    const { consumer, database } = this.#options;
    await this.parking.refreshOrders();
    for (const order of this.parking.parked) {
      const parked = await loadParked(database, consumer, order);
      if (parked.length === 0 || parked[0]!.reason !== null) continue;
      await this.unpark(order, { action: 'retry', actor: consumer });
    }
    await this.parking.refreshOrders();
  }

  /**
   * Publishes an order's parked events, the first one edited or left out where asked. Any process may do it. What
   * the active relay believes to be parked is left alone: if it changed while a batch is on its way, a later event of
   * the order could pass an earlier one. Resolves with the number of events that left the park.
   */
  async unpark(orderId: string, change: UnparkChange): Promise<number> {
    for (let attempt = 1; ; attempt++) {
      const queue = await this.parking.open(orderId, change);
      if (!queue) return 0;
      const { published, refused } = await this.#publish(queue.events);
      const left = queue.events
        .slice(published)
        .map((event, i): Parked => ({ event, reason: i === 0 ? refused! : null }));
      try {
        await this.#options.database.write(this.parking.release(queue, left));
        return queue.stored.length - left.length;
      } catch (error) {
        // The active relay queued one more meanwhile. What is published again is recognized by consumers.
        if (!(error instanceof ConflictError) || attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Publishes one by one until one is refused. */
  async #publish(events: readonly Envelope[]): Promise<{ published: number; refused?: string }> {
    const { publisher, describe } = this.#options;
    for (const [i, event] of events.entries()) {
      try {
        const { refusal: refused } = await publisher.send([publisher.prepare(LOG_START, encoded(event))]);
        if (refused !== undefined) return { published: i, refused };
      } catch (error) {
        throw new Error(describe(error), { cause: error });
      }
    }
    return { published: events.length };
  }
}
