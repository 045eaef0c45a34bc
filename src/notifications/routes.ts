import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { idCursor, idOfCursor, pageOf } from '#platform/http/paging.ts';
import { IdText, limitOf, PageOf, pageParameters, strict, type View } from '#platform/http/schemas.ts';
import type { InlineImage } from './channels/port.ts';
import { notificationFilterOf, notificationParameters } from './filter.ts';
import { pageOfNotification } from './mail-html.ts';
import { NotificationView, viewOf } from './notification-view.ts';
import type { Writing } from './rules.ts';
import { findNotification, listNotifications } from './store.ts';

export interface NotificationRoutesOptions {
  readonly database: Database;
  readonly writing: Writing;
  readonly logo: InlineImage | undefined;
}

/** The stored text is escaped; this is the second lock: the page may load nothing and run nothing. */
const HTML_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'";

const ListQuery = Type.Object({ ...notificationParameters, ...pageParameters }, strict);
const NotificationParams = Type.Object({ id: IdText });
const NotificationQuery = Type.Object(
  { format: Type.Optional(Type.String({ enum: ['json', 'html'], description: 'html: as the mail looks' })) },
  strict,
);
const NotificationPage = PageOf(NotificationView);

const tags = ['notifications'];

const json = answer('The notification', NotificationView);
const html = answer('As the mail looks', Type.String(), { media: 'text/html' });
const NOTIFICATION_ANSWER = { ...json, content: { ...json.content, ...html.content } };

export function notificationRoutes(app: FastifyInstance, { database, writing, logo }: NotificationRoutesOptions): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/notifications',
    {
      config: { permission: 'notifications:read' },
      schema: {
        operationId: 'listNotifications',
        tags,
        summary: 'Notifications about orders, oldest first unless asked otherwise',
        querystring: ListQuery,
        response: {
          200: answer('A page of notifications', NotificationPage, {
            links: { readNotification: { id: '$response.body#/items/0/id' } },
          }),
        },
      },
    },
    async (request): Promise<View<typeof NotificationPage>> => {
      const { limit, cursor } = request.query;
      const size = limitOf(limit);
      const notifications = await listNotifications(database, {
        ...notificationFilterOf(request.query),
        after: cursor === undefined ? undefined : idOfCursor(cursor),
        limit: size + 1,
      });
      return pageOf(notifications, size, viewOf, ({ id }) => idCursor(id));
    },
  );

  app.get<{ Params: Static<typeof NotificationParams>; Querystring: Static<typeof NotificationQuery> }>(
    '/notifications/:id',
    {
      config: { permission: 'notifications:read', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'readNotification',
        tags,
        summary: 'One notification',
        params: NotificationParams,
        querystring: NotificationQuery,
        response: { 200: NOTIFICATION_ANSWER },
      },
    },
    async (request, reply) => {
      const notification = await findNotification(database, request.params.id.toLowerCase());
      if (!notification) throw new Problem('NOT_FOUND', `There is no notification ${request.params.id}.`);
      if (request.query.format !== 'html') return viewOf(notification);
      return reply
        .headers({
          'content-type': 'text/html; charset=utf-8',
          'content-security-policy': HTML_POLICY,
          'x-content-type-options': 'nosniff',
        })
        .send(pageOfNotification(notification, writing, logo));
    },
  );
}
