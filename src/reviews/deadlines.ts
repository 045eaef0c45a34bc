import { uuidv7 } from 'uuidv7';
import type { Clock } from '#platform/context.ts';
import type { Database } from '#platform/database/database.ts';
import { startJob } from '#platform/job.ts';
import type { Lane } from '#platform/lane.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Review, ReviewCommand, ReviewOpened } from './rules.ts';
import { nextDeadlines } from './store.ts';

/** The timer that turns a passed deadline into the command `expire`. Deadlines stand in the database; it may come late, never twice. */

const LOOK_EVERY_MS = 10_000;
const DUE_PER_LOOK = 200;

export interface ReviewDeadlines {
  opened(effects: readonly ReviewOpened[]): void;
  runNow(): Promise<void>;
  stop(): Promise<void>;
}

export interface ReviewDeadlinesOptions {
  readonly database: Database;
  readonly lane: Lane<Review, ReviewCommand, ReviewOpened>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function watchReviewDeadlines({ database, lane, clock, logger }: ReviewDeadlinesOptions): ReviewDeadlines {
  let looking = false;

  const look = async (): Promise<void> => {
    looking = true;
    let next: number | undefined;
    try {
      const nowMs = clock.nowMs();
      const reviews = await nextDeadlines(database, DUE_PER_LOOK);
      const due = reviews.filter((review) => review.deadlineMs <= nowMs);
      await Promise.all(
        due.map(({ orderId }) => {
          const id = uuidv7();
          return lane.submit({ orderId, command: { type: 'expire' }, cause: { causationid: id, correlationid: id } });
        }),
      );
      next = reviews[due.length]?.deadlineMs;
    } finally {
      looking = false;
      poke(next);
    }
  };
  const job = startJob({ name: 'review-deadlines', everyMs: LOOK_EVERY_MS, logger, run: look });
  /** A deadline beyond the next regular look is met by a later one. */
  const poke = (deadlineMs: number | undefined): void => {
    if (deadlineMs !== undefined && deadlineMs < Date.now() + LOOK_EVERY_MS) job.pokeAt(deadlineMs);
  };

  return {
    opened(effects) {
      // A review opened during a look is met by the next one at the latest.
      if (!looking) for (const effect of effects) poke(effect.deadlineMs);
    },
    runNow: () => job.runNow(),
    stop: () => job.stop(),
  };
}
