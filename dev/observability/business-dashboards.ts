import { bars, type Dashboard, lines, meaning, now, over, q, quantile, rate } from './panels.ts';
import { BUDGET, errorsOver, OBJECTIVES } from './slo.ts';

/** Dashboards of what the business sees: orders, promises, money, notifications. */

export const ORDERS: Dashboard = {
  uid: 'olms-orders',
  title: 'OLMS: orders',
  meaning: 'Throughput, the way through the statuses, and what waits.',
  rows: {
    Throughput: [
      lines('Orders taken', 'ops', q(rate('olms_orders_created_total'), 'taken')),
      lines('Reached a status', 'ops', q(rate('olms_order_status_seconds_count', 'status'), '{{status}}')),
      lines(
        'Time to be taken',
        's',
        q(quantile(0.5, 'olms_order_taking_seconds', ''), 'half'),
        q(quantile(0.99, 'olms_order_taking_seconds', ''), '99 %'),
      ),
      bars(
        'Funnel',
        'short',
        q(over('olms_orders_created_total'), 'taken'),
        q(over('olms_order_status_seconds_count', 'status'), '{{status}}'),
      ),
      bars('How they ended', 'short', q(over('olms_orders_ended_total', 'status, reason'), '{{status}} {{reason}}')),
      lines(
        'Time since it was taken until a status, 95 %',
        's',
        q(quantile(0.95, 'olms_order_status_seconds', 'status'), '{{status}}'),
      ),
    ],
    'What waits': [
      meaning(
        'Counted to 100,000 of each.',
        lines('Open orders', 'short', q('max by (status) (olms_open_orders)', '{{status}}')),
      ),
      meaning(
        'Of the order that has been longest in this status.',
        lines('Age in the status', 's', q('max by (status) (olms_open_order_age_seconds)', '{{status}}')),
      ),
      lines('In line for stock', 'short', q('max(olms_orders_waiting_for_stock)', 'in line')),
      lines(
        'Stock-outs',
        'ops',
        q(rate('olms_stock_outs_total', 'outcome'), '{{outcome}}'),
        q(rate('olms_stock_lost_total'), 'lost after it was reserved'),
      ),
      lines('Promises broken', 'ops', q(rate('olms_orders_overdue_total', 'status'), '{{status}}')),
      lines('Deadlines that nobody took up', 'short', q('max(olms_orders_past_deadline)', 'past')),
      lines('Reviews that wait', 'short', q('max by (state) (olms_reviews_pending)', '{{state}}')),
      lines('Oldest review', 's', q('max(olms_review_age_seconds)', 'waits')),
      lines('Parked orders', 'short', q('max by (service) (olms_parked_orders)', '{{service}}')),
    ],
    Events: [
      lines(
        'Events by type',
        'ops',
        q('topk(12, sum by (type) (rate(olms_events_by_type_total[$__rate_interval])))', '{{type}}'),
      ),
      lines('Events by service', 'ops', q(rate('olms_events_total', 'service'), '{{service}}')),
    ],
  },
};

const budgetLeft = (name: string): string => `1 - ${errorsOver('30d')}{slo="${name}"} / ${BUDGET}{slo="${name}"}`;

export const SLA: Dashboard = {
  uid: 'olms-sla',
  title: 'OLMS: SLA and error budgets',
  meaning: 'What is promised to callers, what of the budget of 30 days is left, and how fast it burns.',
  rows: {
    'Budget that is left': OBJECTIVES.map(({ name, promise }) =>
      meaning(promise, now(name, 'percentunit', q(budgetLeft(name), 'left'))),
    ),
    Burning: [
      meaning(
        '1 is as fast as the budget allows for a month; 14.4 pages.',
        lines('Burn rate over an hour', 'short', q(`${errorsOver('1h')} / on (slo) ${BUDGET}`, '{{slo}}')),
      ),
      lines('Burn rate over six hours', 'short', q(`${errorsOver('6h')} / on (slo) ${BUDGET}`, '{{slo}}')),
      lines('Burn rate over three days', 'short', q(`${errorsOver('3d')} / on (slo) ${BUDGET}`, '{{slo}}')),
      lines('Share that broke the promise, 5 minutes', 'percentunit', q(errorsOver('5m'), '{{slo}}')),
      lines('Time to be taken, 99 %', 's', q(quantile(0.99, 'olms_order_taking_seconds', ''), 'taken')),
      lines(
        'Time to the decision, 99 %',
        's',
        q(quantile(0.99, 'olms_order_decision_seconds', 'decision'), '{{decision}}'),
      ),
      lines(
        'Alerts',
        'short',
        q('count by (alertname, severity) (ALERTS{alertstate="firing"})', '{{severity}} {{alertname}}'),
      ),
      lines(
        'Paid orders not shipped or delivered in time',
        'short',
        q('sum by (status) (increase(olms_orders_overdue_total[1h]))', '{{status}}'),
      ),
    ],
  },
};

