import { describe, expect, test } from 'vitest';
import { NOON_MS, RulesStory } from '#tests/support/rules.ts';
import { rulesWithSandbox } from './rules.ts';
import { type CarrierDue, nextDueMs, type Shipping, type ShippingCommand } from './rules/model.ts';

/** One order as shipping meets it. */
class Story extends RulesStory<Shipping, ShippingCommand, CarrierDue> {
  constructor(delayMs: number | undefined) {
    super(rulesWithSandbox(delayMs));
  }

  ready(...locations: string[]): this {
    const allocations = (locations.length > 0 ? locations : ['main']).map((location) => ({
      sku: 'MUG',
      location,
      quantity: 1,
    }));
    return this.reads('OrderReadyForShipment', { allocations, deadlineAt: '2026-12-01T00:00:00.000Z' });
  }
  held(hold = 'manual'): this {
    return this.reads('OrderHeld', { hold, reason: 'check', by: 'operator' });
  }
  released(hold = 'manual'): this {
    return this.reads('OrderReleased', { hold, reason: 'fine', by: 'operator' });
  }
  cancellationRequested(): this {
    return this.reads('OrderCancellationRequested', { reason: 'changed my mind', by: 'customer' });
  }
  orderCancelled(): this {
    return this.reads('OrderCancelled', { reason: 'changed my mind', by: 'customer' });
  }

  /** Shipment ids in the order they were scheduled. */
  get ids(): string[] {
    return this.row.state?.shipments.map((shipment) => shipment.id) ?? [];
  }
  get statuses(): string[] {
    return this.row.state?.shipments.map((shipment) => shipment.status) ?? [];
  }
  get types(): string[] {
    return this.events.map(({ type }) => type);
  }
  dispatch(index = 0, carrier = 'dhl'): this {
    return this.when({ type: 'dispatch', shipmentId: this.ids[index]!, carrier, trackingNumber: 'T1', by: 'ada' });
  }
  deliver(index = 0): this {
    return this.when({ type: 'deliver', shipmentId: this.ids[index]!, by: 'ada' });
  }
}

const byHand = (): Story => new Story(undefined);

describe('scheduling', () => {
  test('makes one shipment per location, with quantities of a SKU added up', () => {
    const story = byHand();
    const allocations = [
      { sku: 'A', location: 'east', quantity: 1 },
      { sku: 'B', location: 'west', quantity: 2 },
      { sku: 'A', location: 'east', quantity: 3 },
      { sku: 'C', location: 'east', quantity: 1 },
    ];
    story.reads('OrderReadyForShipment', { allocations, deadlineAt: '2026-12-01T00:00:00.000Z' });
    expect(story.types).toEqual(['ShipmentScheduled', 'ShipmentScheduled']);
    expect(story.data).toEqual([
      {
        shipmentId: story.ids[0],
        location: 'east',
        items: [
          { sku: 'A', quantity: 4 },
          { sku: 'C', quantity: 1 },
        ],
      },
      { shipmentId: story.ids[1], location: 'west', items: [{ sku: 'B', quantity: 2 }] },
    ]);
  });

  test('happens once: the same event repeated is a duplicate, a second one is ignored', () => {
    const story = byHand();
    const event = story.event('OrderReadyForShipment', {
      allocations: [{ sku: 'A', location: 'main', quantity: 1 }],
      deadlineAt: '2026-12-01T00:00:00.000Z',
    });
    const before = story.readsEvent(event).row;
    expect(story.readsEvent(event).ignored).toBe('duplicate');
    expect(story.row).toBe(before);
    expect(story.ready().ignored).toMatch(/scheduled before/);
    expect(story.ids).toHaveLength(1);
  });
});

