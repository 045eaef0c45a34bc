import type { Counter } from 'prom-client';
import type { Metrics } from '#platform/telemetry/metrics.ts';

/**
 * What should never happen to a log, counted and shown: a part of it is not what was written (`corrupt`), its end was
 * lost (`truncated`), or something in it is missing (`gap`). docs/runbook.md says what to do about each.
 */
export const LOG_FAULT_KINDS = ['corrupt', 'truncated', 'gap'] as const;
export type LogFaultKind = (typeof LOG_FAULT_KINDS)[number];

/** A fault that mended itself is shown at the readiness for so long: nobody looks every second. */
const SHOWN_MS = 60_000;
/** More faults than these at a time say nothing more. */
const SHOWN_MAX = 5;

/** The counter of faults. */
export function logFaultsMetric(metrics: Pick<Metrics, 'counter'>): Counter<'kind'> {
  return metrics.counter({
    name: 'olms_log_faults_total',
    help: 'Damaged, lost or missing parts of the log that a consumer or the relay met',
    labelNames: ['kind'],
  });
}

export class LogFaults {
  readonly #count: (kind: LogFaultKind) => void;
  #recent: { readonly text: string; readonly untilMs: number }[] = [];

  /** Without metrics, as for a program that reads the log once, faults are only remembered. */
  constructor(metrics?: Pick<Metrics, 'counter'>) {
    const counter = metrics && logFaultsMetric(metrics);
    // A counter that is not there looks like one that stands at zero.
    for (const kind of LOG_FAULT_KINDS) counter?.labels(kind).inc(0);
    this.#count = (kind) => counter?.labels(kind).inc();
  }

  /** Counts a fault; `shown` is what the readiness says of it for a minute, or for ever where it does not mend itself. */
  met(kind: LogFaultKind, shown?: { readonly text: string; readonly forEver?: boolean }): void {
    this.#count(kind);
    if (!shown) return;
    const untilMs = shown.forEver ? Number.POSITIVE_INFINITY : performance.now() + SHOWN_MS;
    this.#recent = [...this.#recent.filter(({ text }) => text !== shown.text), { text: shown.text, untilMs }].slice(
      -SHOWN_MAX,
    );
  }

  /** What was met lately, in words; undefined where all is well. */
  get recent(): string | undefined {
    const nowMs = performance.now();
    if (this.#recent.length > 0) this.#recent = this.#recent.filter(({ untilMs }) => untilMs > nowMs);
    return this.#recent.length === 0 ? undefined : this.#recent.map(({ text }) => text).join('; ');
  }

  /** The log is another one: what was wrong with the one before concerns nobody. */
  forget(): void {
    this.#recent = [];
  }
}
