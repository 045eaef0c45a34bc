import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import type { NotificationFilter } from './filter.ts';
import {
  type Channel,
  type Content,
  type Correspondence,
  isForBrowsers,
  type Notification,
  type NotificationStatus,
} from './rules.ts';

/** SQL of the notifications service; nowhere else. */

export const CORRESPONDENCE_COLUMNS: Columns = { order_id: 'uuid', body: 'json' };
export const NOTIFICATION_COLUMNS: Columns = {
  id: 'uuid',
  order_id: 'uuid',
  event_id: 'uuid',
  event_type: 'text',
  channel: 'text',
  recipient: 'text',
  subject: 'text',
  body: 'text',
  status: 'text',
  detail: 'text',
  next_attempt_at: 'timestamptz',
  send_at: 'timestamptz',
  customer_id: 'text',
  language: 'text',
  content: 'json',
  created_at: 'timestamptz',
  traceparent: 'text',
};

export function rowOf(notification: Notification): Record<string, unknown> {
  const { id, orderId, eventId, eventType, channel, recipient, subject, body, status, detail, createdAt, traceparent } =
    notification;
  const isMail = channel === 'email';
  const dueAt = status === 'queued' ? createdAt : null;
  return {
    id,
    order_id: orderId,
    event_id: eventId,
    event_type: eventType,
    channel,
    recipient,
    subject,
    body,
    status,
    detail,
    next_attempt_at: isMail ? dueAt : null,
    send_at: isMail ? null : dueAt,
    customer_id: notification.customerId,
    language: notification.language,
    content: notification.content,
    created_at: createdAt,
    traceparent,
  };
}

/** All notifications of an event are saved together: where one is, a repeated event was notified on every channel before. */
const UNLESS_SAVED = {
  where:
    'not exists (select from notifications.notifications n where n.order_id = r.order_id and n.event_id = r.event_id)',
  onConflict: '(order_id, event_id, channel) do nothing',
};

/** Whether the customer has a browser to push to is known here alone. */
const IF_SUBSCRIBED = {
  ...UNLESS_SAVED,
  where: `${UNLESS_SAVED.where} and (r.customer_id is null or exists (select from notifications.push_subscriptions s where s.customer_id = r.customer_id))`,
};

/**
 * Rows carry no version here: nothing but the log changes them, so the offset's compare-and-set fences every
 * save. An order costs one small row and its notifications, and no update.
 */
export const notificationStore: ProcessorStore<Correspondence, readonly Notification[]> = {
  async load(database, ids) {
    const rows = await database.query<{ order_id: string; body: Correspondence }>(
      'select order_id, body from notifications.orders where order_id = any($1::uuid[])',
      [ids],
    );
    return new Map(
      rows.map((row) => [row.order_id, { id: row.order_id, revision: 1, sequence: 0, consumed: {}, state: row.body }]),
    );
  },

  save(changes, shared) {
    const orders = changes
      .filter(({ before, after }) => after.state !== before.state)
      .map(({ after }) => ({ order_id: after.id, body: after.state }));
    const notifications = shared.flatMap((change) => change.after.map(rowOf));
    const writes: Write[] = [];
    if (orders.length > 0) {
      writes.push(
        insertRows('orders', 'notifications.orders', CORRESPONDENCE_COLUMNS, orders, {
          onConflict: '(order_id) do update set body = excluded.body',
        }),
      );
    }
    if (notifications.length > 0) {
      writes.push(
        insertRows(
          'notifications',
          'notifications.notifications',
          NOTIFICATION_COLUMNS,
          notifications,
          shared.some(({ after }) => after.some(isForBrowsers)) ? IF_SUBSCRIBED : UNLESS_SAVED,
        ),
      );
    }
    return writes;
  },
};

/** Events that somebody was notified of; the order's row remembers only what it needs to write. */
export async function notifiedEvents(
  database: Database,
  events: readonly { readonly id: string; readonly subject: string }[],
): Promise<Set<string>> {
  const rows = await database.query<{ event_id: string }>(
    `select n.event_id from unnest($1::uuid[], $2::uuid[]) as e(order_id, id)
     join notifications.notifications n on n.order_id = e.order_id and n.event_id = e.id`,
    [events.map((event) => event.subject), events.map((event) => event.id)],
  );
  return new Set(rows.map((row) => row.event_id));
}

export interface StoredNotification {
  readonly id: string;
  readonly orderId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly channel: Channel;
  readonly recipient: string | null;
  readonly subject: string;
  readonly body: string;
  readonly status: NotificationStatus;
  readonly detail: string | null;
  readonly attempts: number;
  readonly createdAt: string;
  readonly sentAt: string | null;
  /** When the provider reported that it arrived; not all of them do. */
  readonly deliveredAt: string | null;
  /** How often it was meant to be sent: 1, and one more for each time that somebody asked for it again. */
  readonly sendings: number;
  readonly language: string | null;
  /** What the HTML is made of; null where the text is all that was kept. */
  readonly content: Content | null;
}

export interface StoredRow extends Record<string, unknown> {
  id: string;
  order_id: string;
  event_id: string;
  event_type: string;
  channel: Channel;
  recipient: string | null;
  subject: string;
  body: string;
  status: NotificationStatus;
  detail: string | null;
  attempts: number;
  created_at: Date;
  sent_at: Date | null;
  delivered_at: Date | null;
  sendings: number;
  language: string | null;
  content: Content | null;
}

export const STORED_FIELDS =
  'id, order_id, event_id, event_type, channel, recipient, subject, body, status, detail, attempts, created_at, sent_at, delivered_at, sendings, language, content';

export function fromStored(row: StoredRow): StoredNotification {
  const { id, channel, recipient, subject, body, status, detail, attempts } = row;
  return {
    id,
    orderId: row.order_id,
    eventId: row.event_id,
    eventType: row.event_type,
    channel,
    recipient,
    subject,
    body,
    status,
    detail,
    attempts,
    createdAt: row.created_at.toISOString(),
    sentAt: row.sent_at?.toISOString() ?? null,
    deliveredAt: row.delivered_at?.toISOString() ?? null,
    sendings: row.sendings,
    language: row.language,
    content: row.content,
  };
}

/** A page of the list, continued behind the notification `after`. */
export interface NotificationPage extends NotificationFilter {
  readonly after: string | undefined;
  readonly limit: number;
}

export async function listNotifications(
  database: Database,
  { wanted, conditions, newestFirst, after, limit }: NotificationPage,
): Promise<StoredNotification[]> {
  const rows = await readKeyset<StoredRow>(database, {
    columns: STORED_FIELDS,
    table: 'notifications.notifications t',
    key: 'id',
    newestFirst,
    wanted,
    conditions,
    after,
    limit,
  });
  return rows.map(fromStored);
}

export async function findNotification(database: Database, id: string): Promise<StoredNotification | undefined> {
  const [row] = await database.query<StoredRow>(
    `select ${STORED_FIELDS} from notifications.notifications where id = $1`,
    [id],
  );
  return row && fromStored(row);
}
