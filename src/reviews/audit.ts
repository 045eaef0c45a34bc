import { SOURCES } from '#contracts/order-events.ts';
import { rowsByOrder, type ServiceAudit } from '#platform/audit.ts';

/** Rows belong to orders and count the events that the log has; both is checked for every service. */
export const reviewsAudit = {
  checks: {},
  tables: ['reviews.reviews'],
  orders: {
    source: SOURCES.reviews,
    read: (database, ids) => rowsByOrder(database, 'reviews.reviews', 'sequence', ids),
    sequence: (row) => row.sequence,
  },
} as const satisfies ServiceAudit<{ sequence: number }>;
