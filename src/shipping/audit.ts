import { SOURCES } from '#contracts/order-events.ts';
import { counted, type CountedRow, rowsByOrder, type ServiceAudit } from '#platform/audit.ts';
import type { Shipment } from './rules/model.ts';

/** The parcels of an order as they are stored. */
export interface ShippingRow extends CountedRow {
  readonly shipments: readonly Shipment[];
}

/** Rows belong to orders and count the events that the log has; both is checked for every service. */
export const shippingAudit = {
  checks: {},
  tables: ['shipping.orders'],
  orders: {
    source: SOURCES.shipping,
    read: (database, ids) =>
      rowsByOrder<ShippingRow>(database, 'shipping.orders', ["body->'shipments' as shipments"], ids),
    ...counted<ShippingRow>(),
  },
} as const satisfies ServiceAudit<ShippingRow>;

/** Parcels that have left the warehouse, wherever they are now. */
export function parcelsThatLeft({ shipments }: ShippingRow): readonly Shipment[] {
  return shipments.filter(({ status }) => status !== 'SCHEDULED' && status !== 'CANCELLED');
}
