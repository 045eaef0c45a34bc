import type { Clock } from '#platform/runtime/clock.ts';
import { startJob } from '#platform/runtime/job.ts';
import type { Logger } from '#platform/telemetry/logger.ts';

/**
 * Takes care of what is due. Times stand in the database, so a restart continues where the process ended; a time that
 * is reported here only makes the next run earlier. Runs never overlap; one that fails is logged and repeated at the
 * interval.
 */
export interface DuePoller {
  /** A run is under way. */
  readonly running: boolean;
  /** Something is due at this time (milliseconds since 1970). During a run it is only noted, for the next one. */
  dueAt(timeMs: number): void;
  /** Resolves when nothing is left that is known to be due now. */
  settled(): Promise<void>;
  /** Ends the polling, after the run under way. */
  stop(): Promise<void>;
}

export interface DuePollerOptions {
  readonly name: string;
  /** Between two runs, whatever is known to be due. */
  readonly everyMs: number;
  /** The earliest due time that is known at the start. At first nothing is known, so the first run is due at once. */
  readonly firstDueMs?: number;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Does what is due, as much as one run may, and returns when more is, as far as it knows. */
  readonly run: () => Promise<number | undefined | void>;
}

/** A poller that runs at its interval only, and when a time is reported. */
export const AT_INTERVAL = Number.POSITIVE_INFINITY;

export function startDuePoller({ name, everyMs, firstDueMs = 0, clock, logger, run }: DuePollerOptions): DuePoller {
  let running = false;
  let nextMs = firstDueMs;
  const job = startJob({
    name,
    everyMs,
    logger,
    async run() {
      running = true;
      nextMs = Number.POSITIVE_INFINITY;
      try {
        dueAt((await run()) ?? nextMs);
      } finally {
        running = false;
        plan();
      }
    },
  });
  /** What is further away than the interval, a regular run will meet. */
  const plan = (): void => {
    if (!running && nextMs < clock.nowMs() + everyMs) job.pokeAt(nextMs);
  };
  const dueAt = (timeMs: number): void => {
    nextMs = Math.min(nextMs, timeMs);
    plan();
  };
  plan();
  return {
    get running() {
      return running;
    },
    dueAt,
    async settled() {
      if (nextMs <= clock.nowMs()) await job.runNow();
    },
    stop: () => job.stop(),
  };
}
