import { type Refusal, refuse } from '#contracts/errors.ts';
import { amountMinor, formatAmount, largestRemainder, part, sumOf } from '#contracts/money.ts';
import type { LinePart } from '#contracts/order-events.ts';
import { piecesBy } from '#contracts/pieces.ts';
import type { RefundedLine } from './commands.ts';
import type { Order } from './state.ts';
import { discountShares, isRated } from './taxes.ts';

/**
 * What a part of an order is worth. Every item line and every shipping line is a ruler from 0 to what the customer pays
 * for it, tax and discount included. Three marks move on it: the ship mark up from 0 as pieces leave, the cancel mark
 * down from the end as pieces are cancelled, the credit mark up from 0 as pieces come back or money is given for them.
 * What a step is worth is the way that its mark goes. So parts always add up to the whole, in whatever order they are
 * taken; nothing else in the system computes the worth of a part. Amounts are minor units.
 */

/** An item line (`line`) or a shipping line (`shipping`, from 1), each with what it is worth in all. */
export interface Ruler {
  readonly line?: number | undefined;
  readonly shipping?: number | undefined;
  readonly sku?: string | undefined;
  /** How many pieces it has; a shipping line is one. */
  readonly pieces: number;
  /** What the customer pays for all of it. */
  readonly total: bigint;
  /** The tax in the total. */
  readonly tax: bigint;
  /** What the total is less than list price and tax. */
  readonly discount: bigint;
}

/** A ruler with its marks, and how many pieces each step has taken so far. */
export interface MarkedRuler extends Ruler {
  readonly cancelled: number;
  readonly shipped: number;
  /** Pieces given back, or lost on the way and settled by a refund. */
  readonly back: number;
  /** Pieces that the customer sends back, and that have not come yet. */
  readonly returning: number;
  readonly shipMark: bigint;
  readonly cancelMark: bigint;
  readonly creditMark: bigint;
}

/** Where the pieces of a line are. */
export type Pieces = Pick<MarkedRuler, 'line' | 'pieces' | 'cancelled' | 'shipped' | 'back' | 'returning'>;

type Priced = Pick<Order, 'currency' | 'items' | 'taxLines' | 'discountLines' | 'shippingLines' | 'pricesIncludeTax'>;
type Moved = Pick<Order, 'shipments' | 'returns' | 'refunds' | 'cancelled' | 'credits'>;

/**
 * The rulers of an order's lines, then of its shipping lines. The discounts of the order lie on the lines by their
 * amounts; what they exceed the goods by lies on the shipping lines, and what is left then lessens the tax. The tax of
 * the order lies on lines and shipping lines by what remains of each, unless each has its own.
 */
export function rulersOf(order: Priced): Ruler[] {
  const { currency, items, taxLines, discountLines, shippingLines = [], pricesIncludeTax } = order;
  const minor = (amount: string): bigint => amountMinor(amount, currency);
  const goods = items.map((item) => minor(item.amount));
  const shipping = shippingLines.map((line) => minor(line.amount));
  const pieces = [...items.map((item) => item.quantity), ...shippingLines.map(() => 1)];

  const { shares: discounts, left } = discountShares(sumOf(discountLines, currency), goods, shipping);
  const bases = [...goods, ...shipping].map((amount, index) => amount - discounts[index]!);
  const taxes = isRated(order)
    ? [...items, ...shippingLines].map(({ tax }) => minor(tax!))
    : largestRemainder(sumOf(taxLines, currency) - left, bases, pieces);

  return bases.map((base, index) => {
    const item = items[index];
    return {
      ...(item ? { line: item.line, sku: item.sku } : { shipping: index - items.length + 1 }),
      pieces: pieces[index]!,
      total: pricesIncludeTax ? base : base + taxes[index]!,
      tax: taxes[index]!,
      discount: discounts[index]!,
    };
  });
}

/** Rulers by their SKU: an order may have thousands of lines. */
type BySku = ReadonlyMap<string | undefined, readonly Marking[]>;
type Marking = { -readonly [Name in keyof MarkedRuler]: MarkedRuler[Name] };

