import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { carrierSays } from '#tests/support/carriers.ts';
import { Graph } from '#tests/support/graph.ts';
import { until } from '#tests/support/until.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Shipment } from '#tests/support/views.ts';

/** Parcels as their carriers report them. */

const SECRET = `whsec_${Buffer.from('a secret of the carrier').toString('base64')}`;
const system = useSystem({
  env: {
    SANDBOX_CARRIER_DELAY_MS: 'off',
    CARRIER_WEBHOOK_SECRETS: `dhl=${SECRET}`,
    CARRIER_TRACKING_LINKS: 'Bike Couriers=https://bikes.example/t/{number}',
  },
});

async function ready(): Promise<{ order: Order; shipment: Shipment }> {
  const { api } = system;
  const order = await api.placeOrder({ sku: await api.product(5) });
  await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
  return { order, shipment: await api.firstShipment(order.id) };
}

const number = (): string => `JD${randomUUID().slice(0, 8).toUpperCase()}`;
const at = (hour: number): string => `2026-11-01T${String(hour).padStart(2, '0')}:00:00Z`;

describe('a parcel', () => {
  test('is followed from the counter to the door by what its carrier says, and completes its order', async () => {
    const { api } = system;
    const { order, shipment } = await ready();
    const trackingNumber = number();
    const say = (status: string, hour: number) =>
      carrierSays(api, 'DHL', SECRET, { trackingNumber, status, at: at(hour), detail: `${status} at ${hour}` });

    expect((await say('in_transit', 2)).body).toEqual({ accepted: true, waits: true });
    expect((await api.dispatch(shipment.id, { carrier: 'DHL', trackingNumber })).status).toBe(200);
    const link = `https://www.dhl.com/global-en/home/tracking.html?tracking-id=${trackingNumber}`;
    await until('what the carrier said before', async () => {
      const now = await api.firstShipment(order.id);
      return now.tracking?.status === 'in_transit' && now.trackingUrl === link;
    });
    const shipped = await api.untilStatus(order.id, 'SHIPPED');
    expect(shipped.shipments).toMatchObject([{ carrier: 'DHL', trackingNumber, trackingUrl: link }]);

    expect((await say('delivered', 5)).body).toEqual({ accepted: true });
    expect((await say('out_for_delivery', 4)).body).toEqual({ accepted: false });
    expect((await say('delivered', 5)).body).toEqual({ accepted: false });
    await api.untilStatus(order.id, 'COMPLETED');
    const { data } = await new Graph(api).done(
      `{ shipment(id: "${shipment.id}") { status trackingUrl tracking { status detail } } }`,
    );
    expect(data).toEqual({
      shipment: {
        status: 'DELIVERED',
        trackingUrl: link,
        tracking: { status: 'delivered', detail: 'delivered at 5' },
      },
    });
  });

  test('is handed over by the carrier’s word alone, where the carrier knows our id of it', async () => {
    const { api } = system;
    const { order, shipment } = await ready();
    const said = { trackingNumber: number(), status: 'dispatched', at: at(1), shipmentId: shipment.id };
    await api.command(order.id, 'hold', { reason: 'address' });
    await until('the pause', async () => (await api.firstShipment(order.id)).paused);
    expect((await carrierSays(api, 'dhl', SECRET, said)).body).toEqual({ accepted: true, waits: true });
    expect((await api.firstShipment(order.id)).status).toBe('SCHEDULED');
    await api.command(order.id, 'release');
    await until('the release', async () => !(await api.firstShipment(order.id)).paused);
    expect((await carrierSays(api, 'dhl', SECRET, said)).body).toEqual({ accepted: true });
    const shipped = await api.untilStatus(order.id, 'SHIPPED');
    expect(shipped.shipments).toMatchObject([{ carrier: 'dhl', trackingNumber: said.trackingNumber }]);
  });

  test('that its carrier has lost waits for a person, who claims it', async () => {
    const { api } = system;
    const { order, shipment } = await ready();
    const trackingNumber = number();
    await api.dispatch(shipment.id, { carrier: 'dhl', trackingNumber });
    await api.untilStatus(order.id, 'SHIPPED');
    await carrierSays(api, 'dhl', SECRET, { trackingNumber, status: 'lost', at: at(1), detail: 'no scan' });
    const problem = await until('the loss', async () => {
      const now = await api.order(order.id);
      return now.shipments[0]!.problem === undefined ? undefined : now;
    });
    expect(problem).toMatchObject({ status: 'SHIPPED', shipments: [{ problem: 'lost' }] });
    expect(problem.claims).toBeUndefined();
    const claim = { shipmentId: shipment.id, kind: 'lost', resolution: 'refund', reason: 'no scan' };
    expect((await api.command(order.id, 'claims', claim)).status).toBe(201);
  });
});

test('a tracking number that was mistyped is corrected: in the order, in its link, and by what it is found', async () => {
  const { api } = system;
  const { order, shipment } = await ready();
  const [wrong, right] = [number(), number()];
  await api.dispatch(shipment.id, { carrier: 'DHL', trackingNumber: wrong });
  await api.untilStatus(order.id, 'SHIPPED');
  const found = async (text: string): Promise<readonly string[]> =>
    (await api.orders(`text=${text}`)).items.map(({ id }) => id);
  await until('the wrong number is found', async () => (await found(wrong)).includes(order.id));

  const body = { trackingNumber: right, carrier: 'Bike Couriers', reason: 'label of another parcel' };
  const key = randomUUID();
  for (let time = 0; time < 2; time++) {
    const answer = await api.call<Shipment>('PATCH', `/shipments/${shipment.id}`, { body, key });
    expect(answer).toMatchObject({
      status: 200,
      body: { trackingNumber: right, trackingUrl: `https://bikes.example/t/${right}` },
    });
  }
  await until('the order knows', async () => (await api.order(order.id)).shipments[0]!.trackingNumber === right);
  expect((await api.order(order.id)).shipments).toMatchObject([
    { carrier: 'Bike Couriers', trackingUrl: `https://bikes.example/t/${right}` },
  ]);
  expect(await found(right)).toEqual([order.id]);
  expect(await found(wrong)).toEqual([]);
  const events = await api.events(order.id);
  expect(events.filter(({ type }) => type === 'ShipmentTrackingCorrected').map(({ data }) => data)).toEqual([
    {
      shipmentId: shipment.id,
      carrier: 'Bike Couriers',
      trackingNumber: right,
      trackingUrl: `https://bikes.example/t/${right}`,
      former: { carrier: 'DHL', trackingNumber: wrong },
      reason: 'label of another parcel',
      by: expect.any(String),
    },
  ]);
});
