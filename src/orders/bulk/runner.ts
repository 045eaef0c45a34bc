import { randomUUID } from 'node:crypto';
import type { Given } from '#contracts/many-orders.ts';
import { ConflictError } from '#platform/database/database.ts';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import { give, type GivesOrders } from './give.ts';
import {
  type BulkItem,
  type BulkRun,
  claimRun,
  endRun,
  itemsOf,
  recordItems,
  releaseRun,
  removeEnded,
} from './store.ts';

/**
 * Gives the command of a run to its orders, a batch at a time. Each order's command has a key of its own, kept with its
 * effect: whoever goes on after a crash finds by the keys what was done and not recorded. One process works on a run; it
 * renews its claim with each batch, and where that is lost, what it records is refused.
 */

const EVERY_MS = 5_000;
/** Many times what a batch takes; a run whose process died waits for so long. */
const CLAIM_MS = 10_000;
const BATCH = 200;
const KEPT_MS = 90 * 86_400_000;
const REMOVE_EVERY_MS = 3_600_000;

export class BulkRunner {
  readonly #options: GivesOrders;
  #poller: DuePoller | undefined;
  #stopping = false;
  #removedMs = 0;

  constructor(options: GivesOrders) {
    this.#options = options;
  }

  start(): void {
    const { clock, logger } = this.#options;
    this.#poller = startDuePoller({ name: 'orders bulk', everyMs: EVERY_MS, clock, logger, run: () => this.#run() });
  }

  /** A run was made. */
  begun(): void {
    this.#poller?.dueAt(0);
  }

  /** Resolves when nothing is left of the runs that nobody else works on. */
  async settled(): Promise<void> {
    await this.#poller?.settled();
  }

  /** Leaves the run that it works on to others, after the batch under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#poller?.stop();
  }

  async #run(): Promise<void> {
    const { database, clock } = this.#options;
    while (!this.#stopping) {
      const claim = randomUUID();
      const nowMs = clock.nowMs();
      const run = await claimRun(database, claim, nowMs, nowMs + CLAIM_MS);
      if (!run) break;
      if (!(await this.#work(run, claim))) break;
    }
    if (clock.nowMs() - this.#removedMs < REMOVE_EVERY_MS) return;
    this.#removedMs = clock.nowMs();
    await removeEnded(database, clock.nowMs() - KEPT_MS);
  }

  /** Resolves with false where the run is to be gone on with later. */
  async #work(run: BulkRun, claim: string): Promise<boolean> {
    const { database, clock, logger } = this.#options;
    for (let after = 0; ;) {
      if (this.#stopping) {
        await releaseRun(database, run.id, claim);
        return false;
      }
      const items = await itemsOf(database, run.id, { after, limit: BATCH, outcome: 'waiting' });
      if (items.length === 0) {
        // Those that were not reached stand before `after`.
        const left = after > 0 ? await itemsOf(database, run.id, { after: 0, limit: 1, outcome: 'waiting' }) : [];
        if (left.length > 0) {
          await releaseRun(database, run.id, claim);
          return false;
        }
        await endRun(database, run.id, 'done', clock.nowMs());
        return true;
      }
      after = items.at(-1)!.number;
      const outcomes = (await this.#give(run, items)).filter(({ outcome }) => outcome !== undefined);
      // What reaches nobody, such as a service that is away, is left alone for a while.
      if (outcomes.length === 0) {
        await releaseRun(database, run.id, claim);
        return false;
      }
      try {
        await database.write(recordItems(run.id, claim, outcomes, clock.nowMs() + CLAIM_MS));
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        logger.warn({ bulkId: run.id }, 'another process has taken over this run');
        return true;
      }
      if (await this.#isEnded(run.id)) return true;
    }
  }

  async #isEnded(id: string): Promise<boolean> {
    const rows = await this.#options.database.query(
      "select from orders.bulk_runs where id = $1 and status = 'running'",
      [id],
    );
    return rows.length === 0;
  }

  /** What became of these orders; those that were not reached have no outcome. */
  async #give(run: BulkRun, items: readonly BulkItem[]): Promise<BulkItem[]> {
    const { id, command, createdBy, correlationid, traceparent, authtype } = run;
    let given: readonly Given[] = [];
    try {
      given = await give(this.#options, {
        runId: id,
        command,
        arguments: run.arguments,
        by: createdBy,
        authtype,
        correlationid,
        traceparent,
        dryRun: false,
        orderIds: items.map(({ orderId }) => orderId),
      });
    } catch (error) {
      // The service that decides is away, or the database is.
      this.#options.logger.warn({ err: error, bulkId: id }, 'a run waits');
    }
    return items.map((item, index) => {
      const { outcome, code, detail } = given[index] ?? { outcome: 'later' };
      return outcome === 'done' || outcome === 'refused' ? { ...item, outcome, code, detail } : item;
    });
  }
}
