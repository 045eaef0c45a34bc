import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Api } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Page, Problem, Shipment } from '#tests/support/views.ts';

/** Slips to lay into parcels: what they say is looked at by `npm run interop -- slips`, which reads their bar codes. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off', SHOP_NAME: 'Example Shop' } });
const ADDRESS = { name: 'Warehouse North', line1: 'Am Hafen 7', postalCode: '20457', city: 'Hamburg', country: 'DE' };

const customer = `c-${randomUUID()}`;
let sku: string;
let order: Order;
let shipment: Shipment & { readonly packingSlipUrl: string };

/** The size of the first page in points, where a call answers a PDF. */
async function pageOf(api: Api, path: string): Promise<string> {
  const { status, headers, text } = await api.call('GET', path);
  expect([status, headers['content-type'], text.slice(0, 5)]).toEqual([200, 'application/pdf', '%PDF-']);
  expect(headers['content-disposition']).toMatch(/^inline; filename="[a-z-]+-[A-Z0-9-]+\.pdf"$/);
  return /\/MediaBox \[0 0 ([\d.]+ [\d.]+)\]/.exec(text)![1]!;
}

beforeAll(async () => {
  const { api } = system;
  sku = await api.product(10);
  const placed = await api.placeOrder({
    sku,
    quantity: 3,
    customerId: customer,
    locale: 'ar',
    shippingAddress: { name: 'Ada Lovelace', city: 'Boston', country: 'US' },
  });
  await api.untilStatus(placed.id, 'READY_FOR_SHIPMENT');
  shipment = (await api.firstShipment(placed.id)) as typeof shipment;
  await api.dispatch(shipment.id);
  order = await api.untilStatus(placed.id, 'SHIPPED');
});

describe('the place that parcels leave from', () => {
  test('has an address, audited once; without one in the call it stays', async () => {
    const { api } = system;
    const key = randomUUID();
    const put = () => api.call('PUT', '/locations/main', { body: { address: ADDRESS }, key });
    expect((await put()).body).toMatchObject({ name: 'main', address: ADDRESS });
    expect((await put()).body).toMatchObject({ name: 'main', address: ADDRESS });
    expect((await api.call('PUT', '/locations/main')).body).toMatchObject({ address: ADDRESS });
    const { items } = await api.get<Page<{ name: string }>>('/locations');
    expect(items.find(({ name }) => name === 'main')).toMatchObject({ address: ADDRESS });
    const entries = await api.get<Page<object>>('/audit-entries?action=location.put');
    expect(entries.items).toMatchObject([
      { subject: 'main', before: { name: 'main' }, after: { name: 'main', address: ADDRESS } },
    ]);
    const wrong = await api.call<Problem>('PUT', '/locations/main', { body: { address: { town: 'Hamburg' } } });
    expect([wrong.status, wrong.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});

describe('a packing slip', () => {
  test('is a PDF on the paper of the country, or on the one that is asked for', async () => {
    const { api } = system;
    expect(shipment.packingSlipUrl).toBe(`/shipments/${shipment.id}/packing-slip`);
    expect(await pageOf(api, shipment.packingSlipUrl)).toBe('612 792');
    expect(await pageOf(api, `${shipment.packingSlipUrl}?paper=A4`)).toBe('595.28 841.89');
    const wrong = await api.call<Problem>('GET', `${shipment.packingSlipUrl}?paper=A3`);
    expect([wrong.status, wrong.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    const none = await api.call<Problem>('GET', `/shipments/${order.id}/packing-slip`);
    expect([none.status, none.body.code]).toEqual([404, 'SHIPMENT_NOT_FOUND']);
  });
});

describe('a return slip', () => {
  test('is there while something is expected, for the customer and for staff', async () => {
    const { api } = system;
    const asked = await api.command(order.id, 'returns', {
      items: [{ sku, quantity: 2, reasonCode: 'damaged' }],
      reason: 'it broke',
    });
    const [entry] = asked.body.returns as [Order['returns'][number] & { returnNumber: string; slipUrl: string }];
    expect(entry).toMatchObject({
      returnNumber: `${order.number}-R1`,
      slipUrl: `/orders/${order.id}/returns/${entry.returnId}/slip`,
    });
    expect((await api.orders(`text=${entry.returnNumber}`)).items.map(({ id }) => id)).toEqual([order.id]);
    const keyOf = async (who: string): Promise<Api> =>
      api.as(
        (
          await api.ok<{ key: string }>('POST', '/api-keys', {
            body: { name: `s-${randomUUID().slice(0, 8)}`, role: 'customer', customer: who },
          })
        ).key,
      );
    expect(await pageOf(await keyOf(customer), entry.slipUrl)).toBe('612 792');
    expect((await (await keyOf('c-else')).call('GET', entry.slipUrl)).status).toBe(404);
    expect(await pageOf(api, `${entry.slipUrl}?paper=A4`)).toBe('595.28 841.89');

    const unknown = await api.call<Problem>('GET', `/orders/${order.id}/returns/${order.id}/slip`);
    expect([unknown.status, unknown.body.code]).toEqual([404, 'RETURN_NOT_FOUND']);
    await api.command(order.id, `returns/${entry.returnId}/receive`, { items: [{ sku, quantity: 1 }] });
    expect(await pageOf(api, entry.slipUrl)).toBe('612 792');
    await api.command(order.id, `returns/${entry.returnId}/close`);
    const closed = await api.call<Problem>('GET', entry.slipUrl);
    expect([closed.status, closed.body.code]).toEqual([409, 'RETURN_CLOSED']);
    const listed = await api.get<Page<{ returnNumber: string; slipUrl?: string }>>(`/returns?orderId=${order.id}`);
    expect(listed.items).toMatchObject([{ returnNumber: entry.returnNumber }]);
    expect(listed.items[0]!.slipUrl).toBeUndefined();
  });
});
