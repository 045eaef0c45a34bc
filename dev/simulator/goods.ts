import type { Envelope } from '#contracts/envelope.ts';
import { type EventData, TRACKING_STATUSES } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { replacementOf } from '#orders/rules/claims.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { place } from '#orders/rules/placement.ts';
import { awaitedPieces } from '#orders/rules/receipts.ts';
import type { Order } from '#orders/rules/state.ts';
import { FAILURES, type Shipment } from '#shipping/rules/model.ts';
import { fail } from './log.ts';
import type { Story } from './story.ts';

/** What people do about goods beyond the ordinary: cancel pieces, lose parcels, claim them. Its chances are `variety`'s. */

export const GOODS_ACTIONS = [
  'cancelItems',
  'cancelItems',
  'cancelRest',
  'mishap',
  'mishap',
  'claim',
  'carrier',
] as const;
export type GoodsAction = (typeof GOODS_ACTIONS)[number];

const REASON = { reason: 'so it is', by: 'somebody' };
const RETRY_MS = 700;

export function actOnGoods(story: Story, id: string, action: GoodsAction): void {
  const { services, variety, ids, scheduler } = story;
  const order = services.orders.state(id)!;
  const options = (): { key: string } => ({ key: ids.next(scheduler.nowMs) });
  switch (action) {
    case 'cancelItems': {
      const items = order.items
        .filter(() => variety.chance(0.5))
        .map(({ line, quantity }) => ({ line, quantity: variety.between(1, quantity) }));
      const atMost = variety.chance(0.5);
      if (items.length === 0) return;
      return void services.orders.submit(id, { type: 'cancelItems', items, atMost, ...REASON }, options());
    }
    case 'cancelRest':
      return void services.orders.submit(id, { type: 'cancelItems', ...REASON }, options());
    case 'mishap': {
      const left = parcelsOf(story, id).filter(({ status }) => status !== 'SCHEDULED' && status !== 'CANCELLED');
      if (left.length === 0) return;
      const [{ id: shipmentId }, kind] = [variety.pick(left), variety.pick(FAILURES)];
      const restock = variety.chance(0.7);
      return void services.shipping.submit(id, { type: 'fail', shipmentId, kind, restock, by: REASON.by });
    }
    case 'claim':
      return claim(story, id, order);
    case 'carrier':
      return carrierSays(story, id);
  }
}

/** The carrier says something of a parcel, in any order; or its number turns out to be another one. */
function carrierSays(story: Story, id: string): void {
  const { services, variety, scheduler } = story;
  const parcels = parcelsOf(story, id);
  if (parcels.length === 0) return;
  const { id: shipmentId } = variety.pick(parcels);
  const trackingNumber = `T${variety.between(1, 9)}`;
  if (variety.chance(0.3))
    return void services.shipping.submit(id, { type: 'correct', shipmentId, trackingNumber, ...REASON });
  const at = isoTime(scheduler.nowMs - variety.between(0, 1_000));
  const tracking = { status: variety.pick(TRACKING_STATUSES), at };
  services.shipping.submit(id, { type: 'track', shipmentId, carrier: 'dhl', trackingNumber, tracking });
}

/** Somebody settles parcels that did not arrive, perhaps only some pieces of one (`whole` is false). */
export function claim(story: Story, id: string, order: Order, whole = false): void {
  const { services, variety, ids, scheduler } = story;
  const failed = order.shipments.filter(({ problem }) => problem !== undefined);
  const parcels = failed.length > 0 ? failed : order.shipments;
  if (parcels.length === 0) return;
  const { shipmentId, problem = 'damaged', items } = variety.pick(parcels);
  // A replacement that goes wrong is not replaced again, or a story might never end.
  const resolution = order.origin === undefined && variety.chance(0.5) ? 'reship' : 'refund';
  const some = !whole && variety.chance(0.3) ? { items: [{ ...variety.pick(items), quantity: 1 }] } : {};
  services.orders.submit(
    id,
    { type: 'openClaim', shipmentId, kind: problem, resolution, ...some, ...REASON },
    { key: ids.next(scheduler.nowMs) },
  );
}

