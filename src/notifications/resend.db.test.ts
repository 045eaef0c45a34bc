import { uuidv7 } from 'uuidv7';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Principal } from '#platform/http/principal.ts';
import type { Service } from '#platform/service.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { PushServiceStandIn } from '#tests/support/push-service.ts';
import { notifications } from './service.ts';

/** Messages that are sent once more, and browsers of customers. */

const EMAIL = { email: 'ada@example.com' };

interface Item {
  readonly id: string;
  readonly eventType: string;
  readonly channel: string;
  readonly status: string;
  readonly recipient: string | null;
  readonly sendings: number;
  readonly detail: string | null;
}

const one = useOneService(notifications);
let mailbox: Mailbox;
let pushes: PushServiceStandIn;
let service: Service;
let env: Record<string, string>;

beforeEach(async () => {
  mailbox = new Mailbox();
  pushes = new PushServiceStandIn();
  await pushes.http.open();
  env = {
    SMTP_URL: await mailbox.listen(),
    VAPID_PRIVATE_KEY: Buffer.alloc(32, 7).toString('base64url'),
    VAPID_SUBJECT: 'mailto:orders@shop.example',
    PUSH_SERVICES: pushes.http.url,
  };
});
afterEach(async () => {
  await one.stopAll();
  await Promise.all([mailbox.close(), pushes.http.close()]);
});

async function listed(order: string, condition: (items: Item[]) => boolean): Promise<Item[]> {
  const app = one.api(service, 'reader');
  return one.eventually(
    async () => ((await app.inject(`/notifications?orderId=${order}`)).json() as { items: Item[] }).items,
    condition,
  );
}
const all = (status: string) => (items: Item[]) => items.length > 0 && items.every((item) => item.status === status);

interface Called {
  readonly status: number;
  readonly body: Item & { readonly code?: string; readonly publicKey?: string };
}

async function call(
  method: 'GET' | 'POST' | 'DELETE',
  url: string,
  { as = { name: 'ada', role: 'support' }, body, key }: { as?: Principal; body?: object; key?: string } = {},
): Promise<Called> {
  const answer = await one.apiAs(service, as).inject({
    method,
    url,
    ...(body && { payload: body }),
    headers: { ...(key !== undefined && { 'idempotency-key': key }) },
  });
  return { status: answer.statusCode, body: answer.body === '' ? ({} as Item) : answer.json() };
}

describe('a notification that is sent once more', () => {
  test('goes to the address that the order has now, as a mail of its own, once under a key, and is audited', async () => {
    service = await one.start(env);
    const order = uuidv7();
    mailbox.refusals = [550];
    await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL }));
    const [failed] = await listed(order, all('failed'));
    await one.happen(one.event(order, 'OrderAmended', { contact: { email: 'right@example.com' } }));
    await one.eventually(
      () =>
        one.database.query<{ to: string }>(
          "select body->'contact'->>'email' as to from notifications.orders where order_id = $1",
          [order],
        ),
      ([row]) => row?.to === 'right@example.com',
    );
    const resent = await call('POST', `/notifications/${failed!.id}/resend`, { key: 'again-1' });
    expect(resent).toMatchObject({
      status: 200,
      body: { status: 'queued', recipient: 'right@example.com', sendings: 2 },
    });
    expect(await call('POST', `/notifications/${failed!.id}/resend`, { key: 'again-1' })).toEqual(resent);
    expect(await listed(order, all('sent'))).toMatchObject([{ sendings: 2, recipient: 'right@example.com' }]);
    expect((await call('POST', `/notifications/${failed!.id}/resend`, { key: 'again-2' })).status).toBe(200);
    await listed(order, (items) => all('sent')(items) && items[0]!.sendings === 3);
    expect(mailbox.recipients).toEqual(['right@example.com', 'right@example.com']);
    const ids = mailbox.mails.map((mail) => /^Message-ID: <([^@]+)@/m.exec(mail)![1]);
    expect(ids).toEqual([`${failed!.id}.2`, `${failed!.id}.3`]);
    const audited = await one.database.query<{ actor: string; before: unknown; after: unknown }>(
      "select actor, before, after from log.audit_entries where action = 'notification.resent' and subject = $1 order by at, id",
      [failed!.id],
    );
    expect(audited).toEqual([
      { actor: 'ada', before: { status: 'failed', sendings: 1 }, after: { status: 'queued', sendings: 2 } },
      { actor: 'ada', before: { status: 'sent', sendings: 2 }, after: { status: 'queued', sendings: 3 } },
    ]);
  });

  test('is refused while it waits, without a contact, and to who may only read; what nothing carries stays in the mailbox', async () => {
    service = await one.start({});
    const [order, guest] = [uuidv7(), uuidv7()];
    await one.happen(one.event(order, 'OrderCreated', { contact: EMAIL }), one.event(guest, 'OrderCreated'));
    const [kept] = await listed(order, all('mailbox'));
    const [nobody] = await listed(guest, all('suppressed'));
    expect(await call('POST', `/notifications/${kept!.id}/resend`)).toMatchObject({
      status: 200,
      body: { status: 'mailbox', sendings: 2 },
    });
    expect(await call('POST', `/notifications/${nobody!.id}/resend`)).toMatchObject({
      status: 409,
      body: { code: 'NOTIFICATION_WITHOUT_RECIPIENT' },
    });
    await one.database.query("update notifications.notifications set status = 'queued' where id = $1", [kept!.id]);
    expect(await call('POST', `/notifications/${kept!.id}/resend`)).toMatchObject({
      status: 409,
      body: { code: 'NOTIFICATION_QUEUED' },
    });
    expect((await call('POST', `/notifications/${uuidv7()}/resend`)).status).toBe(404);
    const reader = { name: 'bob', role: 'reader' } as const;
    expect((await call('POST', `/notifications/${kept!.id}/resend`, { as: reader })).status).toBe(403);
  });
});