/** An order never changes, a later state of it is another object; one look at it asks for its marks several times. */
const KNOWN = new WeakMap<Priced & Moved, readonly MarkedRuler[]>();

/** The rulers of an order with their marks, as its shipments, cancellations, returns and refunds have moved them. */
export function marksOf(order: Priced & Moved): readonly MarkedRuler[] {
  let rulers = KNOWN.get(order);
  if (!rulers) KNOWN.set(order, (rulers = marked(order)));
  return rulers;
}

/** Where the pieces of each line are, in the order of the lines; known without money of an order that has left whole. */
export function piecesOf(order: Priced & Moved): readonly Pieces[] {
  const { items, shipments, cancelled, credits, returns, refunds } = order;
  const count = (lines: readonly { readonly quantity: number }[]): number =>
    lines.reduce((sum, { quantity }) => sum + quantity, 0);
  const isWhole =
    cancelled === undefined &&
    credits === undefined &&
    returns.length === 0 &&
    refunds.length === 0 &&
    count(shipments.flatMap((shipment) => shipment.items)) === count(items);
  if (!isWhole) return marksOf(order);
  return items.map(({ line, quantity }) => {
    return { line, pieces: quantity, cancelled: 0, shipped: quantity, back: 0, returning: 0 };
  });
}

function marked(order: Priced & Moved): MarkedRuler[] {
  const minor = (amount: string): bigint => amountMinor(amount, order.currency);
  const rulers = rulersOf(order).map((ruler): Marking => ({
    ...ruler,
    cancelled: 0,
    shipped: 0,
    back: 0,
    returning: 0,
    shipMark: 0n,
    cancelMark: ruler.total,
    creditMark: 0n,
  }));
  const bySku: BySku = Map.groupBy(rulers, ({ sku }) => sku);
  const credit = (parts: readonly LinePart[] | undefined): void => {
    for (const one of parts ?? []) {
      const ruler = rulerOf(rulers, one);
      ruler.creditMark += minor(one.amount);
      ruler.back += one.quantity ?? 0;
    }
  };

  for (const gone of order.cancelled ?? []) {
    const ruler = rulerOf(rulers, gone);
    ruler.cancelled += gone.quantity ?? 0;
    ruler.cancelMark -= minor(gone.amount);
  }
  for (const { items } of order.shipments)
    for (const item of items) fill(bySku, item, 'shipped', (ruler) => ruler.pieces - ruler.cancelled - ruler.shipped);
  for (const ruler of rulers) {
    if (ruler.shipping !== undefined) ruler.shipped = order.shipments.length > 0 ? 1 : 0;
    ruler.shipMark = part(ruler.total, ruler.shipped, ruler.pieces);
  }
  creditUnnamed(rulers, bySku, order, minor);
  for (const entry of order.returns) credit(entry.credited);
  for (const entry of order.refunds) credit(entry.credited);
  credit(order.credits);
  for (const entry of order.returns) expectBack(rulers, bySku, entry);
  return rulers;
}

function rulerOf<R extends Ruler>(rulers: readonly R[], { line, shipping }: LinePart): R {
  // Lines are numbered from 1 without gaps.
  const atPlace = rulers[(line ?? 0) - 1];
  const found =
    atPlace?.line === line && line !== undefined
      ? atPlace
      : rulers.find((ruler) => (line === undefined ? ruler.shipping === shipping : ruler.line === line));
  if (!found) throw new Error(`There is no line ${line ?? `${shipping} of shipping`}`);
  return found;
}

/** Pieces of a SKU fill the lines that have room for them, in ascending order. */
function fill(
  bySku: BySku,
  { sku, quantity }: { readonly sku: string; readonly quantity: number },
  count: 'shipped' | 'back' | 'returning',
  roomOf: (ruler: Marking) => number,
): void {
  let left = quantity;
  for (const ruler of bySku.get(sku) ?? []) {
    const room = roomOf(ruler);
    const taken = left < room ? left : room;
    ruler[count] += taken;
    left -= taken;
  }
}

const atHome = ({ shipped, back, returning }: Pieces): number => shipped - back - returning;

