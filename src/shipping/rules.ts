import { isRefusal, type Refusal, refuse } from '#contracts/errors.ts';
import { type Allocation, type NewEvent, type SkuQuantity, SOURCES } from '#contracts/order-events.ts';
import { ignore, type Ignored, type Outcome, type Rules } from '#platform/processor/aggregate.ts';
import { type Carriers, createCarriers } from './carriers/carriers.ts';
import { trackingLinks, type TrackingLinks } from './carriers/links.ts';
import { CHANGE, frozen, thawed } from './rules/change.ts';
import {
  cancelled,
  type CarrierDue,
  FAILED_STATUS,
  hasLeft,
  isWaiting,
  nextDueMs,
  NOTHING,
  replaced,
  type Shipment,
  type Shipping,
  type ShippingCommand,
  type Step,
} from './rules/model.ts';
import { parted } from './rules/part.ts';
import { corrected, isNews, tracked } from './rules/tracking.ts';

/**
 * Which parcels an order has, and when each may move. An order ready for shipment gets one shipment per
 * location. While any hold is present nothing is dispatched; a parcel on its way is not stopped by a hold.
 * A cancellation succeeds only while every parcel is still here; a change of items freezes what is. A parcel that has
 * left can be lost, damaged, or come back undelivered, and one that was lost can turn up.
 */

export interface ShippingRulesOptions {
  readonly carriers: Carriers;
  readonly links: TrackingLinks;
}

/** With the sandbox carrier, which waits so long before each step, and carriers that people report for. */
export function rulesWithSandbox(delayMs: number | undefined): ShippingRules {
  return shippingRules({ carriers: createCarriers(delayMs), links: trackingLinks() });
}

export type ShippingRules = Rules<Shipping, ShippingCommand, CarrierDue>;

