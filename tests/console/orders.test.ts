import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** The list of orders in a real Chromium, against the real system. */

const system = useSystem();
const { open, place, placeWaiting } = useConsole(system);

/** Orders of a channel of their own. */
async function ordersOf(count: number, more: object = {}): Promise<string> {
  const channel = `list-${randomUUID().slice(0, 8)}`;
  await Promise.all(Array.from({ length: count }, () => place({ channel, ...more })));
  return channel;
}

const scrolled = (page: Page): Promise<boolean> =>
  page.getByRole('table').evaluate((element) => element.scrollTop > 600);
const link = (page: Page, row: number) => page.getByRole('row').nth(row).getByRole('link');

test('keeps its filter, its place and its selection while somebody looks at an order', async () => {
  const channel = await ordersOf(40);
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('40 orders').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page
    .getByRole('checkbox', { name: /Select order/ })
    .nth(1)
    .check();
  await page.getByRole('table').evaluate((element) => element.scrollTo({ top: 700 }));
  await until('the rows to be scrolled', () => scrolled(page));
  // Rows of where it is now, and no others, stand in the page.
  await until(
    'the rows of the place',
    async () => (await page.getByRole('row').nth(1).getAttribute('aria-rowindex')) !== '2',
  );
  await link(page, 12).click();
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  await page.getByRole('button', { name: 'Next order' }).click();
  await page.goBack();
  await page.goBack();
  await page.getByText('40 orders').waitFor();
  expect(page.url()).toContain(`channel=${channel}`);
  await page.getByText('1 selected').waitFor();
  await until('the place to be found again', () => scrolled(page));
});

test('loads on as somebody scrolls, also from an order to the next ones', async () => {
  const channel = await ordersOf(230, { items: [{ sku: 'MUG-1', quantity: 1, unitPrice: '9.95' }] });
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('200+ orders').waitFor();
  await page.getByRole('table').focus();
  await page.keyboard.press('End');
  await page.getByText('230 orders').waitFor();
  await page.keyboard.press('End');
  await until('the last order', async () => (await page.locator('[aria-rowindex="231"]').count()) === 1);
  await page.goto(`${system.api.url}/console/orders?channel=${channel}`);
  await page.getByText('200+ orders').waitFor();
  for (let row = 0; row < 200; row++) await page.keyboard.press('j');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  const { items, nextCursor } = await system.api.ok<{ items: Order[]; nextCursor: string }>(
    'GET',
    `/orders?channel=${channel}&limit=200`,
  );
  const shown = async (): Promise<string> => new URL(page.url()).pathname.split('/').at(-1)!;
  expect([items[199]!.id, items.at(-2)!.id]).toContain(await shown());
  const further = await system.api.ok<{ items: Order[] }>('GET', `/orders?channel=${channel}&cursor=${nextCursor}`);
  for (let press = 0; press < 3 && (await shown()) !== further.items[0]!.id; press++) {
    const before = await shown();
    await page.getByRole('button', { name: 'Next order' }).click();
    await until('the next order', async () => (await shown()) !== before);
  }
  expect(await shown()).toBe(further.items[0]!.id);
});

test('filters by what an order is and for whom, and is read again only when it must be', async () => {
  const customerId = randomUUID();
  const channel = await ordersOf(1, {
    customerId,
    shippingAddress: { name: 'A', line1: '1', city: 'Oslo', country: 'NO' },
  });
  await place({ channel });
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('2 orders').waitFor();
  await page.getByRole('button', { name: 'Filters', exact: true }).click();
  for (const [label, value] of [
    ['Country', 'NO'],
    ['Customer', customerId],
    ['SKU', 'MUG-1'],
  ] as const) {
    await page.getByRole('combobox', { name: label, exact: true }).fill(value);
    await page.keyboard.press('Enter');
    await page.getByText('1 order', { exact: true }).waitFor();
  }
  expect(Object.fromEntries(new URL(page.url()).searchParams)).toMatchObject({
    country: 'NO',
    customerId,
    sku: 'MUG-1',
  });
  await page.getByRole('combobox', { name: 'SKU', exact: true }).fill('RARE-1');
  await page.keyboard.press('Enter');
  await page.getByLabel('Search').fill('nothing is called so');
  await page.getByText('No order matches').waitFor();
  await page.getByRole('button', { name: 'Clear filters' }).last().click();
  await page.getByText(/\d+\+? orders/).waitFor();
});

