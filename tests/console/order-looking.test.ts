import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { Api } from '#tests/support/api.ts';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** The page of an order: what happened and how it was, its messages, papers and parcels, and events that were parked. */

const KEY = 'admin-key';
let server: TestPostgres;
let running: System;
const system = { key: KEY } as { api: Api; key: string };

beforeAll(async () => {
  server = await startTestPostgres();
  const ports = { PORT: String(await freePort()), SANDBOX_PROVIDER_PORT: String(await freePort()) };
  const env = {
    ...DEFAULT_ENV,
    ...ports,
    DATABASE_URL: await server.createDatabase(),
    OLMS_BOOTSTRAP_API_KEY: KEY,
    CONSOLE_TRACE_URL: 'https://traces.example/trace/{traceId}',
  };
  running = await startSystem({ env, logger: createLogger('silent') });
  system.api = new Api(running.url, KEY);
});
afterAll(async () => {
  await system.api.close();
  await running.stop();
  await server.stop();
});
const { open, place } = useConsole(system);

const CUSTOMER = { contact: { email: 'ada@example.com' } };
async function completed(): Promise<string> {
  const { id } = await place(CUSTOMER);
  await system.api.untilStatus(id, 'COMPLETED');
  await system.api.untilNotified(id, 'OrderCompleted');
  await until('the invoice', async () => (await system.api.call('GET', `/orders/${id}/invoice`)).status === 200);
  return id;
}

test('the order is shown as it was, by the keyboard, and the address says so', async () => {
  const id = await completed();
  const page = await open(`/orders/${id}`);
  const picture = page.getByRole('img', { name: /^New .*, Reserved .*, Paid .*, Completed / });
  await picture.waitFor();
  await page.getByText('Ended: completed.').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('slider', { name: 'Show the order as it was' }).focus();
  await page.keyboard.press('Home');
  await page.getByText(/As it was at version 1 of \d+, .*: Order placed/).waitFor();
  await page.getByText('You look at the order as it was at version 1').waitFor();
  await page.locator('.page-head').getByText('New', { exact: true }).waitFor();
  expect(page.url()).toContain('version=1');
  // What is looked at is not acted on.
  expect(await page.getByRole('toolbar').count()).toBe(0);
  await page.keyboard.press('ArrowRight');
  await page.getByText(/As it was at version 2 of \d+, .*: Stock reserved/).waitFor();
  await page.locator('.page-head').getByText('Reserved', { exact: true }).waitFor();
  await page.reload();
  await page.getByText(/As it was at version 2 of/).waitFor();
  await page.getByRole('button', { name: 'Back to now' }).first().click();
  await page.getByText('Ended: completed.').waitFor();
});

test('the timeline says what, who and why, and shows what is looked for', async () => {
  const { id } = await place({ items: [{ sku: 'RARE-1', quantity: 1, unitPrice: '90.00' }], allowBackorder: true });
  await system.api.untilStatus(id, 'BACKORDERED');
  await system.api.ok('POST', `/orders/${id}/cancel`, {
    body: { reason: 'asked by phone', customerMessage: 'Sorry to see it go.' },
  });
  const page = await open(`/orders/${id}`);
  const ended = page.getByRole('listitem').filter({ hasText: 'Cancelled' });
  await ended.getByText('by bootstrap · asked by phone').waitFor();
  await ended.getByText('Sorry to see it go.').waitFor();
  await page.getByRole('listitem').filter({ hasText: 'by the system (Inventory)' }).first().waitFor();
  await page.getByText('By people', { exact: true }).click();
  await until('what only people did', async () =>
    (await page.locator('.timeline .dim').allTextContents()).every((text) => !text.includes('by the system')),
  );
  expect(page.url()).toContain('show=people');
  const trace = page.getByRole('link', { name: 'Open trace' });
  expect(await trace.getAttribute('href')).toMatch(/^https:\/\/traces\.example\/trace\/[0-9a-f]{32}$/);
});

