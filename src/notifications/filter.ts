import { type Static, Type } from 'typebox';
import { firstIdAt } from '#contracts/ids.ts';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import type { Condition, Wanted } from '#platform/database/keyset.ts';
import { IdText, TimeText, UntilText } from '#platform/http/schemas.ts';
import { idsOf, Several } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import { NotificationView } from './notification-view.ts';

/** Which notifications a list shows. */

const { channel, status } = NotificationView.properties;

export const notificationParameters = {
  orderId: Type.Optional(Several(IdText)),
  channel: Type.Optional(Several(channel)),
  status: Type.Optional(Several(status)),
  eventType: Type.Optional(
    Type.Array(Type.String({ enum: Object.keys(ORDER_EVENTS) }), {
      minItems: 1,
      maxItems: Object.keys(ORDER_EVENTS).length,
      description: 'What they are about',
    }),
  ),
  createdFrom: Type.Optional(TimeText),
  createdTo: Type.Optional(UntilText),
  sort: Type.Optional(
    Type.String({ enum: ['createdAt', '-createdAt'], description: 'Oldest first (default) or newest first' }),
  ),
};
const NotificationQuery = Type.Object(notificationParameters);

export interface NotificationFilter {
  readonly wanted: readonly Wanted[];
  readonly conditions: readonly Condition[];
  readonly newestFirst: boolean;
}

/** Channels that have few of all notifications, and an index of them. */
const RARE_CHANNELS: ReadonlySet<string> = new Set(['sms', 'push']);

/** Throws the problem of a time that is none. */
export function notificationFilterOf(query: Static<typeof NotificationQuery>): NotificationFilter {
  const from = fromMs(query.createdFrom, 'createdFrom');
  const to = toMs(query.createdTo, 'createdTo');
  const conditions: Condition[] = [];
  // As its index has it, which only a constant leads to.
  if (query.status?.length === 1 && query.status[0] === 'failed') conditions.push({ sql: "t.status = 'failed'" });
  else if (query.status) conditions.push({ sql: 't.status = any($::text[])', value: query.status });
  if (query.channel?.every((one) => RARE_CHANNELS.has(one))) conditions.push({ sql: "t.channel in ('sms', 'push')" });
  if (query.channel) conditions.push({ sql: 't.channel = any($::text[])', value: query.channel });
  if (query.eventType) conditions.push({ sql: 't.event_type = any($::text[])', value: query.eventType });
  if (from !== undefined) conditions.push({ sql: 't.id >= $', value: firstIdAt(from) });
  if (to !== undefined) conditions.push({ sql: 't.id < $', value: firstIdAt(to) });
  return {
    wanted: [{ column: 'order_id', type: 'uuid', values: idsOf(query.orderId) }],
    conditions,
    newestFirst: query.sort === '-createdAt',
  };
}