describe('dispatch and delivery by hand', () => {
  test('say with "last" when nothing of the order waits', () => {
    const story = byHand().ready('east', 'west');
    expect(story.dispatch(0).data).toMatchObject([
      { last: false, carrier: 'dhl', trackingNumber: 'T1', items: [{ sku: 'MUG', quantity: 1 }] },
    ]);
    expect(story.deliver(0).data).toMatchObject([{ last: false }]);
    expect(story.dispatch(1).data).toMatchObject([{ last: true }]);
    expect(story.deliver(1).data).toMatchObject([{ last: true }]);
    expect(story.statuses).toEqual(['DELIVERED', 'DELIVERED']);
  });

  test('of a part of a parcel leave the rest in another one, which goes later', () => {
    const story = byHand();
    const allocations = [
      { sku: 'A', location: 'east', quantity: 3 },
      { sku: 'B', location: 'east', quantity: 1 },
    ];
    story.reads('OrderReadyForShipment', { allocations, deadlineAt: '2026-12-01T00:00:00.000Z' });
    const leaves = (items: { sku: string; quantity: number }[], index = 0): Story =>
      story.when({
        type: 'dispatch',
        shipmentId: story.ids[index]!,
        carrier: 'dhl',
        trackingNumber: `T${index}`,
        items,
        by: 'ada',
      });
    const before = story.row;
    for (const items of [
      [{ sku: 'A', quantity: 4 }],
      [{ sku: 'C', quantity: 1 }],
      [
        { sku: 'A', quantity: 2 },
        { sku: 'A', quantity: 2 },
      ],
    ])
      expect(leaves(items).refused).toBe('ITEMS_NOT_IN_SHIPMENT');
    expect(story.row).toBe(before);

    leaves([{ sku: 'A', quantity: 2 }]);
    const rest = [
      { sku: 'A', quantity: 1 },
      { sku: 'B', quantity: 1 },
    ];
    expect(story.types).toEqual(['ShipmentScheduled', 'ShipmentDispatched']);
    expect(story.data).toMatchObject([
      { shipmentId: story.ids[1], location: 'east', items: rest },
      { shipmentId: story.ids[0], items: [{ sku: 'A', quantity: 2 }], last: false },
    ]);
    expect(story.statuses).toEqual(['DISPATCHED', 'SCHEDULED']);
    expect(leaves([{ sku: 'B', quantity: 1 }], 0).refused).toBe('SHIPMENT_NOT_DISPATCHABLE');
    // All that is there is no part: nothing stays.
    expect(leaves(rest, 1).types).toEqual(['ShipmentDispatched']);
    expect(story.data).toMatchObject([{ shipmentId: story.ids[1], items: rest, last: true }]);
    expect(story.ids).toHaveLength(2);
  });

  test('a delivery is not the last one while another parcel is on its way', () => {
    const story = byHand().ready('east', 'west').dispatch(0).dispatch(1);
    expect(story.deliver(1).data).toMatchObject([{ last: false }]);
    expect(story.deliver(0).data).toMatchObject([{ last: true }]);
  });

  test('refuse what cannot be done', () => {
    expect(byHand().when({ type: 'deliver', shipmentId: 'nowhere', by: 'ada' }).refused).toBe('SHIPMENT_NOT_FOUND');
    const story = byHand().ready();
    expect(story.deliver().refused).toBe('SHIPMENT_NOT_DELIVERABLE');
    expect(story.dispatch().dispatch().refused).toBe('SHIPMENT_NOT_DISPATCHABLE');
    expect(story.deliver().deliver().refused).toBe('SHIPMENT_NOT_DELIVERABLE');
  });
});

describe('a hold', () => {
  test('refuses dispatch while any hold is present, even one that came before the shipment', () => {
    const story = byHand().held('fraud').held('manual').ready();
    expect(story.dispatch().refused).toBe('SHIPMENT_ON_HOLD');
    expect(story.released('fraud').dispatch().refused).toBe('SHIPMENT_ON_HOLD');
    expect(story.released('manual').dispatch().types).toEqual(['ShipmentDispatched']);
  });

  test('does not stop a parcel that has left', () => {
    expect(byHand().ready().dispatch().held().deliver().types).toEqual(['ShipmentDelivered']);
  });

  test('is known once, and releasing one that shipping never met needs no row', () => {
    expect(byHand().held().held().ignored).toBe('the hold is known');
    const story = byHand().released('review');
    expect(story.ignored).toMatch(/did not pause/);
    expect(story.row.revision).toBe(0);
  });
});

