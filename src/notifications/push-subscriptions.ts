import type { Database } from '#platform/database/database.ts';
import type { Write } from '#platform/database/statement.ts';
import { type PushSubscription, subscriptionIn } from './channels/web-push-crypto.ts';

/** SQL of the browsers in which customers asked to be notified. */

/** Of one customer; beyond, the oldest one goes. */
const SUBSCRIPTIONS_MAX = 10;

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

/** Whose browser it is, and since when. */
export interface Subscribed {
  readonly id: string;
  readonly customerId: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** The subscription of a browser, if it is known. */
export async function subscriptionAt(
  database: Database,
  endpoint: string,
): Promise<Pick<Subscribed, 'id' | 'createdAt'> | undefined> {
  const [row] = await database.query<{ id: string; created_at: Date }>(
    'select id, created_at from notifications.push_subscriptions where endpoint = $1',
    [endpoint],
  );
  return row && { id: row.id, createdAt: row.created_at.toISOString() };
}

/** Keeps a browser, and of the customer's others the last ones. */
export function saveSubscription({ id, customerId, createdAt }: Subscribed, subscription: PushSubscription): Write[] {
  const { endpoint, keys } = subscription;
  return [
    {
      name: 'subscribed',
      sql: `insert into notifications.push_subscriptions (id, customer_id, endpoint, keys, created_at) values ($1, $2, $3, $4::json, $5)
        on conflict (endpoint) do update set customer_id = excluded.customer_id, keys = excluded.keys
        where push_subscriptions.id = excluded.id`,
      params: [id, customerId, endpoint, JSON.stringify({ p256dh: keys.p256dh, auth: keys.auth }), createdAt],
      expect: 1,
    },
    {
      name: 'forgotten',
      sql: `delete from notifications.push_subscriptions where id in (
          select id from notifications.push_subscriptions where customer_id = $1 and id <> $2 order by id desc offset ${SUBSCRIPTIONS_MAX - 1})`,
      params: [customerId, id],
    },
  ];
}

/** Whether there is this subscription, of this customer where one is named. */
export async function isSubscribed(database: Database, id: string, customerId?: string): Promise<boolean> {
  const rows = await database.query(
    'select 1 from notifications.push_subscriptions where id = $1 and ($2::text is null or customer_id = $2)',
    [id, customerId ?? null],
  );
  return rows.length > 0;
}

/** The browser is notified no more. */
export function removeSubscription(id: string): Write {
  return {
    name: 'unsubscribed',
    sql: 'delete from notifications.push_subscriptions where id = $1',
    params: [id],
    expect: 1,
  };
}