export function shippingRules(options: ShippingRulesOptions): ShippingRules {
  const { sandbox } = options.carriers;
  return {
    source: SOURCES.shipping,
    consumes: [
      'OrderReadyForShipment',
      'OrderCancellationRequested',
      'OrderCancelled',
      'OrderHeld',
      'OrderReleased',
      'OrderChangeRequested',
      'OrderChanged',
      'OrderChangeLapsed',
      'OrderClaimOpened',
    ],

    react(event, shipping, { nowMs, newId }): Outcome<Shipping, CarrierDue> | Ignored {
      switch (event.type) {
        case 'OrderReadyForShipment': {
          if (shipping && shipping.shipments.length > 0) return ignore('its shipments were scheduled before');
          const dueMs = sandbox.nextStepMs(nowMs);
          const scheduled = schedule(event.data.allocations, newId, dueMs);
          const cause = { causationid: event.id, correlationid: event.correlationid };
          const after: Shipping = {
            holds: shipping?.holds ?? [],
            shipments: scheduled,
            ...(dueMs !== undefined && dueMs > nowMs ? { cause } : {}),
          };
          const events = scheduled.map(({ id, location, items }): NewEvent => ({
            type: 'ShipmentScheduled',
            data: { shipmentId: id, location, items: [...items] },
          }));
          return carried({ shipping: after, events }, options, nowMs);
        }
        case 'OrderHeld': {
          const { hold } = event.data;
          if (shipping?.holds.includes(hold)) return ignore('the hold is known');
          return { state: { ...(shipping ?? NOTHING), holds: [...(shipping?.holds ?? []), hold] }, events: [] };
        }
        case 'OrderReleased': {
          const { hold } = event.data;
          if (!shipping?.holds.includes(hold)) return ignore('the hold did not pause shipping');
          return carried(
            { shipping: { ...shipping, holds: shipping.holds.filter((present) => present !== hold) }, events: [] },
            options,
            nowMs,
          );
        }
        case 'OrderCancellationRequested': {
          const { shipments, ...unchanged } = shipping ?? NOTHING;
          if (shipments.some(hasLeft)) return ignore('a parcel has left; the dispatch event answers already');
          const shipmentIds = shipments.filter(isWaiting).map((shipment) => shipment.id);
          if (shipmentIds.length === 0 && shipments.length > 0) return ignore('the shipments were stopped before');
          return {
            state: { ...unchanged, shipments: shipments.map(cancelled) },
            events: [{ type: 'ShipmentCancelled', data: { shipmentIds } }],
          };
        }
        case 'OrderCancelled': {
          if (!shipping) return ignore('nothing was scheduled or held');
          if (shipping.holds.length === 0 && !shipping.shipments.some(isWaiting)) return ignore('nothing waits');
          return {
            state: {
              ...shipping,
              holds: [],
              shipments: shipping.shipments.map((shipment) => (isWaiting(shipment) ? cancelled(shipment) : shipment)),
            },
            events: [],
          };
        }
        case 'OrderChangeRequested': {
          const { shipping: after, answer } = frozen(shipping ?? NOTHING, event.data.changeId);
          return { state: after, events: [{ type: 'ShipmentsFrozen', data: answer }] };
        }
        case 'OrderChanged':
        case 'OrderChangeLapsed': {
          if (!shipping || shipping.shipments.length === 0) return ignore('nothing was scheduled yet');
          const released = event.type === 'OrderChanged' ? event.data.released : [];
          return carried({ shipping: thawed(shipping, released), events: [] }, options, nowMs);
        }
        case 'OrderClaimOpened': {
          const { shipmentId, kind } = event.data;
          const parcel = shipping?.shipments.find((candidate) => candidate.id === shipmentId);
          if (!shipping || parcel?.status !== 'DISPATCHED') return ignore('how the parcel fared is known');
          return { state: failed(shipping, parcel, kind), events: [] };
        }
        default:
          throw new Error(`Shipping does not consume ${event.type}`);
      }
    },

    decide(command, shipping, { nowMs, newId }) {
      if (command.type === 'carry')
        return shipping ? carried({ shipping, events: [] }, options, nowMs) : { state: shipping, events: [] };
      const shipment = shipping?.shipments.find((candidate) => candidate.id === command.shipmentId);
      if (!shipping || !shipment) return refuse('SHIPMENT_NOT_FOUND', `There is no shipment ${command.shipmentId}.`);
      if (command.type === 'dispatch') {
        const { carrier, trackingNumber, items, by } = command;
        const handover = { carrier, trackingNumber, items, by };
        return finished(handedOver(shipping, shipment, handover, { ...options, newId }, nowMs), options, nowMs);
      }
      if (command.type === 'track')
        return finished(track(shipping, shipment, command, { ...options, newId }, nowMs), options, nowMs);
      if (command.type === 'correct') {
        const { carrier = shipment.carrier ?? '', trackingNumber } = command;
        return finished(corrected(shipping, shipment, command, options.links(carrier, trackingNumber)), options, nowMs);
      }
      if (command.type === 'fail') return finished(fail(shipping, shipment, command), options, nowMs);
      // What was lost may turn up.
      if (shipment.status !== 'DISPATCHED' && shipment.status !== 'LOST')
        return refuse(
          'SHIPMENT_NOT_DELIVERABLE',
          `The shipment is ${shipment.status}; only one on its way can be delivered.`,
        );
      return carried(deliver(shipping, shipment, command.by), options, nowMs);
    },
  };
}

/** One shipment per location, in the order the allocations name them; a SKU allocated twice is packed as one item. */
function schedule(
  allocations: readonly Allocation[],
  newId: () => string,
  carrierDueMs: number | undefined,
): Shipment[] {
  const locations = new Map<string, Map<string, number>>();
  for (const { location, sku, quantity } of allocations) {
    let items = locations.get(location);
    if (!items) locations.set(location, (items = new Map()));
    items.set(sku, (items.get(sku) ?? 0) + quantity);
  }
  return [...locations].map(([location, items]) => ({
    id: newId(),
    location,
    items: [...items].map(([sku, quantity]) => ({ sku, quantity })),
    status: 'SCHEDULED',
    carrierDueMs,
  }));
}

