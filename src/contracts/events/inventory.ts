import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import { Allocation, Id, Reason, SOURCES, Shortage, exampleAllocations, exampleId } from './vocabulary.ts';

const source = SOURCES.inventory;

/** What the inventory service emits. */
export const INVENTORY_EVENTS = {
  StockReserved: defineEvent({
    source,
    meaning: 'Every line of the order is reserved at the named locations.',
    data: Type.Object({ allocations: Type.Array(Allocation) }),
    example: { allocations: exampleAllocations },
  }),
  StockRejected: defineEvent({
    source,
    meaning: 'At least one line is short; nothing is reserved.',
    data: Type.Object({ shortages: Type.Array(Shortage) }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 1 }] },
  }),
  StockBackordered: defineEvent({
    source,
    meaning: 'At least one line is short; nothing is reserved and the order waits in line for stock.',
    data: Type.Object({ shortages: Type.Array(Shortage) }),
    example: { shortages: [{ sku: 'MUG-1', requested: 2, available: 1 }] },
  }),
  StockLost: defineEvent({
    source,
    meaning:
      'Goods set aside for the order are gone: a count found less than is reserved. Everything that is missing now.',
    data: Type.Object({ missing: Type.Array(Allocation) }),
    example: { missing: exampleAllocations },
  }),
  StockRecovered: defineEvent({
    source,
    meaning: 'What was missing of the goods set aside for the order is there again.',
    data: Type.Object({}),
    example: {},
  }),
  StockReleased: defineEvent({
    source,
    meaning: 'The reservation of the order, or a part of it, was given back.',
    data: Type.Object({ allocations: Type.Array(Allocation), reason: Reason }),
    example: { allocations: exampleAllocations, reason: 'OrderCancelled' },
  }),
  StockShipped: defineEvent({
    source,
    meaning: 'Reserved goods left their location with a parcel.',
    data: Type.Object({ shipmentId: Id, allocations: Type.Array(Allocation) }),
    example: { shipmentId: exampleId, allocations: exampleAllocations },
  }),
  StockReturned: defineEvent({
    source,
    meaning:
      'Goods of a return, or of a parcel that came back undelivered and whose id `returnId` is then, are in stock again.',
    data: Type.Object({ returnId: Id, allocations: Type.Array(Allocation) }),
    example: { returnId: exampleId, allocations: exampleAllocations },
  }),
} as const satisfies Record<string, EventDefinition>;
