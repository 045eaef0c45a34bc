import { type Refusal, refuse } from '#contracts/errors.ts';
import type { LineQuantity, NewEvent } from '#contracts/order-events.ts';
import { piecesBy } from '#contracts/pieces.ts';
import { type Ignored, ignore } from '#platform/processor/aggregate.ts';
import type { DecideContext, OrderCommand } from './commands.ts';
import type { OrderRequest } from './placement.ts';
import { creditedParts, marksOf, returnablePieces } from './ruler.ts';
import { because, type Claim, type Order } from './state.ts';

/**
 * Parcels that did not arrive as they should. What happened to a parcel is a fact of shipping; what is done about it is
 * a claim: the value of the pieces is refunded, or an order over nothing sends them again. A parcel all of whose pieces
 * are claimed is settled, and the order need not wait for it.
 */

type OpenClaim = Extract<OrderCommand, { type: 'openClaim' }>;
type Parcel = Order['shipments'][number];

/** Pieces of a parcel that no claim is about, by SKU; SKUs without any are missing. */
function unclaimed(order: Order, parcel: Parcel): Map<string, number> {
  const left = piecesBy('sku', parcel.items);
  for (const claim of order.claims ?? [])
    if (claim.shipmentId === parcel.shipmentId)
      for (const { sku, quantity } of claim.items) left.set(sku, left.get(sku)! - quantity);
  for (const [sku, quantity] of left) if (quantity <= 0) left.delete(sku);
  return left;
}

/** True where every parcel of the order was delivered or is settled by a claim, `arriving` counted as delivered. */
export function arrived(order: Order, arriving?: string): boolean {
  return order.shipments.every(
    (parcel) => parcel.delivered || parcel.shipmentId === arriving || unclaimed(order, parcel).size === 0,
  );
}

/** Which pieces of which lines a claim is about, or why it cannot be. */
export function piecesToClaim(
  order: Order,
  { shipmentId, items }: Pick<OpenClaim, 'shipmentId' | 'items'>,
): LineQuantity[] | Refusal {
  const parcel = order.shipments.find((candidate) => candidate.shipmentId === shipmentId);
  if (!parcel)
    return refuse(
      'SHIPMENT_NOT_CLAIMABLE',
      `No parcel ${shipmentId} of this order has left; before that, cancel instead.`,
    );
  const left = unclaimed(order, parcel);
  if (left.size === 0) return refuse('CLAIM_EXISTS', 'Everything in this parcel is claimed already.');
  const wanted = items === undefined ? left : piecesBy('sku', items);
  const inside = piecesBy('sku', parcel.items);
  for (const [sku, quantity] of wanted) {
    const most = inside.get(sku) ?? 0;
    if (quantity > most) return refuse('RETURN_EXCEEDS_SHIPPED', `The parcel holds ${most} of ${sku}.`);
    if (quantity > (left.get(sku) ?? 0))
      return refuse('CLAIM_EXISTS', `Of ${sku} in this parcel ${left.get(sku) ?? 0} are not claimed yet.`);
  }
  const lines = linesOf(order, wanted);
  const found = piecesBy('sku', lines);
  for (const [sku, quantity] of items === undefined ? [] : wanted) {
    const most = found.get(sku) ?? 0;
    if (most < quantity)
      return refuse(
        'RETURN_EXCEEDS_SHIPPED',
        `Of ${sku} only ${most} did not come back and are not on their way back.`,
      );
  }
  return lines.length > 0 ? lines : refuse('RETURN_EXCEEDS_SHIPPED', 'All of it came back or is on its way back.');
}

/** Pieces by SKU over the lines that have some with the customer, the first line first. */
function linesOf(order: Order, wanted: ReadonlyMap<string, number>): LineQuantity[] {
  const left = new Map(wanted);
  const lines: LineQuantity[] = [];
  for (const ruler of marksOf(order)) {
    if (ruler.line === undefined || ruler.sku === undefined) continue;
    const room = returnablePieces(ruler) - sentAgain(order, ruler.line);
    const asked = left.get(ruler.sku) ?? 0;
    const quantity = asked < room ? asked : room;
    if (quantity <= 0) continue;
    lines.push({ line: ruler.line, sku: ruler.sku, quantity });
    left.set(ruler.sku, left.get(ruler.sku)! - quantity);
  }
  return lines;
}

/** Pieces of a line that a replacement sends again. */
function sentAgain(order: Order, line: number): number {
  let pieces = 0;
  for (const { resolution, status, items } of order.claims ?? [])
    if (resolution === 'reship' && (status === undefined || status === 'COMPLETED'))
      for (const item of items) if (item.line === line) pieces += item.quantity;
  return pieces;
}

/** The claim that the policies allow: its pieces are credited, or the id of the order that sends them again is given out. */
export function openClaim(command: OpenClaim, order: Order, context: DecideContext): NewEvent[] {
  const { shipmentId, kind, resolution } = command;
  const items = piecesToClaim(order, command) as LineQuantity[];
  const follows = resolution === 'refund' ? { credited: creditedParts(order, items) } : { followUpId: context.newId() };
  const claim = { claimId: context.newId(), shipmentId, kind, resolution, items, ...follows, ...because(command) };
  return [{ type: 'OrderClaimOpened', data: claim }];
}

/** The order that was to send pieces again has ended. Where it did not send them, they are credited instead. */
export function recordFollowUp(
  { claimId, status }: Extract<OrderCommand, { type: 'recordFollowUp' }>,
  order: Order,
): NewEvent[] | Ignored {
  const claim = order.claims?.find((candidate) => candidate.claimId === claimId);
  if (claim?.followUpId === undefined || claim.status !== undefined) return ignore('the end of the order was known');
  const credited = status === 'COMPLETED' ? [] : creditedParts(order, stillOut(order, claim));
  return [
    {
      type: 'OrderFollowUpClosed',
      data: { claimId, followUpId: claim.followUpId, status, ...(credited.length > 0 && { credited }) },
    },
  ];
}

/** The pieces of a claim that did not come back meanwhile. */
function stillOut(order: Order, claim: Claim): LineQuantity[] {
  const room = new Map(marksOf(order).map((ruler) => [ruler.line, returnablePieces(ruler)]));
  return claim.items
    .map((item) => {
      const most = room.get(item.line) ?? 0;
      return most < item.quantity ? { ...item, quantity: most } : item;
    })
    .filter(({ quantity }) => quantity > 0);
}

/** The order over nothing that sends the pieces of a claim again; it waits for stock, because they are owed. */
export function replacementOf(order: Order, { items }: Pick<Claim, 'items'>): OrderRequest {
  const { customerId, currency, channel, shippingAddress, contact, payment } = order;
  return {
    customerId,
    currency,
    channel,
    items: items.map(({ line, sku, quantity }) => {
      const name = order.items.find((item) => item.line === line)?.name;
      return { sku, quantity, unitPrice: '0', ...(name !== undefined && { name }) };
    }),
    ...(shippingAddress && { shippingAddress }),
    ...(contact && { contact }),
    // Nothing is to be paid, so nobody is asked.
    payment: { token: payment.token },
    allowBackorder: true,
  };
}
