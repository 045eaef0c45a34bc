import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import type { Write } from '#platform/database/statement.ts';
import type { ChannelName } from './channels/port.ts';
import { fromStored, STORED_FIELDS, type StoredNotification, type StoredRow } from './store.ts';

/** SQL of messages on their way: claimed, sent, marked, and what the provider reported later. */

/**
 * When a queued message is due. Processes from before there were other channels take whatever is due by
 * `next_attempt_at` for a mail.
 */
const DUE = { email: 'next_attempt_at', sms: 'send_at', push: 'send_at' } as const satisfies Record<
  ChannelName,
  string
>;

function queued(channel: ChannelName): string {
  return `status = 'queued' and channel = '${channel}' and ${DUE[channel]} is not null`;
}

/** A message that is to be sent now. */
export interface Claimed extends StoredNotification {
  /** W3C trace context of the event it is about. */
  readonly traceparent: string | null;
  /** Since when it has been meant to be sent. */
  readonly queuedAt: string;
  readonly customerId: string | null;
}

interface ClaimedRow extends StoredRow {
  traceparent: string | null;
  queued_at: Date | null;
  customer_id: string | null;
}

/**
 * Takes queued messages that are due. The claim is committed before anything is sent: it counts the attempt and
 * keeps other senders away until `untilMs`, after which a message whose sender died is taken by another.
 */
export async function claimMessages(
  database: Database,
  channel: ChannelName,
  { nowMs, untilMs, limit }: { readonly nowMs: number; readonly untilMs: number; readonly limit: number },
): Promise<Claimed[]> {
  const due = DUE[channel];
  const rows = await database.query<ClaimedRow>(
    `update notifications.notifications set attempts = attempts + 1, ${due} = $2
     where id in (select id from notifications.notifications where ${queued(channel)} and ${due} <= $1 order by ${due} limit $3 for update skip locked)
     returning ${STORED_FIELDS}, traceparent, queued_at, customer_id`,
    [isoTime(nowMs), isoTime(untilMs), limit],
  );
  return rows.map((row) => ({
    ...fromStored(row),
    traceparent: row.traceparent,
    queuedAt: (row.queued_at ?? row.created_at).toISOString(),
    customerId: row.customer_id,
  }));
}

/** How an attempt ended. */
export interface SendResult {
  readonly id: string;
  /** The number of the attempt. */
  readonly attempts: number;
  readonly status: 'sent' | 'queued' | 'failed';
  /** False where it was none: nobody was there. */
  readonly counted: boolean;
  readonly detail?: string | undefined;
  readonly sentAt?: string | undefined;
  readonly nextAttemptAt?: string | undefined;
  readonly providerId?: string | undefined;
}

/**
 * Records how attempts ended. A sender that was slow may report an attempt after another one has taken the message
 * over: that it went out stays true, anything else counts only for the last attempt.
 */
export function markMessages(channel: ChannelName, results: readonly SendResult[]): Write {
  const column = (name: keyof SendResult): unknown[] => results.map((result) => result[name] ?? null);
  return {
    name: 'messages',
    sql: `update notifications.notifications t set status = r.status, detail = r.detail, sent_at = r.sent_at, ${DUE[channel]} = r.next_attempt_at,
        provider_id = r.provider_id, attempts = case when r.counted then t.attempts else greatest(t.attempts - 1, 0) end
      from rows from (unnest($1::uuid[]), unnest($2::integer[]), unnest($3::text[]), unnest($4::text[]), unnest($5::timestamptz[]), unnest($6::timestamptz[]), unnest($7::boolean[]), unnest($8::text[]))
        as r(id, attempts, status, detail, sent_at, next_attempt_at, counted, provider_id)
      where t.id = r.id and t.status = 'queued' and (r.status = 'sent' or t.attempts = r.attempts)`,
    params: [
      column('id'),
      column('attempts'),
      column('status'),
      column('detail'),
      column('sentAt'),
      column('nextAttemptAt'),
      column('counted'),
      column('providerId'),
    ],
  };
}

