import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { type AuditedBy, auditedBy } from '#platform/http/audit-entries.ts';
import { answerOnce } from '#platform/http/commands.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { keepReply, type RequestKey, requestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import { IdText, type View } from '#platform/http/schemas.ts';
import { addAuditEntries } from '#platform/log/audit-log.ts';
import type { Clock } from '#platform/runtime/clock.ts';
import { CHANNEL_NAMES, type ChannelName } from './channels/port.ts';
import { NotificationView, viewOf } from './notification-view.ts';
import { resend } from './outgoing.ts';
import { addressOf, type Correspondence } from './rules.ts';
import { findNotification, notificationStore, type StoredNotification } from './store.ts';

/** `POST /notifications/{id}/resend`: a message that is to be sent once more, because somebody asked for it. */

export interface ResendRoutesOptions {
  readonly database: Database;
  readonly carried: ReadonlySet<ChannelName>;
  readonly clock: Clock;
  /** Messages were queued. */
  readonly queued: (channel: ChannelName) => void;
}

type Answer = View<typeof NotificationView>;
const Params = Type.Object({ id: IdText });

export function resendRoutes(app: FastifyInstance, options: ResendRoutesOptions): void {
  const { database } = options;
  app.post<{ Params: Static<typeof Params> }>(
    '/notifications/:id/resend',
    {
      config: {
        permission: 'notifications:send',
        idempotencyKey: 'accepted',
        refusals: ['NOT_FOUND', 'NOTIFICATION_QUEUED', 'NOTIFICATION_WITHOUT_RECIPIENT'],
      },
      schema: {
        operationId: 'resendNotification',
        tags: ['notifications'],
        summary: 'Send a notification once more',
        description:
          'As it was written, to where the contact of the order says now: put a wrong address right by `PATCH /orders/{id}` first. It is a message of its own to whoever receives it. Where no settings carry its channel, it stays in the mailbox.',
        params: Params,
        response: { 200: answer('It is sent again', NotificationView) },
      },
    },
    async (request): Promise<Answer> => {
      const key = requestKey(request);
      return answerOnce<Answer, Answer>(database, key, {
        act: async () => again(options, request.params.id.toLowerCase(), key, auditedBy(request)),
        repeat: (stored) => stored,
      });
    },
  );
}

async function again(
  { database, carried, clock, queued }: ResendRoutesOptions,
  id: string,
  key: RequestKey | undefined,
  by: AuditedBy,
): Promise<Answer> {
  const before = await findNotification(database, id);
  if (!before) throw new Problem('NOT_FOUND', `There is no notification ${id}.`);
  if (before.status === 'queued')
    throw new Problem('NOTIFICATION_QUEUED', 'It waits to be sent already, and goes out by itself.');
  const channel = CHANNEL_NAMES.find((name) => name === before.channel);
  const recipient = channel && (await recipientOf(database, before, channel));
  if (channel === undefined || recipient === undefined)
    throw new Problem(
      'NOTIFICATION_WITHOUT_RECIPIENT',
      'The order has no contact for this channel; give it one with PATCH /orders/{id}. What was written before it had any goes to nobody.',
    );
  const status = carried.has(channel) ? 'queued' : 'mailbox';
  const at = isoTime(clock.nowMs());
  const after: StoredNotification = {
    ...before,
    recipient,
    status,
    detail: null,
    attempts: 0,
    sentAt: null,
    deliveredAt: null,
    sendings: before.sendings + 1,
  };
  const shown = ({ status: stands, sendings }: StoredNotification) => ({ status: stands, sendings });
  await database.write([
    resend(channel, { id, sendings: before.sendings, before: before.status, recipient, status, at }),
    addAuditEntries([
      { ...by, action: 'notification.resent', subject: id, before: shown(before), after: shown(after) },
    ]),
    ...(key ? [keepReply(key, { status: 200, answer: viewOf(after) })] : []),
  ]);
  if (status === 'queued') queued(channel);
  return viewOf(after);
}

/** Where it goes to now; null: to the browsers of the customer. */
async function recipientOf(
  database: Database,
  { orderId, recipient }: StoredNotification,
  channel: ChannelName,
): Promise<string | null | undefined> {
  const about: Correspondence | undefined = (await notificationStore.load(database, [orderId])).get(orderId)?.state;
  const address = addressOf(channel, about?.contact);
  // A push to every browser of the customer names none.
  return address ?? (channel === 'push' && recipient === null ? null : undefined);
}
