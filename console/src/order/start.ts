import type { Order } from '#client';
import { type ActName, fieldsOf, type Given, tagsOf } from './acts.ts';
import { refundable } from './money.ts';

/** What a dialog begins with: what is most likely meant. */

/** Holds that end otherwise than by a release. */
const ENDS_OTHERWISE = new Set(['review', 'cancellation']);

export function releasable({ holds, change }: Order): string[] {
  return holds.map(({ type }) => type).filter((type) => !ENDS_OTHERWISE.has(type) && !(type === 'change' && change));
}

/** Pieces of a return that are still expected, by line. */
export function awaited(entry: Order['returns'][number], order: Order): ReadonlyMap<number, number> {
  const left = new Map<number, number>();
  const add = (line: number, quantity: number): void => void left.set(line, (left.get(line) ?? 0) + quantity);
  if (entry.lines) for (const { line, quantity } of entry.lines) add(line, quantity);
  else
    for (const { sku, quantity } of entry.items) {
      const line = order.items.find((item) => item.sku === sku)?.line;
      if (line !== undefined) add(line, quantity);
    }
  // What was found to be missing may still come.
  for (const { line, quantity, condition } of entry.receipts ?? []) if (condition !== 'missing') add(line, -quantity);
  return new Map([...left].filter(([, quantity]) => quantity > 0));
}

export function openReturns(order: Order): Order['returns'] {
  return order.returns.filter((entry) => entry.closed !== true && !entry.received && awaited(entry, order).size > 0);
}

export function startOf(name: ActName, order: Order): Partial<Given> {
  switch (name) {
    case 'release':
      return { hold: releasable(order)[0] ?? 'manual' };
    case 'requestRefund':
      return { amount: order.owedAmount ?? refundable(order) };
    case 'amend':
      return { fields: fieldsOf(order), tags: tagsOf(order) };
    case 'payAgain':
      return { provider: order.payment.provider };
    case 'openClaim':
      return claimStart(order);
    case 'receiveReturn':
    case 'closeReturn':
      return returnStart(order, openReturns(order)[0]?.returnId ?? '');
    default:
      return {};
  }
}

/** A return with everything that is expected, in good condition. */
export function returnStart(order: Order, returnId: string): Partial<Given> {
  const entry = order.returns.find((each) => each.returnId === returnId);
  const found = entry ? [...awaited(entry, order)].map(([line, quantity]) => [`${line} sellable`, quantity]) : [];
  return { returnId, found: Object.fromEntries(found) as Record<string, number> };
}

function claimStart({ shipments, claims = [] }: Order): Partial<Given> {
  const claimed = new Set(claims.map(({ shipmentId }) => shipmentId));
  const parcel =
    shipments.find(({ problem, shipmentId }) => problem !== undefined && !claimed.has(shipmentId)) ??
    shipments.find(({ shipmentId }) => !claimed.has(shipmentId)) ??
    shipments[0];
  return { shipmentId: parcel?.shipmentId ?? '', kind: parcel?.problem ?? 'lost' };
}
