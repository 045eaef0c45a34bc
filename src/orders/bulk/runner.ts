import { randomUUID } from 'node:crypto';
import { isRefusal } from '#contracts/errors.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isTransient, isUniqueViolation } from '#platform/database/failures.ts';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import type { Order } from '#orders/rules/state.ts';
import { commandOf } from './commands.ts';
import {
  type BulkItem,
  type BulkRun,
  claimRun,
  endRun,
  itemsOf,
  keysDone,
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
/** What did not reach its order is tried again; other refusals are outcomes. */
const NOT_REACHED: ReadonlySet<string> = new Set(['UNAVAILABLE', 'OVERLOADED']);

export interface BulkRunnerOptions {
  readonly database: Database;
  readonly processor: Pick<Processor<Order, OrderCommand>, 'submit'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class BulkRunner {
  readonly #options: BulkRunnerOptions;
  #poller: DuePoller | undefined;
  #stopping = false;
  #removedMs = 0;

  constructor(options: BulkRunnerOptions) {
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
        if (left.length > 0) return false;
        await endRun(database, run.id, 'done', clock.nowMs());
        return true;
      }
      after = items.at(-1)!.number;
      const outcomes = (await this.#give(run, items)).filter(({ outcome }) => outcome !== undefined);
      try {
        await database.write(recordItems(run.id, claim, outcomes, clock.nowMs() + CLAIM_MS));
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        logger.warn({ bulkId: run.id }, 'another process has taken over this run');
        return true;
      }
      if (await this.#isEnded(run.id)) return true;
      // What refuses everything, such as a database that is away, is left alone for a while.
      if (outcomes.length === 0) return false;
    }
  }

  async #isEnded(id: string): Promise<boolean> {
    const rows = await this.#options.database.query(
      "select from orders.bulk_runs where id = $1 and status = 'running'",
      [id],
    );
    return rows.length === 0;
  }

  async #give(run: BulkRun, items: readonly BulkItem[]): Promise<BulkItem[]> {
    const done = await keysDone(
      this.#options.database,
      items.map(({ orderId }) => keyOf(run.id, orderId)),
    );
    return Promise.all(
      items.map(async (item) =>
        done.has(keyOf(run.id, item.orderId)) ? { ...item, outcome: 'done' as const } : this.#giveOne(run, item),
      ),
    );
  }

  async #giveOne(run: BulkRun, item: BulkItem): Promise<BulkItem> {
    const { id, command, createdBy, correlationid, traceparent, authtype } = run;
    const { orderId } = item;
    try {
      const answer = await this.#options.processor.submit({
        orderId,
        command: commandOf(command, run.arguments, createdBy),
        cause: { causationid: id, correlationid, traceparent, authtype, authid: createdBy },
        idempotency: { key: keyOf(id, orderId), requestHash: command },
      });
      if (!isRefusal(answer)) return { ...item, outcome: 'done' };
      if (NOT_REACHED.has(answer.refused)) return item;
      return { ...item, outcome: 'refused', code: answer.refused, detail: answer.detail };
    } catch (error) {
      // Somebody else has done it meanwhile, or it is to be tried again.
      if (isUniqueViolation(error)) return { ...item, outcome: 'done' };
      if (isTransient(error) || error instanceof ConflictError) return item;
      this.#options.logger.error({ err: error, bulkId: id, orderId }, 'a command of a run failed');
      return {
        ...item,
        outcome: 'refused',
        code: 'INTERNAL',
        detail: 'Something failed on our side; the log says what.',
      };
    }
  }
}

/** No caller can have it: theirs begin with a name and a colon, and this one with an id that nobody can guess. */
function keyOf(bulkId: string, orderId: string): string {
  return `bulk/${bulkId}:${orderId}`;
}
