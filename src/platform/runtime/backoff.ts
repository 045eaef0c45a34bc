/** A growing pause between attempts: doubles from `firstMs`, never above `longestMs`. */
export interface Backoff {
  readonly firstMs: number;
  readonly longestMs: number;
}

/** How long to wait after this many failed attempts in a row; `attempt` counts from 0. */
export function backoffMs(attempt: number, { firstMs, longestMs }: Backoff): number {
  return Math.min(firstMs * 2 ** attempt, longestMs);
}
