import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Payments: what is in doubt is asked for, what people received is recorded, once however often the button is pressed. */

const system = useSystem({ env: { PAYMENTS_PROVIDERS: 'sandbox,manual', PAYMENTS_BREAKER_OPEN_MS: '600' } });
const { open, place } = useConsole(system);

interface Payment {
  readonly status: string;
  readonly operations: { readonly state: string }[];
  readonly receipts?: { readonly amount: string }[];
}
const paymentOf = async ({ id }: Order): Promise<Payment | undefined> =>
  (await system.api.ok<{ items: Payment[] }>('GET', `/payments?orderId=${id}`)).items[0];
const detail = (page: Page) => page.getByRole('complementary', { name: 'Payments' });
const transfer = (more: object = {}) =>
  system.api.ok<Order>('POST', '/orders', {
    body: {
      currency: 'EUR',
      items: [{ sku: 'MUG-1', quantity: 2, unitPrice: '9.95' }],
      payment: { provider: 'manual', token: 'bank_transfer' },
      ...more,
    },
    key: randomUUID(),
  });

test('a payment in doubt is found, explained, and asked for; the money moved once', async () => {
  await system.provider.outage(true);
  const order = await place();
  await until('the doubt', async () => (await paymentOf(order))?.operations[0]?.state === 'in_doubt');
  const page = await open('/payments?attention=in_doubt', ['finance']);
  await page.getByText('1 payment').waitFor();
  await page.getByRole('row').filter({ hasText: order.number }).click();
  await detail(page).getByText('In doubt: the answer of the provider was lost.').waitFor();
  expect(page.url()).toContain(`open=${order.id}`);
  expect(await seriousFindings(page)).toEqual([]);
  await system.provider.outage(false);
  await detail(page).getByRole('button', { name: 'Ask sandbox now' }).click();
  await detail(page).getByText('What it says shows here.').waitFor();
  await detail(page).getByText('Captured', { exact: true }).first().waitFor();
  await until('the money', async () => (await paymentOf(order))?.status === 'CAPTURED');
  await detail(page).getByText('done', { exact: true }).waitFor();
  expect(await system.provider.of(order.id)).toHaveLength(1);
});

test('what came by transfer is recorded once, and too much of it is given back', async () => {
  const order = await transfer();
  await until('the payment', async () => (await paymentOf(order)) !== undefined);
  const page = await open('/payments?attention=record', ['finance']);
  await page.getByRole('row').filter({ hasText: order.number }).click();
  await detail(page).getByText('It waits for somebody to record it').waitFor();
  await detail(page).getByRole('button', { name: 'Record money received' }).click();
  const dialog = page.getByRole('dialog');
  // What is still to come is proposed; more has come.
  expect(await dialog.getByLabel('Amount').inputValue()).toBe('19.90');
  await dialog.getByLabel('Amount').fill('25,00');
  await dialog.getByText('Notes that €25.00 were received.').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Yes, do it' }).dblclick();
  await detail(page).getByText('More was received than is asked for.').waitFor();
  expect((await paymentOf(order))!.receipts).toHaveLength(1);
  await detail(page).getByRole('button', { name: 'Record money given back' }).click();
  await dialog.getByRole('button', { name: 'Yes, do it' }).dblclick();
  await until('the way back', async () => (await paymentOf(order))!.receipts!.length === 2);
  expect((await paymentOf(order))!.receipts!.map(({ amount }) => amount)).toEqual(['25.00', '-5.10']);
  await page.reload();
  await page.getByText('No payment matches').waitFor();
});

test('payments are found by their order, and notices about nothing known are shown', async () => {
  const order = await transfer({ reference: `pay-${randomUUID().slice(0, 8)}` });
  await until('the payment', async () => (await paymentOf(order)) !== undefined);
  const page = await open('/payments');
  await page.getByLabel('Search', { exact: true }).fill(order.number);
  await page.getByText('1 payment').waitFor();
  await page.getByRole('button', { name: 'Unknown notices' }).click();
  await page.getByText('None waits').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
});

test('who may only read is offered nothing, and who may not read has no such page', async () => {
  const order = await transfer();
  await until('the payment', async () => (await paymentOf(order)) !== undefined);
  const reader = await open(`/payments?open=${order.id}`, ['reviewer']);
  await detail(reader).getByText('It waits for somebody to record it').waitFor();
  expect(
    await detail(reader)
      .getByRole('button', { name: /Record|Ask/ })
      .count(),
  ).toBe(0);
  const packer = await open('/payments', ['warehouse']);
  await packer.getByText('Your role does not include this').waitFor();
});