interface Handover {
  readonly carrier: string;
  readonly trackingNumber: string;
  /** What leaves; without it, everything. */
  readonly items?: readonly SkuQuantity[] | undefined;
  readonly by: string;
}

/** A parcel given to a carrier, if it may go. */
function handedOver(
  shipping: Shipping,
  shipment: Shipment,
  handover: Handover,
  options: ShippingRulesOptions & { readonly newId: () => string },
  nowMs: number,
): Step | Refusal {
  if (!isWaiting(shipment))
    return refuse(
      'SHIPMENT_NOT_DISPATCHABLE',
      `The shipment is ${shipment.status}; only a SCHEDULED one can be dispatched.`,
    );
  if (shipping.holds.length > 0)
    return refuse(
      'SHIPMENT_ON_HOLD',
      shipping.holds.includes(CHANGE)
        ? 'A change of the order is being decided; try again in a moment.'
        : `The order is on hold: ${shipping.holds.join(', ')}. Release it first.`,
    );
  if (!handover.items) return dispatch(shipping, shipment, handover, options, nowMs);
  const part = parted(shipping, shipment, handover.items, options.newId);
  if (isRefusal(part)) return part;
  const step = dispatch(part.shipping, part.shipment, handover, options, nowMs);
  // What stays is scheduled before what leaves has left, so that nobody takes the order for sent.
  return { shipping: step.shipping, events: [...part.events, ...step.events] };
}

function dispatch(
  shipping: Shipping,
  shipment: Shipment,
  { carrier, trackingNumber, by }: Handover,
  { carriers, links }: ShippingRulesOptions,
  nowMs: number,
): Step {
  const { id: shipmentId, location, items } = shipment;
  // What the sandbox carrier delivers by itself; another carrier's parcels are not its business.
  const carrierDueMs = carriers.of(carrier).nextStepMs(nowMs);
  const after: Shipment = { ...shipment, status: 'DISPATCHED', carrier, trackingNumber, carrierDueMs };
  const last = shipping.shipments.every((other) => other.id === shipmentId || !isWaiting(other));
  const trackingUrl = links(carrier, trackingNumber);
  const data = {
    shipmentId,
    location,
    items: [...items],
    carrier,
    trackingNumber,
    ...(trackingUrl !== undefined && { trackingUrl }),
    last,
    by,
  };
  return { shipping: replaced(shipping, after), events: [{ type: 'ShipmentDispatched', data }] };
}

/** What a carrier said of a parcel: whoever says anything of one that still counts as here has it. */
function track(
  shipping: Shipping,
  shipment: Shipment,
  { carrier, trackingNumber, tracking }: Extract<ShippingCommand, { type: 'track' }>,
  options: ShippingRulesOptions & { readonly newId: () => string },
  nowMs: number,
): Step | Refusal {
  const { id } = shipment;
  const left = isWaiting(shipment)
    ? handedOver(shipping, shipment, { carrier, trackingNumber, by: carrier }, options, nowMs)
    : { shipping, events: [] };
  if (isRefusal(left)) return left;
  const parcel = left.shipping.shipments.find((one) => one.id === id)!;
  const isOpen = parcel.status === 'DISPATCHED' || parcel.status === 'LOST';
  const isNew = isNews(tracking, parcel.tracking);
  // A loss counts also where it is learned late; else one order of arrival would end otherwise than another.
  const isLoss = tracking.status === 'lost' && parcel.status === 'DISPATCHED';
  // What people have said of its end, the carrier does not undo.
  if (!isOpen || !(isNew || isLoss)) return left;
  const known = isNew ? tracked(left.shipping, parcel, tracking, carrier) : { shipping: left.shipping, events: [] };
  const now = known.shipping.shipments.find((one) => one.id === id)!;
  let end: Step | Refusal = { shipping: known.shipping, events: [] };
  if (tracking.status === 'delivered') end = deliver(known.shipping, now, carrier);
  else if (isLoss) end = fail(known.shipping, now, { kind: 'lost', reason: tracking.detail, by: carrier });
  if (isRefusal(end)) return end;
  return { shipping: end.shipping, events: [...left.events, ...known.events, ...end.events] };
}

