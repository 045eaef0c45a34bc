import type { Health } from '#platform/runtime/health.ts';
import type { Lag } from './bus.ts';
import type { UnparkChange } from './parked.ts';

/** A reader of the log as operations see it, be it a service's processor, the relay or the history. */
export interface Consumer {
  lag(): Lag;
  /** See {@link Subscription.lagByPartition}. */
  lagByPartition?(): ReadonlyMap<number, number>;
  healthy(): Health;
  /** Resolves when nothing that it can read now is left to do. */
  settled(): Promise<void>;
  /** Applies an operator's decision to a parked order. Resolves with the number of events that left the park. */
  unpark(orderId: string, change: UnparkChange): Promise<number>;
  readonly parkedCount: number;
}
