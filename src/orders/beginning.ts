import { type NewEvent, SOURCES } from '#contracts/order-events.ts';
import { type Cause, recorded } from '#platform/processor/aggregate.ts';
import type { Context } from '#platform/runtime/clock.ts';
import { fold } from './rules/evolve.ts';
import type { Placement } from './store.ts';

/**
 * How an order begins, whoever takes it in: its row, its first event, and those that the same decision adds. They are
 * said to have happened at the time of the context.
 */
export function beginning(
  id: string,
  events: readonly [NewEvent, ...NewEvent[]],
  cause: Cause,
  context: Context,
): Pick<Placement, 'row' | 'event' | 'following'> {
  const all = recorded(SOURCES.orders, id, 1, events, cause, context);
  const [event, ...following] = all;
  const row = { id, revision: 1, sequence: all.length, consumed: {}, state: fold(all) };
  return { row, event: event!, following };
}
