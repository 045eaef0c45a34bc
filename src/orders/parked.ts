import { Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { Id, Time, type View } from '#platform/http/schemas.ts';

/** What of an order waits for a person, because a service could not digest an event about it. */

export const ParkedView = Type.Object(
  {
    consumer: Type.String({ description: 'Who could not digest the event' }),
    eventType: Type.String(),
    eventId: Type.Optional({ ...Id, description: 'The event at fault' }),
    events: Type.Integer({ description: 'How many events wait, the one at fault included' }),
    reason: Type.Optional(Type.String()),
    parkedAt: Time,
  },
  { title: 'ParkedHere' },
);

/** What may be done about it: `POST /parked/{consumer}/{orderId}/retry` and `/skip`. */
export const PARKED_ACTIONS = ['retryParked', 'skipParked'] as const;

export type ParkedOfOrder = View<typeof ParkedView>;

/** What is parked of these orders in the database of the orders, which in one process is that of every service. */
export async function parkedOf(
  database: Database,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, readonly ParkedOfOrder[]>> {
  const rows = await database.query<{
    order_id: string;
    consumer: string;
    type: string;
    event_id: string;
    reason: string | null;
    events: number;
    parked_at: Date;
  }>(
    `select distinct on (order_id, consumer) order_id, consumer, event->>'type' as type, event->>'id' as event_id, reason, parked_at,
       count(*) over (partition by order_id, consumer)::int as events
     from log.parked_events where order_id = any($1::uuid[]) order by order_id, consumer, number`,
    [orderIds],
  );
  const found = rows.map((row): [string, ParkedOfOrder] => [
    row.order_id,
    {
      consumer: row.consumer,
      eventType: row.type,
      eventId: row.event_id,
      events: row.events,
      ...(row.reason !== null && { reason: row.reason }),
      parkedAt: row.parked_at.toISOString(),
    },
  ]);
  const byOrder = Map.groupBy(found, ([orderId]) => orderId);
  return new Map([...byOrder].map(([orderId, entries]) => [orderId, entries.map(([, entry]) => entry)]));
}
