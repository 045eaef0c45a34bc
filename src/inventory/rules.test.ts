import { describe, expect, test } from 'vitest';
import type { Allocation } from '#contracts/order-events.ts';
import { RulesStory } from '#tests/support/rules.ts';
import { type InventoryCommand, inventoryRules, type Reservation, type StockOfSku } from './rules.ts';

/** A shelf, and the orders that reserve from it. */
class Warehouse extends RulesStory<Reservation, InventoryCommand, never, StockOfSku> {
  constructor(stock: Record<string, Record<string, number>>) {
    const levels = (locations: Record<string, number>): StockOfSku =>
      Object.fromEntries(Object.entries(locations).map(([location, onHand]) => [location, { onHand, reserved: 0 }]));
    // The tests name orders, shipments and returns by a letter.
    super(inventoryRules, {
      shared: Object.entries(stock).map(([sku, locations]) => [sku, levels(locations)] as const),
      checkEvents: false,
    });
  }

  orders(order: string, demand: Record<string, number>, allowBackorder = false): this {
    const items = Object.entries(demand).map(([sku, quantity], index) => ({
      line: index + 1,
      sku,
      quantity,
      unitPrice: '1',
      amount: '1.00',
    }));
    return this.reads('OrderCreated', { items, allowBackorder }, order);
  }

  ends(order: string): this {
    return this.reads('OrderCancelled', { reason: 'no', by: 'somebody' }, order);
  }

  leaves(order: string, location: string, items: Record<string, number>): this {
    const list = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
    return this.reads(
      'ShipmentDispatched',
      {
        shipmentId: `${order}-${location}`,
        location,
        items: list,
        carrier: 'x',
        trackingNumber: '1',
        last: false,
      },
      order,
    );
  }

  comesBack(order: string, location: string, items: Record<string, number>): this {
    return this.reads(
      'OrderReturnReceived',
      {
        returnId: 'r',
        items: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
        location,
      },
      order,
    );
  }

  retries(order: string): this {
    return this.when({ type: 'retryBackorder' }, order);
  }

  get allocations(): readonly Allocation[] {
    return (this.data[0] as { allocations: Allocation[] }).allocations;
  }

  status(order: string): string | undefined {
    return this.rowOf(order).state?.status;
  }

  /** "on hand/reserved" by location. */
  shelf(sku: string): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.shared.get(sku)!).map(([place, { onHand, reserved }]) => [place, `${onHand}/${reserved}`]),
    );
  }
}

describe('a reservation', () => {
  test('takes all lines or none', () => {
    const w = new Warehouse({ MUG: { main: 2 }, CUP: { main: 1 } })
      .orders('a', { MUG: 2, CUP: 2 })
      .emits('StockRejected');
    expect(w.data[0]).toEqual({ shortages: [{ sku: 'CUP', requested: 2, available: 1 }] });
    expect(w.shelf('MUG')).toEqual({ main: '2/0' });
    w.orders('b', { MUG: 2, CUP: 1 }).emits('StockReserved');
    expect([w.shelf('MUG'), w.shelf('CUP')]).toEqual([{ main: '2/2' }, { main: '1/1' }]);
  });

  test('adds lines of the same product up', () => {
    const items = [1, 2].map((line) => ({ line, sku: 'MUG', quantity: 2, unitPrice: '1', amount: '2.00' }));
    const w = new Warehouse({ MUG: { main: 3 } })
      .reads('OrderCreated', { items, allowBackorder: false }, 'a')
      .emits('StockRejected');
    expect(w.data[0]).toEqual({ shortages: [{ sku: 'MUG', requested: 4, available: 3 }] });
  });

  test('prefers one location that has everything, else the fullest ones', () => {
    expect(
      new Warehouse({ MUG: { east: 5, west: 2 }, CUP: { west: 1 } }).orders('a', { MUG: 2, CUP: 1 }).allocations,
    ).toEqual([
      { sku: 'CUP', location: 'west', quantity: 1 },
      { sku: 'MUG', location: 'west', quantity: 2 },
    ]);
    expect(new Warehouse({ MUG: { east: 1, west: 2 } }).orders('a', { MUG: 3 }).allocations).toEqual([
      { sku: 'MUG', location: 'west', quantity: 2 },
      { sku: 'MUG', location: 'east', quantity: 1 },
    ]);
  });

  test('of an unknown product is a shortage', () => {
    new Warehouse({}).orders('a', { NEW: 1 }).emits('StockRejected');
  });

  test('is given back once when its order ends', () => {
    const w = new Warehouse({ MUG: { main: 2 } }).orders('a', { MUG: 2 }).ends('a').emits('StockReleased');
    expect(w.shelf('MUG')).toEqual({ main: '2/0' });
    w.ends('a').emits();
    expect([w.status('a'), w.shelf('MUG')]).toEqual(['RELEASED', { main: '2/0' }]);
  });

  test('read a second time is recognized', () => {
    const w = new Warehouse({ MUG: { main: 2 } }).orders('a', { MUG: 1 });
    w.readsEvent({ ...w.event('OrderCreated', {}, 'a'), sequence: 1 }).emits();
    expect([w.ignored, w.shelf('MUG')]).toEqual(['duplicate', { main: '2/1' }]);
  });
});

