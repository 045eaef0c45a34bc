import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import type { Channel, Correspondence, Notification, NotificationStatus } from './rules.ts';

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
  created_at: 'timestamptz',
  traceparent: 'text',
};

export function rowOf(notification: Notification): Record<string, unknown> {
  const { id, orderId, eventId, eventType, channel, recipient, subject, body, status, detail, createdAt, traceparent } =
    notification;
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
    next_attempt_at: status === 'queued' ? createdAt : null,
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
        insertRows('notifications', 'notifications.notifications', NOTIFICATION_COLUMNS, notifications, UNLESS_SAVED),
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
}

/** A mail that is to be sent now. */
export interface ClaimedMail extends StoredNotification {
  /** W3C trace context of the event it is about. */
  readonly traceparent: string | null;
}

interface StoredRow extends Record<string, unknown> {
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
}

const FIELDS =
  'id, order_id, event_id, event_type, channel, recipient, subject, body, status, detail, attempts, created_at, sent_at';

function fromStored(row: StoredRow): StoredNotification {
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
  };
}

export interface NotificationFilter {
  readonly orderIds: readonly string[] | undefined;
  /** Continue behind this notification. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of notifications, oldest first. */
export async function listNotifications(
  database: Database,
  { orderIds, after, limit }: NotificationFilter,
): Promise<StoredNotification[]> {
  const rows = await readKeyset<StoredRow>(database, {
    columns: FIELDS,
    table: 'notifications.notifications t',
    key: 'id',
    newestFirst: false,
    wanted: [{ column: 'order_id', type: 'uuid', values: orderIds }],
    after,
    limit,
  });
  return rows.map(fromStored);
}

export async function findNotification(database: Database, id: string): Promise<StoredNotification | undefined> {
  const [row] = await database.query<StoredRow>(`select ${FIELDS} from notifications.notifications where id = $1`, [
    id,
  ]);
  return row && fromStored(row);
}

/**
 * Takes queued mails that are due. The claim is committed before anything is sent: it counts the attempt and
 * keeps other senders away until `untilMs`, after which a mail whose sender died is taken by another.
 */
export async function claimMails(
  database: Database,
  nowMs: number,
  untilMs: number,
  limit: number,
): Promise<ClaimedMail[]> {
  const rows = await database.query<StoredRow & { traceparent: string | null }>(
    `update notifications.notifications set attempts = attempts + 1, next_attempt_at = $2
     where id in (select id from notifications.notifications where status = 'queued' and next_attempt_at <= $1 order by next_attempt_at limit $3 for update skip locked)
     returning ${FIELDS}, traceparent`,
    [isoTime(nowMs), isoTime(untilMs), limit],
  );
  return rows.map((row) => ({ ...fromStored(row), traceparent: row.traceparent }));
}

/** How an attempt ended. */
export interface MailResult {
  readonly id: string;
  /** The number of the attempt. */
  readonly attempts: number;
  readonly status: 'sent' | 'queued' | 'failed';
  readonly detail: string | undefined;
  readonly sentAt: string | undefined;
  readonly nextAttemptAt: string | undefined;
}

/**
 * Records how attempts ended. A sender that was slow may report an attempt after another one has taken the mail
 * over: that it went out stays true, anything else counts only for the last attempt.
 */
export function markMails(results: readonly MailResult[]): Write {
  const column = (name: keyof MailResult): unknown[] => results.map((result) => result[name] ?? null);
  return {
    name: 'mails',
    sql: `update notifications.notifications t set status = r.status, detail = r.detail, sent_at = r.sent_at, next_attempt_at = r.next_attempt_at
      from rows from (unnest($1::uuid[]), unnest($2::integer[]), unnest($3::text[]), unnest($4::text[]), unnest($5::timestamptz[]), unnest($6::timestamptz[]))
        as r(id, attempts, status, detail, sent_at, next_attempt_at)
      where t.id = r.id and t.status = 'queued' and (r.status = 'sent' or t.attempts = r.attempts)`,
    params: [
      column('id'),
      column('attempts'),
      column('status'),
      column('detail'),
      column('sentAt'),
      column('nextAttemptAt'),
    ],
  };
}

/** When the next queued mail is due. */
export async function nextMailMs(database: Database): Promise<number | undefined> {
  const [row] = await database.query<{ next: Date | null }>(
    "select min(next_attempt_at) as next from notifications.notifications where status = 'queued'",
  );
  return row?.next?.getTime();
}

const QUEUED_MAX = 10_000;

/** Mails that were given up since then, counted to 10000, with the last of them. By the index on those that failed. */
export async function failedMails(
  database: Database,
  sinceMs: number,
): Promise<{ count: number; orderId: string; detail: string }> {
  const [row] = await database.query<{ count: number; order_id: string | null; detail: string | null }>(
    `select count(*)::int as count, (array_agg(order_id))[1] as order_id, (array_agg(detail))[1] as detail
     from (select order_id, detail from notifications.notifications where status = 'failed' and created_at >= $1 order by created_at desc limit ${QUEUED_MAX}) failed`,
    [isoTime(sinceMs)],
  );
  return { count: row!.count, orderId: row!.order_id ?? '', detail: row!.detail ?? '' };
}

/** How many mails are queued, and for how long the next has been due that nobody has sent. */
export async function queuedMails(database: Database, nowMs: number): Promise<{ queued: number; lateSeconds: number }> {
  const [row] = await database.query<{ queued: number; late: number }>(
    `select count(*)::int as queued, coalesce(greatest(extract(epoch from $1::timestamptz - min(next_attempt_at)), 0), 0)::float8 as late
     from (select next_attempt_at from notifications.notifications where status = 'queued' order by next_attempt_at limit ${QUEUED_MAX}) queued`,
    [isoTime(nowMs)],
  );
  return { queued: row!.queued, lateSeconds: row!.late };
}
