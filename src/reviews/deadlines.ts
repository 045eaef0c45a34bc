import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { startDuePoller } from '#platform/processor/due.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Review, ReviewCommand, ReviewOpened } from './rules.ts';
import { nextDeadlines } from './store.ts';

/** The timer that turns a passed deadline into the command `expire`. Deadlines stand in the database; it may come late, never twice. */

const POLL_EVERY_MS = 10_000;
const DUE_PER_RUN = 200;

export interface ReviewDeadlines {
  opened(effects: readonly ReviewOpened[]): void;
  /** Resolves when no review is left whose deadline has passed. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReviewDeadlinesOptions {
  readonly database: Database;
  readonly processor: Processor<Review, ReviewCommand, ReviewOpened>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function watchReviewDeadlines({ database, processor, clock, logger }: ReviewDeadlinesOptions): ReviewDeadlines {
  const poller = startDuePoller({
    name: 'review-deadlines',
    everyMs: POLL_EVERY_MS,
    clock,
    logger,
    async run() {
      const nowMs = clock.nowMs();
      const reviews = await nextDeadlines(database, DUE_PER_RUN);
      const due = reviews.filter((review) => review.deadlineMs <= nowMs);
      await Promise.all(
        due.map(({ orderId }) => {
          const id = uuidv7();
          return processor.submit({
            orderId,
            command: { type: 'expire' },
            cause: { causationid: id, correlationid: id },
          });
        }),
      );
      // More than one run can hold are left to the next regular one.
      return reviews[due.length]?.deadlineMs;
    },
  });
  return {
    opened(effects) {
      for (const effect of effects) poller.dueAt(effect.deadlineMs);
    },
    settled: () => poller.settled(),
    stop: () => poller.stop(),
  };
}