describe('the browsers of a customer', () => {
  const customer = (id: string): Principal => ({ name: id, role: 'customer', customer: id });
  const shop: Principal = { name: 'shop', role: 'client' };

  test('are notified of all of their orders, and of nobody else’s, until they are gone', async () => {
    service = await one.start(env);
    const [ada, eve] = [customer('c-ada'), customer('c-eve')];
    expect((await call('GET', '/push-subscriptions/key', { as: ada })).body.publicKey).toMatch(/^[\w-]{87}$/);
    const [phone, laptop] = [pushes.subscribe(), pushes.subscribe()];
    const made = await call('POST', '/push-subscriptions', { as: ada, body: { ...phone, expirationTime: null } });
    expect(made).toMatchObject({ status: 201, body: { customerId: 'c-ada' } });
    expect(await call('POST', '/push-subscriptions', { as: ada, body: phone })).toEqual(made);
    expect(
      (await call('POST', '/push-subscriptions', { as: shop, body: { ...laptop, customerId: 'c-ada' } })).status,
    ).toBe(201);
    expect((await call('POST', '/push-subscriptions', { as: shop, body: laptop })).status).toBe(400);
    expect(
      (await call('POST', '/push-subscriptions', { as: eve, body: { ...laptop, customerId: 'c-ada' } })).status,
    ).toBe(400);

    const [hers, other] = [uuidv7(), uuidv7()];
    await one.happen(
      one.event(hers, 'OrderCreated', { customerId: 'c-ada', contact: EMAIL, locale: 'ar' }),
      one.event(other, 'OrderCreated', { customerId: 'c-eve', contact: EMAIL }),
    );
    const items = await listed(hers, (found) => found.length === 2 && all('sent')(found));
    expect(items.map(({ channel, recipient }) => [channel, recipient])).toEqual([
      ['email', EMAIL.email],
      ['push', null],
    ]);
    expect(await listed(other, all('sent'))).toMatchObject([{ channel: 'email' }]);
    expect(new Set(pushes.pushed.map(({ endpoint }) => endpoint))).toEqual(new Set([phone.endpoint, laptop.endpoint]));
    expect(pushes.pushed[0]!.payload['notification']).toMatchObject({ lang: 'ar', dir: 'rtl', tag: items[1]!.id });

    pushes.unsubscribe(laptop);
    expect((await call('DELETE', `/push-subscriptions/${made.body.id}`, { as: eve })).status).toBe(404);
    expect((await call('DELETE', `/push-subscriptions/${made.body.id}`, { as: ada })).status).toBe(204);
    await one.happen(one.event(hers, 'OrderPaid'));
    const paid = await listed(hers, (found) => found.length === 4 && found.every(({ status }) => status !== 'queued'));
    expect(paid[3]).toMatchObject({ channel: 'push', status: 'failed', detail: 'push 410' });
    expect(await one.database.query('select 1 from notifications.push_subscriptions')).toEqual([]);
    await one.happen(one.event(hers, 'OrderShipped'));
    expect(
      await listed(hers, (found) => found.length >= 5 && found.every(({ status }) => status !== 'queued')),
    ).toHaveLength(5);
  });

  test('are at push services alone, ten at most, and none where there are no pushes', async () => {
    service = await one.start(env);
    const ada = customer('c-many');
    for (const body of [
      { ...pushes.subscribe(), endpoint: 'http://169.254.169.254/latest' },
      { endpoint: `${pushes.http.url}/x`, keys: { p256dh: 'AAAA', auth: 'AAAA' } },
    ])
      expect(await call('POST', '/push-subscriptions', { as: ada, body })).toMatchObject({
        status: 400,
        body: { code: 'VALIDATION_FAILED' },
      });
    for (let n = 0; n < 12; n++) await call('POST', '/push-subscriptions', { as: ada, body: pushes.subscribe() });
    expect(await one.database.query('select 1 from notifications.push_subscriptions')).toHaveLength(10);
    await one.stopAll();
    service = await one.start({});
    expect((await call('GET', '/push-subscriptions/key', { as: ada })).body).toEqual({ publicKey: null });
    const refused = await call('POST', '/push-subscriptions', { as: ada, body: pushes.subscribe() });
    expect(refused).toMatchObject({ status: 409, body: { code: 'PUSH_OFF' } });
  });
});
