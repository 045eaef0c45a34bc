import { type Dashboard, lines, now, q, quantile, rate, REQUESTS } from './panels.ts';
import { FRONT_DOOR } from './slo.ts';

/** Dashboards of what it runs on: processes, the log, databases. */

export const SERVICES: Dashboard = {
  uid: 'olms-services',
  title: 'OLMS: service health',
  meaning: 'Rate, errors and duration of requests, and what the processes are busy with.',
  rows: {
    'At the front door': [
      lines('Requests', 'reqps', q(`sum(rate(${REQUESTS}[$__rate_interval]))`, 'all')),
      lines(
        'Share of 5xx',
        'percentunit',
        q(
          `(sum(rate(olms_http_request_seconds_count{${FRONT_DOOR},status=~"5.."}[$__rate_interval])) or vector(0)) / sum(rate(${REQUESTS}[$__rate_interval]))`,
          '5xx',
        ),
      ),
      lines(
        'Duration',
        's',
        ...[0.5, 0.95, 0.99].map((share) =>
          q(quantile(share, 'olms_http_request_seconds', '', `{${FRONT_DOOR}}`), `${share * 100} %`),
        ),
      ),
      lines(
        'Requests by role of the caller',
        'reqps',
        q(`sum by (role) (rate(${REQUESTS}[$__rate_interval]))`, '{{role}}'),
      ),
      lines('Answers by status', 'reqps', q(`sum by (status) (rate(${REQUESTS}[$__rate_interval]))`, '{{status}}')),
      lines(
        'Refusals by code',
        'ops',
        q(`topk(12, sum by (code) (rate(olms_refused_total[$__rate_interval])))`, '{{code}}'),
      ),
      lines(
        'Shed, because a process answers late',
        'ops',
        q('sum by (what) (rate(olms_http_shed_total[$__rate_interval]))', '{{what}}'),
      ),
    ],
    'By route and service': [
      lines(
        'Requests by route',
        'reqps',
        q(
          'topk(12, sum by (method, route) (rate(olms_http_request_seconds_count[$__rate_interval])))',
          '{{method}} {{route}}',
        ),
      ),
      lines(
        'Slowest routes, 99 %',
        's',
        q(`topk(8, ${quantile(0.99, 'olms_http_request_seconds', 'route')})`, '{{route}}'),
      ),
      lines(
        '5xx by service',
        'reqps',
        q(
          'sum by (component) (rate(olms_http_request_seconds_count{status=~"5.."}[$__rate_interval])) or 0 * sum by (component) (rate(olms_http_request_seconds_count[$__rate_interval]))',
          '{{component}}',
        ),
      ),
      lines(
        'Calls between services held back',
        'short',
        q('max by (service) (olms_service_breaker_open)', '{{service}}'),
      ),
      lines(
        'Connections dropped',
        'ops',
        q('sum by (limit) (rate(olms_http_connections_dropped_total[$__rate_interval]))', 'too many of one {{limit}}'),
      ),
      lines(
        'Clients of the stream',
        'short',
        q('sum(olms_stream_clients)', 'following'),
        q(rate('olms_stream_dropped_total'), 'dropped a second'),
      ),
    ],
    Processes: [
      now('Processes that answer', 'short', q('sum(up{job="olms"})', 'up'), q('count(up{job="olms"})', 'known')),
      lines(
        'Processor time',
        'percentunit',
        q('sum by (component) (rate(process_cpu_seconds_total{job="olms"}[$__rate_interval]))', '{{component}}'),
      ),
      lines('Event loop delay, 99 %', 's', q('max by (component) (nodejs_eventloop_lag_p99_seconds)', '{{component}}')),
      lines('Memory', 'bytes', q('max by (component) (process_resident_memory_bytes{job="olms"})', '{{component}}')),
      lines('Heap', 'bytes', q('max by (component) (nodejs_heap_size_used_bytes)', '{{component}}')),
      lines(
        'Garbage collection',
        'percentunit',
        q('sum by (component) (rate(nodejs_gc_duration_seconds_sum[$__rate_interval]))', '{{component}}'),
      ),
    ],
  },
};