/** Some pieces of a return arrive, in some condition, more than were to come among them; or it is closed. */
export function receiveSome(story: Story, id: string, order: Order): void {
  const { services, variety, ids, scheduler } = story;
  const expected = order.returns.filter((entry) => awaitedPieces(order, entry).size > 0);
  if (expected.length === 0) return;
  const { returnId } = variety.pick(expected);
  const key = { key: ids.next(scheduler.nowMs) };
  if (variety.chance(0.2)) return void services.orders.submit(id, { type: 'closeReturn', returnId, ...REASON }, key);
  const pieces = order.items
    .filter(() => variety.chance(0.6))
    .map(({ line, sku, quantity }) => ({
      ...(variety.chance(0.5) ? { line } : { sku }),
      quantity: variety.between(1, variety.chance(0.5) ? 1 : quantity),
      condition: variety.pick(['sellable', 'sellable', 'damaged', 'unchecked', 'missing'] as const),
    }));
  const { by } = REASON;
  services.orders.submit(
    id,
    {
      type: 'receiveReturn',
      returnId,
      ...(pieces.length > 0 && variety.chance(0.8) && { pieces }),
      ...(variety.chance(0.2) && { more: false }),
      refund: variety.chance(0.7),
      by,
    },
    key,
  );
}

function parcelsOf({ services }: Story, id: string): readonly Shipment[] {
  return services.shipping.state(id)?.shipments ?? [];
}

/** What the job of src/orders/follow-ups.ts does: it places orders that follow others, and reports to those how they ended. */
export function followUp(
  story: Story,
  changes: readonly { after: { id: string; state?: Order | undefined } }[],
  events: readonly Envelope[],
): void {
  for (const { type, subject, data } of events)
    if (type === 'OrderClaimOpened') placeFollowUp(story, subject, data as EventData<'OrderClaimOpened'>);
  for (const { after } of changes)
    if (after.state?.origin?.kind === 'replacement' && STATUSES[after.state.status].final)
      tellEnd(story, after.id, after.state.origin.orderId);
}

function placeFollowUp(story: Story, id: string, claimed: EventData<'OrderClaimOpened'>): void {
  const { followUpId } = claimed;
  if (followUpId === undefined || story.followUps.has(followUpId)) return;
  story.followUps.add(followUpId);
  const attempt = (): void => {
    const { plan, services, scheduler } = story;
    const product = (sku: string): { id: string; sku: string; name: string } => ({ id: sku, sku, name: sku });
    const data = place(
      replacementOf(services.orders.state(id)!, claimed),
      { bySku: product, byId: product },
      {
        createdDeadlineMs: plan.deadlines.CREATED,
        reviewDeadlineMs: plan.reviewDeadlineMs,
        reviewTotals: new Map(),
        defaultProvider: 'sandbox',
      },
      { nowMs: scheduler.nowMs, newId: () => story.ids.next(scheduler.nowMs) },
    );
    if ('length' in data) return fail(`a replacement is not taken: ${data[0]!.detail}`);
    const taken = story.take({ ...data, replaces: id }, undefined, followUpId);
    if (taken === undefined) return scheduler.after(RETRY_MS, attempt);
    story.supervise();
  };
  story.scheduler.after(story.delay(), attempt);
}

function tellEnd(story: Story, followUpId: string, parentId: string): void {
  const attempt = (): void => {
    const { orders } = story.services;
    const known = orders.state(parentId)!.claims!.find((one) => one.followUpId === followUpId)!;
    if (known.status !== undefined) return;
    const { status } = orders.state(followUpId)!;
    orders.submit(parentId, { type: 'recordFollowUp', claimId: known.claimId, status });
    story.scheduler.after(RETRY_MS, attempt);
  };
  story.scheduler.after(story.delay(), attempt);
}
