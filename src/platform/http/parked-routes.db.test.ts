import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { Api } from '#tests/support/api.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { startSystem, type System } from '#system/system.ts';

/** An operator's decision about a parked order is carried out once, however often it is sent and whatever dies meanwhile. */

const KEY = 'admin-key';
const CONSUMER = 'notifications';

let server: TestPostgres;
let system: System;
let api: Api;
let orderId: string;

beforeAll(async () => {
  server = await startTestPostgres();
  const ports = { PORT: String(await freePort()), SANDBOX_PROVIDER_PORT: String(await freePort()) };
  const env = { ...DEFAULT_ENV, ...ports, DATABASE_URL: await server.createDatabase(), OLMS_BOOTSTRAP_API_KEY: KEY };
  system = await startSystem({ env, logger: createLogger('silent') });
  api = new Api(system.url, KEY);
});

afterAll(async () => {
  await api.close();
  await system.stop();
  await server.stop();
});

/** Parks three events of a finished order that notifications has read long ago: delivering them again changes nothing. */
beforeEach(async () => {
  ({ id: orderId } = await api.placeOrder());
  await api.untilStatus(orderId, 'COMPLETED');
  await system.settle();
  for (const type of ['OrderCreated', 'OrderPaid', 'OrderShipped'])
    await system.database.query(
      `insert into log.parked_events (consumer, order_id, event, reason)
       select $1, subject, json_build_object('id', id, 'source', source, 'type', type, 'subject', subject, 'sequence', sequence,
         'time', time, 'correlationid', correlationid, 'causationid', causationid, 'data', data), 'a test'
       from log.order_outbox where subject = $2 and type = $3`,
      [CONSUMER, orderId, type],
    );
});

const decide = (action: string, key: string, body: unknown = {}): ReturnType<Api['call']> =>
  api.call('POST', `/parked/${CONSUMER}/${orderId.toUpperCase()}/${action}`, { body, key });

const decisions = async (): Promise<number> =>
  (await system.database.query('select 1 from log.park_audit where order_id = $1', [orderId])).length;

async function heads(): Promise<string[]> {
  const rows = await system.database.query<{ id: string }>(
    "select event->>'id' as id from log.parked_events where order_id = $1 order by number",
    [orderId],
  );
  return rows.map(({ id }) => id);
}

/** As if the process had died between claiming the key and keeping the answer. */
async function forgetAnswer(key: string, waiting: readonly string[], secondsAgo: number): Promise<void> {
  const changed = await system.database.query(
    `update log.idempotency_keys set status = 102, answer = $2, created_at = now() - make_interval(secs => $3)
     where key = $1 returning key`,
    [`bootstrap:${key}`, JSON.stringify(waiting), secondsAgo],
  );
  expect(changed).toHaveLength(1);
}

