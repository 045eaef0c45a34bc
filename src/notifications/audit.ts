import type { AuditedOrder, ServiceAudit } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';

/** Which event a notification is about, and by which channel it goes. */
export interface NotificationRow {
  readonly event_id: string;
  readonly channel: string;
}

/** Customers hear of each event once. */
export const notificationsAudit = {
  checks: { notifications: 'nobody is notified twice: one notification per event and channel' },
  tables: ['notifications.notifications'],
  orders: {
    read: readRows,
    examine(context, order, rows = []) {
      context.examined('notifications', rows.length);
      examineNotifications(order, rows, (detail) => context.violation('notifications', order.id, detail));
    },
  },
} as const satisfies ServiceAudit<readonly NotificationRow[]>;

async function readRows(
  database: Database,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly NotificationRow[]>> {
  const rows = await database.query<{ order_id: string; event_id: string; channel: string }>(
    'select order_id, event_id, channel from notifications.notifications where order_id = any($1::uuid[])',
    [ids],
  );
  return Map.groupBy(rows, (row) => row.order_id);
}

function examineNotifications(
  { events }: AuditedOrder,
  rows: readonly NotificationRow[],
  report: (detail: string) => void,
): void {
  const known = new Set(events.map((event) => event.id));
  const notified = new Set<string>();
  for (const { event_id: eventId, channel } of rows) {
    const name = `event ${eventId} by ${channel}`;
    if (notified.has(name)) report(`was notified of ${name} twice`);
    notified.add(name);
    if (!known.has(eventId)) report(`was notified of ${name}, which is not in its log`);
  }
}
