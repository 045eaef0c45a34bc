import type { NewEvent, SkuQuantity, TrackingStatus } from '#contracts/order-events.ts';
import type { Cause } from '#platform/processor/aggregate.ts';

/** What shipping knows of an order, and what may be asked of it. */

/** What went wrong with a parcel that has left. */
export const FAILURES = ['lost', 'damaged', 'returned_to_sender'] as const;
export type Failure = (typeof FAILURES)[number];

/** How a parcel stands after each failure. */
export const FAILED_STATUS = { lost: 'LOST', damaged: 'DAMAGED', returned_to_sender: 'RETURNED' } as const;

export const SHIPMENT_STATUSES = [
  'SCHEDULED',
  'DISPATCHED',
  'DELIVERED',
  'CANCELLED',
  'LOST',
  'DAMAGED',
  'RETURNED',
] as const;
export type ShipmentStatus = (typeof SHIPMENT_STATUSES)[number];

/** The last that counts of what the carrier said of a parcel. */
export interface Tracking {
  readonly status: TrackingStatus;
  /** When it was so, RFC 3339 in UTC. */
  readonly at: string;
  readonly detail?: string | undefined;
}

export interface Shipment {
  readonly id: string;
  readonly location: string;
  readonly items: readonly SkuQuantity[];
  readonly status: ShipmentStatus;
  readonly carrier?: string;
  readonly trackingNumber?: string;
  readonly tracking?: Tracking | undefined;
  /** When the sandbox carrier takes the next step with it, in milliseconds since 1970. */
  readonly carrierDueMs?: number | undefined;
}

/** What shipping knows of one order. */
export interface Shipping {
  /** Names of the holds present; they may come before there is anything to ship. */
  readonly holds: readonly string[];
  readonly shipments: readonly Shipment[];
  /** What later steps of the sandbox carrier are traced back to. */
  readonly cause?: Pick<Cause, 'causationid' | 'correlationid'>;
}

export type ShippingCommand =
  | {
      readonly type: 'dispatch';
      readonly shipmentId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      /** What leaves; without it, everything in the parcel. The rest waits in a parcel of its own. */
      readonly items?: readonly SkuQuantity[] | undefined;
      readonly by: string;
    }
  | { readonly type: 'deliver'; readonly shipmentId: string; readonly by: string }
  /** A parcel that has left is lost, damaged, or came back undelivered; `restock` puts the goods of the latter back. */
  | {
      readonly type: 'fail';
      readonly shipmentId: string;
      readonly kind: Failure;
      readonly restock?: boolean | undefined;
      readonly reason?: string | undefined;
      readonly by: string;
    }
  /** What the carrier says of a parcel; where it is the first to say that it has it, with the number it has there. */
  | {
      readonly type: 'track';
      readonly shipmentId: string;
      readonly carrier: string;
      readonly trackingNumber: string;
      readonly tracking: Tracking;
    }
  | {
      readonly type: 'correct';
      readonly shipmentId: string;
      readonly carrier?: string | undefined;
      readonly trackingNumber: string;
      readonly reason: string;
      readonly by: string;
    }
  /** The sandbox carrier takes every step that is due; where none is, somebody else was faster. */
  | { readonly type: 'carry' };

/** Something of the order will be due for the sandbox carrier. */
export interface CarrierDue {
  readonly dueMs: number;
}

/** A part of a decision. */
export interface Step {
  readonly shipping: Shipping;
  readonly events: readonly NewEvent[];
}

export const NOTHING: Shipping = { holds: [], shipments: [] };

export function isWaiting(shipment: Shipment): boolean {
  return shipment.status === 'SCHEDULED';
}

export function hasLeft(shipment: Shipment): boolean {
  return !isWaiting(shipment) && shipment.status !== 'CANCELLED';
}

export function cancelled(shipment: Shipment): Shipment {
  return { ...shipment, status: 'CANCELLED', carrierDueMs: undefined };
}

/** A shipment that waits for a hold to be released. */
export function isPaused(shipping: Shipping, shipment: Shipment): boolean {
  return shipping.holds.length > 0 && isWaiting(shipment);
}

export function replaced(shipping: Shipping, after: Shipment): Shipping {
  return {
    ...shipping,
    shipments: shipping.shipments.map((shipment) => (shipment.id === after.id ? after : shipment)),
  };
}

/** When the order is due for the sandbox carrier; paused shipments wait for their release instead. */
export function nextDueMs(shipping: Shipping): number | undefined {
  let next: number | undefined;
  for (const shipment of shipping.shipments) {
    const due = shipment.carrierDueMs;
    if (due !== undefined && !isPaused(shipping, shipment) && (next === undefined || due < next)) next = due;
  }
  return next;
}