test('shows the columns that somebody chose, keeps them with a view, and writes exactly those into the file', async () => {
  const channel = await ordersOf(2);
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('2 orders').waitFor();
  await page.getByRole('button', { name: 'Columns' }).click();
  await page.getByRole('menuitem', { name: 'Hide Total' }).click();
  await page.getByRole('menuitem', { name: 'Show Channel' }).click();
  await page.keyboard.press('Escape');
  const heads = (): Promise<string[]> => page.getByRole('columnheader').allTextContents();
  await until('the columns', async () => !(await heads()).includes('Total'));
  expect((await heads()).slice(1)).toEqual(['Order', 'Reference', 'Status', 'Payment', 'Channel', 'Placed']);
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('textbox', { name: 'Name of the view' }).fill('Mine');
  await page.getByRole('button', { name: 'Save this view' }).click();
  await page.getByRole('button', { name: 'View “Mine”' }).waitFor();
  // Its address is a link: for somebody else it shows the same.
  const other = await open(new URL(page.url()).href.split('/console')[1]!);
  await other.getByRole('button', { name: 'View “Mine”' }).waitFor();
  expect((await other.getByRole('columnheader').allTextContents()).slice(1)).toEqual((await heads()).slice(1));
  // And where nothing is said, what was chosen last.
  await page.goto(`${system.api.url}/console/orders?channel=${channel}`);
  await page.getByText('2 orders').waitFor();
  expect(await heads()).not.toContain('Total');
  const coming = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Export' }).click();
  const [head, ...rows] = readFileSync(await (await coming).path(), 'utf8')
    .trim()
    .split('\r\n');
  expect(head).toBe('orderId,number,reference,holds,status,paymentStatus,channel,createdAt');
  expect(rows).toHaveLength(2);
  const { items } = await system.api.ok<{ items: Order[] }>('GET', `/orders?channel=${channel}`);
  expect(rows.map((row) => row.split(',')[0])).toEqual(items.map(({ id }) => id));
});

test('chooses from one row to another with Shift', async () => {
  const channel = await ordersOf(6);
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('6 orders').waitFor();
  const boxes = page.getByRole('checkbox', { name: /Select order/ });
  await boxes.nth(1).click();
  await boxes.nth(4).click({ modifiers: ['Shift'] });
  await page.getByText('4 selected').waitFor();
  await boxes.nth(2).click();
  await page.getByText('3 selected').waitFor();
});

test('says what a command to many would do before it does it', async () => {
  const channel = `bulk-${randomUUID().slice(0, 8)}`;
  for (let count = 0; count < 3; count++) await placeWaiting({ channel });
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('3 orders').waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  await page.getByRole('button', { name: 'Act on these' }).click();
  await page.getByLabel('Reason').fill('stocktaking');
  await page.getByRole('button', { name: 'See what would happen' }).click();
  await page.getByText('3 would change').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  const { items: before } = await system.api.ok<{ items: Order[] }>('GET', `/orders?channel=${channel}`);
  expect(before.every(({ holds }) => holds.length === 0)).toBe(true);
  await page.getByRole('button', { name: 'Do it for 3 orders' }).dblclick();
  await page.getByText('3 done').waitFor();
  const { items } = await system.api.ok<{ items: Order[] }>('GET', `/orders?channel=${channel}`);
  expect(items.map(({ holds }) => holds.length)).toEqual([1, 1, 1]);
});

test('acts on everything that the filters find, loaded or not, and says what became of each', async () => {
  const channel = await ordersOf(205);
  const waiting = await placeWaiting({ channel });
  const page = await open(`/orders?channel=${channel}`);
  await page.getByText('200+ orders').waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  await page.getByRole('button', { name: 'Select all that match the filters' }).click();
  await page.getByText('All that match the filters').waitFor();
  await page.getByRole('button', { name: 'Act on these' }).click();
  await page.getByRole('combobox', { name: 'What to do' }).click();
  await page.getByRole('option', { name: 'Cancel' }).click();
  await page.getByLabel('Reason').fill('recalled');
  await page.getByRole('button', { name: 'See what would happen' }).click();
  await page.getByText('205 would be refused').waitFor();
  await page.getByRole('button', { name: 'Do it for 1 order' }).click();
  await page.getByText('206 of 206').waitFor();
  await page.getByText('1 done · 205 refused').waitFor();
  await page.locator('label', { hasText: 'Done' }).click();
  await page.getByRole('link', { name: `…${waiting.id.slice(-12)}` }).waitFor();
  await page.getByRole('button', { name: 'Close' }).last().click();
  expect((await system.api.order(waiting.id)).status).toBe('CANCELLED');
  // Who closed it finds it again.
  await page.getByRole('button', { name: 'Runs' }).click();
  await page.getByRole('button', { name: 'Cancel' }).first().click();
  await page.getByText('206 of 206').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
});

test('says that rows did not come, and tries again', async () => {
  const channel = await ordersOf(1);
  const page = await open('/');
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  await page.route(/:\d+\/orders\?/, (route) =>
    route.fulfill({ status: 400, body: '{"title":"No","status":400,"code":"X"}' }),
  );
  await page.goto(`${system.api.url}/console/orders?channel=${channel}`);
  await page.getByRole('alert').waitFor();
  await page.unroute(/:\d+\/orders\?/);
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('1 order', { exact: true }).waitFor();
});

test('offers who may only read neither commands nor runs', async () => {
  const channel = await ordersOf(1);
  const page = await open(`/orders?channel=${channel}`, ['reader']);
  await page.getByText('1 order', { exact: true }).waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  await page.getByText('1 selected').waitFor();
  for (const name of ['Act on these', 'Runs']) expect(await page.getByRole('button', { name }).count()).toBe(0);
  const status = await page.evaluate(async () => {
    const headers = { 'content-type': 'application/json', 'x-olms-console': '1' };
    const body = JSON.stringify({ command: 'complete', query: {}, dryRun: true });
    return (await fetch('/bulk', { method: 'POST', headers, body })).status;
  });
  expect(status).toBe(403);
});
