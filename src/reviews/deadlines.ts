import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { startJob } from '#platform/runtime/job.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Review, ReviewCommand, ReviewOpened } from './rules.ts';
import { nextDeadlines } from './store.ts';

/** The timer that turns a passed deadline into the command `expire`. Deadlines stand in the database; it may come late, never twice. */

const LOOK_EVERY_MS = 10_000;
const DUE_PER_LOOK = 200;

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
  let looking = false;
  /** The earliest deadline known; at first nothing is known, so the first look is due at once. */
  let nextMs = 0;

  const look = async (): Promise<void> => {
    looking = true;
    nextMs = Number.POSITIVE_INFINITY;
    try {
      const nowMs = clock.nowMs();
      const reviews = await nextDeadlines(database, DUE_PER_LOOK);
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
      // More than one look can hold are left to the next regular one.
      nextMs = Math.min(nextMs, reviews[due.length]?.deadlineMs ?? nextMs);
    } finally {
      looking = false;
      poke();
    }
  };
  const job = startJob({ name: 'review-deadlines', everyMs: LOOK_EVERY_MS, logger, run: look });
  /** During a look deadlines are only noted: its end asks for the next one. What is further away a regular look will meet. */
  const poke = (): void => {
    if (!looking && nextMs < clock.nowMs() + LOOK_EVERY_MS) job.pokeAt(nextMs);
  };
  poke();

  return {
    opened(effects) {
      for (const effect of effects) nextMs = Math.min(nextMs, effect.deadlineMs);
      poke();
    },
    async settled() {
      if (nextMs <= clock.nowMs()) await job.runNow();
    },
    stop: () => job.stop(),
  };
}
