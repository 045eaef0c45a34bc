import type { Envelope } from '#contracts/envelope.ts';
import type { EventData } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { FINAL_STATUSES } from '#orders/rules/lifecycle.ts';

/** SQL of orders that follow another one. */

const FINAL = [...FINAL_STATUSES];

/** What events of orders mean for the table of follow-up orders; nothing, for nearly all. */
export function followUpWrites(events: readonly Envelope[]): Write[] {
  const opened: Record<string, unknown>[] = [];
  const closed: string[] = [];
  for (const { type, subject, data } of events) {
    if (type === 'OrderClaimOpened') {
      const { claimId, followUpId } = data as EventData<'OrderClaimOpened'>;
      if (followUpId !== undefined) opened.push({ order_id: followUpId, follows: subject, claim_id: claimId });
    } else if (type === 'OrderFollowUpClosed') closed.push((data as EventData<'OrderFollowUpClosed'>).followUpId);
  }
  const writes: Write[] = [];
  if (opened.length > 0)
    writes.push(
      insertRows('follow_ups', 'orders.follow_ups', { order_id: 'uuid', follows: 'uuid', claim_id: 'uuid' }, opened),
    );
  if (closed.length > 0)
    writes.push({
      name: 'follow_ups_closed',
      sql: 'update orders.follow_ups set closed = true where order_id = any($1::uuid[])',
      params: [closed],
    });
  return writes;
}

/** An order that follows another one, and is not placed yet or has ended without that being noted. */
export interface OpenFollowUp extends Record<string, unknown> {
  readonly order_id: string;
  readonly follows: string;
  readonly claim_id: string;
  /** Why it could not be placed the last time. */
  readonly refusal: string | null;
  /** Null where it is not placed yet. */
  readonly status: string | null;
}

/** What is to be done about follow-up orders, the oldest first; those that could not be placed come last. */
export function openFollowUps(database: Database, limit: number): Promise<OpenFollowUp[]> {
  return database.query<OpenFollowUp>(
    `select f.order_id, f.follows, f.claim_id, f.refusal, s.status
     from orders.follow_ups f left join orders.order_states s on s.order_id = f.order_id
     where not f.closed and (s.order_id is null or s.status = any($1::text[])) order by f.refusal is not null, f.order_id limit $2`,
    [FINAL, limit],
  );
}

/** Keeps why a follow-up order cannot be placed. */
export async function keepRefusal(database: Database, orderId: string, refusal: string): Promise<void> {
  const sql = 'update orders.follow_ups set refusal = $2::text where order_id = $1::uuid';
  await database.write([{ name: 'refusal', sql, params: [orderId, refusal] }]);
}

/** What is stored of a follow-up order. */
export interface FollowUp {
  /** Of the order; undefined where there is none. */
  readonly status: string | undefined;
  /** It is to be placed, or its end is to be noted. */
  readonly awaited: boolean;
  /** Why it could not be placed the last time. */
  readonly refusal: string | undefined;
}

/** What is stored of these follow-up orders, by id; those of which nothing is are missing. */
export async function followUpsOf(database: Database, ids: readonly string[]): Promise<ReadonlyMap<string, FollowUp>> {
  if (ids.length === 0) return new Map();
  const rows = await database.query<{ id: string; status: string | null; closed: boolean; refusal: string | null }>(
    `select id, s.status, coalesce(f.closed, true) as closed, f.refusal from unnest($1::uuid[]) as id
     left join orders.follow_ups f on f.order_id = id left join orders.order_states s on s.order_id = id`,
    [ids],
  );
  return new Map(
    rows.map(({ id, status, closed, refusal }) => [
      id,
      { status: status ?? undefined, awaited: !closed, refusal: refusal ?? undefined },
    ]),
  );
}