describe('a cancellation', () => {
  test('stops all parcels while none has left', () => {
    const story = byHand().ready('east', 'west').cancellationRequested();
    expect(story.types).toEqual(['ShipmentCancelled']);
    expect(story.data).toEqual([{ shipmentIds: story.ids }]);
    expect(story.dispatch().refused).toBe('SHIPMENT_NOT_DISPATCHABLE');
    expect(story.orderCancelled().ignored).toBe('nothing waits');
  });

  test('comes too late once a parcel has left, and the other parcels still go', () => {
    const story = byHand().ready('east', 'west').dispatch(0).cancellationRequested();
    expect(story.ignored).toMatch(/has left/);
    expect(story.dispatch(1).data).toMatchObject([{ last: true }]);
  });

  test('succeeds where nothing was scheduled, so that the order does not wait for ever', () => {
    expect(byHand().cancellationRequested().data).toEqual([{ shipmentIds: [] }]);
  });

  test('asked for twice is answered once', () => {
    expect(byHand().ready().cancellationRequested().cancellationRequested().ignored).toMatch(/stopped before/);
  });

  test('of the order forgets its holds and stops what waits, without an event', () => {
    const story = byHand().held().ready().orderCancelled();
    expect(story.types).toEqual([]);
    expect(story.row.state).toMatchObject({ holds: [], shipments: [{ status: 'CANCELLED' }] });
    expect(byHand().orderCancelled().ignored).toMatch(/nothing was scheduled/);
  });
});

describe('a change', () => {
  const asked = { changeId: '0192f0c1-0000-7000-8000-000000000001' };
  const released = (location: string): object => ({ released: [{ sku: 'MUG', location, quantity: 1 }], removed: [] });

  test('freezes what is here and says what has left', () => {
    const story = byHand().ready('east', 'west').dispatch(0).reads('OrderChangeRequested', asked);
    expect(story.data).toEqual([
      { ...asked, gone: [{ sku: 'MUG', quantity: 1 }], here: [{ sku: 'MUG', location: 'west', quantity: 1 }] },
    ]);
    expect(story.dispatch(1).refused).toBe('SHIPMENT_ON_HOLD');
    expect(story.deliver(0).types).toEqual(['ShipmentDelivered']);
    expect(story.reads('OrderChangeLapsed').dispatch(1).data).toMatchObject([{ last: true }]);
  });

  test('takes what was released out of its parcel, and stops a parcel that nothing is left of', () => {
    const story = byHand().ready('east', 'west').reads('OrderChangeRequested', asked);
    story.reads('OrderChanged', released('west'));
    expect(story.statuses).toEqual(['SCHEDULED', 'CANCELLED']);
    expect(story.dispatch(0).data).toMatchObject([{ last: true }]);
    expect(byHand().reads('OrderChanged', released('west')).ignored).toMatch(/nothing was scheduled/);
  });

  test('lets the sandbox carrier go on with the rest', () => {
    const story = new Story(1_000).ready('east', 'west').reads('OrderChangeRequested', asked).later(60_000);
    expect(story.when({ type: 'carry' }).types).toEqual([]);
    expect(story.reads('OrderChanged', released('west')).types).toEqual(['ShipmentDispatched']);
  });
});

describe('a parcel that goes wrong', () => {
  const fails = (story: Story, kind: 'lost' | 'damaged' | 'returned_to_sender', restock?: boolean): Story =>
    story.when({ type: 'fail', shipmentId: story.ids[0]!, kind, restock, by: 'operator' });

  test('has left, and is lost or damaged once, or back for good', () => {
    expect(fails(byHand().ready(), 'lost').refused).toBe('SHIPMENT_NOT_CLAIMABLE');
    const story = fails(byHand().ready().dispatch(), 'lost');
    expect([story.types, story.statuses]).toEqual([['ShipmentFailed'], ['LOST']]);
    expect(fails(story, 'lost').refused).toBe('SHIPMENT_NOT_CLAIMABLE');
    expect(fails(story, 'returned_to_sender').data).toMatchObject([
      { kind: 'returned_to_sender', restocked: [{ sku: 'MUG', location: 'main', quantity: 1 }] },
    ]);
    expect(fails(story, 'damaged').refused).toBe('SHIPMENT_NOT_CLAIMABLE');
    expect(story.deliver().refused).toBe('SHIPMENT_NOT_DELIVERABLE');
    expect(fails(byHand().ready().dispatch(), 'returned_to_sender', false).data).not.toHaveProperty('0.restocked');
  });

  test('may turn up after all', () => {
    expect(fails(byHand().ready().dispatch(), 'lost').deliver().types).toEqual(['ShipmentDelivered']);
  });

  test('is known to be lost when it is claimed, and the sandbox carrier does not bring it', () => {
    const story = new Story(1_000).ready().later(1_000).when({ type: 'carry' });
    story.reads('OrderClaimOpened', { shipmentId: story.ids[0]!, kind: 'lost' });
    expect([story.types, story.statuses]).toEqual([[], ['LOST']]);
    expect(story.later(60_000).when({ type: 'carry' }).types).toEqual([]);
    expect(story.reads('OrderClaimOpened', { shipmentId: story.ids[0]!, kind: 'lost' }).ignored).toMatch(/is known/);
  });
});