test('messages are looked at and sent again, and documents are files', async () => {
  const id = await completed();
  const page = await open(`/orders/${id}`, ['support']);
  const messages = page.getByRole('group', { name: 'Messages' });
  await messages.getByRole('button', { name: /^Look: Your order .* is complete/ }).click();
  const mail = page.frameLocator('iframe.letter');
  await mail
    .getByText(/complete/)
    .first()
    .waitFor();
  await page.keyboard.press('Escape');
  await messages.getByRole('button', { name: /^Send again: Your order .* is complete/ }).click();
  await page.getByText(/^Sends “Your order .* is complete” once more by E-mail to ada@example.com\.$/).waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Send again' }).dblclick();
  await messages.getByText(/sent 2 times/).waitFor();
  const sendings = (await system.api.notifications(id)).map((each) => (each as { sendings?: number }).sendings);
  expect(sendings.filter((count) => count === 2)).toHaveLength(1);
  expect(sendings.filter((count) => count! > 2)).toHaveLength(0);

  const papers = page.getByRole('group', { name: 'Documents' });
  const invoice = page.waitForEvent('download');
  await papers.getByRole('button', { name: 'PDF', exact: true }).click();
  expect((await invoice).suggestedFilename()).toMatch(/^INV-\d+\.pdf$/);
  expect((await readFile(await (await invoice).path())).subarray(0, 5).toString()).toBe('%PDF-');
  // What cannot be made says why: here nobody has said who sells.
  await papers.getByRole('button', { name: 'XML', exact: true }).click();
  await page
    .getByRole('tooltip')
    .getByText(/BILLING_SELLER/)
    .waitFor();
  const saving = page.waitForEvent('download');
  await page.getByRole('group', { name: 'Shipments' }).getByRole('button', { name: 'Packing slip' }).click();
  expect((await readFile(await (await saving).path())).subarray(0, 5).toString()).toBe('%PDF-');
});

async function park(id: string): Promise<void> {
  await running.settle();
  await running.database.query(
    `insert into log.parked_events (consumer, order_id, event, reason)
     select 'notifications', subject, json_build_object('id', id, 'source', source, 'type', type, 'subject', subject,
       'sequence', sequence, 'time', time, 'correlationid', correlationid, 'causationid', causationid, 'data', data),
       'the template failed'
     from log.order_outbox where subject = $1 and type = 'OrderCreated'`,
    [id],
  );
}
const parked = async (): Promise<number> => (await system.api.parked()).length;

test('a parked event is read with other values, or left out, after the dialog said what that means', async () => {
  const id = await completed();
  await park(id);
  const page = await open(`/orders/${id}`);
  await page.getByText('the template failed').first().waitFor();
  await page.getByRole('status').filter({ hasText: 'notifications could not take in an event' }).waitFor();
  await page.getByRole('button', { name: 'Edit and retry' }).click();
  const text = page.getByLabel('What the event says');
  const said = JSON.parse(await text.inputValue()) as Record<string, unknown>;
  await text.fill('{');
  await page.getByRole('alert').or(page.getByText('This is no JSON object.')).first().waitFor();
  await text.fill(JSON.stringify({ ...said, channel: 'phone' }));
  await page.getByText('notifications reads the event with other values of: channel.').waitFor();
  await page.getByText('The log stays as it is').waitFor();
  await page.getByLabel('Reason (for colleagues)').fill('a wrong channel');
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await until('nothing parked', async () => (await parked()) === 0);
  await page.getByText('Ended: completed.').waitFor();

  await park(id);
  await page.reload();
  await page.getByRole('button', { name: 'Skip the event' }).click();
  await page.getByText('This cannot be undone.').waitFor();
  expect(await page.getByRole('button', { name: 'Yes, do it' }).isDisabled()).toBe(true);
  await page.getByLabel('Reason (for colleagues)').fill('sent by hand');
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await until('nothing parked', async () => (await parked()) === 0);
  const { items } = await system.api.ok<{ items: { after: object }[] }>('GET', `/audit?orderId=${id}`);
  expect(items.map(({ after }) => after)).toMatchObject(
    expect.arrayContaining([{ reason: 'sent by hand' }, { reason: 'a wrong channel', edited: ['channel'] }]),
  );
});
