import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { Api } from '#tests/support/api.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';

/** An order that waits for a person says so itself. */

const KEY = 'a-key-of-this-test-that-is-long-enough-for-all';
let postgres: TestPostgres;
let system: System;
let api: Api;

beforeAll(async () => {
  postgres = await startTestPostgres();
  const env = {
    DATABASE_URL: await postgres.createDatabase(),
    PORT: '0',
    SANDBOX_PROVIDER_PORT: String(await freePort()),
    SANDBOX_CARRIER_DELAY_MS: 'off',
    OLMS_BOOTSTRAP_API_KEY: KEY,
  };
  system = await startSystem({ env, logger: createLogger('fatal') });
  api = new Api(system.url, KEY);
});
afterAll(async () => {
  await api?.close();
  await system?.stop();
  await postgres?.stop();
});

test('a parked order shows what is parked, what may be done about it, and no other order does', async () => {
  const [{ id }, other] = [await api.placeOrder(), await api.placeOrder()];
  const ready = await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await api.untilStatus(other.id, 'READY_FOR_SHIPMENT');
  const [first] = await api.events(id);
  for (const reason of ['the rules do not know it', null])
    await system.database.query(
      'insert into log.parked_events (consumer, order_id, event, reason) values ($1, $2, $3, $4)',
      ['shipping', id, JSON.stringify(first), reason],
    );
  const answer = await api.call<typeof ready>('GET', `/orders/${id}`, {
    headers: { 'if-none-match': `"${ready.version}"` },
  });
  expect(answer.status).toBe(200);
  expect(answer.headers['etag']).toBe(`W/"${ready.version}-parked"`);
  expect(answer.body).toMatchObject({
    parked: [{ consumer: 'shipping', eventType: 'OrderCreated', events: 2, reason: 'the rules do not know it' }],
    allowedActions: [...ready.allowedActions, 'retryParked', 'skipParked'],
  });
  const { items } = await api.orders('limit=10');
  expect(items.map((item) => [item.id, item.parked?.length])).toEqual([
    [other.id, undefined],
    [id, 1],
  ]);
  expect(await api.order(other.id)).not.toHaveProperty('parked');
  await system.database.query('delete from log.parked_events where order_id = $1', [id]);
  expect(await api.order(id)).toEqual(ready);
});
