import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import { htmlMail } from './html-mail.ts';
import { findNotification, notificationsOfOrder } from './store.ts';

export interface NotificationRoutes {
  readonly database: Database;
}

/** An order is notified about a dozen times; more than this only a mistake could make. */
const NOTIFICATIONS_MAX = 500;
/** The stored text is escaped; this is the second lock: the page may load nothing and run nothing. */
const HTML_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'";

const Id = Type.String({ format: 'uuid' });
const ListQuery = Type.Object({ orderId: Id }, { additionalProperties: false });
const NotificationParams = Type.Object({ id: Id });
const NotificationQuery = Type.Object(
  { format: Type.Optional(Type.String({ enum: ['json', 'html'], description: 'html: as the mail looks' })) },
  { additionalProperties: false },
);
const tags = ['notifications'];

export function notificationRoutes(app: FastifyInstance, { database }: NotificationRoutes): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/notifications',
    { schema: { tags, summary: 'What was told about an order, oldest first', querystring: ListQuery } },
    async (request) => ({
      items: await notificationsOfOrder(database, request.query.orderId.toLowerCase(), NOTIFICATIONS_MAX),
    }),
  );

  app.get<{ Params: Static<typeof NotificationParams>; Querystring: Static<typeof NotificationQuery> }>(
    '/notifications/:id',
    { schema: { tags, summary: 'One notification', params: NotificationParams, querystring: NotificationQuery } },
    async (request, reply) => {
      const notification = await findNotification(database, request.params.id.toLowerCase());
      if (!notification) throw new Problem('NOT_FOUND', `There is no notification ${request.params.id}.`);
      if (request.query.format !== 'html') return notification;
      return reply
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': HTML_POLICY,
          'x-content-type-options': 'nosniff',
        })
        .send(htmlMail(notification));
    },
  );
}
