import { releasedFor, withoutReleased } from '#contracts/allocations.ts';
import { type Refusal, refuse } from '#contracts/errors.ts';
import { amountMinor, formatAmount, sumOf } from '#contracts/money.ts';
import type { Allocation, LineQuantity, NewEvent, SkuQuantity } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import { isoTime } from '#contracts/time.ts';
import { type Ignored, ignore } from '#platform/processor/aggregate.ts';
import type { DecideContext, OrderCommand } from './commands.ts';
import { WITH_WAREHOUSE } from './lifecycle.ts';
import { cancelledPart, marksOf, shippingParts, unshippedPieces } from './ruler.ts';
import { type Because, because, type Order } from './state.ts';

/**
 * Cancelling pieces of an order. Before the warehouse has them they go at once. With the warehouse only shipping knows
 * what is still here: it freezes the order, answers, and the change is made or lapses. A cancellation of everything is
 * the cancellation of the order. Which of the goods set aside are released is decided here, because the next event may
 * already carry the rest to shipping; inventory follows.
 */

type CancelItems = Extract<OrderCommand, { type: 'cancelItems' }>;

/** Pieces by line that are neither cancelled nor have left; lines without any are missing. */
export function openPieces(order: Order): Map<number, number> {
  // Nearly every order that is shown: all of it is still to go.
  if (order.shipments.length === 0 && order.cancelled === undefined)
    return new Map(order.items.map(({ line, quantity }) => [line, quantity]));
  const open = new Map<number, number>();
  for (const ruler of marksOf(order)) {
    const pieces = unshippedPieces(ruler);
    if (pieces > 0) open.set(ruler.line!, pieces);
  }
  return open;
}

/** Pieces of these lines as SKUs, a SKU as often as it has lines. */
function bySku(order: Order, pieces: ReadonlyMap<number, number>): SkuQuantity[] {
  return order.items.flatMap(({ line, sku }) => (pieces.has(line) ? [{ sku, quantity: pieces.get(line)! }] : []));
}

/** Pieces by line that a cancellation would take now; a refusal where it names what is not there to be cancelled. */
export function piecesToCancel(
  order: Order,
  { items, atMost }: Pick<CancelItems, 'items' | 'atMost'>,
): Map<number, number> | Refusal {
  const open = openPieces(order);
  if (items === undefined)
    return open.size > 0 ? open : refuse('QUANTITY_EXCEEDS_OPEN', 'Nothing of the order can be stopped any more.');
  const wanted = piecesBy('line', items);
  for (const line of wanted.keys())
    if (!order.items.some((item) => item.line === line))
      return refuse('UNKNOWN_LINE', `The order has no line ${line}; its lines are 1 to ${order.items.length}.`);
  for (const [line, quantity] of wanted) {
    const most = open.get(line) ?? 0;
    if (quantity <= most) continue;
    if (!atMost)
      return refuse(
        'QUANTITY_EXCEEDS_OPEN',
        `Of line ${line} at most ${most} can be cancelled; with "atMost" those are.`,
      );
    if (most === 0) wanted.delete(line);
    else wanted.set(line, most);
  }
  return wanted.size > 0 ? wanted : refuse('QUANTITY_EXCEEDS_OPEN', 'None of these pieces can be stopped any more.');
}

/** True where a cancellation leaves nothing of the order, of which nothing has left yet. */
export function takesAll(order: Order, pieces: ReadonlyMap<number, number>): boolean {
  if (order.shipments.length > 0) return false;
  for (const [line, quantity] of openPieces(order)) if (pieces.get(line) !== quantity) return false;
  return true;
}

/** The events of a cancellation of pieces that the policies allow. */
export function cancelItems(command: CancelItems, order: Order, context: DecideContext): NewEvent[] {
  const { items, atMost } = command;
  const pieces = piecesToCancel(order, command) as Map<number, number>;
  const withWarehouse = WITH_WAREHOUSE.has(order.status);
  if (takesAll(order, pieces)) {
    if (!withWarehouse) return [{ type: 'OrderCancelled', data: because(command) }];
    const rest = items === undefined || atMost === true;
    return [{ type: 'OrderCancellationRequested', data: { ...because(command), ...(rest && { rest }) } }];
  }
  if (!withWarehouse)
    return [changed(order, context.newId(), pieces, releasedFor(bySku(order, pieces), order.allocations), command)];
  return [changeRequested(order, pieces, items === undefined || atMost === true, command, context)];
}

