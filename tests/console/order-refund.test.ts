import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** A refund is pressed twice, in two tabs, and again after its answer was lost: by the provider's books the money moves once. */

const system = useSystem();
const { open, place } = useConsole(system);

async function paid(): Promise<Order> {
  const order = await place();
  await until('the money', async () => (await system.api.order(order.id)).paymentStatus === 'CAPTURED');
  return system.api.order(order.id);
}

/** Opens the dialog, filled in, and waits until it has said exactly what it does. */
async function refundOf(page: Page, amount = '5.00'): Promise<void> {
  await page.getByRole('button', { name: 'Refund', exact: true }).click();
  await page.getByLabel('Amount').fill(amount);
  await page.getByLabel('Reason (for colleagues)').fill('a scratch');
  await page.getByText(`Gives €${amount} back to the customer`).waitFor();
}
const confirm = (page: Page) => page.getByRole('button', { name: 'Yes, do it' });

/** Once the order and the provider have come to rest: what went back, by both. */
async function moved(order: Order): Promise<readonly unknown[]> {
  await until('refunds to be done', async () =>
    (await system.api.order(order.id)).refunds.every(({ status }) => status === 'DONE'),
  );
  const { refunds, refundedAmount } = await system.api.order(order.id);
  const books = await system.provider.of(order.id);
  return [refunds.length, refundedAmount, books.map(({ refunded }) => refunded)];
}
const ONCE = [1, '5.00', ['5.00']];

test('the button is pressed twice', async () => {
  const order = await paid();
  const page = await open(`/orders/${order.id}`, ['support']);
  await refundOf(page);
  expect(await seriousFindings(page)).toEqual([]);
  await confirm(page).dblclick();
  await page.getByText('Refund: done.').waitFor();
  expect(await moved(order)).toEqual(ONCE);
});

test('two tabs have the dialog open: the second says that the order changed before it is pressed', async () => {
  const order = await paid();
  const first = await open(`/orders/${order.id}`);
  const second = await first.context().newPage();
  await second.goto(first.url());
  await refundOf(first);
  await refundOf(second);
  await confirm(first).click();
  await second.getByText('This order has changed meanwhile.').waitFor();
  await second.getByText(/Meanwhile: “(Refund asked for|Refunded)”/).waitFor();
  expect(await confirm(second).isDisabled()).toBe(true);
  expect(await moved(order)).toEqual(ONCE);
  // Who goes on does so knowing: it is another refund, of what is left.
  await second.getByLabel('Amount').fill('99.00');
  await second.getByRole('button', { name: 'See what it does now' }).click();
  await second.getByText('At most 14.90 EUR can be refunded.').waitFor();
  expect(await moved(order)).toEqual(ONCE);
});

test('two tabs are pressed in the same moment', async () => {
  const order = await paid();
  const first = await open(`/orders/${order.id}`);
  const second = await first.context().newPage();
  // What happens to the order does not reach these, as in a browser whose connection hangs.
  await first.context().route('**/stream?*', (route) => route.abort());
  await second.goto(first.url());
  await first.reload();
  await refundOf(first);
  await refundOf(second);
  await Promise.all([confirm(first).click(), confirm(second).click()]);
  const says = (text: string): Promise<void> =>
    Promise.any([first, second].map((page) => page.getByText(text).first().waitFor()));
  await Promise.all([says('Refund: done.'), says('This order has changed meanwhile.')]);
  expect(await moved(order)).toEqual(ONCE);
});

test('the answer is lost, and the dialog sends it again by itself', async () => {
  const order = await paid();
  const page = await open(`/orders/${order.id}`);
  await refundOf(page);
  let asked = 0;
  await page.route('**/refunds', async (route) => {
    asked++;
    if (asked > 1) return route.continue();
    // The system has it, and the browser never hears of it.
    expect((await route.fetch()).status()).toBe(200);
    return route.abort('connectionreset');
  });
  await confirm(page).click();
  await page.getByText('Refund: done.').waitFor();
  expect(asked).toBe(2);
  expect(await moved(order)).toEqual(ONCE);
});

test('every answer is lost for a while, and a person presses again and again', async () => {
  const order = await paid();
  const page = await open(`/orders/${order.id}`);
  await page.route('**/stream?*', (route) => route.abort());
  await page.reload();
  await refundOf(page);
  let lost = 0;
  await page.route('**/refunds', async (route) => {
    await route.fetch();
    lost++;
    await route.abort('connectionreset');
  });
  await confirm(page).click();
  await page.getByText('Whether it was done is not known.').waitFor();
  expect(lost).toBeGreaterThan(1);
  expect(await moved(order)).toEqual(ONCE);
  await page.unroute('**/refunds');
  // The same is asked again under the same key, so it is answered, and not done again.
  await confirm(page).dblclick();
  await page.getByText('Refund: done.').waitFor();
  expect(await moved(order)).toEqual(ONCE);
});

test('what was lost is not done again with another amount', async () => {
  const order = await paid();
  const page = await open(`/orders/${order.id}`);
  await page.route('**/stream?*', (route) => route.abort());
  await page.reload();
  await refundOf(page);
  await page.route('**/refunds', async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  await confirm(page).click();
  await page.getByText('Whether it was done is not known.').waitFor();
  await page.unroute('**/refunds');
  await page.getByLabel('Amount').fill('6.00');
  await page.getByRole('button', { name: 'See what it does now' }).click();
  await page.getByText('Gives €6.00 back').waitFor();
  await confirm(page).click();
  await page.getByText('It was done already.').waitFor();
  expect(await confirm(page).isDisabled()).toBe(true);
  expect(await moved(order)).toEqual(ONCE);
});

test('it is neither offered to who may not nor possible with their session', async () => {
  const order = await paid();
  const page = await open(`/orders/${order.id}`, ['reader']);
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  for (const name of ['Refund', 'Cancel order', 'Put on hold', 'Release', 'More'])
    expect(await page.getByRole('toolbar').getByRole('button', { name, exact: true }).count()).toBe(0);
  const status = await page.evaluate(
    async ({ id, key }) => {
      const headers = { 'content-type': 'application/json', 'x-olms-console': '1', 'idempotency-key': key };
      const body = '{"amount":"1.00","reason":"x"}';
      return (await fetch(`/orders/${id}/refunds`, { method: 'POST', headers, body })).status;
    },
    { id: order.id, key: randomUUID() },
  );
  expect(status).toBe(403);
  expect(await moved(order)).toEqual([0, '0.00', ['0.00']]);
});
