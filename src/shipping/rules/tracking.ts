import { type Refusal, refuse } from '#contracts/errors.ts';
import type { NewEvent, TrackingStatus } from '#contracts/order-events.ts';
import { replaced, type Shipment, type Shipping, type ShippingCommand, type Step, type Tracking } from './model.ts';

/**
 * What a carrier says of a parcel. Its messages come late, twice and in any order, and some never: what counts is
 * decided by the message alone, so that every order of arrival ends in the same state. An end counts more than anything
 * on the way, and among ends the delivery: what was lost may turn up.
 */
const RANKS: Readonly<Record<TrackingStatus, number>> = {
  dispatched: 0,
  in_transit: 1,
  out_for_delivery: 1,
  exception: 1,
  lost: 2,
  returned_to_sender: 3,
  delivered: 4,
};

/** Statuses that have an event of their own. */
const SAID_OTHERWISE: ReadonlySet<TrackingStatus> = new Set(['dispatched', 'lost', 'delivered']);

/** Whether an update says more than what is known. */
export function isNews(update: Tracking, known: Tracking | undefined): boolean {
  if (known === undefined) return true;
  const ranks = RANKS[update.status] - RANKS[known.status];
  if (ranks !== 0) return ranks > 0;
  // Times are UTC texts of one form. At the same time the name decides, the same for every order of arrival.
  return update.at > known.at || (update.at === known.at && update.status > known.status);
}

/** The parcel with what the carrier said; an event where no other says it. */
export function tracked(shipping: Shipping, shipment: Shipment, tracking: Tracking, by: string): Step {
  const event: NewEvent = { type: 'ShipmentTracked', data: { shipmentId: shipment.id, ...tracking, by } };
  return {
    shipping: replaced(shipping, { ...shipment, tracking }),
    events: SAID_OTHERWISE.has(tracking.status) ? [] : [event],
  };
}

/** Another number, or another carrier: what the one before said was about somebody else's parcel. */
export function corrected(
  shipping: Shipping,
  shipment: Shipment,
  { carrier = shipment.carrier ?? '', trackingNumber, reason, by }: Extract<ShippingCommand, { type: 'correct' }>,
  trackingUrl: string | undefined,
): Step | Refusal {
  const { id: shipmentId, status, carrier: formerCarrier = '', trackingNumber: formerNumber = '' } = shipment;
  if (status === 'SCHEDULED' || status === 'CANCELLED')
    return refuse('SHIPMENT_NOT_DISPATCHED', `The shipment is ${status}: it has no tracking number yet.`);
  if (carrier === formerCarrier && trackingNumber === formerNumber) return { shipping, events: [] };
  const { tracking: _, ...rest } = shipment;
  // The sandbox carrier does not bring what another one has.
  const carrierDueMs = carrier === formerCarrier ? shipment.carrierDueMs : undefined;
  const after: Shipment = { ...rest, carrier, trackingNumber, carrierDueMs };
  const data = {
    shipmentId,
    carrier,
    trackingNumber,
    ...(trackingUrl !== undefined && { trackingUrl }),
    former: { carrier: formerCarrier, trackingNumber: formerNumber },
    reason,
    by,
  };
  return { shipping: replaced(shipping, after), events: [{ type: 'ShipmentTrackingCorrected', data }] };
}
