import type { Counter, Gauge } from 'prom-client';
import type { Database } from '#platform/database/database.ts';
import type { SharedChange } from '#platform/processor/batch.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import { countBy, type Metrics } from '#platform/telemetry/metrics.ts';
import { CHANNEL_NAMES } from './channels/port.ts';
import { queuedMessages } from './outgoing.ts';
import { isForBrowsers, type Notification } from './rules.ts';

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
      help: 'Notifications by channel and outcome: written (queued, mailbox, suppressed), then sent, delayed for another attempt, or failed; what the provider reported later: delivered or bounced',
      labelNames: ['channel', 'outcome'],
    }),
    queued: metrics.gauge({
      name: 'olms_notifications_queued',
      help: 'Messages that are to be sent, counted to 10000; take the maximum',
      labelNames: ['channel'],
    }),
    late: metrics.gauge({
      name: 'olms_notification_late_seconds',
      help: 'How long the next message has been due that nobody has sent; take the maximum',
      labelNames: ['channel'],
    }),
  };
}

/** Counts the notifications that batches wrote. */
export function notificationCounter(
  metrics: Metrics,
): (plan: { readonly shared: readonly SharedChange<readonly Notification[]>[] }) => void {
  const { outcomes } = notificationsMetrics(metrics);
  for (const channel of CHANNEL_NAMES)
    for (const outcome of ['sent', 'delayed', 'failed']) outcomes.labels(channel, outcome).inc(0);
  return ({ shared }) => {
    // Of those for browsers nobody knows yet whether there are any.
    const written = shared.flatMap(({ after }) => after).filter((notification) => !isForBrowsers(notification));
    for (const [key, count] of countBy(written, ({ channel, status }) => `${channel} ${status}`)) {
      const [channel, outcome] = key.split(' ');
      outcomes.labels(channel!, outcome!).inc(count);
    }
  };
}

/** Measures the messages that are to be sent. */
export function measureQueues(metrics: Metrics, database: Database, nowMs: () => number): void {
  const { queued, late } = notificationsMetrics(metrics);
  metrics.measure({
    name: 'queued_messages',
    everyMs: QUERY_EVERY_MS,
    clear() {
      for (const gauge of [queued, late]) gauge.reset();
    },
    async read() {
      const found = await Promise.all(
        CHANNEL_NAMES.map(async (channel) => ({ channel, ...(await queuedMessages(database, channel, nowMs())) })),
      );
      return () => {
        for (const { channel, ...messages } of found) {
          queued.labels(channel).set(messages.queued);
          late.labels(channel).set(messages.lateSeconds);
        }
      };
    },
  });
}
