import type { Envelope } from '#contracts/envelope.ts';

/** Placeholder of the next slice. */
export interface Projection {
  readonly fold: (events: readonly Envelope[]) => unknown;
}
