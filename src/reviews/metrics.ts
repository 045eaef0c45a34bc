import type { Gauge } from 'prom-client';
import type { Database } from '#platform/database/database.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { pendingReviews } from './store.ts';

export interface ReviewsMetrics {
  readonly pending: Gauge<'state'>;
  readonly age: Gauge<'service'>;
}

/** What is measured of reviews. */
export function reviewsMetrics(metrics: Metrics): ReviewsMetrics {
  return {
    pending: metrics.gauge({
      name: 'olms_reviews_pending',
      help: 'Reviews that wait for a person, in time or past their time, counted to 10000; take the maximum',
      labelNames: ['state'],
    }),
    age: metrics.gauge({
      name: 'olms_review_age_seconds',
      help: 'How long the oldest review has waited for a person; take the maximum',
      labelNames: ['service'],
    }),
  };
}

/** Measures the reviews that wait for a person. */
export function measureReviews(metrics: Metrics, database: Database, nowMs: () => number): void {
  const { pending, age } = reviewsMetrics(metrics);
  metrics.measure({
    name: 'pending_reviews',
    everyMs: QUERY_EVERY_MS,
    clear() {
      for (const gauge of [pending, age]) gauge.reset();
    },
    async read() {
      const reviews = await pendingReviews(database, nowMs());
      return () => {
        pending.labels('in_time').set(reviews.pending - reviews.late);
        pending.labels('late').set(reviews.late);
        age.labels('reviews').set(reviews.oldestSeconds);
      };
    },
  });
}