/** When the next queued message of a channel is due. */
export async function nextMessageMs(database: Database, channel: ChannelName): Promise<number | undefined> {
  const [row] = await database.query<{ next: Date | null }>(
    `select min(${DUE[channel]}) as next from notifications.notifications where ${queued(channel)}`,
  );
  return row?.next?.getTime();
}

/** What becomes of a message that somebody asked for again. */
export interface Resending {
  readonly id: string;
  /** What it is as long as nobody else has asked meanwhile. */
  readonly sendings: number;
  readonly before: string;
  readonly recipient: string | null;
  readonly status: 'queued' | 'mailbox';
  /** RFC 3339. */
  readonly at: string;
}

/** Queues a message once more, as a sending of its own: one of several who ask at the same time. */
export function resend(channel: ChannelName, { id, sendings, before, recipient, status, at }: Resending): Write {
  return {
    name: 'resent',
    sql: `update notifications.notifications set status = $4, recipient = $5, attempts = 0, detail = null, sent_at = null, delivered_at = null,
        provider_id = null, sendings = sendings + 1, queued_at = $6, ${DUE[channel]} = case when $4 = 'queued' then $6::timestamptz end
      where id = $1 and sendings = $2 and status = $3`,
    params: [id, sendings, before, status, recipient, at],
    expect: 1,
  };
}

/**
 * What a provider reports of a message that it has taken: that it arrived, or that it never will. What arrived has
 * arrived, whatever is reported afterwards. Returns whether it said something new about one of ours.
 */
export async function recordVerdict(
  database: Database,
  channel: ChannelName,
  providerId: string,
  verdict: { readonly deliveredAt: string } | { readonly failed: string },
): Promise<boolean> {
  const [set, isNew, value] =
    'deliveredAt' in verdict
      ? ["status = 'sent', detail = null, delivered_at = $3", 'delivered_at is null', verdict.deliveredAt]
      : ["status = 'failed', detail = $3", "delivered_at is null and status = 'sent'", verdict.failed];
  const rows = await database.query(
    `update notifications.notifications set ${set} where provider_id = $1 and channel = $2 and status in ('sent', 'failed') and ${isNew} returning 1`,
    [providerId, channel, value],
  );
  return rows.length > 0;
}

const COUNT_MAX = 10_000;

/** Messages of a channel that were given up since then, counted to 10000, with the last of them. By the index on those that failed. */
export async function failedMessages(
  database: Database,
  channel: ChannelName,
  sinceMs: number,
): Promise<{ count: number; orderId: string; detail: string }> {
  const [row] = await database.query<{ count: number; order_id: string | null; detail: string | null }>(
    `select count(*)::int as count, (array_agg(order_id))[1] as order_id, (array_agg(detail))[1] as detail
     from (select order_id, detail from notifications.notifications where status = 'failed' and created_at >= $1 and channel = $2 order by created_at desc limit ${COUNT_MAX}) failed`,
    [isoTime(sinceMs), channel],
  );
  return { count: row!.count, orderId: row!.order_id ?? '', detail: row!.detail ?? '' };
}

/** How many messages are queued by a channel, and for how long the next has been due that nobody has sent. */
export async function queuedMessages(
  database: Database,
  channel: ChannelName,
  nowMs: number,
): Promise<{ queued: number; lateSeconds: number }> {
  const due = DUE[channel];
  const [row] = await database.query<{ queued: number; late: number }>(
    `select count(*)::int as queued, coalesce(greatest(extract(epoch from $1::timestamptz - min(due)), 0), 0)::float8 as late
     from (select ${due} as due from notifications.notifications where ${queued(channel)} order by ${due} limit ${COUNT_MAX}) queued`,
    [isoTime(nowMs)],
  );
  return { queued: row!.queued, lateSeconds: row!.late };
}
