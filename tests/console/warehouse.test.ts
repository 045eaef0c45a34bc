import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Shipment, Stock } from '#tests/support/views.ts';
import { carrierOf } from '../../console/src/warehouse/carriers.ts';

/** The warehouse in a real Chromium, against the real system: a scanner is a keyboard that ends with Enter. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });
const { open, place } = useConsole(system);
const WAREHOUSE = ['warehouse'];

beforeAll(async () => {
  await system.api.ok('PUT', '/locations/north', { body: {} });
});

/** A product of its own with so many pieces in the north. */
async function product(onHand: number): Promise<string> {
  const sku = `W-${randomUUID().slice(0, 8)}`;
  await system.api.ok('PUT', `/products/${sku}`, { body: { name: `Lamp ${sku}`, price: '5.00', currency: 'EUR' } });
  const body = { sku, location: 'north', delta: onHand, reason: 'delivery' };
  await system.api.ok('POST', '/stock/adjustments', { body, key: randomUUID() });
  return sku;
}
async function toSend(sku: string, quantity: number): Promise<Order> {
  const order = await place({ items: [{ sku, quantity, unitPrice: '5.00' }] });
  await until('its parcel', async () => (await parcels(order)).length === 1);
  return order;
}
const parcels = async ({ id }: Order): Promise<readonly Shipment[]> =>
  (await system.api.get<{ items: Shipment[] }>(`/shipments?orderId=${id}`)).items;
const stockOf = (sku: string): Promise<Stock> => system.api.get(`/stock/${sku}`);

/** As a scanner does it: it types wherever the focus is, and says Enter. */
async function scan(page: Page, text: string): Promise<void> {
  await page.locator('.scan').waitFor();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.type(text);
  await page.keyboard.press('Enter');
}

test('knows a carrier by the form of its number, and by nothing that is not certain', () => {
  expect(carrierOf('1z 999 aa1 01 2345 6784')).toBe('UPS');
  expect(carrierOf('JJD0099 9000 0001 2345 67')).toBe('DHL');
  expect(carrierOf('RR123456785GB')).toBe('Royal Mail');
  expect(carrierOf('RR123456784GB')).toBeUndefined();
  expect(carrierOf('123456789012')).toBeUndefined();
});

test('what is to be sent is listed by location and age, and becomes a pick list over several orders', async () => {
  const sku = await product(9);
  const [first, second] = [await toSend(sku, 2), await toSend(sku, 3)];
  await system.api.ok('POST', `/orders/${second.id}/hold`, { body: { reason: 'the address looks wrong' } });
  await until('the hold', async () => (await parcels(second))[0]!.paused);
  const page = await open('/', WAREHOUSE);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Warehouse' }).click();
  await page.getByRole('button', { name: /north/ }).click();
  await page.waitForURL(/location=north/);
  await page.getByRole('row').getByRole('link', { name: first.number }).waitFor();
  expect(await page.getByRole('row').getByRole('link', { name: second.number }).count()).toBe(0);
  expect(await seriousFindings(page)).toEqual([]);
  await system.api.ok('POST', `/orders/${second.id}/release`, { body: {} });
  await until('its release', async () => !(await parcels(second))[0]!.paused);
  await page.getByRole('button', { name: 'Refresh' }).click();
  await page.getByRole('row').getByRole('link', { name: second.number }).waitFor();
  await page.getByRole('checkbox', { name: 'Select all that are loaded' }).check();
  await page.getByRole('button', { name: 'Pick list' }).click();
  const row = page.getByRole('row').filter({ hasText: sku });
  await row.getByRole('cell', { name: '5', exact: true }).waitFor();
  await row.getByText(`3 × ${second.number}`).waitFor();
  await page.emulateMedia({ media: 'print' });
  expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(false);
  expect(await page.getByRole('navigation', { name: 'Main' }).isVisible()).toBe(false);
  expect(await row.isVisible()).toBe(true);
});