export const PAYMENTS: Dashboard = {
  uid: 'olms-payments',
  title: 'OLMS: payments and providers',
  meaning: 'Calls to the payment providers, what is in doubt, and the money.',
  rows: {
    Providers: [
      lines(
        'Calls',
        'ops',
        q(
          rate('olms_provider_call_seconds_count', 'provider, operation, outcome'),
          '{{provider}} {{operation}} {{outcome}}',
        ),
      ),
      lines(
        'Time of a call, 95 %',
        's',
        q(quantile(0.95, 'olms_provider_call_seconds', 'provider, operation'), '{{provider}} {{operation}}'),
      ),
      lines('Held back by the breaker', 'short', q('max by (provider) (olms_provider_breaker_open)', '{{provider}}')),
      lines(
        'Share declined',
        'percentunit',
        q(
          'sum by (provider) (rate(olms_provider_call_seconds_count{operation=~"charge|authorize",outcome="declined"}[$__rate_interval])) / sum by (provider) (rate(olms_provider_call_seconds_count{operation=~"charge|authorize",outcome=~"approved|declined"}[$__rate_interval]))',
          '{{provider}}',
        ),
      ),
      bars(
        'Payments that failed',
        'short',
        q(over('olms_orders_ended_total{status="PAYMENT_FAILED"}', 'reason'), '{{reason}}'),
      ),
    ],
    'What is not known yet': [
      lines('Waiting', 'short', q('max by (provider) (olms_payments_waiting)', '{{provider}}')),
      lines('In doubt', 'short', q('max by (provider) (olms_payments_in_doubt)', '{{provider}}')),
      lines('Late attempts', 's', q('max by (provider) (olms_payment_attempt_late_seconds)', '{{provider}}')),
    ],
    Money: [
      lines(
        'Captured, a minute',
        'short',
        q('60 * sum by (currency) (rate(olms_captured_money_total[$__rate_interval]))', '{{currency}}'),
      ),
      lines(
        'Refunded, a minute',
        'short',
        q('60 * sum by (currency) (rate(olms_refunded_money_total[$__rate_interval]))', '{{currency}}'),
      ),
      bars(
        'Captured and refunded',
        'short',
        q(over('olms_captured_money_total', 'currency'), 'captured {{currency}}'),
        q(over('olms_refunded_money_total', 'currency'), 'refunded {{currency}}'),
      ),
    ],
  },
};

export const NOTIFICATIONS: Dashboard = {
  uid: 'olms-notifications',
  title: 'OLMS: notifications',
  meaning: 'What customers are written, and what became of it.',
  rows: {
    Notifications: [
      lines(
        'By channel and outcome',
        'ops',
        q(rate('olms_notifications_total', 'channel, outcome'), '{{channel}} {{outcome}}'),
      ),
      bars('In all', 'short', q(over('olms_notifications_total', 'channel, outcome'), '{{channel}} {{outcome}}')),
      lines('Mails to send', 'short', q('max by (channel) (olms_notifications_queued)', '{{channel}}')),
      lines('Late mails', 's', q('max by (channel) (olms_notification_late_seconds)', '{{channel}}')),
      lines(
        'Mails refused for good',
        'ops',
        q('sum(rate(olms_notifications_total{channel="email",outcome="failed"}[$__rate_interval]))', 'failed'),
      ),
      lines('The consumer behind them', 's', q('max(olms_consumer_lag_seconds{service="notifications"})', 'lag')),
    ],
    'Messages of carriers': [
      lines(
        'By carrier and outcome',
        'ops',
        q(rate('olms_carrier_messages_total', 'carrier, outcome'), '{{carrier}} {{outcome}}'),
      ),
      lines('For no known parcel', 'short', q('max by (carrier) (olms_carrier_messages_waiting)', '{{carrier}}')),
    ],
  },
};
