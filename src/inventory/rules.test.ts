import assert from 'node:assert/strict';
import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { type Allocation, type EventData, type EventType, SOURCES } from '#contracts/order-events.ts';
import { isRefusal } from '#contracts/errors.ts';
import {
  emptyRow,
  type Folded,
  foldCommand,
  foldEvent,
  type Row,
  type RulesContext,
} from '#platform/processor/aggregate.ts';
import { inventoryRules, type Reservation, type StockOfSku } from './rules.ts';

/** A shelf, and the orders that reserve from it. */
class Warehouse {
  readonly stock: Map<string, StockOfSku>;
  readonly #rows = new Map<string, Row<Reservation>>();
  readonly #sequences = new Map<string, number>();
  #ids = 0;
  said: readonly { readonly type: string; readonly data: unknown }[] = [];
  ignored: string | undefined;

  constructor(stock: Record<string, Record<string, number>>) {
    const levels = (places: Record<string, number>): StockOfSku =>
      Object.fromEntries(Object.entries(places).map(([place, onHand]) => [place, { onHand, reserved: 0 }]));
    this.stock = new Map(Object.entries(stock).map(([sku, places]) => [sku, levels(places)]));
  }

  get #context(): RulesContext<StockOfSku> {
    return {
      nowMs: 0,
      newId: () => `id-${++this.#ids}`,
      shared: this.stock,
    };
  }

  #take({ row, events, ignored, shared }: Folded<Reservation, never, StockOfSku>): this {
    for (const [sku, value] of shared ?? []) this.stock.set(sku, value);
    this.#rows.set(row.id, row);
    this.said = events.map(({ type, data }) => ({ type, data }));
    this.ignored = ignored;
    return this;
  }

  reads<T extends EventType>(order: string, type: T, data: EventData<T>, repeated = false): this {
    const source = type.startsWith('Shipment') ? SOURCES.shipping : SOURCES.orders;
    const sequence = (this.#sequences.get(order + source) ?? 0) + (repeated ? 0 : 1);
    this.#sequences.set(order + source, sequence);
    const event: Envelope = {
      id: `${source}-${sequence}`,
      source,
      type,
      subject: order,
      sequence,
      time: '',
      correlationid: 'c',
      causationid: 'c',
      data,
    };
    return this.#take(foldEvent(inventoryRules, this.#rows.get(order) ?? emptyRow(order), event, this.#context));
  }

  orders(order: string, demand: Record<string, number>, allowBackorder = false): this {
    const items = Object.entries(demand).map(([sku, quantity], index) => ({
      line: index + 1,
      sku,
      quantity,
      unitPrice: '1',
      amount: '1.00',
    }));
    return this.reads(order, 'OrderCreated', { items, allowBackorder } as unknown as EventData<'OrderCreated'>);
  }

  ends(order: string): this {
    return this.reads(order, 'OrderCancelled', { reason: 'no', by: 'somebody' });
  }

  leaves(order: string, location: string, items: Record<string, number>): this {
    const list = Object.entries(items).map(([sku, quantity]) => ({ sku, quantity }));
    return this.reads(order, 'ShipmentDispatched', {
      shipmentId: `${order}-${location}`,
      location,
      items: list,
      carrier: 'x',
      trackingNumber: '1',
      last: false,
    });
  }

  comesBack(order: string, location: string, items: Record<string, number>): this {
    return this.reads(order, 'OrderReturnReceived', {
      returnId: 'r',
      items: Object.entries(items).map(([sku, quantity]) => ({ sku, quantity })),
      location,
    });
  }

  triesAgain(order: string): this {
    const folded = foldCommand(
      inventoryRules,
      this.#rows.get(order)!,
      { type: 'retryBackorder' },
      { causationid: 'c', correlationid: 'c' },
      this.#context,
    );
    if (isRefusal(folded)) throw new Error(folded.refused);
    return this.#take(folded);
  }

  says(...types: EventType[]): this {
    assert.deepStrictEqual(
      this.said.map((event) => event.type),
      types,
    );
    return this;
  }

  get allocations(): readonly Allocation[] {
    return (this.said[0]!.data as { allocations: Allocation[] }).allocations;
  }

  status(order: string): string | undefined {
    return this.#rows.get(order)?.state?.status;
  }

  /** "on hand/reserved" by place. */
  shelf(sku: string): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.stock.get(sku)!).map(([place, { onHand, reserved }]) => [place, `${onHand}/${reserved}`]),
    );
  }
}