/**
 * Returns and refunds from before there were rulers name no lines. Their pieces fill the lines, and their money counts
 * as credited: first for those pieces, then for whatever else is left, so that nothing of it is paid once more.
 */
function creditUnnamed(
  rulers: readonly Marking[],
  bySku: BySku,
  { returns, refunds }: Moved,
  minor: (amount: string) => bigint,
): void {
  for (const { received, credited, items } of returns)
    if (received && !credited) for (const item of items) fill(bySku, item, 'back', atHome);
  let left = 0n;
  for (const { status, cause, credited, amount } of refunds)
    if (status !== 'FAILED' && cause === undefined && !credited) left += minor(amount);
  if (left === 0n) return;
  for (const rooms of [
    rulers.map(({ total, back, pieces }) => part(total, back, pieces)),
    rulers.map(({ total }) => total),
  ]) {
    const room = rooms.map((most, index) => most - rulers[index]!.creditMark);
    const most = room.reduce((total, amount) => total + amount, 0n);
    const here = left < most ? left : most;
    largestRemainder(here, room).forEach((share, index) => (rulers[index]!.creditMark += share));
    left -= here;
  }
}

function expectBack(
  rulers: readonly Marking[],
  bySku: BySku,
  { lines, items, received, receipts, closed }: Order['returns'][number],
): void {
  if (closed || (received && !receipts)) return;
  if (!lines) {
    // Without lines nothing says of which ones the receipts are; what came is no longer expected.
    const left = piecesBy('sku', items);
    for (const { sku, quantity, condition } of receipts ?? [])
      if (condition !== 'missing') left.set(sku, (left.get(sku) ?? 0) - quantity);
    for (const [sku, quantity] of left) if (quantity > 0) fill(bySku, { sku, quantity }, 'returning', atHome);
    return;
  }
  for (const { line, quantity } of lines) rulerOf(rulers, { line, amount: '' }).returning += quantity;
  for (const { line, quantity, condition } of receipts ?? [])
    if (condition !== 'missing') rulerOf(rulers, { line, amount: '' }).returning -= quantity;
}

/** How many pieces can still be sent back: those that have left, did not come back and are not on their way back. */
export function returnablePieces(ruler: Pieces): number {
  return ruler.line === undefined ? 0 : atHome(ruler);
}

/** How many pieces have not left and were not cancelled. */
export function unshippedPieces({ line, pieces, cancelled, shipped }: Pieces): number {
  return line === undefined ? 0 : pieces - cancelled - shipped;
}

/** The way from one place of a ruler to another, higher one, with the tax in it. */
function way(
  { line, shipping, total, tax }: Ruler,
  from: bigint,
  to: bigint,
  currency: string,
  quantity?: number,
): LinePart {
  const taxed = part(tax, to, total) - part(tax, from, total);
  return {
    ...(line === undefined ? { shipping: shipping! } : { line }),
    ...(quantity !== undefined && { quantity }),
    amount: formatAmount(to - from, currency),
    ...(taxed > 0n && { tax: formatAmount(taxed, currency) }),
  };
}

/** What is taken off the order when so many pieces of a line are cancelled: at most {@link unshippedPieces}. */
export function cancelledPart(ruler: MarkedRuler, quantity: number, currency: string): LinePart {
  const { total, pieces, cancelled, shipMark, cancelMark, creditMark } = ruler;
  let to = part(total, pieces - cancelled - quantity, pieces);
  for (const mark of [shipMark, creditMark]) if (mark > to) to = mark;
  return way(ruler, to < cancelMark ? to : cancelMark, cancelMark, currency, quantity);
}

/**
 * What pieces that have left and come back, or never arrived, are worth, with {@link shippingParts} where they were the
 * last. `waived`: they come back without a refund.
 */
