import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** The page of an order: what may be done with it, said exactly before it is done. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off', ORDERS_PAY_AGAIN_MS: '600000' } });
const { open, place, placeWaiting } = useConsole(system);

const CUSTOMER = {
  contact: { email: 'ada@example.com' },
  shippingAddress: { name: 'Ada Lovelace', line1: '12 St James’s Square', city: 'London', country: 'GB' },
};
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const choose = async (page: Page, name: string): Promise<void> => {
  await page.getByRole('toolbar').getByRole('button', { name: 'More', exact: true }).click();
  await page.getByRole('menuitem', { name, exact: true }).click();
};
const yes = (page: Page): Promise<void> => button(page, 'Yes, do it').click();
const now = ({ id }: Order): Promise<Order> => system.api.order(id);

async function sent(pieces = 2): Promise<Order> {
  const { id } = await place({ ...CUSTOMER, items: [{ sku: 'MUG-1', quantity: pieces, unitPrice: '9.95' }] });
  const { api } = system;
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await api.dispatch((await api.firstShipment(id)).id);
  return api.untilStatus(id, 'SHIPPED');
}

test('items are cancelled for what the dialog said they cost, and what is not possible says why', async () => {
  const order = await place({ ...CUSTOMER, items: [{ sku: 'MUG-1', quantity: 3, unitPrice: '9.95' }] });
  await system.api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
  const page = await open(`/orders/${order.id}`, ['support']);
  await page.getByText('Waiting for the warehouse to ship').waitFor();
  await page.getByRole('toolbar').getByRole('button', { name: 'More', exact: true }).click();
  await page
    .getByRole('menuitem', { name: 'Declare complete' })
    .getByText('"complete" is not possible while the order is READY_FOR_SHIPMENT.')
    .waitFor();
  expect(await page.getByRole('menuitem', { name: 'Receive return' }).count()).toBe(0);
  expect(await seriousFindings(page)).toEqual([]);
  await page.keyboard.press('Escape');
  expect(await button(page, 'Release').getAttribute('aria-disabled')).toBe('true');
  await button(page, 'Release').hover();
  await page.getByText('The order has no hold that could be released.').waitFor();

  await button(page, 'Cancel items').click();
  await page.getByText('Choose at least one piece.').waitFor();
  await page.getByLabel('Pieces of Enamel mug').fill('1');
  await page.getByText('The warehouse is asked first').waitFor();
  await page.getByText('If it can be stopped: The total goes from €29.85 to €19.90.').waitFor();
  await page.getByText('If it can be stopped: Gives €9.95 back to the customer').waitFor();
  await page.getByText('The customer is notified: ada@example.com.').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByLabel('Reason (for colleagues)').fill('one too many');
  await yes(page);
  await page.getByText('Cancel items: done.').waitFor();
  const { totalAmount, refunds } = await now(order);
  expect([totalAmount, refunds.map(({ amount }) => amount)]).toEqual(['19.90', ['9.95']]);
});

test('of several holds one is released, and a hold is taken back at once', async () => {
  const order = await placeWaiting(CUSTOMER);
  for (const type of ['fraud', 'address'])
    await system.api.ok('POST', `/orders/${order.id}/hold`, { body: { type, reason: `look at ${type}` } });
  const page = await open(`/orders/${order.id}`);
  await page.getByText(/because the hold “fraud” by .* pauses it: look at fraud \(and 1 more\)/).waitFor();
  await page.getByRole('button', { name: 'Release “address”' }).click();
  await page.getByText('The hold “address” ends.').waitFor();
  await page.getByText('It stays on hold: “fraud”.').waitFor();
  await yes(page);
  await page.getByText('Release: done.').waitFor();
  expect((await now(order)).holds.map(({ type }) => type)).toEqual(['fraud']);
  await button(page, 'Undo').click();
  await page.getByText('Release: undone.').waitFor();
  expect((await now(order)).holds.map(({ type, reason }) => [type, reason])).toEqual([
    ['fraud', 'look at fraud'],
    ['address', 'look at address'],
  ]);
});

test('a return is registered and received as it was found, and pays what was said', async () => {
  const order = await sent(3);
  const page = await open(`/orders/${order.id}`);
  await choose(page, 'Register return');
  await page.getByLabel('Pieces of Enamel mug').fill('2');
  await page.getByText('Pieces expected back: 2.').waitFor();
  await page.getByLabel('Reason (for colleagues)').fill('too small');
  await yes(page);
  await page.getByText('Pieces that are to come back: 2').waitFor();
  await page.getByRole('toolbar').getByRole('button', { name: 'Receive return' }).click();
  await page.getByRole('textbox', { name: 'Enamel mug: Sellable' }).fill('1');
  await page.getByRole('textbox', { name: 'Enamel mug: Damaged' }).fill('1');
  await page.getByText('Gives €19.90 back to the customer').waitFor();
  await page.getByText('Back into stock: 1.', { exact: true }).waitFor();
  await page.getByText('Not back into stock: 1.').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await yes(page);
  await page.getByText('Receive return: done.').waitFor();
  await until('the refund', async () => (await now(order)).refundedAmount === '19.90');
  const [entry] = (await now(order)).returns as unknown as { receipts: { condition: string; quantity: number }[] }[];
  expect(entry!.receipts.map(({ condition, quantity }) => [condition, quantity])).toEqual([
    ['sellable', 1],
    ['damaged', 1],
  ]);
});

