import type { Counter, Gauge } from 'prom-client';
import type { Database } from '#platform/database/database.ts';
import type { SharedChange } from '#platform/processor/batch.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import { countBy, type Metrics } from '#platform/telemetry/metrics.ts';
import type { Notification } from './rules.ts';
import { queuedMails } from './store.ts';

export interface NotificationsMetrics {
  readonly outcomes: Counter<'channel' | 'outcome'>;
  readonly queued: Gauge<'channel'>;
  readonly late: Gauge<'channel'>;
}

/** What is measured of notifications. */
export function notificationsMetrics(metrics: Metrics): NotificationsMetrics {
  return {
    outcomes: metrics.counter({
      name: 'olms_notifications_total',
      help: 'Notifications by channel and outcome: written (queued, mailbox, suppressed), then sent, delayed for another attempt, or failed',
      labelNames: ['channel', 'outcome'],
    }),
    queued: metrics.gauge({
      name: 'olms_notifications_queued',
      help: 'Mails that are to be sent, counted to 10000; take the maximum',
      labelNames: ['channel'],
    }),
    late: metrics.gauge({
      name: 'olms_notification_late_seconds',
      help: 'How long the next mail has been due that nobody has sent; take the maximum',
      labelNames: ['channel'],
    }),
  };
}

/** Counts the notifications that batches wrote. */
export function notificationCounter(
  metrics: Metrics,
): (plan: { readonly shared: readonly SharedChange<readonly Notification[]>[] }) => void {
  const { outcomes } = notificationsMetrics(metrics);
  for (const outcome of ['sent', 'delayed', 'failed']) outcomes.labels('email', outcome).inc(0);
  return ({ shared }) => {
    const written = shared.flatMap(({ after }) => after);
    for (const [key, count] of countBy(written, ({ channel, status }) => `${channel} ${status}`)) {
      const [channel, outcome] = key.split(' ');
      outcomes.labels(channel!, outcome!).inc(count);
    }
  };
}

/** Measures the mails that are to be sent. */
export function measureMails(metrics: Metrics, database: Database, nowMs: () => number): void {
  const { queued, late } = notificationsMetrics(metrics);
  metrics.measure({
    name: 'queued_mails',
    everyMs: QUERY_EVERY_MS,
    clear() {
      for (const gauge of [queued, late]) gauge.reset();
    },
    async read() {
      const mails = await queuedMails(database, nowMs());
      return () => {
        queued.labels('email').set(mails.queued);
        late.labels('email').set(mails.lateSeconds);
      };
    },
  });
}
