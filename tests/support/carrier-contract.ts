import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import type { OneService } from './one-service.ts';

/** What holds of every carrier, however it becomes known that it has moved a parcel. */

export interface Parcel {
  readonly id: string;
  readonly orderId: string;
  readonly status: string;
  readonly carrier?: string;
  readonly trackingNumber?: string;
  readonly trackingUrl?: string;
  readonly tracking?: { readonly status: string };
}

export interface CarrierWorld {
  readonly one: OneService;
  /** Starts a process of the shipping service, with this carrier. */
  start(): Promise<void>;
  /** The parcels of an order, in the order in which they were scheduled. */
  parcels(orderId: string): Promise<readonly Parcel[]>;
  /** The carrier takes the parcel, if it may. */
  takes(parcel: Parcel): Promise<unknown>;
  /** It reaches the customer. */
  brings(parcel: Parcel): Promise<unknown>;
}

export function carrierContract(world: () => CarrierWorld): void {
  const scheduled = async (...locations: string[]): Promise<readonly Parcel[]> => {
    const { one, parcels } = world();
    const order = uuidv7();
    const allocations = locations.map((location) => ({ sku: 'MUG', location, quantity: 1 }));
    await one.happen(one.event(order, 'OrderReadyForShipment', { allocations }));
    return one.eventually(
      () => parcels(order),
      (found) => found.length === locations.length,
    );
  };
  const typesOf = async (order: string): Promise<string[]> =>
    (await world().one.emitted(order)).map(({ type }) => type).filter((type) => type !== 'ShipmentScheduled');
  const untilStatus = ({ orderId, id }: Parcel, status: string): Promise<readonly Parcel[]> =>
    world().one.eventually(
      () => world().parcels(orderId),
      (found) => found.some((one) => one.id === id && one.status === status),
    );

  describe('a carrier', () => {
    test('takes a parcel and brings it, each once, however often it is said', async () => {
      const { start, takes, brings } = world();
      await start();
      const [parcel] = await scheduled('main');
      for (let time = 0; time < 2; time++) await takes(parcel!);
      const [taken] = await untilStatus(parcel!, 'DISPATCHED');
      expect(taken).toMatchObject({ carrier: expect.any(String), trackingNumber: expect.any(String) });
      for (let time = 0; time < 2; time++) await brings(taken!);
      await untilStatus(parcel!, 'DELIVERED');
      expect(await typesOf(parcel!.orderId)).toEqual(['ShipmentDispatched', 'ShipmentDelivered']);
    });

    test('takes nothing of an order on hold, and all of it once it is released', async () => {
      const { one, start, takes } = world();
      await start();
      const [parcel] = await scheduled('main');
      await one.happen(one.event(parcel!.orderId, 'OrderHeld'));
      await one.eventually(
        () => world().parcels(parcel!.orderId),
        (found) => (found[0] as { paused?: boolean } | undefined)?.paused === true,
      );
      await takes(parcel!);
      expect(await typesOf(parcel!.orderId)).toEqual([]);
      await one.happen(one.event(parcel!.orderId, 'OrderReleased'));
      await one.eventually(
        () => world().parcels(parcel!.orderId),
        (found) => (found[0] as { paused?: boolean } | undefined)?.paused === false,
      );
      await takes(parcel!);
      await untilStatus(parcel!, 'DISPATCHED');
    });

    test('moves no parcel that was stopped', async () => {
      const { one, start, parcels, takes, brings } = world();
      await start();
      const [parcel] = await scheduled('main');
      await one.happen(one.event(parcel!.orderId, 'OrderCancellationRequested'));
      const [stopped] = await untilStatus(parcel!, 'CANCELLED');
      await takes(stopped!);
      await brings(stopped!);
      expect((await parcels(parcel!.orderId))[0]).toMatchObject({ status: 'CANCELLED' });
      expect(await typesOf(parcel!.orderId)).toEqual(['ShipmentCancelled']);
    });

    test('says with the last parcel that it is the last, also to another process', async () => {
      const { one, start, takes, brings } = world();
      await start();
      const parcels = await scheduled('east', 'west');
      for (const parcel of parcels) await takes(parcel);
      for (const parcel of parcels) await untilStatus(parcel, 'DISPATCHED');
      await start();
      const { orderId } = parcels[0]!;
      for (const parcel of await world().parcels(orderId)) await brings(parcel);
      for (const parcel of parcels) await untilStatus(parcel, 'DELIVERED');
      const delivered = (await one.emitted(orderId)).filter(({ type }) => type === 'ShipmentDelivered');
      expect(delivered.map(({ data }) => (data as { last: boolean }).last)).toEqual([false, true]);
    });
  });
}
