import { describe, expect, test } from 'vitest';
import type { Allocation } from '#contracts/order-events.ts';
import { RulesStory } from '#tests/support/rules.ts';
import { NO_STOCK } from './rules/stock.ts';
import { type InventoryCommand, inventoryRules, type Reservation, type StockOfSku } from './rules.ts';

const stockOf = (levels: StockOfSku['levels']): StockOfSku => ({ ...NO_STOCK, levels });

/** A shelf, and the orders that reserve from it. */
class Warehouse extends RulesStory<Reservation, InventoryCommand, never, StockOfSku> {
  constructor(stock: Record<string, Record<string, number>>) {
    const levels = (locations: Record<string, number>): StockOfSku =>
      stockOf(Object.fromEntries(Object.entries(locations).map(([place, onHand]) => [place, { onHand, reserved: 0 }])));
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

  /** Its turn has come for everything that it stands in line for, or for these. */
  retries(order: string, skus = this.rowOf(order).state?.waitsFor ?? []): this {
    const turns = skus.map((sku) => ({ sku, losses: this.shared.get(sku)?.losses ?? 0 }));
    return this.when({ type: 'retryBackorder', turns }, order);
  }

  arrives(sku: string, pieces: number, location = 'main'): this {
    const stock = this.shared.get(sku)!;
    const level = stock.levels[location] ?? { onHand: 0, reserved: 0 };
    const arrived = { ...level, onHand: level.onHand + pieces };
    this.shared.set(sku, { ...stock, levels: { ...stock.levels, [location]: arrived } });
    return this;
  }

  waiting(sku: string): number {
    return this.shared.get(sku)!.waiting;
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
      Object.entries(this.shared.get(sku)!.levels).map(([place, { onHand, reserved }]) => [
        place,
        `${onHand}/${reserved}`,
      ]),
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
    w.arrives('MUG', 1);
    w.retries('a').emits('StockReserved').retries('a').emits();
    expect(w.shelf('MUG')).toEqual({ main: '2/2' });
  });

  test('of a cancelled order waits for nothing any more', () => {
    const w = new Warehouse({ MUG: { main: 0 } }).orders('a', { MUG: 1 }, true).ends('a').emits();
    w.arrives('MUG', 1);
    w.retries('a').emits();
    expect(w.shelf('MUG')).toEqual({ main: '1/0' });
  });
});