describe('a reservation', () => {
  test('takes all lines or none', () => {
    const w = new Warehouse({ MUG: { main: 2 }, CUP: { main: 1 } })
      .orders('a', { MUG: 2, CUP: 2 })
      .says('StockRejected');
    expect(w.said[0]!.data).toEqual({ shortages: [{ sku: 'CUP', requested: 2, available: 1 }] });
    expect(w.shelf('MUG')).toEqual({ main: '2/0' });
    w.orders('b', { MUG: 2, CUP: 1 }).says('StockReserved');
    expect([w.shelf('MUG'), w.shelf('CUP')]).toEqual([{ main: '2/2' }, { main: '1/1' }]);
  });

  test('adds lines of the same product up', () => {
    const items = [1, 2].map((line) => ({ line, sku: 'MUG', quantity: 2, unitPrice: '1', amount: '2.00' }));
    const w = new Warehouse({ MUG: { main: 3 } })
      .reads('a', 'OrderCreated', { items, allowBackorder: false } as unknown as EventData<'OrderCreated'>)
      .says('StockRejected');
    expect(w.said[0]!.data).toEqual({ shortages: [{ sku: 'MUG', requested: 4, available: 3 }] });
  });

  test('prefers one place that has everything, else the fullest ones', () => {
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
    new Warehouse({}).orders('a', { NEW: 1 }).says('StockRejected');
  });

  test('is given back once when its order ends', () => {
    const w = new Warehouse({ MUG: { main: 2 } }).orders('a', { MUG: 2 }).ends('a').says('StockReleased');
    expect(w.shelf('MUG')).toEqual({ main: '2/0' });
    w.ends('a').says();
    expect([w.status('a'), w.shelf('MUG')]).toEqual(['RELEASED', { main: '2/0' }]);
  });

  test('read again is recognized', () => {
    const w = new Warehouse({ MUG: { main: 2 } }).orders('a', { MUG: 1 });
    w.reads('a', 'OrderCreated', {} as EventData<'OrderCreated'>, true).says();
    expect([w.ignored, w.shelf('MUG')]).toEqual(['duplicate', { main: '2/1' }]);
  });
});

describe('a backorder', () => {
  test('reserves when enough has come, and not before', () => {
    const w = new Warehouse({ MUG: { main: 1 } })
      .orders('a', { MUG: 2 }, true)
      .says('StockBackordered')
      .triesAgain('a')
      .says();
    w.stock.set('MUG', { main: { onHand: 2, reserved: 0 } });
    w.triesAgain('a').says('StockReserved').triesAgain('a').says();
    expect(w.shelf('MUG')).toEqual({ main: '2/2' });
  });

  test('of a cancelled order waits for nothing any more', () => {
    const w = new Warehouse({ MUG: { main: 0 } }).orders('a', { MUG: 1 }, true).ends('a').says();
    w.stock.set('MUG', { main: { onHand: 1, reserved: 0 } });
    w.triesAgain('a').says();
    expect(w.shelf('MUG')).toEqual({ main: '1/0' });
  });
});

describe('a parcel', () => {
  test('takes its goods off the shelf', () => {
    const w = new Warehouse({ MUG: { main: 3 } })
      .orders('a', { MUG: 2 })
      .leaves('a', 'main', { MUG: 2 })
      .says('StockShipped');
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
    w.leaves('a', 'west', { CUP: 2, MUG: 1 }).says('StockShipped');
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
      .says('StockReturned');
    expect(w.shelf('MUG')).toEqual({ main: '0/0', outlet: '1/0' });
  });
});
