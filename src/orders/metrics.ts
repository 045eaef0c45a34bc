import type { Counter, Gauge, Histogram } from 'prom-client';
import type { Envelope } from '#contracts/envelope.ts';
import { idTimeMs } from '#contracts/ids.ts';
import type { EventData } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import type { RowChange } from '#platform/processor/batch.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import { countBy, type Metrics } from '#platform/telemetry/metrics.ts';
import { OPEN_STATUSES, type Status, TRANSITIONS } from './rules/lifecycle.ts';
import type { Order } from './rules/state.ts';
import { openOrders } from './store/open-orders.ts';

export interface OrdersMetrics {
  readonly created: Counter;
  readonly takingSeconds: Histogram;
  readonly statusSeconds: Histogram<'status'>;
  readonly decisionSeconds: Histogram<'decision'>;
  readonly ended: Counter<'status' | 'reason'>;
  readonly overdue: Counter<'status'>;
  readonly open: Gauge<'status'>;
  readonly age: Gauge<'status'>;
  readonly pastDeadline: Gauge<'service'>;
}

/** Milliseconds to weeks: payment takes seconds, shipping days. */
const LIFE = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 7_200, 43_200, 172_800, 604_800];
const DECISION = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 300];

/** What is measured of orders. */
export function ordersMetrics(metrics: Metrics): OrdersMetrics {
  return {
    created: metrics.counter({ name: 'olms_orders_created_total', help: 'Orders taken' }),
    takingSeconds: metrics.histogram({
      name: 'olms_order_taking_seconds',
      help: 'Time to check, price and commit an order that was taken, without what its caller asks to wait for',
    }),
    statusSeconds: metrics.histogram({
      name: 'olms_order_status_seconds',
      help: 'Time from the taking of an order until it reached a status; the count is how many reached it',
      labelNames: ['status'],
      buckets: LIFE,
    }),
    decisionSeconds: metrics.histogram({
      name: 'olms_order_decision_seconds',
      help: 'Time from the taking of an order until it left CREATED, by the status it went to',
      labelNames: ['decision'],
      buckets: DECISION,
    }),
    ended: metrics.counter({
      name: 'olms_orders_ended_total',
      help: 'Orders that ended, by status and reason: a code of the payment provider, who cancelled, or expired',
      labelNames: ['status', 'reason'],
    }),
    overdue: metrics.counter({
      name: 'olms_orders_overdue_total',
      help: 'Paid orders that were not shipped or delivered when that was promised, by the status in which they waited',
      labelNames: ['status'],
    }),
    open: metrics.gauge({
      name: 'olms_open_orders',
      help: 'Orders that have not ended, by status, counted to 100000 each; the same from every process, so take the maximum',
      labelNames: ['status'],
    }),
    age: metrics.gauge({
      name: 'olms_open_order_age_seconds',
      help: 'How long the order that waits longest has been in this status; the same from every process, so take the maximum',
      labelNames: ['status'],
    }),
    pastDeadline: metrics.gauge({
      name: 'olms_orders_past_deadline',
      help: 'Orders whose deadline has passed and which the timer has not taken up, counted to 10000; take the maximum',
      labelNames: ['service'],
    }),
  };
}

/** The status that an event leads to. */
const STATUS_OF = new Map<string, Status>(
  TRANSITIONS.flatMap(({ event, to }) => (to === 'same' ? [] : [[event, to] as const])),
);
/** Counts what batches did to orders. */
export function orderCounter(metrics: Metrics): (plan: CommittedOrders) => void {
  const { statusSeconds, decisionSeconds, ended, overdue } = ordersMetrics(metrics);
  const byStatus = new Map([...new Set(STATUS_OF.values())].map((status) => [status, statusSeconds.labels(status)]));
  for (const status of OPEN_STATUSES) overdue.labels(status).inc(0);
  for (const decision of ['RESERVED', 'REJECTED', 'BACKORDERED']) decisionSeconds.zero({ decision });
  return ({ changes, events }) => {
    const nowMs = Date.now();
    for (const { before, after } of changes) {
      if (before.state?.status !== 'CREATED' || after.state!.status === 'CREATED') continue;
      decisionSeconds.observe({ decision: after.state!.status }, secondsSince(after.id, nowMs));
    }
    for (const { type, subject } of events) {
      const status = STATUS_OF.get(type);
      if (status !== undefined) byStatus.get(status)!.observe(secondsSince(subject, nowMs));
    }
    for (const [key, count] of countBy(events, endOf)) {
      const [status, reason] = key.split(' ');
      ended.labels(status!, reason!).inc(count);
    }
    for (const [status, count] of countBy(events, overdueIn)) overdue.labels(status).inc(count);
  };
}

export interface CommittedOrders {
  readonly changes: readonly RowChange<Order>[];
  readonly events: readonly Envelope[];
}

function secondsSince(orderId: string, nowMs: number): number {
  return Math.max(0, nowMs - idTimeMs(orderId)) / 1000;
}

/** Reasons of providers are codes; what is none, or could be somebody's own words, is one value together. */
const CODE = /^[a-z][a-z_]{1,39}$/;
const CODES_MAX = 50;
const codes = new Set<string>();

function code(reason: string): string {
  if (!codes.has(reason) && (codes.size >= CODES_MAX || !CODE.test(reason))) return 'other';
  codes.add(reason);
  return reason;
}

/** Who may end an order, as far as they are not people. */
const BY: Readonly<Record<string, string>> = { timer: 'expired', reviews: 'review', shipping: 'warehouse' };

function endOf({ type, data }: Envelope): string | undefined {
  if (type === 'OrderCompleted') return 'COMPLETED delivered';
  if (type === 'OrderRejected') return 'REJECTED out_of_stock';
  if (type === 'OrderPaymentFailed') return `PAYMENT_FAILED ${code((data as EventData<'OrderPaymentFailed'>).reason)}`;
  if (type === 'OrderCancelled') return `CANCELLED ${BY[(data as EventData<'OrderCancelled'>).by] ?? 'requested'}`;
  return undefined;
}

function overdueIn({ type, data }: Envelope): string | undefined {
  return type === 'OrderOverdue' ? (data as EventData<'OrderOverdue'>).status : undefined;
}

/** Measures how many orders are open, and for how long. */
export function measureOpenOrders(metrics: Metrics, database: Database, nowMs: () => number): void {
  const { open, age, pastDeadline } = ordersMetrics(metrics);
  metrics.measure({
    name: 'open_orders',
    everyMs: QUERY_EVERY_MS,
    clear() {
      for (const gauge of [open, age, pastDeadline]) gauge.reset();
    },
    async read() {
      const { statuses, late } = await openOrders(database, [...OPEN_STATUSES], nowMs());
      return () => {
        pastDeadline.labels('orders').set(late);
        for (const { status, count, seconds } of statuses) {
          open.labels(status).set(count);
          age.labels(status).set(seconds);
        }
      };
    },
  });
}
