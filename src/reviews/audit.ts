import { SOURCES } from '#contracts/order-events.ts';
import { counted, type CountedRow, rowsByOrder, type ServiceAudit } from '#platform/audit.ts';

/** Where the review of an order stands. */
export interface ReviewRow extends CountedRow {
  readonly status: 'pending' | 'approved' | 'rejected';
}

/** Rows belong to orders and count the events that the log has; both is checked for every service. */
export const reviewsAudit = {
  checks: {},
  tables: ['reviews.reviews'],
  orders: {
    source: SOURCES.reviews,
    read: (database, ids) => rowsByOrder<ReviewRow>(database, 'reviews.reviews', ['status'], ids),
    ...counted<ReviewRow>(),
  },
} as const satisfies ServiceAudit<ReviewRow>;
