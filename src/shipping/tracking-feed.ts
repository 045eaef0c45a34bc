import { isRefusal, type Refusal } from '#contracts/errors.ts';
import type { Database } from '#platform/database/database.ts';
import type { Cause } from '#platform/processor/aggregate.ts';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { CarrierDue, Shipping, ShippingCommand } from './rules/model.ts';
import {
  endWaiting,
  forgetOldUpdates,
  keepWaiting,
  shipmentsOfUpdate,
  type TrackingUpdate,
  waitingUpdates,
} from './tracking-store.ts';

/**
 * Takes what carriers say to the parcels it is about. What comes before its parcel was dispatched, or while its order is
 * on hold, waits in the database, and is tried again when a number becomes known and at intervals.
 */

const AGAIN_EVERY_MS = 10_000;
const UPDATES_PER_RUN = 500;

/** What became of an update: something is known by it, nothing is, or it waits. */
export type Taken = 'news' | 'nothing_new' | 'waits';

export interface TrackingFeedOptions {
  readonly database: Database;
  readonly processor: Processor<Shipping, ShippingCommand, CarrierDue>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class TrackingFeedIntake {
  readonly #options: TrackingFeedOptions;
  #poller: DuePoller | undefined;

  constructor(options: TrackingFeedOptions) {
    this.#options = options;
  }

  start(): void {
    const { clock, logger } = this.#options;
    const run = (): Promise<number | undefined> => this.#tryAgain();
    this.#poller = startDuePoller({ name: 'tracking updates', everyMs: AGAIN_EVERY_MS, clock, logger, run });
  }

  async stop(): Promise<void> {
    await this.#poller?.stop();
  }

  async settled(): Promise<void> {
    await this.#poller?.settled();
  }

  /** A parcel has got a number: what waits for it is due. */
  numbered(): void {
    this.#poller?.dueAt(this.#options.clock.nowMs());
  }

  /** Takes an update, or keeps it; resolves to a refusal where it is to be sent again. */
  async take(update: TrackingUpdate, cause: Cause): Promise<Taken | Refusal> {
    const taken = await this.#give(update, cause);
    if (taken === 'waits') await keepWaiting(this.#options.database, update);
    return taken;
  }

  async #give(update: TrackingUpdate, cause: Cause): Promise<Taken | Refusal> {
    const { database, processor } = this.#options;
    const { carrier, trackingNumber, tracking } = update;
    const parcels = await shipmentsOfUpdate(database, update);
    if (parcels.length === 0) return 'waits';
    const answers = await Promise.all(
      parcels.map(({ id: shipmentId, orderId }) =>
        processor.submit({ orderId, cause, command: { type: 'track', shipmentId, carrier, trackingNumber, tracking } }),
      ),
    );
    const refusals = answers.filter(isRefusal);
    if (refusals.some(({ refused }) => refused === 'SHIPMENT_ON_HOLD')) return 'waits';
    if (refusals.length > 0) return refusals[0]!;
    return answers.some((answer) => 'events' in answer && answer.events.length > 0) ? 'news' : 'nothing_new';
  }

  async #tryAgain(): Promise<number | undefined> {
    const { database, clock } = this.#options;
    await forgetOldUpdates(database);
    const updates = await waitingUpdates(database, UPDATES_PER_RUN);
    let ended = 0;
    for (const update of updates) {
      const id = uuidv7();
      const taken = await this.#give(update, { causationid: id, correlationid: id });
      const isTaken = taken === 'news' || taken === 'nothing_new';
      if (isTaken) ended++;
      await endWaiting(database, update, isTaken);
    }
    // A full run may have left something; one that moved nothing would only meet the same ones.
    return updates.length === UPDATES_PER_RUN && ended > 0 ? clock.nowMs() : undefined;
  }
}
