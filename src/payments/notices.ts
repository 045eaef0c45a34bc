import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Id, Time } from '#platform/http/schemas.ts';
import type { ProviderNotice } from './providers/port.ts';

/**
 * Notices of providers that are about no payment known here: they may come before it is, as after a database was restored
 * to an earlier time. They wait, and are read again when their payment turns up.
 */

/** So many wait at most; the oldest give way. */
const WAITING_MAX = 1_000;
const DAY_MS = 86_400_000;
const KEPT_MS = 30 * DAY_MS;
/** Read again at once, at most. */
const READ_MAX = 100;

interface NoticeRow extends Record<string, unknown> {
  readonly provider: string;
  readonly id: string;
  readonly type: string;
  readonly order_id: string;
  readonly key: string | null;
  readonly received_at: Date;
}

/** Keeps a notice; one that is repeated is kept once. */
export async function keepNotice(
  database: Database,
  provider: string,
  { id, type = 'notice', orderId, key }: ProviderNotice,
  nowMs: number,
): Promise<void> {
  await database.query(
    `with kept as (
       insert into payments.unmatched_notices (provider, id, type, order_id, key, received_at)
       values ($1, $2, $3, $4, $5, $6) on conflict do nothing
     )
     delete from payments.unmatched_notices where received_at < $7 or (provider, id) in
       (select provider, id from payments.unmatched_notices order by received_at desc offset $8)`,
    [
      provider,
      id ?? `${orderId} ${key ?? ''}`,
      type,
      orderId,
      key ?? null,
      isoTime(nowMs),
      isoTime(nowMs - KEPT_MS),
      WAITING_MAX - 1,
    ],
  );
}

/** A notice that waited, and the order whose payment is known by now. */
interface MatchedNotice {
  readonly provider: string;
  readonly id: string;
  readonly orderId: string;
}

/** Those whose payment is known by now, the oldest first. */
export async function matchedNotices(database: Database): Promise<readonly MatchedNotice[]> {
  const rows = await database.query<NoticeRow>(
    `select n.provider, n.id, n.order_id from payments.unmatched_notices n join payments.payments p using (order_id)
     order by n.received_at limit ${READ_MAX}`,
  );
  return rows.map(({ provider, id, order_id }) => ({ provider, id, orderId: order_id }));
}

/** They were read. */
export async function forgetNotices(database: Database, notices: readonly MatchedNotice[]): Promise<void> {
  await database.query(
    'delete from payments.unmatched_notices where (provider, id) in (select * from unnest($1::text[], $2::text[]))',
    [notices.map(({ provider }) => provider), notices.map(({ id }) => id)],
  );
}

/** `GET /payments/notices`: those that wait, for people who look after payments. */
export function noticesRoute(app: FastifyInstance, database: Database): void {
  app.get(
    '/payments/notices',
    {
      config: { permission: 'payments:read' },
      schema: {
        operationId: 'listPaymentNotices',
        tags: ['payments'],
        summary: 'Notices of payment providers about no payment known here, the newest first; they wait 30 days for it',
        response: {
          200: answer(
            'At most 1,000',
            Type.Object({
              items: Type.Array(
                Type.Object(
                  {
                    provider: Type.String(),
                    id: Type.String({ description: 'As the provider calls it' }),
                    type: Type.String(),
                    orderId: Id,
                    key: Type.Optional(Type.String()),
                    receivedAt: Time,
                  },
                  { title: 'PaymentNotice' },
                ),
              ),
              nextCursor: Type.Null(),
            }),
          ),
        },
      },
    },
    async () => {
      const rows = await database.query<NoticeRow>(
        `select provider, id, type, order_id, key, received_at from payments.unmatched_notices
         order by received_at desc limit ${WAITING_MAX}`,
      );
      const items = rows.map(({ order_id, key, received_at, provider, id, type }) => ({
        provider,
        id,
        type,
        orderId: order_id,
        ...(key !== null && { key }),
        receivedAt: received_at.toISOString(),
      }));
      return { items, nextCursor: null };
    },
  );
}
