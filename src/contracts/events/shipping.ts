import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import { Actor, Id, SOURCES, SkuQuantity, exampleId } from './vocabulary.ts';

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
} as const satisfies Record<string, EventDefinition>;
