import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** The inventory in a real Chromium, against the real system: what is there, whose it is, and counting it. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });
const { open, place } = useConsole(system);

interface Stock {
  readonly onHand: number;
  readonly reserved: number;
  readonly short: number;
}
const stockOf = (sku: string): Promise<Stock> => system.api.get(`/stock/${sku}`);

/** A product with so many pieces, of a name of its own. */
async function product(onHand: number): Promise<string> {
  const sku = `P-${randomUUID().slice(0, 8)}`;
  await system.api.ok('PUT', `/products/${sku}`, { body: { name: `Teapot ${sku}`, price: '5.00', currency: 'EUR' } });
  if (onHand > 0)
    await system.api.ok('POST', '/stock/adjustments', {
      body: { sku, location: 'main', delta: onHand, reason: 'delivery' },
      key: randomUUID(),
    });
  return sku;
}

async function held(sku: string, quantity: number): Promise<Order> {
  const order = await place({ items: [{ sku, quantity, unitPrice: '5.00' }] });
  await until(
    'the goods to be set aside',
    async () => (await system.api.order(order.id)).status === 'READY_FOR_SHIPMENT',
  );
  return order;
}

test('finds a product, says who holds it, and receives a delivery once', async () => {
  const sku = await product(5);
  const order = await held(sku, 2);
  const page = await open('/inventory?text=teapot');
  await page.getByLabel('Search', { exact: true }).fill(sku);
  await page.getByText('1 product', { exact: true }).waitFor();
  await page.waitForURL(new RegExp(`text=${sku}`));
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('link', { name: sku }).click();
  await page.getByRole('heading', { name: 'Held by' }).waitFor();
  await page.getByRole('group', { name: 'Held by' }).getByRole('link', { name: order.number }).waitFor();
  await page.getByRole('img', { name: /On hand and reserved over time/ }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Receive or take' }).click();
  // What is set aside is not taken away by a difference; the button says why it does nothing.
  await page.getByText('Damage or loss').click();
  await page.getByLabel(/^Pieces/).fill('4');
  await page.getByText(/Only 3 are not reserved there/).waitFor();
  expect(await page.getByRole('button', { name: 'Yes, do it' }).isDisabled()).toBe(true);
  await page.getByText('Delivery', { exact: true }).click();
  await page.getByText('On hand at main: 5 → 9.').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Yes, do it' }).dblclick();
  await until('the delivery', async () => (await stockOf(sku)).onHand === 9);
  await page.getByRole('group', { name: 'Movements' }).getByText('+4').waitFor();
  await page.goBack();
  await page.getByText('1 product', { exact: true }).waitFor();
  expect((await stockOf(sku)).onHand).toBe(9);
});

test('a count says first which orders lose their goods, and then they do', async () => {
  const sku = await product(3);
  const [kept, loser] = [await held(sku, 1), await held(sku, 2)];
  const page = await open(`/inventory/${sku}`);
  await page.getByRole('button', { name: 'Count: main' }).click();
  await page.getByLabel('Pieces on the shelf').fill('2');
  await page.getByText(/1 reserved piece is not there. 1 order goes on hold/).waitFor();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('link', { name: loser.number }).waitFor();
  expect(await dialog.getByRole('link', { name: kept.number }).count()).toBe(0);
  expect(await seriousFindings(page)).toEqual([]);
  expect(await stockOf(sku)).toMatchObject({ onHand: 3, short: 0 });
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await until('the hold', async () => (await system.api.order(loser.id)).holds.some(({ type }) => type === 'shortage'));
  expect(await stockOf(sku)).toMatchObject({ onHand: 2, short: 1 });
  await page.reload();
  await page.getByText('1 reserved piece is not there', { exact: true }).waitFor();
  await page.getByRole('alert').getByRole('link', { name: loser.number }).waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.goto(`${system.api.url}/console/inventory?short=true`);
  await page.getByRole('link', { name: sku }).waitFor();
  await page.getByText('1 missing').waitFor();
});

test('makes a product that is not there yet, and does not overwrite one that is', async () => {
  const sku = await product(0);
  const page = await open('/inventory');
  const fill = async (name: string): Promise<void> => {
    await page.getByRole('button', { name: 'New product' }).click();
    await page.getByLabel(/^SKU/).fill(name);
    await page.getByLabel(/^Name/).fill('Something else');
    await page.getByRole('button', { name: 'Yes, do it' }).click();
  };
  await fill(sku);
  await page.getByText(/changed meanwhile|already/).waitFor();
  expect(await system.api.get(`/products/${sku}`)).toMatchObject({ name: `Teapot ${sku}` });
  await page.getByRole('button', { name: 'Keep as it is' }).click();
  await fill(`${sku}-NEW`);
  await page.getByRole('heading', { name: 'Something else' }).waitFor();
  await page.getByText('No order holds any').waitFor();
});

test('who only reads sees stock and no button that changes it', async () => {
  const sku = await product(1);
  const page = await open(`/inventory/${sku}`, ['reader']);
  await page.getByRole('heading', { name: 'Movements' }).waitFor();
  for (const name of ['Receive or take', 'Count', 'Edit product'])
    expect(await page.getByRole('button', { name, exact: true }).count()).toBe(0);
  const status = await page.evaluate(async (of) => {
    const headers = {
      'content-type': 'application/json',
      'x-olms-console': '1',
      'idempotency-key': crypto.randomUUID(),
    };
    const body = JSON.stringify({ sku: of, delta: 1, reason: 'x' });
    return (await fetch('/stock/adjustments', { method: 'POST', headers, body })).status;
  }, sku);
  expect(status).toBe(403);
  const finance = await open('/', ['finance']);
  const menu = finance.getByRole('navigation', { name: 'Main' });
  await menu.getByRole('link', { name: 'Overview' }).waitFor();
  expect(await menu.getByRole('link', { name: 'Inventory' }).count()).toBe(0);
});