describe('the sandbox carrier', () => {
  test('without a delay takes every step in the save that schedules', () => {
    const story = new Story(0).ready('east', 'west');
    expect(story.types).toEqual([
      'ShipmentScheduled',
      'ShipmentScheduled',
      'ShipmentDispatched',
      'ShipmentDispatched',
      'ShipmentDelivered',
      'ShipmentDelivered',
    ]);
    expect(story.data.slice(2)).toMatchObject([
      { last: false },
      { last: true, carrier: 'sandbox' },
      { last: false },
      { last: true },
    ]);
    expect(nextDueMs(story.row.state!)).toBeUndefined();
  });

  test('dispatches after its delay, and delivers after the same delay once more', () => {
    const story = new Story(1_000).ready();
    expect(story.last).toMatchObject({ effects: [{ dueMs: NOON_MS + 1_000 }] });
    expect(story.later(999).when({ type: 'carry' }).types).toEqual([]);
    expect(story.later(1).when({ type: 'carry' }).types).toEqual(['ShipmentDispatched']);
    expect(nextDueMs(story.row.state!)).toBe(NOON_MS + 2_000);
    expect(story.later(1_000).when({ type: 'carry' }).types).toEqual(['ShipmentDelivered']);
    expect(nextDueMs(story.row.state!)).toBeUndefined();
  });

  test('gives a parcel the same tracking number whenever it is asked', () => {
    const number = (): unknown => (new Story(0).ready().data[1] as { trackingNumber: string }).trackingNumber;
    expect(number()).toBe(number());
    expect(number()).toMatch(/^SB/);
  });

  test('acting twice changes nothing the second time, and saves nothing', () => {
    const story = new Story(1_000).ready().later(1_000).when({ type: 'carry' });
    const before = story.row;
    expect(story.when({ type: 'carry' }).types).toEqual([]);
    expect(story.row).toBe(before);
    expect(new Story(1_000).when({ type: 'carry' }).row.revision).toBe(0);
  });

  test('waits while the order is held and goes on when it is released', () => {
    const story = new Story(1_000).ready().held().later(60_000);
    expect(nextDueMs(story.row.state!)).toBeUndefined();
    expect(story.when({ type: 'carry' }).types).toEqual([]);
    expect(story.released().types).toEqual(['ShipmentDispatched']);
    expect(new Story(0).held().ready().released().types).toEqual(['ShipmentDispatched', 'ShipmentDelivered']);
  });

  test('never moves a stopped parcel', () => {
    const story = new Story(1_000).ready().cancellationRequested().later(60_000);
    expect(story.when({ type: 'carry' }).types).toEqual([]);
    expect(story.statuses).toEqual(['CANCELLED']);
  });

  test('leaves the parcels of other carriers to them', () => {
    const story = new Story(1_000).ready().dispatch(0, 'dhl').later(60_000);
    expect(story.when({ type: 'carry' }).types).toEqual([]);
    expect(new Story(1_000).ready().dispatch(0, 'sandbox').later(1_000).when({ type: 'carry' }).types).toEqual([
      'ShipmentDelivered',
    ]);
  });

  test('switched off, moves nothing that an earlier run left behind', () => {
    const before = new Story(1_000).ready();
    const story = byHand();
    story.store(before.row);
    expect(story.later(60_000).when({ type: 'carry' }).types).toEqual([]);
  });
});