export function creditedParts(
  order: Priced & Moved,
  lines: readonly { readonly line: number; readonly quantity: number }[],
  waived = false,
): LinePart[] {
  const rulers = marksOf(order);
  const parts = [...piecesBy('line', lines)].map(([line, quantity]): LinePart => {
    const ruler = rulerOf(rulers, { line, amount: '' });
    const { shipMark, creditMark, shipped, back } = ruler;
    const left = shipMark - creditMark;
    const worth = left > 0n ? part(left, quantity, shipped - back) : 0n;
    const step = way(ruler, creditMark, creditMark + worth, order.currency, quantity);
    return waived ? { ...step, waived } : step;
  });
  return [...parts, ...shippingParts({ ...order, credits: [...(order.credits ?? []), ...parts] }, waived)];
}

/**
 * What was paid for shipping and is given back, because nothing of the order is left with the customer or still to
 * come: with the last piece that comes back, or with the cancellation of what had not left. Empty before that.
 */
export function shippingParts(order: Priced & Moved, waived = false): LinePart[] {
  const rulers = marksOf(order);
  const allBack = rulers.every(
    ({ line, pieces, cancelled, back }) => line === undefined || pieces - cancelled === back,
  );
  if (!allBack) return [];
  return rulers.flatMap((ruler) => {
    if (ruler.shipping === undefined || ruler.shipMark <= ruler.creditMark) return [];
    const step = way(ruler, ruler.creditMark, ruler.shipMark, order.currency);
    return [waived ? { ...step, waived } : step];
  });
}

/**
 * Money given without goods, spread over what the customer keeps: over what has not been credited up to the cancel
 * marks, or up to the ship marks where only that was paid (`shippedOnly`). At most {@link creditRoom}.
 */
export function goodwillParts(order: Priced & Moved, amount: bigint, shippedOnly: boolean): LinePart[] {
  const rulers = marksOf(order);
  const shares = largestRemainder(
    amount,
    rulers.map((ruler) => roomOf(ruler, shippedOnly)),
  );
  return rulers.flatMap((ruler, index) =>
    shares[index]! > 0n ? [way(ruler, ruler.creditMark, ruler.creditMark + shares[index]!, order.currency)] : [],
  );
}

/**
 * Money given for lines without goods coming back: an amount each, or what so many of the pieces are worth that are
 * neither cancelled nor back, or that were paid for as they left (`shippedOnly`). Refuses more than a line has left.
 */
export function givenParts(
  order: Priced & Moved,
  wishes: readonly RefundedLine[],
  shippedOnly: boolean,
): LinePart[] | Refusal {
  const { currency } = order;
  const rulers = new Map(marksOf(order).map((ruler) => [ruler.line, ruler]));
  const parts: LinePart[] = [];
  for (const { line, amount, quantity } of wishes) {
    const ruler = rulers.get(line);
    if (!ruler)
      return refuse('UNKNOWN_LINE', `The order has no line ${line}; its lines are 1 to ${order.items.length}.`);
    const room = roomOf(ruler, shippedOnly);
    const pieces = (shippedOnly ? ruler.shipped : ruler.pieces - ruler.cancelled) - ruler.back;
    if (quantity !== undefined && quantity > pieces)
      return refuse('REFUND_EXCEEDS_CAPTURED', `Of line ${line} at most ${pieces} pieces can be refunded.`);
    const given = quantity === undefined ? amountMinor(amount, currency) : part(room, quantity, pieces);
    if (given > room || given <= 0n)
      return refuse(
        'REFUND_EXCEEDS_CAPTURED',
        `Of line ${line} at most ${formatAmount(room, currency)} ${currency} can be refunded.`,
      );
    const creditMark = ruler.creditMark + given;
    parts.push(way(ruler, ruler.creditMark, creditMark, currency));
    // A line may be named more than once.
    rulers.set(line, { ...ruler, creditMark, back: ruler.back + (quantity ?? 0) });
  }
  return parts;
}

function roomOf({ shipMark, cancelMark, creditMark }: MarkedRuler, shippedOnly: boolean): bigint {
  const room = (shippedOnly ? shipMark : cancelMark) - creditMark;
  return room > 0n ? room : 0n;
}

/** What may still be credited without goods coming back. */
export function creditRoom(rulers: readonly MarkedRuler[], shippedOnly: boolean): bigint {
  return rulers.reduce((total, ruler) => total + roomOf(ruler, shippedOnly), 0n);
}
