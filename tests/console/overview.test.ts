import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** The overview in a real Chromium, against the real system: what is where, what waits for whom, and whether all is well. */

const system = useSystem();
const { open, place, placeWaiting } = useConsole(system);

test('shows what waits for a person, with how much and since when, and leads to where it is resolved', async () => {
  await placeWaiting();
  const flagged = await place({ requiresReview: true });
  await until('the review', async () => {
    const { items } = await system.api.ok<{ items: { orderId: string }[] }>('GET', '/reviews?status=pending');
    return items.some(({ orderId }) => orderId === flagged.id);
  });
  const page = await open('/');
  const reviews = page.getByRole('link', { name: /Reviews to decide/ });
  await reviews.filter({ hasText: /oldest .*1$/ }).waitFor();
  await page.getByRole('link', { name: /Goods that orders wait for.*1/ }).waitFor();
  await page.getByRole('link', { name: /Parked events.*0/ }).waitFor();
  await page.getByRole('img', { name: /Of the orders of the last hour/ }).waitFor();
  await page.getByText('Everything answers').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await reviews.click();
  await page.getByRole('heading', { name: 'Reviews', exact: true }).waitFor();
});

test('moves by itself: an order that is placed is counted, on its way, too', async () => {
  const page = await open('/');
  await page.getByText('Live', { exact: true }).waitFor();
  const { minutes } = await system.api.ok<{ minutes: { placed: number }[] }>('GET', '/dashboard');
  expect(minutes).toHaveLength(60);
  const total = page.locator('.tile', { hasText: 'Orders in all' }).locator('b');
  const before = Number(await total.textContent());
  await place();
  await until('the count', async () => Number(await total.textContent()) > before);
  await page.locator('.moved').first().waitFor();
});

test('shows who may read orders alone neither reviews nor parked events', async () => {
  const page = await open('/', ['warehouse']);
  await page.getByRole('link', { name: /Goods that orders wait for/ }).waitFor();
  expect(await page.getByRole('link', { name: /Reviews to decide|Parked events/ }).count()).toBe(0);
});

test('who sees a stuck order on the overview reads why, and resolves it in four clicks', async () => {
  const order = await placeWaiting();
  await system.api.ok('POST', `/orders/${order.id}/hold`, { body: { reason: 'the address looks wrong' } });
  const page = await open('/');
  let clicks = 0;
  const click = async (role: 'link' | 'button', name: string | RegExp): Promise<void> => {
    clicks++;
    await page.getByRole(role, { name }).first().click();
  };
  await page
    .getByText(/the address looks wrong/)
    .first()
    .waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await click('link', new RegExp(order.number));
  await page
    .getByRole('status')
    .filter({ hasText: /because the hold “manual” by .* pauses it: the address looks wrong/ })
    .waitFor();
  await click('button', 'Release');
  await page.getByText('The hold “manual” ends.').waitFor();
  await click('button', 'Yes, do it');
  await until('the hold to be gone', async () => (await system.api.order(order.id)).holds.length === 0);
  await page.getByText('Hold released').waitFor();
  expect(clicks).toBeLessThanOrEqual(4);
});
