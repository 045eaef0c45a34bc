import { describe, expect, test } from 'vitest';
import { RulesStory } from '#tests/support/rules.ts';
import type { TrackingStatus } from '#contracts/order-events.ts';
import { rulesWithSandbox } from '#shipping/rules.ts';
import type { CarrierDue, Shipment, Shipping, ShippingCommand } from './model.ts';

/** One parcel of a carrier that reports by messages. */
class Parcel extends RulesStory<Shipping, ShippingCommand, CarrierDue> {
  constructor() {
    super(rulesWithSandbox(undefined));
    const allocations = [{ sku: 'MUG', location: 'main', quantity: 1 }];
    this.reads('OrderReadyForShipment', { allocations, deadlineAt: '2026-12-01T00:00:00.000Z' });
  }
  get now(): Shipment {
    return this.row.state!.shipments[0]!;
  }
  get types(): string[] {
    return this.events.map(({ type }) => type);
  }
  dispatched(carrier = 'dhl'): this {
    return this.when({ type: 'dispatch', shipmentId: this.now.id, carrier, trackingNumber: 'T1', by: 'ada' });
  }
  /** The carrier says it, at a minute of the day. */
  says(status: TrackingStatus, minute: number, detail?: string): this {
    const at = `2026-11-22T12:${String(minute).padStart(2, '0')}:00.000Z`;
    const tracking = { status, at, ...(detail !== undefined && { detail }) };
    return this.when({ type: 'track', shipmentId: this.now.id, carrier: 'dhl', trackingNumber: 'T1', tracking });
  }
  correct(trackingNumber: string, carrier?: string): this {
    return this.when({ type: 'correct', shipmentId: this.now.id, carrier, trackingNumber, reason: 'typo', by: 'ada' });
  }
}

describe('what a carrier says', () => {
  test('is said by an event, once, and nothing older or equal after it', () => {
    const parcel = new Parcel().dispatched().says('in_transit', 5, 'left Leipzig');
    expect(parcel.data).toMatchObject([{ status: 'in_transit', detail: 'left Leipzig', by: 'dhl' }]);
    expect(parcel.says('in_transit', 5, 'left Leipzig').types).toEqual([]);
    expect(parcel.says('exception', 4).types).toEqual([]);
    expect(parcel.says('out_for_delivery', 6).types).toEqual(['ShipmentTracked']);
    expect(parcel.now.tracking).toEqual({ status: 'out_for_delivery', at: '2026-11-22T12:06:00.000Z' });
  });

  test('hands a parcel over that nobody has dispatched, whatever of it comes first', () => {
    const parcel = new Parcel().says('delivered', 9);
    expect(parcel.types).toEqual(['ShipmentDispatched', 'ShipmentDelivered']);
    expect(parcel.now).toMatchObject({ status: 'DELIVERED', carrier: 'dhl', trackingNumber: 'T1' });
  });

  test('of a parcel on hold is refused, and changes nothing', () => {
    const parcel = new Parcel().reads('OrderHeld', { hold: 'manual', reason: 'check', by: 'ada' });
    expect(parcel.says('in_transit', 1).refused).toBe('SHIPMENT_ON_HOLD');
    expect(parcel.now.status).toBe('SCHEDULED');
  });

  test('of a loss records it, and of goods that came back leaves what becomes of them to a person', () => {
    const lost = new Parcel().dispatched().says('lost', 1, 'no scan for ten days');
    expect([lost.types, lost.now.status]).toEqual([['ShipmentFailed'], 'LOST']);
    expect(lost.data).toMatchObject([{ kind: 'lost', reason: 'no scan for ten days', by: 'dhl' }]);
    expect(lost.says('delivered', 0).types).toEqual(['ShipmentDelivered']);
    const back = new Parcel().dispatched().says('returned_to_sender', 1);
    expect([back.types, back.now.status]).toEqual([['ShipmentTracked'], 'DISPATCHED']);
    back.when({ type: 'fail', shipmentId: back.now.id, kind: 'returned_to_sender', by: 'ada' });
    expect(back.data).toMatchObject([{ restocked: [{ sku: 'MUG' }] }]);
  });

  test('does not undo what people said', () => {
    const delivered = new Parcel().dispatched();
    delivered.when({ type: 'deliver', shipmentId: delivered.now.id, by: 'ada' });
    expect(delivered.says('lost', 1).types).toEqual([]);
    const stopped = new Parcel().reads('OrderCancellationRequested', { reason: 'r', by: 'customer' });
    expect(stopped.says('in_transit', 1).types).toEqual([]);
    expect(stopped.now.status).toBe('CANCELLED');
  });
});

test('every order of arrival of the same messages, some of them twice, ends in the same state', () => {
  const sets: (readonly [TrackingStatus, number])[][] = [
    [
      ['dispatched', 0],
      ['in_transit', 1],
      ['out_for_delivery', 2],
      ['delivered', 3],
      ['in_transit', 1],
    ],
    [
      ['dispatched', 0],
      ['exception', 2],
      ['in_transit', 2],
      ['lost', 3],
      ['delivered', 1],
    ],
    [
      ['lost', 1],
      ['returned_to_sender', 2],
      ['in_transit', 3],
      ['lost', 1],
      ['dispatched', 0],
    ],
    [
      ['returned_to_sender', 1],
      ['exception', 4],
      ['delivered', 2],
      ['returned_to_sender', 1],
      ['lost', 5],
    ],
  ];
  for (const set of sets) {
    const ends = new Set<string>();
    for (const order of permutations(set)) {
      const parcel = new Parcel();
      for (const [status, minute] of order) parcel.says(status, minute);
      ends.add(JSON.stringify([parcel.now.status, parcel.now.tracking]));
    }
    expect([...ends]).toHaveLength(1);
  }
});

describe('a correction of the number', () => {
  test('of a parcel that has left is recorded once, and forgets what was said of the other one', () => {
    const parcel = new Parcel().dispatched().says('in_transit', 5).correct('T2');
    expect(parcel.data).toMatchObject([
      {
        carrier: 'dhl',
        trackingNumber: 'T2',
        former: { carrier: 'dhl', trackingNumber: 'T1' },
        reason: 'typo',
        by: 'ada',
      },
    ]);
    expect((parcel.data[0] as { trackingUrl: string }).trackingUrl).toContain('T2');
    expect(parcel.now.tracking).toBeUndefined();
    expect(parcel.correct('T2').types).toEqual([]);
    expect(parcel.says('in_transit', 1).types).toEqual(['ShipmentTracked']);
  });

  test('is refused while there is no number', () => {
    expect(new Parcel().correct('T2').refused).toBe('SHIPMENT_NOT_DISPATCHED');
  });

  test('to another carrier takes the parcel out of the hands of the sandbox carrier', () => {
    const parcel = new Parcel();
    Object.assign(parcel, { rules: rulesWithSandbox(1_000) });
    parcel.dispatched('sandbox').correct('T2', 'ups').later(60_000);
    expect(parcel.when({ type: 'carry' }).types).toEqual([]);
    expect(parcel.now).toMatchObject({ status: 'DISPATCHED', carrier: 'ups' });
  });
});

function permutations<Item>(items: readonly Item[]): Item[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}