describe('sending by scanning', () => {
  test('is the order, then the number: the number says the carrier, a second person hears who was faster', async () => {
    const sku = await product(4);
    const order = await toSend(sku, 2);
    const page = await open('/warehouse/dispatch', WAREHOUSE);
    const late = await open('/warehouse/dispatch', WAREHOUSE);
    await scan(late, order.number);
    await late.getByText(`Lamp ${sku}`).waitFor();
    await scan(page, 'K7M4-92QX-Y');
    await page.getByRole('alert').getByText('No order can be called so').waitFor();
    await scan(page, order.number.toLowerCase());
    await page.getByText(`Lamp ${sku}`).waitFor();
    await scan(page, '123456789012');
    await page.getByRole('alert').getByText('Choose the carrier above').waitFor();
    await scan(page, '1Z999AA10123456784');
    await page.getByRole('status').getByText(`${order.number} is on its way`).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    expect(await parcels(order)).toMatchObject([
      { status: 'DISPATCHED', carrier: 'UPS', trackingNumber: '1Z999AA10123456784' },
    ]);
    await scan(late, '1Z999AA10999999999');
    await late.getByRole('alert').getByText(`${order.number} has left already. Nothing was done.`).waitFor();
    await late
      .getByRole('alert')
      .getByText(/UPS 1Z999AA10123456784 · sent by warehouse-/)
      .waitFor();
    expect(await parcels(order)).toMatchObject([{ trackingNumber: '1Z999AA10123456784' }]);
    await scan(page, order.number);
    await page.getByRole('alert').getByText('has left already').waitFor();
    // A wrong number is put right.
    await page.getByRole('button', { name: `Correct: ${order.number}` }).click();
    await page.getByLabel(/^Tracking number/).fill('RR123456785GB');
    await page.getByText('The customer gets the new link by mail.').waitFor();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await until('the other number', async () => (await parcels(order))[0]!.trackingNumber === 'RR123456785GB');
    expect((await parcels(order))[0]!.carrier).toBe('Royal Mail');
    // The button that was pressed has the focus: what is scanned next reaches the field all the same.
    await scan(page, 'nothing-is-called-so');
    await page.getByRole('alert').getByText('Nothing is called so').waitFor();
  });

  test('takes a part where something is missing, and the rest goes later', async () => {
    const sku = await product(5);
    const order = await toSend(sku, 3);
    const page = await open('/warehouse/dispatch', WAREHOUSE);
    await scan(page, order.number);
    await page.getByText(`Lamp ${sku}`).waitFor();
    await page.keyboard.press('F4');
    await page.getByLabel(`${sku}: found of 3`).fill('2');
    await page.getByText('2 pieces can be sent now; 1 piece stays in a parcel of its own.').waitFor();
    expect(await page.getByText('Take the missing pieces off this order').count()).toBe(0);
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByText('The rest stays here, as a parcel of its own.').waitFor();
    expect(await parcels(order)).toHaveLength(1);
    await scan(page, '1Z999AA10123456785');
    await page.getByText(`${order.number} is on its way`).waitFor();
    expect((await parcels(order)).map(({ status, items }) => [status, items[0]!.quantity])).toEqual([
      ['DISPATCHED', 2],
      ['SCHEDULED', 1],
    ]);
    await scan(page, order.number);
    await page.getByText('1 ×').waitFor();
    await scan(page, '1Z999AA10123456786');
    await until('the whole order', async () => (await system.api.order(order.id)).status === 'SHIPPED');
    await until('the shelf', async () => (await stockOf(sku)).onHand === 2);
  });

  test('counts a shelf down after it said whom that costs goods', async () => {
    const sku = await product(3);
    const order = await toSend(sku, 3);
    const page = await open('/warehouse/dispatch', WAREHOUSE);
    await scan(page, order.number);
    await page.getByText(`Lamp ${sku}`).waitFor();
    await page.keyboard.press('F4');
    await page.getByLabel(`${sku}: found of 3`).fill('1');
    await page.getByLabel(/Count the shelf/).check();
    await page.getByText('Say how many are on the shelf.').waitFor();
    await page.getByLabel(`${sku}: on the shelf, with those you took`).fill('1');
    await page.getByText(`On hand of ${sku}: 3 → 1. 1 order goes on hold until more arrives.`).waitFor();
    await page.getByRole('dialog').getByRole('link', { name: order.number }).waitFor();
    expect(await stockOf(sku)).toMatchObject({ onHand: 3, short: 0 });
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await until('the count', async () => (await stockOf(sku)).short === 2);
    await until('the hold', async () => (await parcels(order))[0]!.paused);
    await scan(page, order.number);
    await page.getByRole('alert').getByText('Do not send it').waitFor();
  });
});

