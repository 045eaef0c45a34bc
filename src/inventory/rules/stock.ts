import type { Allocation, Shortage, SkuQuantity } from '#contracts/order-events.ts';
import type { Shared } from '#platform/processor/aggregate.ts';

/** What lies where, what of it is set aside, and what those in line for it wait for. */

export interface Level {
  readonly onHand: number;
  readonly reserved: number;
  /** How often the line of the SKU had moved when this was read. */
  readonly line?: number;
  /** How much less is there than is reserved, where a count found that; for those that keep stock without SQL. */
  readonly short?: number;
}

/** Stock of one SKU. */
export interface StockOfSku {
  readonly levels: Readonly<Record<string, Level>>;
  /** Pieces that the backorders in line for it want. */
  readonly waiting: number;
  /** How often its line has moved since this was read: who takes from it must have seen it as it is. */
  readonly lineMoves: number;
  /** How often somebody took of it since this was read, whatever was given back in the same batch. */
  readonly takes?: number;
  /** How often less of it was counted than there was: then nobody's turn is what it was. */
  readonly losses: number;
}

/** How much of a SKU an order may take. */
export type FreeOf = (sku: string) => number;

function available(level: Level | undefined): number {
  return level && level.onHand > level.reserved ? level.onHand - level.reserved : 0;
}

/** What lies there and is not set aside, at all places together. */
export function availableOf(stock: StockOfSku | undefined): number {
  let sum = 0;
  if (stock) for (const level of Object.values(stock.levels)) sum += available(level);
  return sum;
}

/** What is left for somebody at the end of the line; negative where the line wants more than is there. */
export function freeOf(stock: StockOfSku | undefined): number {
  return availableOf(stock) - (stock?.waiting ?? 0);
}

/**
 * Where each SKU comes from: one location that has everything, if there is one (one parcel), else as few
 * locations per SKU as possible, fullest first. Of no SKU more than the order may take.
 */
export function allocate(
  demand: readonly SkuQuantity[],
  shared: Shared<StockOfSku>,
  free: FreeOf,
): { allocations: Allocation[] } | { shortages: Shortage[] } {
  const shortages: Shortage[] = [];
  const locations = new Set<string>();
  for (const { sku, quantity } of demand) {
    const left = free(sku);
    if (left < quantity) shortages.push({ sku, requested: quantity, available: left < 0 ? 0 : left });
    for (const [location, level] of Object.entries(shared.get(sku)?.levels ?? {}))
      if (available(level) > 0) locations.add(location);
  }
  if (shortages.length > 0) return { shortages };
  for (const location of [...locations].sort()) {
    if (demand.every(({ sku, quantity }) => available(shared.get(sku)?.levels[location]) >= quantity)) {
      return { allocations: demand.map(({ sku, quantity }) => ({ sku, location, quantity })) };
    }
  }
  return { allocations: demand.flatMap(({ sku, quantity }) => split(sku, quantity, shared.get(sku)?.levels ?? {})) };
}

function split(sku: string, quantity: number, levels: StockOfSku['levels']): Allocation[] {
  const fullestFirst = Object.entries(levels)
    .map(([location, level]) => ({ location, free: available(level) }))
    .filter(({ free }) => free > 0)
    .sort((a, b) => b.free - a.free || (a.location < b.location ? -1 : 1));
  const allocations: Allocation[] = [];
  let left = quantity;
  for (const { location, free } of fullestFirst) {
    if (left === 0) break;
    const taken = free < left ? free : left;
    allocations.push({ sku, location, quantity: taken });
    left -= taken;
  }
  return allocations;
}

export const NO_STOCK: StockOfSku = { levels: {}, waiting: 0, lineMoves: 0, losses: 0 };

/** Stock as one decision changes it, out of the shared values it met. */
export class StockChange {
  readonly after = new Map<string, StockOfSku>();
  readonly #before: Shared<StockOfSku>;

  constructor(before: Shared<StockOfSku>) {
    this.#before = before;
  }

  /** Each allocation changes its level by `onHandSign` and `reservedSign` times its quantity. */
  move(allocations: readonly Allocation[], onHandSign: number, reservedSign: number): this {
    for (const { sku, location, quantity } of allocations) {
      const stock = this.#of(sku);
      const level = stock.levels[location] ?? { onHand: 0, reserved: 0 };
      const { short: was = 0, ...rest } = level;
      const onHand = level.onHand + onHandSign * quantity;
      const reserved = level.reserved + reservedSign * quantity;
      // What is missing never becomes more by what moves, only by a count.
      const lacking = reserved - onHand;
      const short = lacking < was ? lacking : was;
      const moved = { ...rest, onHand, reserved, ...(short > 0 && { short }) };
      this.after.set(sku, { ...stock, levels: { ...stock.levels, [location]: moved } });
    }
    return this;
  }

  /** Somebody takes of these: where there is a line, it has moved. */
  pass(demand: readonly SkuQuantity[]): this {
    for (const { sku } of demand) {
      const stock = this.#of(sku);
      const takes = (stock.takes ?? 0) + 1;
      this.after.set(sku, { ...stock, takes, lineMoves: stock.lineMoves + (stock.waiting > 0 ? 1 : 0) });
    }
    return this;
  }

  join(wanted: readonly SkuQuantity[]): this {
    for (const { sku, quantity } of wanted) {
      const stock = this.#of(sku);
      this.after.set(sku, { ...stock, waiting: stock.waiting + quantity, lineMoves: stock.lineMoves + 1 });
    }
    return this;
  }

  leave(wanted: readonly SkuQuantity[]): this {
    for (const { sku, quantity } of wanted) {
      const stock = this.#of(sku);
      this.after.set(sku, { ...stock, waiting: stock.waiting - quantity });
    }
    return this;
  }

  #of(sku: string): StockOfSku {
    return this.after.get(sku) ?? this.#before.get(sku) ?? NO_STOCK;
  }
}
