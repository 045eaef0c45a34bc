import type { Counter } from 'prom-client';
import type { Metrics } from './metrics.ts';

/** Something that is looked up when somebody asks for the metrics, such as a number of rows. */
export interface Measurement {
  /** Word for the failures of this one; a label. */
  readonly name: string;
  /** What was looked up counts for so long, however often metrics are asked for; 0: each time. */
  readonly everyMs: number;
  /** Takes away what was set before; also called where a look failed, because an old value would say that all is as it was. */
  readonly clear?: () => void;
  /** Looks up, and returns what sets the gauges: in one go, so that nobody sees them half set. */
  readonly read: () => Promise<() => void> | (() => void);
}

/** For what takes a query: between two of them, whoever asks for metrics, and however often. */
export const QUERY_EVERY_MS = 10_000;
/** Metrics are given out after this time in any case: with what was known before. */
const PATIENCE_MS = 2_000;
/** Looking things up takes at most one part in so many of the time. */
const SHARE = 20;

interface Known extends Measurement {
  dueMs: number;
  running: Promise<void> | undefined;
}

export class Measurements {
  readonly #all: Known[] = [];
  readonly #makeCounter: Metrics['counter'];
  #failures: Counter<'measurement'> | undefined;

  constructor(counter: Metrics['counter']) {
    this.#makeCounter = counter;
  }

  add(measurement: Measurement): void {
    this.#failures ??= this.#makeCounter({
      name: 'olms_measurement_failures_total',
      help: 'Lookups for metrics that failed, such as a count of rows while the database is away',
      labelNames: ['measurement'],
    });
    this.#failures.labels(measurement.name).inc(0);
    this.#all.push({ ...measurement, dueMs: 0, running: undefined });
  }

  /** Resolves when all that is due was looked up, or after a while without what takes longer. Never rejects. */
  async refresh(): Promise<void> {
    const nowMs = performance.now();
    const due = this.#all.filter((each) => each.running !== undefined || each.dueMs <= nowMs);
    const looking = due.map((each) => (each.running ??= this.#look(each)));
    let late: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => (late = setTimeout(resolve, PATIENCE_MS)));
    await Promise.race([Promise.all(looking), patience]);
    clearTimeout(late);
  }

  async #look(each: Known): Promise<void> {
    const startedMs = performance.now();
    let set: (() => void) | undefined;
    try {
      set = await each.read();
    } catch {
      this.#failures!.labels(each.name).inc();
    }
    each.clear?.();
    set?.();
    const tookMs = performance.now() - startedMs;
    each.dueMs = each.everyMs === 0 ? 0 : performance.now() + Math.max(each.everyMs, tookMs * SHARE);
    each.running = undefined;
  }
}
