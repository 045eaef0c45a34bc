import type { Database } from '#platform/database/database.ts';
import { type PushSubscription, subscriptionIn } from './channels/web-push-crypto.ts';

/** SQL of the browsers in which customers asked to be notified. */

/** Of one customer; beyond, the oldest one goes. */
export const SUBSCRIPTIONS_MAX = 10;

/** The browsers that a push about an order goes to: the one that the order names, and those of its customer. */
export async function subscriptionsFor(database: Database, orderId: string): Promise<PushSubscription[]> {
  const rows = await database.query<{ named: unknown; endpoint: string | null; keys: unknown }>(
    `select o.body->'contact'->'pushSubscription' as named, s.endpoint, s.keys
     from notifications.orders o
     left join lateral (
       select endpoint, keys from notifications.push_subscriptions where customer_id = o.body->>'customerId' order by id desc limit ${SUBSCRIPTIONS_MAX}
     ) s on true
     where o.order_id = $1`,
    [orderId],
  );
  const found = [rows[0]?.named, ...rows.map(({ endpoint, keys }) => ({ endpoint, keys }))]
    .map(subscriptionIn)
    .filter((subscription) => subscription !== undefined);
  return [...new Map(found.map((subscription) => [subscription.endpoint, subscription])).values()];
}

/** A browser that has gone. */
export async function forgetSubscription(database: Database, endpoint: string): Promise<void> {
  await database.query('delete from notifications.push_subscriptions where endpoint = $1', [endpoint]);
}