function deliver(shipping: Shipping, shipment: Shipment, by: string): Step {
  const last = shipping.shipments.every(
    (other) => other.id === shipment.id || other.status === 'DELIVERED' || other.status === 'CANCELLED',
  );
  return {
    shipping: replaced(shipping, { ...shipment, status: 'DELIVERED', carrierDueMs: undefined }),
    events: [{ type: 'ShipmentDelivered', data: { shipmentId: shipment.id, last, by } }],
  };
}

/** The parcel with what became of it. */
function failed(shipping: Shipping, shipment: Shipment, kind: keyof typeof FAILED_STATUS): Shipping {
  return replaced(shipping, { ...shipment, status: FAILED_STATUS[kind], carrierDueMs: undefined });
}

/** Records what went wrong with a parcel that has left; each is said once, and one that came back is back for good. */
function fail(
  shipping: Shipping,
  shipment: Shipment,
  { kind, restock = true, reason, by }: Omit<Extract<ShippingCommand, { type: 'fail' }>, 'type' | 'shipmentId'>,
): Step | Refusal {
  const { id: shipmentId, status, location, items } = shipment;
  if (!hasLeft(shipment)) return refuse('SHIPMENT_NOT_CLAIMABLE', `The shipment is ${status}; it has not left.`);
  if (status === 'RETURNED' || status === FAILED_STATUS[kind])
    return refuse('SHIPMENT_NOT_CLAIMABLE', `The shipment is ${status} already.`);
  const restocked = kind === 'returned_to_sender' && restock && items.map((item) => ({ ...item, location }));
  const data = { shipmentId, kind, by, ...(reason !== undefined && { reason }), ...(restocked && { restocked }) };
  return { shipping: failed(shipping, shipment, kind), events: [{ type: 'ShipmentFailed', data }] };
}

function finished(
  step: Step | Refusal,
  options: ShippingRulesOptions,
  nowMs: number,
): Outcome<Shipping, CarrierDue> | Refusal {
  return isRefusal(step) ? step : carried(step, options, nowMs);
}

/**
 * Lets the sandbox carrier take every step that is due now. With a delay of 0 that is all of them, in the
 * same save that schedules the shipment: a customer sees the same events, the database one write instead of three.
 */
function carried(step: Step, options: ShippingRulesOptions, nowMs: number): Outcome<Shipping, CarrierDue> {
  const { sandbox } = options.carriers;
  if (sandbox.nextStepMs(nowMs) === undefined) return { state: step.shipping, events: step.events };
  let { shipping } = step;
  const events = [...step.events];
  const isDue = (shipment: Shipment): boolean => shipment.carrierDueMs !== undefined && shipment.carrierDueMs <= nowMs;
  const take = (next: Step): void => {
    shipping = next.shipping;
    events.push(...next.events);
  };
  for (const shipment of shipping.shipments) {
    if (!isWaiting(shipment) || !isDue(shipment) || shipping.holds.length > 0) continue;
    const { name: carrier } = sandbox;
    const trackingNumber = sandbox.numberOf!(shipment.id);
    take(dispatch(shipping, shipment, { carrier, trackingNumber, by: carrier }, options, nowMs));
  }
  for (const shipment of shipping.shipments)
    if (shipment.status === 'DISPATCHED' && isDue(shipment)) take(deliver(shipping, shipment, sandbox.name));
  const due = nextDueMs(shipping);
  return { state: shipping, events, ...(due === undefined ? {} : { effects: [{ dueMs: due }] }) };
}
