import { SOURCES } from '#contracts/order-events.ts';
import { rowsByOrder, type ServiceAudit } from '#platform/audit.ts';

/** Rows belong to orders and count the events that the log has; both is checked for every service. */
export const shippingAudit = {
  checks: {},
  tables: ['shipping.orders'],
  orders: {
    source: SOURCES.shipping,
    read: (database, ids) => rowsByOrder(database, 'shipping.orders', 'sequence', ids),
    sequence: (row) => row.sequence,
  },
} as const satisfies ServiceAudit<{ sequence: number }>;
