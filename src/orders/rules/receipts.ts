import { type Refusal, refuse } from '#contracts/errors.ts';
import type { Allocation, NewEvent, ReceivedPieces, SkuQuantity } from '#contracts/order-events.ts';
import { piecesBy, skuQuantities } from '#contracts/pieces.ts';
import type { OrderCommand } from './commands.ts';
import { byLine } from './returns.ts';
import { creditedParts } from './ruler.ts';
import type { Order } from './state.ts';

/**
 * Goods of a return arrive, all at once or in several receipts, each piece in some condition. What arrived is credited;
 * what is sellable goes back to the shelf that it left from. What is missing stays expected until the return is closed,
 * by a person or in time, and may be sent back again then.
 */

type Return = Order['returns'][number];
type ReceiveReturn = Extract<OrderCommand, { type: 'receiveReturn' }>;

/** Where goods go whose order says no place that they left from. */
const DEFAULT_LOCATION = 'main';

/** What a receipt means: its pieces by line, and where those go that are put back on a shelf. */
export interface Receipt {
  readonly received: readonly ReceivedPieces[];
  readonly shelved: readonly Allocation[];
}

/** Pieces that were to come with a return and have not arrived, by line; nothing of one that is closed. */
export function awaitedPieces(order: Order, entry: Return): Map<number, number> {
  if (entry.closed || (entry.received && !entry.receipts)) return new Map();
  const awaited = piecesBy('line', entry.lines ?? linesOfOld(order, entry));
  for (const { line, quantity, condition } of entry.receipts ?? [])
    if (condition !== 'missing') awaited.set(line, awaited.get(line)! - quantity);
  for (const [line, quantity] of awaited) if (quantity <= 0) awaited.delete(line);
  return awaited;
}

/** A return from before lines were named: its pieces are those that no other one takes. */
function linesOfOld(order: Order, { returnId, items }: Return): { line: number; quantity: number }[] {
  return byLine({ ...order, returns: order.returns.filter((entry) => entry.returnId !== returnId) }, items);
}

/** True where a return still waits for pieces of its own lines; those of older versions wait without an end. */
export function isAwaited({ closed, received, receipts, lines }: Return): boolean {
  if (closed || !lines) return false;
  if (!receipts) return !received;
  let left = 0;
  for (const { quantity } of lines) left += quantity;
  for (const { quantity, condition } of receipts) if (condition !== 'missing') left -= quantity;
  return left > 0;
}

/** The return that is received or closed, or why it cannot be. */
export function openReturn(order: Order, returnId: string): Return | Refusal {
  const entry = order.returns.find((candidate) => candidate.returnId === returnId);
  if (!entry) return refuse('RETURN_NOT_FOUND', `The order has no return ${returnId}.`);
  return awaitedPieces(order, entry).size > 0
    ? entry
    : refuse('RETURN_CLOSED', 'Nothing more of this return is expected; ask for another one.');
}

/** What a command to receive means for the order as it is, or why it is refused. */
export function receiptOf(order: Order, command: ReceiveReturn): Receipt | Refusal {
  const entry = openReturn(order, command.returnId);
  if ('refused' in entry) return entry;
  const awaited = awaitedPieces(order, entry);
  const received: ReceivedPieces[] = [];
  const take = (line: number, quantity: number, how: Pick<ReceivedPieces, 'condition' | 'disposition'>): void => {
    const { sku } = order.items.find((item) => item.line === line)!;
    received.push({ line, sku, quantity, ...how });
    awaited.set(line, awaited.get(line)! - quantity);
  };
  if (!command.pieces) for (const [line, quantity] of awaited) take(line, quantity, outcomeOf({}));
  for (const piece of command.pieces ?? []) {
    let left = piece.quantity;
    for (const { line, sku } of order.items) {
      if (piece.line === undefined ? sku !== piece.sku : line !== piece.line) continue;
      const here = awaited.get(line) ?? 0;
      const taken = here < left ? here : left;
      if (taken > 0) take(line, taken, outcomeOf(piece));
      left -= taken > 0 ? taken : 0;
    }
    if (left > 0)
      return refuse(
        'RECEIVED_EXCEEDS_RETURN',
        `Of ${piece.line === undefined ? piece.sku : `line ${piece.line}`} only ${piece.quantity - left} are still expected with this return.`,
      );
  }
  return { received, shelved: shelvesFor(order, received, command.location) };
}

