import type { OrderEvent } from '#contracts/order-events.ts';
import type { Projection } from '#platform/processor/projection.ts';
import { emptyRow, foldEvent } from '#platform/processor/aggregate.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { type Correspondence, type Notification, notificationRules, OUTGOING, type Writing } from './rules.ts';
import { CORRESPONDENCE_COLUMNS, NOTIFICATION_COLUMNS, rowOf } from './store.ts';

/**
 * What is known of each order for writing about it, and the record of who was notified of what. A record that is there is
 * what was really sent, so it is never rewritten: a template may have changed since, or the address. One that is
 * missing is written, but nothing is sent for it: whether it was is not in the log.
 */

const UNKNOWN = 'rebuilt from the log, which does not say whether it was sent';

export function notificationProjection(writing: Writing): Projection {
  const rules = notificationRules({ carried: new Set(), writing });
  return {
    schema: 'notifications',
    consumes: true,
    tables: [
      {
        name: 'notifications.orders',
        order: 'order_id',
        key: ['order_id'],
        columns: CORRESPONDENCE_COLUMNS,
        compared: ['body'],
        // Rows of former versions neither number the event that they come from, nor name the articles, the customer or the language.
        differs: {
          body: "t.body::jsonb is distinct from (s.body::jsonb - array(select unnest(array['sequence', 'names', 'customerId', 'locale']) except select jsonb_object_keys(t.body::jsonb)))",
        },
      },
      {
        name: 'notifications.notifications',
        order: 'order_id',
        key: ['order_id', 'event_id', 'channel'],
        present: ['order_id', 'event_id'],
        columns: NOTIFICATION_COLUMNS,
        compared: [],
      },
    ],
    build(id, events) {
      if (events[0]?.type !== 'OrderCreated' && events[0]?.type !== 'OrderImported') return undefined;
      const notifications: Notification[] = [];
      let row = emptyRow<Correspondence>(id);
      for (const event of events) {
        const folded = foldEvent(rules, { ...row, consumed: {} }, event as OrderEvent, {
          nowMs: Date.parse(event.time),
          newId: uuidv7,
          shared: { get: () => undefined },
        });
        row = folded.row;
        notifications.push(...(folded.shared?.get(OUTGOING) ?? []));
      }
      return {
        'notifications.orders': row.state === undefined ? [] : [{ order_id: id, body: row.state }],
        'notifications.notifications': notifications.map((notification) =>
          rowOf(
            notification.channel === 'none' ? notification : { ...notification, status: 'suppressed', detail: UNKNOWN },
          ),
        ),
      };
    },
  };
}
