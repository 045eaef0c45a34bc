import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** The audit: who did what to which thing and when, what it changed, and all of it as a file. */

const system = useSystem();
const { open, placeWaiting } = useConsole(system);
const detail = (page: Page) => page.getByRole('complementary', { name: 'Audit' });
const rows = (page: Page) => page.locator('.row.body');

test('what was done to an order is found by its number, shown from what to what, and taken out as a file', async () => {
  const order = await placeWaiting();
  const why = `odd address ${randomUUID().slice(0, 8)}`;
  await system.api.ok('POST', `/orders/${order.id}/hold`, { body: { reason: why } });
  await system.api.ok('PATCH', `/orders/${order.id}`, { body: { reference: 'PO-7' } });
  const page = await open('/audit', ['operator']);
  await page.getByLabel('Thing', { exact: true }).fill(order.number);
  await page.getByText('2 entries').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await rows(page).filter({ hasText: why }).click();
  await detail(page).getByRole('heading', { name: 'Order held' }).waitFor();
  await detail(page).getByText('bootstrap (API key)').waitFor();
  expect(await detail(page).getByRole('link', { name: order.number }).getAttribute('href')).toContain(order.id);
  await page.keyboard.press('k');
  await detail(page).getByRole('rowheader', { name: 'reference' }).waitFor();
  await detail(page).getByRole('cell', { name: 'PO-7' }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);

  // By the address, it is found again where the list as filtered does not have it.
  const shown = new URL(page.url()).searchParams.get('open')!;
  const other = await page.context().newPage();
  await other.goto(`${system.api.url}/console/audit?action=api_key.revoked&open=${encodeURIComponent(shown)}`);
  await other.getByRole('rowheader', { name: 'reference' }).waitFor();

  const saved = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Export' }).click();
  const lines = readFileSync(await (await saved).path(), 'utf8')
    .trim()
    .split('\r\n');
  expect(lines[0]).toMatch(/^at,actor,actorKind,action,subject,orderId,reason,before,after,/);
  expect(lines.slice(1).map((line) => line.split(',')[3])).toEqual(['OrderAmended', 'OrderHeld']);
  expect(lines[2]).toContain(why);
});

test('entries are found by who did it, by what was done, and by the name of the thing', async () => {
  const name = `auditor-${randomUUID().slice(0, 8)}`;
  const { key } = await system.api.ok<{ key: string }>('POST', '/api-keys', { body: { name, role: 'operator' } });
  const body = { name: 'Enamel mug', price: '10.95', currency: 'EUR' };
  await system.api.as(key).ok('PUT', '/products/MUG-1', { body });
  const page = await open(`/audit?actor=${name}`, ['admin']);
  await page.getByText('1 entry').waitFor();
  await rows(page).first().click();
  await detail(page).getByRole('cell', { name: '10.95' }).waitFor();
  expect(await detail(page).getByRole('link', { name: 'MUG-1' }).getAttribute('href')).toContain('/inventory/MUG-1');
  await page.goto(`${system.api.url}/console/audit?action=api_key.created&thing=${name}`);
  await page.getByText('1 entry').waitFor();
  await rows(page).filter({ hasText: 'API key made' }).waitFor();
  await page.getByLabel('Who').fill('nobody');
  await page.getByText('No entry matches').waitFor();
});

test('who may not read it has no such page, nor the file', async () => {
  const page = await open('/audit', ['support']);
  await page.getByText('Your role does not include this').waitFor();
  await until('no link', async () => (await page.getByRole('link', { name: 'Audit' }).count()) === 0);
  const status = await page.evaluate(async () => (await fetch('/exports/audit')).status);
  expect(status).toBe(403);
});