export const LOG: Dashboard = {
  uid: 'olms-log',
  title: 'OLMS: log, relay and consumers',
  meaning: 'How events get from the outboxes to the consumers.',
  rows: {
    Consumers: [
      lines('Events not read', 'short', q('sum by (service) (olms_consumer_lag_events)', '{{service}}')),
      lines('Age of the oldest', 's', q('max by (service) (olms_consumer_lag_seconds)', '{{service}}')),
      lines(
        'Partitions furthest behind',
        'short',
        q('topk(10, sum by (service, partition) (olms_consumer_partition_lag_events))', '{{service}} {{partition}}'),
      ),
      lines('Can do their work', 'short', q('min by (service) (olms_consumer_healthy)', '{{service}}')),
      lines('Records fetched', 'ops', q(rate('olms_kafka_fetched_records_total', 'group'), '{{group}}')),
      lines('Fetches that failed', 'ops', q(rate('olms_kafka_fetch_failures_total', 'group'), '{{group}}')),
    ],
    Batches: [
      lines('Events and commands decided', 'ops', q(rate('olms_set_items_total', 'service'), '{{service}}')),
      lines('Size of a batch, 95 %', 'short', q(quantile(0.95, 'olms_batch_items', 'service'), '{{service}}')),
      lines('Time of a batch, 99 %', 's', q(quantile(0.99, 'olms_set_seconds', 'service'), '{{service}}')),
      lines('Batches decided again', 'ops', q(rate('olms_conflicts_total', 'service'), '{{service}}')),
      lines(
        'Parked orders',
        'short',
        q('max by (service) (olms_parked_orders)', '{{service}}'),
        q('max by (database) (olms_relay_parked_orders)', 'relay of {{database}}'),
      ),
      lines('Faults of the log', 'short', q('sum by (kind) (increase(olms_log_faults_total[$__range]))', '{{kind}}')),
    ],
    Relay: [
      lines('Events to publish', 'short', q('max by (database) (olms_relay_lag_events)', '{{database}}')),
      lines('Oldest unpublished', 's', q('max by (database) (olms_relay_oldest_unpublished_seconds)', '{{database}}')),
      lines('Processes that relay', 'short', q('sum by (database) (olms_relay_active)', '{{database}}')),
      lines('Events published', 'ops', q(rate('olms_relay_published_events_total', 'component'), '{{component}}')),
      lines(
        'Until the brokers acknowledge, 99 %',
        's',
        q(quantile(0.99, 'olms_relay_publish_seconds', 'component'), '{{component}}'),
      ),
      lines(
        'Attempts that failed',
        'ops',
        q(rate('olms_relay_publish_failures_total', 'component'), '{{component}}'),
        q(rate('olms_relay_partition_failures_total', 'component'), '{{component}}, one partition'),
      ),
    ],
  },
};

export const DATABASES: Dashboard = {
  uid: 'olms-databases',
  title: 'OLMS: PostgreSQL and Redis',
  meaning: 'As the processes see them; the servers have dashboards of their own.',
  rows: {
    PostgreSQL: [
      now('Answers', 'short', q('min by (database) (olms_database_up)', '{{database}}')),
      lines(
        'Statements',
        'ops',
        q(rate('olms_database_statement_seconds_count', 'database, kind'), '{{database}} {{kind}}'),
      ),
      lines(
        'Time of a read',
        's',
        q(quantile(0.5, 'olms_database_statement_seconds', 'database', '{kind="read"}'), '{{database}} half'),
        q(quantile(0.99, 'olms_database_statement_seconds', 'database', '{kind="read"}'), '{{database}} 99 %'),
      ),
      lines(
        'Time of a write',
        's',
        q(quantile(0.5, 'olms_database_statement_seconds', 'database', '{kind="write"}'), '{{database}} half'),
        q(quantile(0.99, 'olms_database_statement_seconds', 'database', '{kind="write"}'), '{{database}} 99 %'),
      ),
      lines(
        'Connections',
        'short',
        q('sum by (database, state) (olms_database_connections)', '{{database}} {{state}}'),
      ),
      lines(
        'Statements that wait for one',
        'short',
        q('sum by (database) (olms_database_waiting_statements)', '{{database}}'),
      ),
      lines('Size', 'bytes', q('max by (database) (olms_database_size_bytes)', '{{database}}')),
      lines(
        'Oldest transaction that has written',
        's',
        q('max by (database) (olms_database_oldest_write_transaction_seconds)', '{{database}}'),
      ),
      lines(
        'Lookups for metrics that failed',
        'ops',
        q(rate('olms_measurement_failures_total', 'measurement'), '{{measurement}}'),
      ),
    ],
    Redis: [
      now('Answers', 'short', q('min(olms_cache_up)', 'Redis')),
      lines(
        'Values found',
        'percentunit',
        q(
          `${rate('olms_cache_hits_total')} / (${rate('olms_cache_hits_total')} + ${rate('olms_cache_misses_total')})`,
          'found',
        ),
      ),
      lines(
        'Calls',
        'ops',
        q(rate('olms_cache_call_seconds_count'), 'answered'),
        q(rate('olms_cache_errors_total'), 'failed'),
      ),
      lines(
        'Time of a call',
        's',
        q(quantile(0.5, 'olms_cache_call_seconds', ''), 'half'),
        q(quantile(0.99, 'olms_cache_call_seconds', ''), '99 %'),
      ),
    ],
  },
};
