import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import {
  Actor,
  Allocation,
  Id,
  ParcelFailure,
  Reason,
  SOURCES,
  SkuQuantity,
  Time,
  TrackingStatus,
  TrackingUrl,
  exampleAllocations,
  exampleId,
  exampleTime,
} from './vocabulary.ts';

const source = SOURCES.shipping;

/** What the shipping service emits. */
export const SHIPPING_EVENTS = {
  ShipmentScheduled: defineEvent({
    source,
    meaning: 'A parcel is to be packed at a location.',
    data: Type.Object({ shipmentId: Id, location: Type.String(), items: Type.Array(SkuQuantity) }),
    example: { shipmentId: exampleId, location: 'main', items: [{ sku: 'MUG-1', quantity: 2 }] },
  }),
  ShipmentDispatched: defineEvent({
    source,
    meaning: 'A parcel left its location; `last`: nothing of the order remains there.',
    data: Type.Object({
      shipmentId: Id,
      location: Type.String(),
      items: Type.Array(SkuQuantity),
      carrier: Type.String(),
      trackingNumber: Type.String(),
      trackingUrl: Type.Optional(TrackingUrl),
      last: Type.Boolean(),
      by: Type.Optional(Actor),
    }),
    example: {
      shipmentId: exampleId,
      location: 'main',
      items: [{ sku: 'MUG-1', quantity: 2 }],
      carrier: 'sandbox',
      trackingNumber: 'SB1',
      last: true,
    },
  }),
  ShipmentDelivered: defineEvent({
    source,
    meaning: 'A parcel reached the customer; `last`: all parcels of the order have.',
    data: Type.Object({ shipmentId: Id, last: Type.Boolean(), by: Type.Optional(Actor) }),
    example: { shipmentId: exampleId, last: true },
  }),
  ShipmentCancelled: defineEvent({
    source,
    meaning: 'All parcels of the order were stopped before any left.',
    data: Type.Object({ shipmentIds: Type.Array(Id) }),
    example: { shipmentIds: [exampleId] },
  }),
  ShipmentsFrozen: defineEvent({
    source,
    meaning: 'Nothing of the order is dispatched until its change is decided; this has left, and this is still here.',
    data: Type.Object({ changeId: Id, gone: Type.Array(SkuQuantity), here: Type.Array(Allocation) }),
    example: { changeId: exampleId, gone: [], here: exampleAllocations },
  }),
  ShipmentFailed: defineEvent({
    source,
    meaning:
      'A parcel that had left was lost or damaged, or came back undelivered; `restocked` goods of the latter are back on their shelf.',
    data: Type.Object({
      shipmentId: Id,
      kind: ParcelFailure,
      reason: Type.Optional(Reason),
      by: Type.String(),
      restocked: Type.Optional(Type.Array(Allocation)),
    }),
    example: { shipmentId: exampleId, kind: 'lost', by: 'operator' },
  }),
  ShipmentTracked: defineEvent({
    source,
    meaning:
      'The carrier said where a parcel is; that it left, was delivered or lost is said by events of their own. What came back to the sender waits for a person, who says what of it is to be sold again.',
    data: Type.Object({
      shipmentId: Id,
      status: TrackingStatus,
      at: Time,
      detail: Type.Optional(Type.String({ description: 'In the words of the carrier' })),
      by: Actor,
    }),
    example: { shipmentId: exampleId, status: 'in_transit', at: exampleTime, by: 'dhl' },
  }),
  ShipmentTrackingCorrected: defineEvent({
    source,
    meaning: 'The tracking number of a parcel, or its carrier, had been recorded wrongly.',
    data: Type.Object({
      shipmentId: Id,
      carrier: Type.String(),
      trackingNumber: Type.String(),
      trackingUrl: Type.Optional(TrackingUrl),
      former: Type.Object({ carrier: Type.String(), trackingNumber: Type.String() }),
      reason: Reason,
      by: Actor,
    }),
    example: {
      shipmentId: exampleId,
      carrier: 'DHL',
      trackingNumber: 'JD2',
      former: { carrier: 'DHL', trackingNumber: 'JD1' },
      reason: 'mistyped',
      by: 'operator',
    },
  }),
} as const satisfies Record<string, EventDefinition>;