/** Sellable pieces are put back on the shelf unless somebody decided otherwise, and all others wait for a person. */
function outcomeOf({
  condition = 'sellable',
  disposition,
}: Partial<Pick<ReceivedPieces, 'condition' | 'disposition'>>): Pick<ReceivedPieces, 'condition' | 'disposition'> {
  if (condition === 'missing') return { condition };
  return { condition, disposition: disposition ?? (condition === 'sellable' ? 'restock' : 'hold') };
}

/** Where the pieces go that are put back: to the place that is named, else each to one that pieces of its SKU left from. */
function shelvesFor(order: Order, received: readonly ReceivedPieces[], location: string | undefined): Allocation[] {
  const shelved = new Map<string, Allocation>();
  const put = (sku: string, at: string, quantity: number): void => {
    const key = JSON.stringify([sku, at]);
    shelved.set(key, { sku, location: at, quantity: quantity + (shelved.get(key)?.quantity ?? 0) });
  };
  const before = shelvedBefore(order);
  for (const { sku, quantity, disposition } of received) {
    if (disposition !== 'restock') continue;
    if (location !== undefined) {
      put(sku, location, quantity);
      continue;
    }
    let left = quantity;
    let skip = before.get(sku) ?? 0;
    for (const home of order.allocations) {
      if (home.sku !== sku || left === 0) continue;
      const room = home.quantity > skip ? home.quantity - skip : 0;
      skip -= home.quantity - room;
      const taken = room < left ? room : left;
      if (taken > 0) put(sku, home.location, taken);
      left -= taken;
    }
    if (left > 0) put(sku, DEFAULT_LOCATION, left);
    before.set(sku, (before.get(sku) ?? 0) + quantity);
  }
  return [...shelved.values()];
}

/** Pieces by SKU that earlier receipts have put back. */
function shelvedBefore({ returns }: Order): Map<string, number> {
  return piecesBy(
    'sku',
    returns.flatMap(({ received, receipts, items }): readonly SkuQuantity[] =>
      receipts ? receipts.filter(({ disposition }) => disposition === 'restock') : received ? items : [],
    ),
  );
}

/** The receipt that the policies allow. What arrived is credited; `more: false` closes the return with it. */
export function receiveReturn(command: ReceiveReturn, order: Order): NewEvent[] {
  const { returnId, refund, more, by } = command;
  const { received, shelved } = receiptOf(order, command) as Receipt;
  const arrived = received.filter(({ condition }) => condition !== 'missing');
  const places = new Set(shelved.map(({ location }) => location));
  const data = {
    returnId,
    items: skuQuantities(piecesBy('sku', shelved)),
    location: shelved[0]?.location ?? command.location ?? DEFAULT_LOCATION,
    received: [...received],
    ...(places.size > 1 && { shelved: [...shelved] }),
    credited: creditedParts(order, arrived, !refund),
    ...(isShippedElsewhere(order) && { elsewhere: true }),
    by,
  };
  const receipt: NewEvent = { type: 'OrderReturnReceived', data };
  const entry = order.returns.find((candidate) => candidate.returnId === returnId)!;
  let left = 0;
  for (const quantity of awaitedPieces(order, entry).values()) left += quantity;
  for (const { quantity } of arrived) left -= quantity;
  return more === false && left > 0 ? [receipt, closed(returnId, 'nothing more is to come', by)] : [receipt];
}

/** Another system shipped the goods of the order, and nothing was ever set aside for it here. */
function isShippedElsewhere({ origin, allocations }: Order): boolean {
  return origin?.kind === 'import' && allocations.length === 0;
}

/** Nothing more of the return is expected. */
export function closed(returnId: string, reason: string, by: string): NewEvent {
  return { type: 'OrderReturnClosed', data: { returnId, reason, by } };
}
