import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** The workbench of reviews: evidence beside the decision, from the keyboard, and for several at once. */

const system = useSystem();
const { open, place } = useConsole(system);

interface Review {
  readonly id: string;
  readonly orderId: string;
  readonly status: string;
  readonly decidedBy?: string;
  readonly reason?: string;
}
const reviewOf = async ({ id }: Order): Promise<Review | undefined> =>
  (await system.api.ok<{ items: Review[] }>('GET', `/reviews?orderId=${id}`)).items[0];

async function flagged(more: object = {}): Promise<Order> {
  const order = await place({ requiresReview: true, ...more });
  await until('the review', async () => (await reviewOf(order)) !== undefined);
  return order;
}

const row = (page: Page, { number }: Order) => page.getByRole('row').filter({ hasText: number });
const evidence = (page: Page) => page.getByRole('complementary', { name: 'Reviews' });

test('whoever decides sees the evidence, approves and rejects from the keyboard, and is shown the next', async () => {
  const email = `${randomUUID().slice(0, 8)}@example.com`;
  const earlier = await place({ contact: { email } });
  const first = await flagged({
    contact: { email },
    shippingAddress: {
      name: 'Ada Lovelace',
      line1: '12 St James’s Square',
      postalCode: 'SW1Y 4JH',
      city: 'London',
      country: 'GB',
    },
    billingAddress: { name: 'Ada Lovelace', line1: 'Rue 1', postalCode: '75001', city: 'Paris', country: 'FR' },
    metadata: { ip: '203.0.113.7' },
  });
  const second = await flagged();
  const third = await flagged();
  const page = await open('/reviews', ['reviewer']);
  await page.getByText('3 reviews').waitFor();
  // Without a click the one that has waited longest is shown, with what there is to know about it.
  const beside = evidence(page);
  await beside.getByRole('heading', { name: first.number }).waitFor();
  for (const known of [
    email,
    'Enamel mug',
    'Another country than the parcel',
    '203.0.113.7',
    'Asked for with the order',
    earlier.number,
  ])
    await beside.getByText(known).first().waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.press('a');
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The order goes on: €19.90 are asked for').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.type('known customer');
  await page.keyboard.press('Enter');
  await beside.getByRole('heading', { name: second.number }).waitFor();
  expect(await reviewOf(first)).toMatchObject({ status: 'approved', reason: 'known customer' });
  // The row stands where it stood.
  await row(page, first).locator('.age').getByText('Approved').waitFor();
  await page.keyboard.press('j');
  await beside.getByRole('heading', { name: third.number }).waitFor();
  await page.keyboard.press('k');
  await beside.getByRole('heading', { name: second.number }).waitFor();
  expect(page.url()).toContain(`open=${(await reviewOf(second))!.id}`);
  await page.keyboard.press('r');
  await dialog.getByLabel('Reason').fill('the address does not exist');
  await dialog.getByRole('button', { name: 'Reject' }).dblclick();
  await beside.getByRole('heading', { name: third.number }).waitFor();
  expect(await reviewOf(second)).toMatchObject({ status: 'rejected', reason: 'the address does not exist' });
  await until('the order to have ended', async () => (await system.api.order(second.id)).status === 'CANCELLED');
});

test('two people on one review: the second reads who was faster', async () => {
  const order = await flagged();
  const review = (await reviewOf(order))!;
  const page = await open(`/reviews?open=${review.id}`);
  await evidence(page).getByRole('heading', { name: order.number }).waitFor();
  await page.keyboard.press('r');
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Reason').fill('looks odd');
  await system.api.ok('POST', `/reviews/${review.id}/approve`, { body: { reason: 'called the customer' } });
  await dialog.getByRole('button', { name: 'Reject' }).click();
  await dialog.getByText('Decided meanwhile').waitFor();
  await dialog.getByText(/approved by .*: called the customer/).waitFor();
  await dialog.getByRole('button', { name: 'Show it as it is now' }).click();
  await evidence(page)
    .getByText(/Approved by .*/)
    .first()
    .waitFor();
  expect(await evidence(page).getByRole('button', { name: 'Approve' }).count()).toBe(0);
  expect(await reviewOf(order)).toMatchObject({ status: 'approved' });
});

test('several are decided at once; one that a colleague has decided is named, and left alone', async () => {
  const reference = `many-${randomUUID().slice(0, 8)}`;
  const orders = [];
  for (let count = 0; count < 3; count++) orders.push(await flagged({ reference: `${reference}-${count}` }));
  const page = await open(`/reviews?text=${reference}`);
  await page.getByText('3 reviews').waitFor();
  for (const order of orders) await row(page, order).getByRole('checkbox').check();
  const review = (await reviewOf(orders[0]!))!;
  await system.api.ok('POST', `/reviews/${review.id}/reject`, { body: { reason: 'fraud' } });
  await page.locator('.list-head').getByRole('button', { name: 'Approve' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText(/Rejected by/).waitFor();
  await dialog.getByLabel('Reason').fill('all known');
  // Nothing has happened yet.
  expect(await reviewOf(orders[1]!)).toMatchObject({ status: 'pending' });
  expect(await seriousFindings(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Approve 2' }).dblclick();
  await dialog.getByText('2 done').waitFor();
  const states = [];
  for (const order of orders) states.push((await reviewOf(order))!.status);
  expect(states).toEqual(['rejected', 'approved', 'approved']);
});

test('on a narrow screen the review covers the list, and back leads to it', async () => {
  const order = await flagged();
  const page = await open('/reviews');
  await page.setViewportSize({ width: 360, height: 740 });
  await row(page, order).click();
  await evidence(page).getByRole('heading', { name: order.number }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await evidence(page).getByRole('button', { name: 'Back to the list' }).click();
  await row(page, order).waitFor();
  expect(await evidence(page).count()).toBe(0);
});

test('who may not decide is not offered it; who may not read reviews has no such page', async () => {
  await flagged();
  const reader = await open('/reviews', ['support']);
  await evidence(reader).waitFor();
  expect(await reader.getByRole('button', { name: /Approve|Reject/ }).count()).toBe(0);
  await reader.keyboard.press('a');
  expect(await reader.getByRole('dialog').count()).toBe(0);
  const finance = await open('/reviews', ['finance']);
  await finance.getByText('Your role does not include this').waitFor();
  expect(await finance.getByRole('link', { name: 'Reviews' }).count()).toBe(0);
});