describe('a backorder', () => {
  test('reserves when enough has come, and not before', () => {
    const w = new Warehouse({ MUG: { main: 1 } })
      .orders('a', { MUG: 2 }, true)
      .emits('StockBackordered')
      .retries('a')
      .emits();
    w.shared.set('MUG', { main: { onHand: 2, reserved: 0 } });
    w.retries('a').emits('StockReserved').retries('a').emits();
    expect(w.shelf('MUG')).toEqual({ main: '2/2' });
  });

  test('of a cancelled order waits for nothing any more', () => {
    const w = new Warehouse({ MUG: { main: 0 } }).orders('a', { MUG: 1 }, true).ends('a').emits();
    w.shared.set('MUG', { main: { onHand: 1, reserved: 0 } });
    w.retries('a').emits();
    expect(w.shelf('MUG')).toEqual({ main: '1/0' });
  });
});

describe('a parcel', () => {
  test('takes its goods off the shelf', () => {
    const w = new Warehouse({ MUG: { main: 3 } })
      .orders('a', { MUG: 2 })
      .leaves('a', 'main', { MUG: 2 })
      .emits('StockShipped');
    expect([w.shelf('MUG'), w.status('a')]).toEqual([{ main: '1/0' }, 'SHIPPED']);
  });

  // Found by the simulator: what was set aside elsewhere used up what the parcel carried.
  test('takes all it carries, also where the same product is set aside elsewhere, too', () => {
    const w = new Warehouse({ CUP: { west: 2 }, MUG: { east: 1, west: 1 } }).orders('a', { CUP: 2, MUG: 2 });
    expect(w.allocations).toEqual([
      { sku: 'CUP', location: 'west', quantity: 2 },
      { sku: 'MUG', location: 'east', quantity: 1 },
      { sku: 'MUG', location: 'west', quantity: 1 },
    ]);
    w.leaves('a', 'west', { CUP: 2, MUG: 1 }).emits('StockShipped');
    expect(w.allocations).toEqual([
      { sku: 'CUP', location: 'west', quantity: 2 },
      { sku: 'MUG', location: 'west', quantity: 1 },
    ]);
    expect([w.shelf('MUG'), w.status('a')]).toEqual([{ east: '1/1', west: '0/0' }, 'RESERVED']);
    w.leaves('a', 'east', { MUG: 1 });
    expect([w.shelf('MUG'), w.status('a')]).toEqual([{ east: '0/0', west: '0/0' }, 'SHIPPED']);
  });

  test('without a reservation is a bug, not an event to pass over', () => {
    expect(() => new Warehouse({}).leaves('a', 'main', { MUG: 1 })).toThrow('without a reservation');
  });

  test('that comes back goes where it arrived', () => {
    const w = new Warehouse({ MUG: { main: 2 } })
      .orders('a', { MUG: 2 })
      .leaves('a', 'main', { MUG: 2 })
      .comesBack('a', 'outlet', { MUG: 1 })
      .emits('StockReturned');
    expect(w.shelf('MUG')).toEqual({ main: '0/0', outlet: '1/0' });
  });
});