/** Asks shipping what of these pieces is still here. */
export function changeRequested(
  order: Order,
  pieces: ReadonlyMap<number, number>,
  atMost: boolean,
  why: Because,
  context: DecideContext,
): NewEvent {
  return {
    type: 'OrderChangeRequested',
    data: {
      changeId: context.newId(),
      kind: 'cancellation',
      removes: named(order, pieces),
      ...(atMost && { atMost }),
      ...because(why),
      deadlineAt: isoTime(context.nowMs + context.deadlines.change),
    },
  };
}

/** Shipping has frozen the order and says what is here: the change is made, or it came too late. */
export function recordFreeze(
  { changeId, here }: Extract<OrderCommand, { type: 'recordFreeze' }>,
  order: Order,
): NewEvent[] | Ignored {
  const { change } = order;
  if (change?.changeId !== changeId) return ignore('the change was decided before');
  const open = openPieces(order);
  const pieces = new Map<number, number>();
  for (const { line, quantity } of change.removes) {
    const most = open.get(line) ?? 0;
    if (most < quantity && !change.atMost) return [lapsed(order, 'what was to be cancelled had left already')];
    if (most > 0) pieces.set(line, most < quantity ? most : quantity);
  }
  if (pieces.size === 0) return [lapsed(order, 'what was to be cancelled had left already')];
  return [changed(order, changeId, pieces, releasedFor(bySku(order, pieces), here), change)];
}

/** The change under way is not made. */
export function lapsed(order: Order, reason: string): NewEvent {
  return { type: 'OrderChangeLapsed', data: { changeId: order.change!.changeId, reason } };
}

/** What stays set aside of a reservation that a cancellation was faster than. */
export function stillWanted(order: Order, allocations: readonly Allocation[]): Allocation[] {
  if (order.cancelled === undefined) return [...allocations];
  const excess = piecesBy('sku', allocations);
  for (const { sku, quantity } of bySku(order, openPieces(order))) excess.set(sku, (excess.get(sku) ?? 0) - quantity);
  return withoutReleased(allocations, releasedFor(skuQuantities(excess), allocations));
}

/** The change that takes these pieces away and gives these goods back. */
export function changed(
  order: Order,
  changeId: string,
  pieces: ReadonlyMap<number, number>,
  released: readonly Allocation[],
  why: Because,
): NewEvent {
  const removed = marksOf(order).flatMap((ruler) => {
    const quantity = ruler.line === undefined ? undefined : pieces.get(ruler.line);
    if (quantity === undefined) return [];
    const { amount, tax } = cancelledPart(ruler, quantity, order.currency);
    return [{ line: ruler.line!, sku: ruler.sku!, quantity, amount, ...(tax !== undefined && { tax }) }];
  });
  const total = amountMinor(order.totalAmount, order.currency) - sumOf(removed, order.currency);
  const totalAmount = formatAmount(total, order.currency);
  // Where all that has left came back before, nothing of the order is left to be sent for what shipping cost.
  const cancelled = [...(order.cancelled ?? []), ...removed];
  const credited =
    order.returns.length + (order.credits?.length ?? 0) > 0 ? shippingParts({ ...order, cancelled }) : [];
  return {
    type: 'OrderChanged',
    data: {
      changeId,
      kind: 'cancellation',
      removed,
      released: [...released],
      ...(credited.length > 0 && { credited }),
      totalAmount,
      ...because(why),
    },
  };
}

const named = (order: Order, pieces: ReadonlyMap<number, number>): LineQuantity[] =>
  order.items
    .filter(({ line }) => pieces.has(line))
    .map(({ line, sku }) => ({ line, sku, quantity: pieces.get(line)! }));