test('a lost parcel is noted and claimed; the money that was forecast is given back', async () => {
  const order = await sent();
  const page = await open(`/orders/${order.id}`);
  await page.getByRole('button', { name: /^More for the parcel/ }).click();
  await page.getByRole('menuitem', { name: 'Note as lost' }).click();
  await page.getByText('No money moves: open a claim').waitFor();
  await yes(page);
  await page.getByText(/The parcel .*: lost, and nothing has been done about it/).waitFor();
  await page.getByRole('status').locator('..').getByRole('button', { name: 'Open a claim' }).click();
  await page.getByText('Gives €19.90 back to the customer').waitFor();
  await page.getByRole('radiogroup').getByText('Send again').click();
  await page.getByText('Pieces sent again: 2').waitFor();
  await page.getByRole('radiogroup').getByText('Give the money back').click();
  await page.getByText('Gives €19.90 back to the customer').waitFor();
  await page.getByLabel('Reason (for colleagues)').fill('the carrier gave up');
  await yes(page);
  await page.getByText('Open a claim: done.').waitFor();
  await until('the refund', async () => (await now(order)).refundedAmount === '19.90');
});

test('contact, address, note and tags are changed, and changed back', async () => {
  const order = await placeWaiting(CUSTOMER);
  const page = await open(`/orders/${order.id}`);
  await choose(page, 'Edit contact and address');
  await page.getByText('Nothing is different yet.').waitFor();
  await page.getByLabel('City').fill('Paris');
  await page.getByText(/^Ships to: .*Paris.* \(before: .*London/).waitFor();
  await yes(page);
  await page.getByText('Edit contact and address: done.').waitFor();
  expect((await now(order)).shippingAddress).toEqual({ ...CUSTOMER.shippingAddress, city: 'Paris' });
  await button(page, 'Undo').click();
  await page.getByText('Edit contact and address: undone.').waitFor();
  expect((await now(order)).shippingAddress).toEqual(CUSTOMER.shippingAddress);
  await button(page, 'Edit notes and tags').click();
  await page.getByLabel('Note (for colleagues)').fill('rings twice');
  await page.locator('.mantine-TagsInput-inputField').fill('vip');
  await page.keyboard.press('Enter');
  await page.getByText('Kept with the order: note, tags.').waitFor();
  await yes(page);
  // The dialog has the words as well, until they are kept.
  await page.getByRole('dialog').waitFor({ state: 'hidden' });
  await page.getByText('rings twice').waitFor();
  expect((await now(order)).metadata).toEqual({ note: 'rings twice', tags: ['vip'] });
});

test('somebody else has the order open, and what they change shows in a dialog before it is pressed', async () => {
  const order = await placeWaiting(CUSTOMER);
  const page = await open(`/orders/${order.id}`, ['support']);
  const colleague = await open(`/orders/${order.id}`, ['admin']);
  await colleague.getByText(/support-\w+ looks at it too/).waitFor();
  await button(page, 'Cancel order').click();
  await page.getByText(`Ends order ${order.number}.`).waitFor();
  await page.getByLabel('Reason (for colleagues)').fill('not wanted');
  await colleague.getByRole('button', { name: 'Put on hold' }).click();
  // What they are about to do is heard of as well, at the latest at the next heartbeat.
  await page
    .getByText(/admin-\w+: Put on hold|admin-\w+ looks at it too/)
    .first()
    .waitFor();
  await colleague.getByLabel('Reason (for colleagues)').fill('fraud?');
  await yes(colleague);
  await page.getByText('This order has changed meanwhile.').waitFor();
  await page.getByText(/Meanwhile: “Put on hold” by admin-/).waitFor();
  expect(await button(page, 'Yes, do it').isDisabled()).toBe(true);
  await button(page, 'See what it does now').click();
  await page.getByText(`Ends order ${order.number}.`).waitFor();
  expect(await page.getByLabel('Reason (for colleagues)').inputValue()).toBe('not wanted');
  await yes(page);
  await until('the end', async () => (await now(order)).status === 'CANCELLED');
});

test('another means of payment is given after one was refused', async () => {
  const order = await system.api.ok<Order>('POST', '/orders', {
    body: {
      currency: 'EUR',
      items: [{ sku: 'MUG-1', quantity: 1, unitPrice: '9.95' }],
      payment: { provider: 'sandbox', token: 'tok_decline' },
    },
    key: randomUUID(),
  });
  await system.api.untilEvent(order.id, 'OrderPaymentRefused');
  const page = await open(`/orders/${order.id}`, ['support']);
  await page.getByText(/^Waiting for another payment, until .*, because the last one was refused/).waitFor();
  await page.getByRole('toolbar').getByRole('button', { name: 'Pay again' }).click();
  await page.getByText('Give what the provider is to be paid with.').waitFor();
  await page.getByLabel('Token').fill('tok_approve');
  await page.getByText('Asks sandbox for €9.95.').waitFor();
  await yes(page);
  await system.api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
  await page.getByText('Waiting for the warehouse to ship').waitFor();
});
