import { type Static, Type } from 'typebox';
import { Location } from '#contracts/catalog.ts';
import { TRACKING_STATUSES } from '#contracts/order-events.ts';
import { IdText, Text, TimeText, UntilText } from '#platform/http/schemas.ts';
import { Several } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import { SHIPMENT_STATUSES } from './rules/model.ts';
import type { ShipmentFilter } from './store.ts';

/** What lists and exports of shipments are asked for. */

export const shipmentParameters = {
  orderId: Type.Optional(Several(IdText)),
  status: Type.Optional(Several(Type.String({ enum: [...SHIPMENT_STATUSES] }))),
  location: Type.Optional(Several(Location)),
  carrier: Type.Optional(Several(Text(100, { minLength: 1 }))),
  tracking: Type.Optional(Several(Type.String({ enum: [...TRACKING_STATUSES] }))),
  ready: Type.Optional(
    Type.String({ enum: ['true'], description: 'Only what may leave now: it waits, and no hold keeps it' }),
  ),
  scheduledFrom: Type.Optional(TimeText),
  scheduledTo: Type.Optional(UntilText),
  sort: Type.Optional(
    Type.String({
      enum: ['scheduledAt', '-scheduledAt'],
      description: 'What was scheduled first at the beginning (default), or at the end',
    }),
  ),
};
const Query = Type.Object(shipmentParameters);

/** The shipments that a query asks for, of whichever orders, wherever the page begins. */
export function shipmentFilterOf(query: Static<typeof Query>): Omit<ShipmentFilter, 'orderIds' | 'after' | 'limit'> {
  const { status, location, carrier, tracking, ready, scheduledFrom, scheduledTo, sort } = query;
  return {
    statuses: status,
    locations: location,
    carriers: carrier,
    tracking,
    scheduledFromMs: fromMs(scheduledFrom, 'scheduledFrom'),
    scheduledToMs: toMs(scheduledTo, 'scheduledTo'),
    ready: ready === 'true',
    newestFirst: sort === '-scheduledAt',
  };
}
