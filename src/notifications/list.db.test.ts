import { uuidv7 } from 'uuidv7';
import { afterEach, expect, test } from 'vitest';
import { keysetQuery } from '#platform/database/keyset.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { notificationFilterOf } from './filter.ts';
import { notifications } from './service.ts';

/** Lists of notifications: found by channel, status, what they are about, and when they were written. */

const one = useOneService(notifications);
afterEach(() => one.stopAll());

test('notifications are found by channel, status, event and time, oldest or newest first', async () => {
  const service = await one.start({});
  const app = one.api(service, 'reader');
  const [known, guest] = [uuidv7(), uuidv7()];
  const contact = { email: 'ada@example.com', phone: '+49 30 1' };
  await one.happen(one.event(known, 'OrderCreated', { contact }), one.event(known, 'OrderPaid'));
  await one.happen(one.event(guest, 'OrderCreated'));
  const found = async (query: string): Promise<string[]> =>
    (await app.inject(`/notifications?${query}`))
      .json()
      .items.map((item: { eventType: string; channel: string }) => `${item.eventType} ${item.channel}`);
  await one.eventually(
    () => found(''),
    (items) => items.length === 5,
  );
  expect(await found('status=suppressed')).toEqual(['OrderCreated none']);
  expect(await found('channel=sms')).toEqual(['OrderCreated sms', 'OrderPaid sms']);
  expect(await found('channel=sms,none&sort=-createdAt')).toEqual([
    'OrderCreated none',
    'OrderPaid sms',
    'OrderCreated sms',
  ]);
  expect(await found('eventType=OrderPaid&channel=email')).toEqual(['OrderPaid email']);
  expect(await found(`orderId=${guest}&status=suppressed,failed`)).toEqual(['OrderCreated none']);
  expect(await found('status=failed')).toEqual([]);
  expect(await found('createdTo=2020-01-01')).toEqual([]);
  expect(await found('createdFrom=2020-01-01&limit=1&sort=-createdAt')).toEqual(['OrderCreated none']);
  for (const wrong of ['status=lost', 'eventType=Nothing', 'sort=subject', 'createdFrom=never'])
    expect((await app.inject(`/notifications?${wrong}`)).statusCode).toBe(400);
});

test('pages of a few among many are read by the indexes that have them', async () => {
  await one.database.query(
    `insert into notifications.notifications (id, order_id, event_id, event_type, channel, subject, body, status, created_at)
     select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'OrderPaid', case when n % 5000 = 0 then 'sms' else 'email' end, '', '',
       case when n % 5000 = 1 then 'failed' else 'sent' end, now() from generate_series(1, 30000) n`,
  );
  await one.database.query('analyze notifications.notifications');
  const planOf = async (query: object): Promise<string> => {
    const page = { columns: '*', table: 'notifications.notifications t', key: 'id', limit: 101 };
    const { text, values } = keysetQuery({ ...page, ...notificationFilterOf(query) });
    const rows = await one.database.queryOnce<{ 'QUERY PLAN': string }>(`explain ${text}`, values);
    return rows.map((row) => row['QUERY PLAN']).join('\n');
  };
  expect(await planOf({ status: ['failed'] })).toContain('notifications_failed');
  expect(await planOf({ channel: ['sms'] })).toContain('notifications_by_phone_or_push');
});
