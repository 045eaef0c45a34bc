import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Messages: what customers were sent, as they see it, and sent once more. */

const system = useSystem();
const { open, place } = useConsole(system);

interface Message {
  readonly id: string;
  readonly channel: string;
  readonly subject: string;
  readonly sendings: number;
}
const messagesOf = async ({ id }: Order): Promise<readonly Message[]> =>
  (await system.api.ok<{ items: Message[] }>('GET', `/notifications?orderId=${id}`)).items;
const detail = (page: Page) => page.getByRole('complementary', { name: 'Messages' });

async function mailed(email: string): Promise<Order> {
  const order = await place({ contact: { email } });
  await until('the mail', async () => (await messagesOf(order)).length > 0);
  return order;
}

test('a message is found by its recipient, seen as the customer sees it, and sent once more, once', async () => {
  const email = `${randomUUID().slice(0, 8)}@example.com`;
  const order = await mailed(email);
  const [first] = await messagesOf(order);
  const page = await open(`/messages?text=${email}&channel=email`, ['support']);
  const row = page.getByRole('row').filter({ hasText: first!.subject });
  await row.first().click();
  await until('the address', async () => page.url().includes('open='));
  await detail(page).getByText(email).first().waitFor();
  const mail = page.frameLocator('iframe.mail');
  await mail.getByRole('heading').first().waitFor();
  // It may run nothing, whatever stands in it.
  expect(await page.locator('iframe.mail').getAttribute('sandbox')).toBe('');
  expect(await seriousFindings(page)).toEqual([]);
  await detail(page).getByText('Text', { exact: true }).click();
  await detail(page).getByText('Enamel mug').first().waitFor();
  const shown = new URL(page.url()).searchParams.get('open')!;
  await detail(page).getByRole('button', { name: 'Send once more' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The customer gets this message once more').waitFor();
  await dialog.getByRole('button', { name: 'Send once more' }).dblclick();
  await dialog.waitFor({ state: 'detached' });
  await until('the second one', async () =>
    (await messagesOf(order)).some(({ id, sendings }) => id === shown && sendings === 2),
  );
  expect((await messagesOf(order)).filter(({ sendings }) => sendings > 1)).toHaveLength(1);
});

test('several are sent once more; what goes to nobody is named, and left alone', async () => {
  const reference = `many-${randomUUID().slice(0, 8)}`;
  const guest = await place({ reference });
  const known = await place({ reference: `${reference}-2`, contact: { email: 'ada@example.com' } });
  for (const order of [guest, known]) await until('what it says', async () => (await messagesOf(order)).length > 0);
  const page = await open(`/messages?text=${reference}&eventType=OrderCreated`);
  await page.getByText('2 messages').waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  await page.locator('.list-head').getByRole('button', { name: 'Send once more' }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('The order has no contact for it').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await dialog.getByRole('button', { name: 'Send 1 once more' }).dblclick();
  await dialog.getByText('1 done').waitFor();
  expect((await messagesOf(known)).filter(({ sendings }) => sendings === 2)).toHaveLength(1);
  expect((await messagesOf(guest)).every(({ sendings }) => sendings === 1)).toBe(true);
});

test('who may not send is not offered it, and who may not read has no such page', async () => {
  const order = await mailed('ada@example.com');
  const reader = await open(`/messages?text=${order.number}`, ['reader']);
  await reader.locator('.row.body').first().click();
  await detail(reader).getByText('What the customer sees').waitFor();
  expect(await reader.getByRole('button', { name: 'Send once more' }).count()).toBe(0);
  const finance = await open('/messages', ['finance']);
  await finance.getByText('Your role does not include this').waitFor();
});
