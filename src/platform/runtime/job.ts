import type { Logger } from '#platform/telemetry/logger.ts';

/** Work that repeats: at an interval, and earlier when poked. Runs never overlap. */
export interface Job {
  /** Run again at this time (milliseconds since 1970) if that is before the next regular run. */
  pokeAt(timeMs: number): void;
  /** Run now and wait for it. */
  runNow(): Promise<void>;
  stop(): Promise<void>;
}

export interface JobOptions {
  readonly name: string;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly run: () => Promise<void>;
}

/** Longer timers overflow to at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Starts a job; a run that fails is logged and tried again at the next interval. */
export function startJob(options: JobOptions): Job {
  let timer: NodeJS.Timeout | undefined;
  let nextMs = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  let stopped = false;

  const schedule = (atMs: number): void => {
    if (stopped || atMs >= nextMs) return;
    nextMs = atMs;
    // While a run is under way only the time is noted; its end sets the timer.
    if (running) return;
    clearTimeout(timer);
    timer = setTimeout(() => void run(), Math.min(Math.max(0, atMs - Date.now()), TIMER_MAX_MS));
  };
  const run = (): Promise<void> => {
    if (running) return running;
    clearTimeout(timer);
    nextMs = Number.POSITIVE_INFINITY;
    running = options
      .run()
      .catch((error: unknown) =>
        options.logger.warn({ err: error, job: options.name }, 'job failed; it runs again at its next interval'),
      )
      .finally(() => {
        running = undefined;
        const poked = nextMs;
        nextMs = Number.POSITIVE_INFINITY;
        schedule(Math.min(poked, Date.now() + options.everyMs));
      });
    return running;
  };
  schedule(Date.now() + options.everyMs);
  return {
    pokeAt: schedule,
    async runNow() {
      await running;
      await run();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
