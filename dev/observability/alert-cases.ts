/** For each alert a history in which it fires and one that is near it and in which it does not, in promtool's words. */

export interface AlertCase {
  readonly fires: Readonly<Record<string, string>>;
  readonly quiet: Readonly<Record<string, string>>;
  /** When it is looked, after the beginning. */
  readonly minutes?: number;
  /** Labels of the alert beside its severity. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A gauge that has one value from the start on. */
const gauge = (series: string, fires: number, quiet: number, labels: AlertCase['labels'] = {}): AlertCase => ({
  fires: { [series]: `${fires}x60` },
  quiet: { [series]: `${quiet}x60` },
  labels,
});
/** A counter that grows by so much a minute. */
const counter = (series: string, fires: number, quiet: number, labels: AlertCase['labels'] = {}): AlertCase => ({
  fires: { [series]: `0+${fires}x60` },
  quiet: { [series]: `0+${quiet}x60` },
  labels,
});
const calls = (outcome: string): string =>
  `olms_provider_call_seconds_count{provider="sandbox",operation="charge",outcome="${outcome}"}`;
const bucket = (le: string): string =>
  `olms_database_statement_seconds_bucket{database="olms",kind="write",le="${le}"}`;

export const CASES: Readonly<Record<string, AlertCase>> = {
  OlmsProcessDown: gauge('up{job="olms",instance="orders-1"}', 0, 1, { job: 'olms', instance: 'orders-1' }),
  OlmsServiceUnreachable: gauge('olms_service_breaker_open{service="payments"}', 1, 0, { service: 'payments' }),
  OlmsEventLoopSlow: gauge('nodejs_eventloop_lag_p99_seconds{instance="a"}', 0.9, 0.3, { instance: 'a' }),
  OlmsInternalErrors: {
    fires: { 'olms_refused_total{code="INTERNAL"}': '0x15 1x45' },
    quiet: { 'olms_refused_total{code="INTERNAL"}': '1x60', 'olms_refused_total{code="VALIDATION_FAILED"}': '0+9x60' },
  },
  OlmsOverloaded: counter('olms_refused_total{code="OVERLOADED"}', 60, 1),
  OlmsCallerLimited: counter('olms_refused_total{code="RATE_LIMITED"}', 600, 60),
  OlmsConnectionsDropped: counter('olms_http_connections_dropped_total{limit="address"}', 120, 20, {
    limit: 'address',
  }),
  OlmsMeasurementsFail: counter('olms_measurement_failures_total{measurement="database"}', 1, 0, {
    measurement: 'database',
  }),
  OlmsConsumerLags: {
    fires: { 'olms_consumer_lag_seconds{service="orders"}': '0x10 60+60x50' },
    // A burst that is read within the minute.
    quiet: { 'olms_consumer_lag_seconds{service="orders"}': '0x19 45 0x40' },
    labels: { service: 'orders' },
  },
  OlmsConsumerStandsStill: gauge('olms_consumer_healthy{service="billing"}', 0, 1, { service: 'billing' }),
  OlmsLogHeldBack: gauge('olms_database_oldest_write_transaction_seconds{database="olms"}', 90, 5, {
    database: 'olms',
  }),
  OlmsRelayStuck: gauge('olms_relay_oldest_unpublished_seconds{database="olms_orders"}', 50, 10, {
    database: 'olms_orders',
  }),
  OlmsRelayMissing: {
    fires: {
      'olms_relay_active{database="olms_orders",instance="a"}': '1x10 0x50',
      'olms_relay_active{database="olms_orders",instance="b"}': '0x60',
    },
    quiet: {
      'olms_relay_active{database="olms_orders",instance="a"}': '1x10 0x50',
      'olms_relay_active{database="olms_orders",instance="b"}': '0x10 1x50',
    },
    labels: { database: 'olms_orders' },
  },
  OlmsPartitionStandsStill: counter('olms_relay_partition_failures_total{component="orders"}', 6, 0, {
    component: 'orders',
  }),
  OlmsLogFault: {
    fires: { 'olms_log_faults_total{kind="truncated"}': '0x10 1x50' },
    quiet: { 'olms_log_faults_total{kind="truncated"}': '1x60' },
    labels: { kind: 'truncated' },
  },
  OlmsOrdersParked: {
    fires: {
      'olms_relay_parked_orders{database="olms_orders"}': '1x60',
      'olms_parked_orders{service="orders"}': '0x60',
    },
    quiet: {
      'olms_relay_parked_orders{database="olms_orders"}': '0x60',
      'olms_parked_orders{service="orders"}': '0x60',
    },
    labels: { service: 'relay' },
  },
  OlmsConflicts: {
    fires: {
      'olms_conflicts_total{service="orders"}': '0+60x60',
      'olms_set_seconds_count{service="orders"}': '0+100x60',
    },
    quiet: {
      'olms_conflicts_total{service="orders"}': '0+20x60',
      'olms_set_seconds_count{service="orders"}': '0+100x60',
    },
    minutes: 40,
    labels: { service: 'orders' },
  },
  OlmsDatabaseDown: gauge('olms_database_up{database="olms",instance="a"}', 0, 1, { database: 'olms' }),
  OlmsDatabaseSlow: {
    fires: { [bucket('1')]: '0+90x60', [bucket('2.5')]: '0+100x60', [bucket('+Inf')]: '0+100x60' },
    quiet: { [bucket('1')]: '0+100x60', [bucket('2.5')]: '0+100x60', [bucket('+Inf')]: '0+100x60' },
    labels: { database: 'olms' },
  },
  OlmsDatabasePoolBusy: gauge('olms_database_waiting_statements{database="olms",instance="a"}', 80, 10, {
    database: 'olms',
    instance: 'a',
  }),
  OlmsDiskFull: {
    fires: {
      'kubelet_volume_stats_available_bytes{persistentvolumeclaim="data"}': '5x60',
      'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="data"}': '100x60',
    },
    quiet: {
      'node_filesystem_avail_bytes{mountpoint="/",fstype="ext4"}': '50x60',
      'node_filesystem_size_bytes{mountpoint="/",fstype="ext4"}': '100x60',
    },
    labels: { persistentvolumeclaim: 'data' },
  },
  OlmsCacheDown: gauge('olms_cache_up{instance="a"}', 0, 1),
  OlmsKafkaFails: counter('olms_kafka_fetch_failures_total{group="olms-orders"}', 30, 1, { group: 'olms-orders' }),
  OlmsProviderDown: gauge('olms_provider_breaker_open{provider="sandbox"}', 1, 0, { provider: 'sandbox' }),
  OlmsPaymentsDeclined: {
    fires: { [calls('declined')]: '0+8x90', [calls('approved')]: '0+2x90' },
    quiet: { [calls('declined')]: '0+3x90', [calls('approved')]: '0+7x90' },
    minutes: 60,
    labels: { provider: 'sandbox' },
  },
  OlmsPaymentsInDoubt: {
    fires: { 'olms_payments_in_doubt{provider="sandbox"}': '3x90' },
    quiet: { 'olms_payments_in_doubt{provider="sandbox"}': '3x20 0x70' },
    minutes: 60,
    labels: { provider: 'sandbox' },
  },
  OlmsPaymentAttemptsLate: gauge('olms_payment_attempt_late_seconds{provider="sandbox"}', 900, 30, {
    provider: 'sandbox',
  }),
  OlmsStockOuts: {
    fires: { 'olms_stock_outs_total{outcome="rejected"}': '0+3x90', olms_orders_created_total: '0+10x90' },
    quiet: { 'olms_stock_outs_total{outcome="rejected"}': '0+1x90', olms_orders_created_total: '0+10x90' },
    minutes: 60,
  },
  OlmsGoodsLost: {
    fires: { olms_stock_lost_total: '0x10 1x50' },
    quiet: { olms_stock_lost_total: '1x60' },
  },
  OlmsPromisesBroken: {
    fires: { 'olms_orders_overdue_total{status="READY_FOR_SHIPMENT"}': '0x10 2x50' },
    quiet: { 'olms_orders_overdue_total{status="READY_FOR_SHIPMENT"}': '2x60' },
    labels: { status: 'READY_FOR_SHIPMENT' },
  },
  OlmsDeadlinesPass: gauge('olms_orders_past_deadline{service="orders"}', 3, 0),
  OlmsOrdersStandStill: {
    fires: { 'olms_open_order_age_seconds{status="CREATED"}': '300+60x60' },
    // Orders wait for days until they are delivered.
    quiet: {
      'olms_open_order_age_seconds{status="SHIPPED"}': '90000+60x60',
      'olms_open_order_age_seconds{status="CREATED"}': '2x60',
    },
    labels: { status: 'CREATED' },
  },
  OlmsReviewsLate: {
    fires: { 'olms_reviews_pending{state="late"}': '1x60' },
    quiet: { 'olms_reviews_pending{state="late"}': '0x60', 'olms_reviews_pending{state="in_time"}': '40x60' },
  },
  OlmsMailsLate: gauge('olms_notification_late_seconds{channel="email"}', 1_800, 60),
  OlmsMailsFail: {
    fires: { 'olms_notifications_total{channel="email",outcome="failed"}': '0x10 9x50' },
    quiet: { 'olms_notifications_total{channel="email",outcome="failed"}': '0x10 2x50' },
  },
};
