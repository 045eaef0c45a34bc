import { burns, FAST_BURNS, SLOW_BURNS } from './slo.ts';

/** Every alert, with the heading of docs/runbook.md that says what to do. */

export interface Alert {
  readonly name: string;
  /** `page` wakes somebody, `ticket` is for the working day. */
  readonly severity: 'page' | 'ticket';
  readonly expr: string;
  /** How long it must be so. */
  readonly for?: string;
  readonly summary: string;
  /** Heading of docs/runbook.md. */
  readonly runbook: string;
}

export interface AlertGroup {
  readonly name: string;
  readonly alerts: readonly Alert[];
}

const page = (name: string, expr: string, duration: string, summary: string, runbook: string): Alert => ({
  name,
  severity: 'page',
  expr,
  for: duration,
  summary,
  runbook,
});
const ticket = (...[name, expr, duration, summary, runbook]: Parameters<typeof page>): Alert => ({
  ...page(name, expr, duration, summary, runbook),
  severity: 'ticket',
});

export const ALERTS: readonly AlertGroup[] = [
  {
    name: 'olms-promises',
    alerts: [
      page(
        'OlmsErrorBudgetBurnsFast',
        burns(FAST_BURNS),
        '2m',
        'The error budget of {{ $labels.slo }} is gone in days at this rate',
        'The error budget burns',
      ),
      ticket(
        'OlmsErrorBudgetBurnsSlowly',
        burns(SLOW_BURNS),
        '15m',
        'The error budget of {{ $labels.slo }} does not last the month at this rate',
        'The error budget burns',
      ),
    ],
  },
  {
    name: 'olms-processes',
    alerts: [
      page(
        'OlmsProcessDown',
        'up{job="olms"} == 0',
        '2m',
        '{{ $labels.instance }} gives no metrics',
        'A process is down',
      ),
      ticket(
        'OlmsServiceUnreachable',
        'max by (service) (olms_service_breaker_open) == 1',
        '2m',
        'Calls to {{ $labels.service }} are answered without it',
        'A process is down',
      ),
      ticket(
        'OlmsEventLoopSlow',
        'max by (instance) (nodejs_eventloop_lag_p99_seconds) > 0.5',
        '10m',
        '{{ $labels.instance }} answers late: its event loop is busy',
        'A process has too much to do',
      ),
      ticket(
        'OlmsInternalErrors',
        'sum(increase(olms_refused_total{code="INTERNAL"}[10m])) > 0',
        '0m',
        'A request failed with INTERNAL, which is a bug',
        'A request fails with INTERNAL',
      ),
      page(
        'OlmsOverloaded',
        'sum(rate(olms_refused_total{code="OVERLOADED"}[5m])) > 0.1',
        '5m',
        'Requests are refused, because more wait than can be answered in time',
        'Requests are refused with OVERLOADED',
      ),
      ticket(
        'OlmsCallerLimited',
        'sum(rate(olms_refused_total{code="RATE_LIMITED"}[5m])) > 5',
        '10m',
        'A caller asks for more than it may have',
        'One caller asks for too much',
      ),
      ticket(
        'OlmsConnectionsDropped',
        'sum by (limit) (rate(olms_http_connections_dropped_total[5m])) > 1',
        '10m',
        'Connections are closed unanswered: too many of one {{ $labels.limit }}',
        'One caller asks for too much',
      ),
      ticket(
        'OlmsMeasurementsFail',
        'sum by (measurement) (increase(olms_measurement_failures_total[10m])) > 3',
        '10m',
        '{{ $labels.measurement }} cannot be looked up, so its metrics are missing',
        'Metrics are missing',
      ),
    ],
  },
  {
    name: 'olms-log',
    alerts: [
      page(
        'OlmsConsumerLags',
        'max by (service) (olms_consumer_lag_seconds) > 30',
        '1m',
        '{{ $labels.service }} has not read an event for {{ $value | humanizeDuration }}',
        'A service lags behind',
      ),
      page(
        'OlmsConsumerStandsStill',
        'min by (service) (olms_consumer_healthy) == 0',
        '2m',
        '{{ $labels.service }} says that it cannot do its work',
        'A service lags behind',
      ),
      page(
        'OlmsLogHeldBack',
        'max by (database) (olms_database_oldest_write_transaction_seconds) > 60',
        '1m',
        'A transaction holds all readers of {{ $labels.database }} back for {{ $value | humanizeDuration }}',
        'The log is held back by a long transaction',
      ),
      page(
        'OlmsRelayStuck',
        'max by (database) (olms_relay_oldest_unpublished_seconds) > 30',
        '1m',
        'Events of {{ $labels.database }} wait for {{ $value | humanizeDuration }} to be published',
        'The relay does not publish',
      ),
      page(
        'OlmsRelayMissing',
        'max by (database) (olms_relay_active) == 0',
        '1m',
        'No process relays the log of {{ $labels.database }}',
        'The relay does not publish',
      ),
      page(
        'OlmsPartitionStandsStill',
        'sum by (component) (increase(olms_relay_partition_failures_total[5m])) > 0',
        '5m',
        'A partition takes no events, while the others go on',
        'The relay does not publish',
      ),
      page(
        'OlmsLogFault',
        'sum by (kind) (increase(olms_log_faults_total[15m])) > 0',
        '0m',
        'The log is not what was written: {{ $labels.kind }}',
        'The log is damaged, cut or has a gap',
      ),
      ticket(
        'OlmsOrdersParked',
        'max by (service) (olms_parked_orders) > 0 or max by (service) (label_replace(olms_relay_parked_orders, "service", "relay", "", "")) > 0',
        '1m',
        '{{ $value }} orders wait for a person, because {{ $labels.service }} could not digest an event',
        'An order is parked',
      ),
      ticket(
        'OlmsConflicts',
        'sum by (service) (rate(olms_conflicts_total[10m])) > 0.5 * sum by (service) (rate(olms_set_seconds_count[10m]))',
        '15m',
        "Processes of {{ $labels.service }} get in each other's way",
        "Processes get in each other's way",
      ),
    ],
  },
  {
    name: 'olms-dependencies',
    alerts: [
      page(
        'OlmsDatabaseDown',
        'min by (database) (olms_database_up) == 0',
        '1m',
        '{{ $labels.database }} does not answer',
        'The database is down',
      ),
      ticket(
        'OlmsDatabaseSlow',
        'histogram_quantile(0.99, sum by (database, le) (rate(olms_database_statement_seconds_bucket{kind="write"}[5m]))) > 1',
        '10m',
        'One statement in a hundred that {{ $labels.database }} is given takes more than a second',
        'The database is slow',
      ),
      ticket(
        'OlmsDatabasePoolBusy',
        'max by (database, instance) (olms_database_waiting_statements) > 50',
        '5m',
        'Statements wait for a connection to {{ $labels.database }}',
        'The database is slow',
      ),
      page(
        'OlmsDiskFull',
        '(kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes < 0.1) or (node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes < 0.1)',
        '5m',
        'Less than a tenth of a disk is left',
        'The disk gets full',
      ),
      ticket(
        'OlmsCacheDown',
        'min(olms_cache_up) == 0',
        '5m',
        'Redis does not answer; everything is slower',
        'Redis is away',
      ),
      ticket(
        'OlmsKafkaFails',
        'sum by (group) (rate(olms_kafka_fetch_failures_total[5m])) > 0.1',
        '5m',
        'The brokers do not answer {{ $labels.group }}',
        'Kafka is down',
      ),
    ],
  },
  {
    name: 'olms-business',
    alerts: [
      page(
        'OlmsProviderDown',
        'max by (provider) (olms_provider_breaker_open) == 1',
        '5m',
        'Calls to {{ $labels.provider }} are held back, because they fail',
        'The payment provider is down',
      ),
      ticket(
        'OlmsPaymentsDeclined',
        'sum by (provider) (increase(olms_provider_call_seconds_count{operation=~"charge|authorize",outcome="declined"}[30m])) > 10 and sum by (provider) (rate(olms_provider_call_seconds_count{operation=~"charge|authorize",outcome="declined"}[30m])) > 0.5 * sum by (provider) (rate(olms_provider_call_seconds_count{operation=~"charge|authorize",outcome=~"approved|declined"}[30m]))',
        '10m',
        'More than half of the payments are refused by {{ $labels.provider }}',
        'Many payments are declined',
      ),
      ticket(
        'OlmsPaymentsInDoubt',
        'max by (provider) (olms_payments_in_doubt) > 0',
        '30m',
        'For {{ $value }} payments nobody knows what became of a call to {{ $labels.provider }}',
        'Payments stay in doubt',
      ),
      ticket(
        'OlmsPaymentAttemptsLate',
        'max by (provider) (olms_payment_attempt_late_seconds) > 300',
        '5m',
        'Payments wait for an attempt at {{ $labels.provider }} that nobody makes',
        'Payments stay in doubt',
      ),
      ticket(
        'OlmsStockOuts',
        'sum(increase(olms_stock_outs_total[30m])) > 10 and sum(rate(olms_stock_outs_total[30m])) > 0.2 * sum(rate(olms_orders_created_total[30m]))',
        '10m',
        'More than a fifth of the orders find no stock',
        'Goods are missing, or go to nobody',
      ),
      ticket(
        'OlmsGoodsLost',
        'sum(increase(olms_stock_lost_total[1h])) > 0',
        '0m',
        'A count found less than was reserved for orders',
        'Goods are missing, or go to nobody',
      ),
      ticket(
        'OlmsPromisesBroken',
        'sum by (status) (increase(olms_orders_overdue_total[1h])) > 0',
        '0m',
        '{{ $value | humanize }} paid orders were not shipped or delivered in time ({{ $labels.status }})',
        'Orders are overdue',
      ),
      page(
        'OlmsDeadlinesPass',
        'max(olms_orders_past_deadline) > 0',
        '5m',
        'Deadlines of orders pass, and nothing happens',
        'Orders are overdue',
      ),
      page(
        'OlmsOrdersStandStill',
        'max by (status) (olms_open_order_age_seconds{status="CREATED"}) > 120',
        '2m',
        'An order has been {{ $labels.status }} for {{ $value | humanizeDuration }}',
        'A service lags behind',
      ),
      ticket(
        'OlmsReviewsLate',
        'max(olms_reviews_pending{state="late"}) > 0',
        '10m',
        'Reviews wait past their time',
        'Reviews wait past their time',
      ),
      ticket(
        'OlmsMailsLate',
        'max(olms_notification_late_seconds) > 900',
        '5m',
        'Mails wait to be sent for {{ $value | humanizeDuration }}',
        'Mails do not arrive',
      ),
      ticket(
        'OlmsMailsFail',
        'sum(increase(olms_notifications_total{channel="email",outcome="failed"}[1h])) > 5',
        '0m',
        'The mail server refuses mails for good',
        'Mails do not arrive',
      ),
    ],
  },
];
