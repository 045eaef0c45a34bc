import type { Logger } from '#platform/telemetry/logger.ts';
import type { Database } from '#platform/database/database.ts';
import { type Job, startJob } from '#platform/runtime/job.ts';
import type { RetryBackorder } from './rules.ts';
import { candidates, outsideOfLines, skusWaitedFor, turnsOf } from './store/lines.ts';

/** Looks after the lines: whose turn has come is given what it waits for. */

const SWEEP_MS = 30_000;
const SKUS_PER_PAGE = 200;
const ORDERS_PER_PAGE = 500;
/** So many of a line are looked at first, and so many times more where all of those wait for something else. */
const REACH = 500;
const REACH_GROWTH = 8;

export interface BackordersOptions {
  readonly database: Database;
  readonly logger: Logger;
  /** Gives the command to the processor; resolves when it is decided. */
  readonly retry: (orderId: string, command: RetryBackorder) => Promise<unknown>;
}

export class Backorders {
  readonly #options: BackordersOptions;
  readonly #arrived = new Set<string>();
  #sweptMs = Number.NEGATIVE_INFINITY;
  #job: Job | undefined;

  constructor(options: BackordersOptions) {
    this.#options = options;
  }

  /** What is in line already may have been served by nobody: it is looked at right away. */
  start(): void {
    const { logger } = this.#options;
    this.#job = startJob({ name: 'inventory backorders', everyMs: SWEEP_MS, logger, run: () => this.#run() });
    this.#job.pokeAt(Date.now());
  }

  async stop(): Promise<void> {
    await this.#job?.stop();
  }

  /** More of these SKUs is free, or somebody left their lines. */
  arrived(skus: Iterable<string>): void {
    for (const sku of skus) this.#arrived.add(sku);
    this.#job?.pokeAt(Date.now());
  }

  async #run(): Promise<void> {
    const skus = [...this.#arrived];
    this.#arrived.clear();
    for (let from = 0; from < skus.length; from += SKUS_PER_PAGE)
      await this.#serve(skus.slice(from, from + SKUS_PER_PAGE));
    if (performance.now() - this.#sweptMs < SWEEP_MS / 2) return;
    await this.#sweep();
    this.#sweptMs = performance.now();
  }

  /** Every line, for what became free elsewhere or in a process that ended. */
  async #sweep(): Promise<void> {
    const { database, retry } = this.#options;
    for (;;) {
      const outside = await outsideOfLines(database, ORDERS_PER_PAGE);
      for (const orderId of outside) await retry(orderId, { type: 'retryBackorder', turns: [] });
      if (outside.length < ORDERS_PER_PAGE) break;
    }
    for (let after = ''; ;) {
      const skus = await skusWaitedFor(database, after, SKUS_PER_PAGE);
      if (skus.length === 0) return;
      await this.#serve(skus);
      after = skus.at(-1)!;
    }
  }

  /** Serves the lines of these SKUs, each order once. */
  async #serve(skus: readonly string[]): Promise<void> {
    const { database, retry } = this.#options;
    const asked = new Set<string>();
    for (let reach = REACH; ;) {
      const found = await candidates(database, skus, reach);
      const fresh = [...new Set(found.map(({ order_id }) => order_id))].filter((id) => !asked.has(id));
      const page = fresh.slice(0, ORDERS_PER_PAGE);
      if (page.length > 0) {
        for (const id of page) asked.add(id);
        const ready = await turnsOf(database, page);
        // The processor takes commands in the order they come.
        await Promise.all(ready.map(({ orderId, turns }) => retry(orderId, { type: 'retryBackorder', turns })));
        continue;
      }
      const perSku = new Map<string, number>();
      for (const { sku } of found) perSku.set(sku, (perSku.get(sku) ?? 0) + 1);
      if (Math.max(0, ...perSku.values()) < reach) return;
      reach *= REACH_GROWTH;
    }
  }
}
