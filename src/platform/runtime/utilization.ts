import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** Long enough that one batch does not decide it, short enough that a burst is noticed within a few batches. */
const WINDOW_MS = 50;
/** Below the first share of its time the process has room for small batches; from the second on, only large ones keep up. */
const ROOMY = 0.6;
const FULL = 0.95;

let measured: EventLoopUtilization = performance.eventLoopUtilization();
let measuredMs = performance.now();
let utilization = 0;

/**
 * How much waiting for company pays now, from 0 (not at all: the event loop is idle often enough) to 1 (the process is
 * busy without pause, and fewer and larger batches leave more of it for the work itself).
 */
export function crowding(): number {
  const nowMs = performance.now();
  if (nowMs - measuredMs >= WINDOW_MS) {
    const current = performance.eventLoopUtilization();
    utilization = performance.eventLoopUtilization(current, measured).utilization;
    measured = current;
    measuredMs = nowMs;
  }
  return crowdingAt(utilization);
}

/** {@link crowding} at a share of time that the event loop is busy, from 0 to 1. */
export function crowdingAt(busy: number): number {
  return Math.min(Math.max((busy - ROOMY) / (FULL - ROOMY), 0), 1);
}
