import type { Envelope } from '#contracts/envelope.ts';
import { cut } from '#contracts/text.ts';
import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { addAuditEntries } from './audit-log.ts';

/** A parked event with its reason; null where it only waits behind another event of its order. */
export interface Parked {
  readonly event: Envelope;
  readonly reason: string | null;
}

export interface StoredParked extends Parked {
  readonly number: number;
}

export interface ParkedOrder {
  readonly consumer: string;
  readonly orderId: string;
  readonly reason: string | null;
  readonly eventType: string;
  readonly eventId: string;
  readonly events: number;
  readonly parkedAt: string;
}

/** What an operator does with the first parked event of an order; the ones behind it always follow. */
export interface UnparkChange {
  readonly action: 'retry' | 'skip';
  /** Edited payload to use instead. */
  readonly data?: unknown;
  readonly actor: string;
  /** What kind of principal that is; undefined: a service by itself. */
  readonly actorKind?: string | undefined;
  /** Why, for the audit. */
  readonly reason?: string | undefined;
}

const PARKED_REASON_MAX = 1_000;
/** More than anybody skips by hand; a bound, not a page. */
const SKIPPED_MAX = 10_000;
const NOT_QUEUED =
  "not exists (select from log.parked_events p where p.consumer = r.consumer and p.order_id = r.order_id and p.event->>'id' = r.event->>'id')";

/** PostgreSQL text holds no NUL, and a reason may quote the data that was at fault. */
function textOf(reason: string): string {
  return cut(reason.replaceAll('\0', ''), PARKED_REASON_MAX);
}

/** `unlessQueued`: what is in its order's queue already, because it is read once more, is not queued a second time. */
export function parkEvents(consumer: string, parked: readonly Parked[], { unlessQueued = false } = {}): Write {
  const rows = parked.map(({ event, reason }) => ({
    consumer,
    order_id: event.subject,
    event,
    reason: reason === null ? null : textOf(reason),
  }));
  return insertRows(
    'parked',
    'log.parked_events',
    { consumer: 'text', order_id: 'uuid', event: 'json', reason: 'text' },
    rows,
    // The queue is in the order of the log.
    unlessQueued ? { where: NOT_QUEUED, inOrder: true } : {},
  );
}

/** Removes parked events, refusing where somebody else removed some meanwhile, and records who did it. */
export function deleteParked(
  consumer: string,
  orderId: string,
  parked: readonly StoredParked[],
  { actor, actorKind, action, reason, data }: UnparkChange,
): Write[] {
  const { id, type, correlationid } = parked[0]!.event;
  const audit = [
    { actor, actor_kind: actorKind ?? null, action, reason, consumer, order_id: orderId, event: parked[0]!.event },
  ];
  return [
    {
      name: 'unparked',
      sql: 'delete from log.parked_events where consumer = $1 and order_id = $2 and number = any($3::bigint[])',
      params: [consumer, orderId, parked.map((entry) => entry.number)],
      expect: parked.length,
    },
    insertRows(
      'audit',
      'log.park_audit',
      {
        actor: 'text',
        actor_kind: 'text',
        action: 'text',
        reason: 'text',
        consumer: 'text',
        order_id: 'uuid',
        event: 'json',
      },
      audit,
    ),
    addAuditEntries([
      {
        actor,
        actorKind,
        action: action === 'retry' ? 'parked.retried' : 'parked.skipped',
        subject: orderId,
        before: { consumer, parked: parked.length, event: id, type },
        after: {
          ...(reason !== undefined && { reason }),
          ...(data !== undefined && { edited: changedFields(parked[0]!.event.data, data) }),
        },
        correlationId: correlationid,
      },
    ]),
  ];
}

/** What of an event an operator had read otherwise: by name, because what it says may be about a person. */
function changedFields(before: unknown, after: unknown): string[] {
  const fields = (data: unknown): Map<string, unknown> => new Map(Object.entries(Object(data) as object));
  const [said, read] = [fields(before), fields(after)];
  return [...new Set([...said.keys(), ...read.keys()])].filter(
    (name) => JSON.stringify(said.get(name)) !== JSON.stringify(read.get(name)),
  );
}

export async function loadParked(database: Database, consumer: string, orderId: string): Promise<StoredParked[]> {
  return database.query<{ number: number; event: Envelope; reason: string | null }>(
    'select number, event, reason from log.parked_events where consumer = $1 and order_id = $2 order by number',
    [consumer, orderId],
  );
}

export async function loadParkedOrders(database: Database, consumer: string): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    'select distinct order_id from log.parked_events where consumer = $1',
    [consumer],
  );
  return rows.map((row) => row.order_id);
}

/** Ids of events an operator left out: read again, they stay left out. */
export async function loadSkipped(database: Pick<Database, 'query'>, consumer: string): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select event->>'id' as id from log.park_audit where consumer = $1 and action = 'skip' order by number desc limit ${SKIPPED_MAX}`,
    [consumer],
  );
  return rows.map((row) => row.id);
}

/** More than anybody reads at once; a bound, not a page. */
const PARKED_MAX = 500;

/** Which parked orders are looked for, and from where on. */
export interface ParkedFilter {
  readonly consumers?: readonly string[] | undefined;
  readonly orderIds?: readonly string[] | undefined;
  /** In the reason or the type of the event, whatever the case of its letters. */
  readonly text?: string | undefined;
  /** Continue behind this one. */
  readonly after?: Pick<ParkedOrder, 'parkedAt' | 'consumer' | 'orderId'> | undefined;
  readonly limit?: number | undefined;
}

/** Parked orders, oldest first, with what stands at the head of each queue; `parkedAt` to the microsecond. */
export async function listParked(database: Database, filter: ParkedFilter = {}): Promise<ParkedOrder[]> {
  const { consumers, orderIds, text, after, limit = PARKED_MAX } = filter;
  return database.query<ParkedOrder & Record<string, unknown>>(
    `select consumer, order_id as "orderId", reason, type as "eventType", event_id as "eventId", events,
       to_char(parked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as "parkedAt"
     from (
       select distinct on (consumer, order_id) consumer, order_id, reason, event->>'type' as type, event->>'id' as event_id, parked_at,
         count(*) over (partition by consumer, order_id)::int as events
       from log.parked_events
       where ($1::text[] is null or consumer = any($1)) and ($2::uuid[] is null or order_id = any($2))
       order by consumer, order_id, number
     ) heads
     where ($3::text is null or strpos(lower(type || ' ' || coalesce(reason, '')), lower($3)) > 0)
       and ($4::timestamptz is null or (parked_at, consumer, order_id) > ($4, $5, $6::uuid))
     order by parked_at, consumer, order_id limit $7`,
    [
      consumers ?? null,
      orderIds ?? null,
      text ?? null,
      after?.parkedAt ?? null,
      after?.consumer ?? null,
      after?.orderId ?? null,
      limit,
    ],
  );
}