test('who may cancel takes missing pieces off the order, and off the shelf', async () => {
  const sku = await product(3);
  const order = await toSend(sku, 3);
  const [parcel] = await parcels(order);
  const page = await open(`/warehouse/dispatch?shipment=${parcel!.id}`);
  await page.getByText(`Lamp ${sku}`).waitFor();
  await page.keyboard.press('F4');
  await page.getByLabel(`${sku}: found of 3`).fill('2');
  await page.getByLabel('Take the missing pieces off this order').check();
  await page.getByText('1 piece is taken off the order.').waitFor();
  await page.getByRole('button', { name: 'Yes, do it' }).dblclick();
  await page.getByText('2 ×').waitFor();
  await until('the books of the shelf', async () => (await stockOf(sku)).onHand === 2);
  expect(await stockOf(sku)).toMatchObject({ onHand: 2, reserved: 2, short: 0 });
  expect(await parcels(order)).toMatchObject([{ status: 'SCHEDULED', items: [{ sku, quantity: 2 }] }]);
  await until('the money', async () => (await system.api.order(order.id)).refundedAmount === '5.00');
});

test('a return is received by scanning its order, per line with its condition', async () => {
  const sku = await product(2);
  const order = await toSend(sku, 2);
  const [parcel] = await parcels(order);
  await system.api.ok('POST', `/shipments/${parcel!.id}/dispatch`, { body: { carrier: 'UPS', trackingNumber: '1Z1' } });
  await until('it to be sent', async () => (await system.api.order(order.id)).status === 'SHIPPED');
  const lines = [{ line: 1, quantity: 2 }];
  await system.api.ok('POST', `/orders/${order.id}/returns`, { body: { lines, reason: 'too bright' } });
  const page = await open('/warehouse/returns', WAREHOUSE);
  await page.getByRole('row').getByRole('link', { name: order.number }).waitFor();
  await scan(page, `${order.number}-R2`);
  await page.getByRole('alert').getByText('has been received already').waitFor();
  // As its slip has it.
  await scan(page, `${order.number}-R1`.toLowerCase());
  await page.getByLabel(`Arrived of 2: ${sku}`).fill('1');
  await page.locator(`input[aria-label="Condition: ${sku}"]`).click();
  await page.getByRole('option', { name: 'Damaged' }).click();
  await page.getByText('1 piece waits for a person, and is not sold.').waitFor();
  await page.getByLabel('The rest is still to come').check();
  await page.getByText('1 piece is still awaited.').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Yes, do it' }).dblclick();
  await page.getByText(`Return of ${order.number} received`).waitFor();
  const { returns } = await system.api.order(order.id);
  expect(returns[0]!.receipts).toEqual([{ line: 1, sku, quantity: 1, condition: 'damaged', disposition: 'hold' }]);
  expect(await stockOf(sku)).toMatchObject({ onHand: 0 });
});

test('who may not move parcels sees what waits, and neither sends nor receives', async () => {
  const page = await open('/warehouse', ['reader']);
  const places = page.getByRole('navigation', { name: 'Warehouse' });
  await places.getByRole('link', { name: 'To send' }).waitFor();
  for (const name of ['Scan', 'Returns']) expect(await places.getByRole('link', { name }).count()).toBe(0);
  const status = await page.evaluate(async () => {
    const headers = {
      'content-type': 'application/json',
      'x-olms-console': '1',
      'idempotency-key': crypto.randomUUID(),
    };
    const body = JSON.stringify({ carrier: 'UPS', trackingNumber: '1Z' });
    return (await fetch(`/shipments/${crypto.randomUUID()}/dispatch`, { method: 'POST', headers, body })).status;
  });
  expect(status).toBe(403);
});
