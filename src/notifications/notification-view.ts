import { Type } from 'typebox';
import { Id, Time, type View } from '#platform/http/schemas.ts';
import type { StoredNotification } from './store.ts';

/** A notification as the API shows it. */

export const NotificationView = Type.Object(
  {
    id: Id,
    orderId: Id,
    eventId: Id,
    eventType: Type.String(),
    channel: Type.String({ enum: ['email', 'sms', 'push', 'none'] }),
    recipient: Type.Union([Type.String(), Type.Null()]),
    subject: Type.String(),
    body: Type.String(),
    status: Type.String({ enum: ['queued', 'sent', 'failed', 'suppressed', 'mailbox'] }),
    detail: Type.Union([Type.String(), Type.Null()], { description: 'Why it was not sent' }),
    attempts: Type.Integer(),
    createdAt: Time,
    sentAt: Type.Union([Time, Type.Null()]),
    deliveredAt: Type.Union([Time, Type.Null()], {
      description: 'When the provider reported that it arrived; mail servers report nothing',
    }),
    sendings: Type.Integer({ description: '1, and one more each time that somebody asked for it again' }),
    language: Type.Union([Type.String(), Type.Null()], { description: 'In which it was written, as in BCP 47' }),
  },
  { title: 'Notification' },
);

/** Without what only its HTML is made of. */
export function viewOf(notification: StoredNotification): View<typeof NotificationView> {
  const { content: _, ...shown } = notification;
  return shown;
}