describe('in line', () => {
  const waits = (): Warehouse =>
    new Warehouse({ MUG: { main: 3 }, CUP: { main: 5 } }).orders('a', { MUG: 4 }, true).emits('StockBackordered');

  test('for what is there nobody takes what the first wants, however little', () => {
    const w = waits().orders('b', { MUG: 1 }).emits('StockRejected');
    expect(w.data[0]).toEqual({ shortages: [{ sku: 'MUG', requested: 1, available: 0 }] });
    w.orders('c', { MUG: 1 }, true).emits('StockBackordered');
    expect([w.waiting('MUG'), w.shelf('MUG')]).toEqual([5, { main: '3/0' }]);
    w.orders('d', { CUP: 1 }).emits('StockReserved');
  });

  test('what is beyond all that they want is free for others', () => {
    const w = waits().arrives('MUG', 3).orders('b', { MUG: 3 }).emits('StockRejected');
    expect(w.data[0]).toEqual({ shortages: [{ sku: 'MUG', requested: 3, available: 2 }] });
    w.orders('c', { MUG: 2 }).emits('StockReserved').retries('a').emits('StockReserved');
    expect([w.waiting('MUG'), w.shelf('MUG')]).toEqual([0, { main: '6/6' }]);
  });

  test('whose turn has not come waits on, although enough lies there', () => {
    const w = waits().orders('b', { MUG: 1 }, true).retries('b', []).emits();
    expect(w.status('b')).toBe('BACKORDERED');
    w.arrives('MUG', 1).retries('b', []).emits().retries('a').emits('StockReserved');
    w.arrives('MUG', 1).retries('b').emits('StockReserved');
    expect([w.waiting('MUG'), w.shelf('MUG')]).toEqual([0, { main: '5/5' }]);
  });

  test('whose turn was found out before less was counted waits on', () => {
    const w = waits().arrives('MUG', 1);
    const turns = [{ sku: 'MUG', losses: 0 }];
    w.shared.set('MUG', { ...w.shared.get('MUG')!, losses: 1 });
    w.when({ type: 'retryBackorder', turns }, 'a').emits().retries('a').emits('StockReserved');
  });

  test('for one thing an order does not keep the other that it could have, and joins that line when it is short, too', () => {
    const w = new Warehouse({ MUG: { main: 0 }, CUP: { main: 2 } }).orders('a', { MUG: 1, CUP: 2 }, true);
    expect([w.waiting('MUG'), w.waiting('CUP')]).toEqual([1, 0]);
    w.orders('b', { CUP: 1 }).emits('StockReserved').arrives('MUG', 1).retries('a').emits();
    expect([w.waiting('MUG'), w.waiting('CUP')]).toEqual([1, 2]);
    // It keeps its place for what it waited for first.
    w.orders('c', { MUG: 1 }).emits('StockRejected').orders('d', { CUP: 1 }).emits('StockRejected');
    w.arrives('CUP', 1).retries('a').emits('StockReserved');
    expect([w.waiting('MUG'), w.waiting('CUP'), w.shelf('CUP')]).toEqual([0, 0, { main: '3/3' }]);
  });

  test('whoever is cancelled leaves the line', () => {
    const w = waits().ends('a').emits();
    expect([w.status('a'), w.waiting('MUG')]).toEqual(['RELEASED', 0]);
    w.orders('b', { MUG: 3 }).emits('StockReserved');
  });

  test('stands a backorder of a version that knew no lines as soon as it is asked', () => {
    const w = waits();
    const { waitsFor: _, ...state } = w.rowOf('a').state!;
    w.store({ ...w.rowOf('a'), state });
    w.shared.set('MUG', { ...w.shared.get('MUG')!, waiting: 0 });
    w.retries('a').emits();
    expect([w.waiting('MUG'), w.rowOf('a').state!.waitsFor]).toEqual([4, ['MUG']]);
    w.ends('a').emits();
    expect(w.waiting('MUG')).toBe(0);
  });

  test('for what is no product nobody stands', () => {
    new Warehouse({ MUG: { main: 1 } }).orders('a', { NEW: 1, MUG: 1 }, true).emits('StockRejected');
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

describe('pieces taken off an order', () => {
  const taken = (sku: string, quantity: number, released: Allocation[] = []): object => ({
    removed: [{ line: 1, sku, quantity, amount: '1.00' }],
    released,
  });

  test('that were set aside are free again, as the order says, and the rest leaves', () => {
    const w = new Warehouse({ MUG: { east: 1, west: 2 } }).orders('a', { MUG: 3 }).emits('StockReserved');
    w.reads('OrderChanged', taken('MUG', 1, [{ sku: 'MUG', location: 'east', quantity: 1 }]), 'a');
    expect([w.emits('StockReleased').shelf('MUG'), w.status('a')]).toEqual([{ east: '1/0', west: '2/2' }, 'RESERVED']);
    w.leaves('a', 'west', { MUG: 2 }).emits('StockShipped');
    expect([w.shelf('MUG'), w.status('a')]).toEqual([{ east: '1/0', west: '0/0' }, 'SHIPPED']);
  });

  test('that it waited for are waited for no more, and its place in the line stays', () => {
    const w = new Warehouse({ MUG: { main: 0 } }).orders('a', { MUG: 3 }, true).orders('b', { MUG: 1 }, true);
    w.reads('OrderChanged', taken('MUG', 2), 'a').emits();
    expect(w.waiting('MUG')).toBe(2);
    w.arrives('MUG', 1).retries('b', []).emits().retries('a').emits('StockReserved');
    expect([w.allocations, w.waiting('MUG')]).toEqual([[{ sku: 'MUG', location: 'main', quantity: 1 }], 1]);
  });

  test('that were set aside before the order knew are released all the same', () => {
    const w = new Warehouse({ MUG: { east: 1, west: 2 } }).orders('a', { MUG: 3 }).emits('StockReserved');
    w.reads('OrderChanged', taken('MUG', 1), 'a').emits('StockReleased');
    expect(w.allocations).toEqual([{ sku: 'MUG', location: 'east', quantity: 1 }]);
  });
});

test('a parcel that came back undelivered is on its shelf again', () => {
  const w = new Warehouse({ MUG: { east: 1 } }).orders('a', { MUG: 1 }).leaves('a', 'east', { MUG: 1 });
  const restocked = [{ sku: 'MUG', location: 'east', quantity: 1 }];
  w.reads('ShipmentFailed', { kind: 'returned_to_sender', restocked }, 'a').emits('StockReturned');
  expect(w.shelf('MUG')).toEqual({ east: '1/0' });
  w.reads('ShipmentFailed', { kind: 'lost' }, 'a').ignores('nothing of the parcel came back to its shelf');
});

describe('an order that is short', () => {
  const lacks = (pieces: number, location = 'main'): InventoryCommand => ({
    type: 'markShort',
    missing: pieces === 0 ? [] : [{ sku: 'MUG', location, quantity: pieces }],
  });
  const holder = (): Warehouse => new Warehouse({ MUG: { main: 4 } }).orders('a', { MUG: 3 });

  test('is reported with what it lacks, once, and once more when that is there again', () => {
    const w = holder().when(lacks(2), 'a').emits('StockLost');
    expect(w.data[0]).toEqual({ missing: [{ sku: 'MUG', location: 'main', quantity: 2 }] });
    w.when(lacks(2), 'a').emits().when(lacks(1), 'a').emits('StockLost').when(lacks(0), 'a').emits('StockRecovered');
    w.when(lacks(0), 'a').emits();
    expect([w.shelf('MUG'), w.rowOf('a').state!.short]).toEqual([{ main: '4/3' }, undefined]);
  });

  test('lacks no more than it was given, and nothing of what it does not have', () => {
    const w = holder().when(lacks(9), 'a').emits('StockLost');
    expect(w.data[0]).toEqual({ missing: [{ sku: 'MUG', location: 'main', quantity: 3 }] });
    holder().when(lacks(1, 'north'), 'a').emits();
    holder().ends('a').when(lacks(1), 'a').emits();
    new Warehouse({ MUG: { main: 0 } }).orders('a', { MUG: 1 }, true).when(lacks(1), 'a').emits();
  });

  test('stays so while a part of it leaves, and is not when all of it has', () => {
    const w = new Warehouse({ MUG: { east: 2, west: 1 } }).orders('a', { MUG: 3 }).when(lacks(1, 'west'), 'a');
    w.leaves('a', 'east', { MUG: 2 });
    expect(w.rowOf('a').state!.short).toHaveLength(1);
    w.leaves('a', 'west', { MUG: 1 });
    expect([w.status('a'), w.rowOf('a').state!.short]).toEqual(['SHIPPED', undefined]);
  });

  test('leaves nothing for others, neither by what it lacks nor by what is lacking elsewhere', () => {
    const w = holder();
    w.shared.set('MUG', stockOf({ main: { onHand: 1, reserved: 3 }, north: { onHand: 1, reserved: 0 } }));
    w.orders('b', { MUG: 2 }).emits('StockRejected');
    expect(w.data[0]).toEqual({ shortages: [{ sku: 'MUG', requested: 2, available: 1 }] });
    w.orders('c', { MUG: 1 }).emits('StockReserved');
    expect(w.allocations).toEqual([{ sku: 'MUG', location: 'north', quantity: 1 }]);
  });
});
