import type { Allocation } from '#contracts/order-events.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Database } from '#platform/database/database.ts';
import { type Job, startJob } from '#platform/runtime/job.ts';
import { type MarkShort, sameAllocations } from './rules/shortages.ts';
import { reportedShortages, shortOrders, shortPlaces } from './store/shortages.ts';

/** Reports to orders what they lack, and what they lack no more: as stock and the log of an order agree in the end. */

const SWEEP_MS = 30_000;

export interface ShortagesOptions {
  readonly database: Database;
  readonly logger: Logger;
  /** Gives the command to the processor; resolves when it is decided. */
  readonly mark: (orderId: string, command: MarkShort) => Promise<unknown>;
}

export class Shortages {
  readonly #options: ShortagesOptions;
  /** Something is missing, as far as this process knows: only then what moves is of interest. */
  #any = false;
  #job: Job | undefined;

  constructor(options: ShortagesOptions) {
    this.#options = options;
  }

  start(): void {
    const { logger } = this.#options;
    this.#job = startJob({ name: 'inventory shortages', everyMs: SWEEP_MS, logger, run: () => this.#run() });
  }

  async stop(): Promise<void> {
    await this.#job?.stop();
  }

  /** Stock was counted or delivered: less than is reserved, or what another process found missing. */
  adjusted(): void {
    this.#job?.pokeAt(Date.now());
  }

  /** Stock has moved with an order, and with it perhaps who is short. */
  moved(): void {
    if (this.#any) this.#job?.pokeAt(Date.now());
  }

  async #run(): Promise<void> {
    const { database, mark } = this.#options;
    const missing = new Map<string, Allocation[]>();
    for (const place of await shortPlaces(database))
      for (const { orderId, quantity } of await shortOrders(database, place))
        missing.set(orderId, [...(missing.get(orderId) ?? []), { sku: place.sku, location: place.location, quantity }]);
    const reported = await reportedShortages(database);
    this.#any = missing.size > 0 || reported.size > 0;
    const changed = [...new Set([...missing.keys(), ...reported.keys()])].filter(
      (orderId) => !sameAllocations(missing.get(orderId) ?? [], reported.get(orderId) ?? []),
    );
    await Promise.all(
      changed.map((orderId) => mark(orderId, { type: 'markShort', missing: missing.get(orderId) ?? [] })),
    );
  }
}
