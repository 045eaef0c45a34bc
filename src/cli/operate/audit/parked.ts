import { listParked } from '#platform/log/parked.ts';
import type { Places } from './places.ts';
import type { Tallies } from './tallies.ts';

/** An event that somebody had a service skip. */
export interface LeftOutEvent {
  readonly consumer: string;
  readonly orderId: string;
  readonly eventType: string;
  readonly actor: string;
  readonly at: string;
}

const PARKED_MAX = 10_000;
const LEFT_OUT_MAX = 100;

/** Reports the orders that wait for a person, and returns the events that somebody had a service skip. */
export async function auditParked({ all }: Places, tallies: Tallies): Promise<LeftOutEvent[]> {
  const leftOut: LeftOutEvent[] = [];
  for (const { database } of all) {
    for (const { consumer, orderId, eventType, events, reason } of await listParked(database, { limit: PARKED_MAX }))
      tallies.violation(
        'parked',
        orderId,
        `waits since ${consumer} could not digest ${eventType}${events > 1 ? `, ${events - 1} more events behind it` : ''}: ${reason}`,
      );
    tallies.examined('parked');
    const rows = await database.query<{ consumer: string; order_id: string; type: string; actor: string; at: Date }>(
      `select consumer, order_id, event->>'type' as type, actor, at from log.park_audit where action = 'skip' order by number desc limit ${LEFT_OUT_MAX}`,
    );
    for (const { consumer, order_id: orderId, type: eventType, actor, at } of rows)
      leftOut.push({ consumer, orderId, eventType, actor, at: at.toISOString() });
  }
  return leftOut.sort((a, b) => (a.at < b.at ? 1 : -1)).slice(0, LEFT_OUT_MAX);
}
