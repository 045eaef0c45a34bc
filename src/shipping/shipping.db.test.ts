import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { useOneService } from '#tests/support/one-service.ts';
import { shipping } from './service.ts';
import { COUNTED_MAX, WAITING_SQL } from './store.ts';

describe('shipping on a real database', () => {
  const one = useOneService(shipping);

  interface Item {
    readonly id: string;
    readonly status: string;
    readonly paused: boolean;
  }

  test('moves by hand: holds pause, keys repeat answers, unknown ones are not found', async () => {
    const service = await one.start({ SANDBOX_CARRIER_DELAY_MS: 'off' });
    const app = one.api(service);
    const order = uuidv7();
    const shipmentsOf = async (): Promise<Item[]> =>
      ((await app.inject(`/shipments?orderId=${order}`)).json() as { items: Item[] }).items;
    const post = (id: string, action: string, payload?: object, key?: string) =>
      app.inject({
        method: 'POST',
        url: `/shipments/${id}/${action}`,
        ...(payload && { payload }),
        headers: key === undefined ? {} : { 'idempotency-key': key },
      });
    const parcel = { carrier: 'dhl', trackingNumber: 'JJD-1' };

    const allocations = ['east', 'west'].map((location) => ({ sku: 'MUG', location, quantity: 1 }));
    await one.happen(one.event(order, 'OrderHeld'), one.event(order, 'OrderReadyForShipment', { allocations }));
    const [east, west] = await one.eventually(shipmentsOf, (items) => items.length === 2);
    expect([east!.paused, west!.paused]).toEqual([true, true]);
    expect((await post(east!.id, 'dispatch', parcel)).json()).toMatchObject({ code: 'SHIPMENT_ON_HOLD', status: 409 });
    expect((await post(uuidv7(), 'dispatch', parcel)).json()).toMatchObject({
      code: 'SHIPMENT_NOT_FOUND',
      status: 404,
    });
    expect((await post(east!.id, 'dispatch', { carrier: 'dhl' })).json()).toMatchObject({ code: 'VALIDATION_FAILED' });

    await one.happen(one.event(order, 'OrderReleased'));
    await one.eventually(shipmentsOf, (items) => !items[0]!.paused);
    const answers = await Promise.all([
      post(east!.id, 'dispatch', parcel, 'key-1'),
      post(east!.id, 'dispatch', parcel, 'key-1'),
    ]);
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200]);
    expect(answers[0]!.json()).toEqual(answers[1]!.json());
    expect((await post(east!.id, 'deliver', { unknown: true })).statusCode).toBe(400);
    expect((await post(east!.id, 'deliver')).json()).toMatchObject({
      status: 'DELIVERED',
      carrier: 'dhl',
      trackingNumber: 'JJD-1',
    });
    expect((await post(east!.id, 'dispatch', parcel, 'key-1')).json()).toEqual(answers[0]!.json());
    expect((await post(east!.id, 'dispatch', { ...parcel, carrier: 'ups' }, 'key-1')).json()).toMatchObject({
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
    expect((await app.inject(`/shipments/${west!.id}`)).json()).toMatchObject({
      orderId: order,
      status: 'SCHEDULED',
      location: 'west',
    });
    expect((await one.emitted(order)).map(({ type }) => type)).toEqual([
      'ShipmentScheduled',
      'ShipmentScheduled',
      'ShipmentDispatched',
      'ShipmentDelivered',
    ]);
  });

  test('the sandbox carrier goes on after a restart, within the story the order began', async () => {
    const order = uuidv7();
    await one.start({ SANDBOX_CARRIER_DELAY_MS: '60000' });
    await one.happen(one.event(order, 'OrderReadyForShipment'));
    await one.eventually(
      () => one.emitted(order),
      (events) => events.length === 1,
    );
    await one.stopAll();

    one.clock.aheadMs = 61_000;
    await one.start({ SANDBOX_CARRIER_DELAY_MS: '60000' });
    await one.eventually(
      () => one.emitted(order),
      (events) => events.length === 2,
    );
    one.clock.aheadMs = 122_000;
    const events = await one.eventually(
      () => one.emitted(order),
      (found) => found.length === 3,
    );
    expect(events.map(({ type }) => type)).toEqual(['ShipmentScheduled', 'ShipmentDispatched', 'ShipmentDelivered']);
    expect(new Set(events.map(({ correlationid }) => correlationid))).toEqual(new Set(['request']));
  });

  test('two processes with the same carrier move each parcel once', async () => {
    await one.start({ SANDBOX_CARRIER_DELAY_MS: '50' });
    await one.start({ SANDBOX_CARRIER_DELAY_MS: '50' });
    const orders = Array.from({ length: 100 }, () => uuidv7());
    await one.happen(...orders.map((order) => one.event(order, 'OrderReadyForShipment')));
    for (const order of orders) {
      const events = await one.eventually(
        () => one.emitted(order),
        (found) => found.length >= 3,
      );
      expect(events.map(({ type, sequence: number }) => [type, number])).toEqual([
        ['ShipmentScheduled', 1],
        ['ShipmentDispatched', 2],
        ['ShipmentDelivered', 3],
      ]);
    }
  });

  test('sends a part, lists what may leave, and counts what waits by place', async () => {
    const service = await one.start({ SANDBOX_CARRIER_DELAY_MS: 'off' });
    const app = one.api(service);
    const [order, held] = [uuidv7(), uuidv7()] as const;
    const place = `dock-${uuidv7().slice(-6)}`;
    const allocations = [{ sku: 'MUG', location: place, quantity: 3 }];
    interface Parcel extends Item {
      readonly items: readonly { sku: string; quantity: number }[];
    }
    const list = async (query: string): Promise<Parcel[]> =>
      ((await app.inject(`/shipments?location=${place}&${query}`)).json() as { items: Parcel[] }).items;
    await one.happen(
      one.event(held, 'OrderHeld'),
      one.event(held, 'OrderReadyForShipment', { allocations }),
      one.event(order, 'OrderReadyForShipment', { allocations }),
    );
    await one.eventually(
      () => list(''),
      (items) => items.length === 2,
    );
    const [ready, ...others] = await list('ready=true');
    expect(others).toEqual([]);
    const send = (items: object[]) =>
      app.inject({
        method: 'POST',
        url: `/shipments/${ready!.id}/dispatch`,
        payload: { carrier: 'dhl', trackingNumber: 'JJD-2', items },
        headers: { 'idempotency-key': 'part' + items.length },
      });
    expect(
      (
        await send([
          { sku: 'MUG', quantity: 9 },
          { sku: 'CUP', quantity: 1 },
        ])
      ).json(),
    ).toMatchObject({
      code: 'ITEMS_NOT_IN_SHIPMENT',
      status: 422,
    });
    const answers = await Promise.all([send([{ sku: 'MUG', quantity: 1 }]), send([{ sku: 'MUG', quantity: 1 }])]);
    expect(answers.map((answer) => answer.json())).toMatchObject(
      [1, 2].map(() => ({ id: ready!.id, status: 'DISPATCHED', items: [{ sku: 'MUG', quantity: 1 }] })),
    );
    const [rest, ...more] = await list('ready=true');
    expect(more).toEqual([]);
    expect(rest).toMatchObject({ status: 'SCHEDULED', items: [{ sku: 'MUG', quantity: 2 }] });
    const counts = (await app.inject('/shipments/counts')).json() as { locations: { location: string }[] };
    expect(counts.locations.find(({ location }) => location === place)).toMatchObject({
      ready: 1,
      paused: 1,
      oldestAt: expect.stringMatching(/Z$/),
    });

    // What has left is not looked at, however much it is.
    await one.database.query(
      "insert into shipping.shipments (id, order_id, status, location) select gen_random_uuid(), gen_random_uuid(), 'DELIVERED', 'x' from generate_series(1, 20000)",
    );
    await one.database.query('analyze shipping.shipments');
    const plan = await one.database.queryOnce<{ 'QUERY PLAN': string }>(`explain ${WAITING_SQL}`, [COUNTED_MAX]);
    expect(plan.map((row) => row['QUERY PLAN']).join('\n')).toContain('shipments_open');
  });
});
