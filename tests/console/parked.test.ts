import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { Api } from '#tests/support/api.ts';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Parked events: by whom and why, what to do in words, taken in once more or left out. */

const CONSUMER = 'notifications';
const key = 'admin-key';
let server: TestPostgres;
let system: System;
let api: Api;

beforeAll(async () => {
  server = await startTestPostgres();
  const ports = { PORT: String(await freePort()), SANDBOX_PROVIDER_PORT: String(await freePort()) };
  const env = { ...DEFAULT_ENV, ...ports, DATABASE_URL: await server.createDatabase(), OLMS_BOOTSTRAP_API_KEY: key };
  system = await startSystem({ env, logger: createLogger('silent') });
  api = new Api(system.url, key);
});
afterAll(async () => {
  await api?.close();
  await system?.stop();
  await server?.stop();
});
afterEach(() => system.database.query('delete from log.parked_events'));

const { open, place } = useConsole({
  get api() {
    return api;
  },
  key,
});

/** An order whose events of these types are parked, as if notifications had not been able to take them in. */
async function parkedOrder(reason: string, ...types: string[]): Promise<Order> {
  const order = await place({ customerId: randomUUID() });
  await api.untilStatus(order.id, 'COMPLETED');
  await system.settle();
  for (const type of types)
    await system.database.query(
      `insert into log.parked_events (consumer, order_id, event, reason)
       select $1, subject, json_build_object('id', id, 'source', source, 'type', type, 'subject', subject, 'sequence', sequence,
         'time', time, 'correlationid', correlationid, 'causationid', causationid, 'data', data), $4
       from log.order_outbox where subject = $2 and type = $3`,
      [CONSUMER, order.id, type, reason],
    );
  return order;
}

const detail = (page: Page) => page.getByRole('complementary', { name: 'Parked' });
const row = (page: Page, { number }: Order) => page.getByRole('row').filter({ hasText: number });
const decided = async (): Promise<string[]> =>
  (
    await system.database.query<{ said: string }>(
      "select action || ' ' || coalesce(reason, '') as said from log.park_audit order by number",
    )
  ).map(({ said }) => said);

test('says who could not take in what, and why; the event is left out once, with a reason', async () => {
  const order = await parkedOrder('no template of this name', 'OrderPaid', 'OrderShipped');
  const page = await open('/parked');
  await page.getByText('1 parked').waitFor();
  await row(page, order).click();
  await detail(page).getByText('notifications could not take this event in').waitFor();
  await detail(page).getByText('no template of this name').waitFor();
  await detail(page).getByText('One more event of this order waits behind it.').waitFor();
  await detail(page).getByText('The customer then hears nothing of it.').waitFor();
  await detail(page).getByText('"type": "OrderPaid"').waitFor();
  expect(page.url()).toContain(`open=${CONSUMER}.${order.id}`);
  expect(await seriousFindings(page)).toEqual([]);
  await detail(page).getByRole('button', { name: 'Skip the event' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('notifications leaves OrderPaid out for good').waitFor();
  await dialog.getByLabel('Reason').fill('the customer was called');
  expect(await seriousFindings(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Skip the event' }).dblclick();
  await page.getByText('Nothing is parked').waitFor();
  expect(await decided()).toEqual(['skip the customer was called']);
});

test('one, several, and all of one reason are taken in once more', async () => {
  await system.database.query('truncate log.park_audit');
  const orders = [];
  for (let count = 0; count < 3; count++) orders.push(await parkedOrder('the mail server was away', 'OrderPaid'));
  const other = await parkedOrder('something else', 'OrderPaid');
  const page = await open('/parked');
  await page.getByText('4 parked').waitFor();
  await page.getByLabel('Reason').fill('mail server');
  await page.getByText('3 parked').waitFor();
  await row(page, orders[0]!).click();
  await detail(page).getByRole('button', { name: 'Retry', exact: true }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Retry', exact: true }).dblclick();
  await page.getByText('2 parked').waitFor();
  await row(page, orders[1]!).click();
  await detail(page).getByRole('button', { name: 'Retry all 2 with this reason' }).click();
  await page.getByRole('dialog').getByText('will be done').first().waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('dialog').getByRole('button', { name: 'Retry 2' }).dblclick();
  await page.getByRole('dialog').getByText('2 done').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Close' }).last().click();
  await page.getByText('Nothing parked matches').waitFor();
  expect((await api.parked()).map(({ orderId }) => orderId)).toEqual([other.id]);
  expect(await decided()).toEqual(['retry ', 'retry ', 'retry ']);
  // Found by its order; and gone meanwhile.
  await page.goto(`${system.url}/console/parked?order=${other.number}&open=${CONSUMER}.${orders[0]!.id}`);
  await page.getByText('1 parked').waitFor();
  await detail(page).getByText('It is not parked any more').waitFor();
});

test('who may only read is offered nothing, and who may not read has no such page', async () => {
  const order = await parkedOrder('a test', 'OrderPaid');
  const reader = await open('/parked', ['reader']);
  await row(reader, order).click();
  await detail(reader).getByText('What to do').waitFor();
  expect(await reader.getByRole('button', { name: /Retry|Skip/ }).count()).toBe(0);
  const support = await open('/parked', ['support']);
  await support.getByText('Your role does not include this').waitFor();
  await until('no link', async () => (await support.getByRole('link', { name: 'Parked' }).count()) === 0);
});