test.each(['retry', 'skip'])('%s under a key ten times at once is done once and answered alike', async (action) => {
  expect(await api.parked()).toMatchObject([{ consumer: CONSUMER, orderId, reason: 'a test' }]);
  const key = randomUUID();
  const answers = await Promise.all(Array.from({ length: 10 }, () => decide(action, key)));
  expect(answers.map((answer) => [answer.status, answer.body])).toEqual(
    Array.from({ length: 10 }, () => [200, { released: 3, left: 0 }]),
  );
  expect(await decisions()).toBe(1);
  expect(await api.parked()).toEqual([]);
  const other = await decide(action, key, { data: { other: true } });
  expect([other.status, (other.body as { code: string }).code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
});

test('parked orders are found by consumer, order and words of the reason, and read page by page', async () => {
  await system.database.query(
    `insert into log.parked_events (consumer, order_id, event, reason)
     select 'billing', order_id, event, 'No TAX rate' from log.parked_events where order_id = $1`,
    [orderId],
  );
  const found = async (query: string) =>
    api.ok<{ items: { consumer: string; events: number }[]; nextCursor: string | null }>('GET', `/parked?${query}`);
  const consumers = async (query: string) => (await found(query)).items.map(({ consumer }) => consumer);
  expect(await consumers('')).toEqual([CONSUMER, 'billing']);
  expect(await consumers('consumer=billing')).toEqual(['billing']);
  expect(await consumers('text=no+tax')).toEqual(['billing']);
  expect(await consumers('text=orderCREATED')).toEqual([CONSUMER, 'billing']);
  expect(await consumers(`orderId=${randomUUID()}`)).toEqual([]);
  const first = await found(`limit=1&orderId=${orderId}`);
  expect(first.items).toMatchObject([{ consumer: CONSUMER, events: 3 }]);
  const second = await found(`limit=1&orderId=${orderId}&cursor=${first.nextCursor}`);
  expect(second).toMatchObject({ items: [{ consumer: 'billing' }], nextCursor: null });
  expect((await api.call('GET', '/parked?cursor=made-up')).status).toBe(400);
  await system.database.query("delete from log.parked_events where consumer = 'billing'");
});

test('a claim whose process died is done by the repeat, if it was not done', async () => {
  const key = randomUUID();
  const waiting = await heads();
  const parked = await system.database.query<{ event: string }>(
    'delete from log.parked_events where order_id = $1 returning event::text as event, number',
    [orderId],
  );
  // Nothing is parked at this moment, so nothing happens but the claim.
  expect((await decide('skip', key)).body).toEqual({ released: 0, left: 0 });
  for (const { event } of parked)
    await system.database.query(
      'insert into log.parked_events (consumer, order_id, event, reason) values ($1, $2, $3, $4)',
      [CONSUMER, orderId, event, 'a test'],
    );
  await forgetAnswer(key, waiting, 120);
  expect((await decide('skip', key)).body).toEqual({ released: 3, left: 0 });
  expect([await decisions(), await heads()]).toEqual([1, []]);
});

test('a claim whose process died after the act is only answered', async () => {
  const key = randomUUID();
  const waiting = await heads();
  expect((await decide('skip', key)).body).toEqual({ released: 3, left: 0 });
  await forgetAnswer(key, waiting, 120);
  expect((await decide('skip', key)).body).toEqual({ released: 3, left: 0 });
  expect(await decisions()).toBe(1);
});

test('a repeat while the first is being worked on waits for its answer', async () => {
  const key = randomUUID();
  expect((await decide('skip', key)).body).toEqual({ released: 3, left: 0 });
  await forgetAnswer(key, ['somebody else'], 1);
  const repeated = decide('skip', key);
  await sleep(300);
  await system.database.query('update log.idempotency_keys set status = 200, answer = $2 where key = $1', [
    `bootstrap:${key}`,
    JSON.stringify({ released: 7, left: 1 }),
  ]);
  expect((await repeated).body).toEqual({ released: 7, left: 1 });
  expect(await decisions()).toBe(1);
});

test('an event is read with other data only where events of its type say such, and the audit names what was changed', async () => {
  const [created] = await system.database.query<{ data: Record<string, unknown> }>(
    "select data from log.order_outbox where subject = $1 and type = 'OrderCreated'",
    [orderId],
  );
  const refused = await decide('retry', randomUUID(), { data: { ...created!.data, items: 'none' } });
  expect([refused.status, (refused.body as { code: string }).code]).toEqual([400, 'VALIDATION_FAILED']);
  expect(refused.body).toMatchObject({ errors: [{ pointer: '/data/items' }] });
  expect(await decisions()).toBe(0);
  // As the API shows the event, without what pays for the order; that is read as the event says it.
  const payment = { ...(created!.data['payment'] as object), token: 'withheld' };
  const data = { ...created!.data, channel: 'phone', payment };
  expect((await decide('retry', randomUUID(), { data, reason: 'the channel was wrong' })).body).toMatchObject({
    left: 0,
  });
  const { items } = await api.ok<{ items: unknown[] }>('GET', `/audit?orderId=${orderId}&action=parked.retried`);
  expect(items).toMatchObject([{ after: { reason: 'the channel was wrong', edited: ['channel'] } }]);
  // The log says what it said.
  const [kept] = await system.database.query<{ channel: string }>(
    "select data->>'channel' as channel from log.order_outbox where subject = $1 and type = 'OrderCreated'",
    [orderId],
  );
  expect(kept!.channel).toBe(created!.data['channel']);
});
