import type { Counter, Gauge, Histogram } from 'prom-client';
import { formatAmount } from '#contracts/money.ts';
import type { Database } from '#platform/database/database.ts';
import type { RowChange } from '#platform/processor/batch.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Payment } from './rules/model.ts';
import { waitingPayments } from './store.ts';

export interface PaymentsMetrics {
  readonly providerSeconds: Histogram<'provider' | 'operation' | 'outcome'>;
  readonly breakerOpen: Gauge<'provider'>;
  readonly captured: Counter<'currency'>;
  readonly refunded: Counter<'currency'>;
  readonly waiting: Gauge<'provider'>;
  readonly inDoubt: Gauge<'provider'>;
  readonly late: Gauge<'provider'>;
}

/** What is measured of payments, and of the calls to their providers. */
export function paymentsMetrics(metrics: Metrics): PaymentsMetrics {
  return {
    providerSeconds: metrics.histogram({
      name: 'olms_provider_call_seconds',
      help: 'Calls to payment providers',
      labelNames: ['provider', 'operation', 'outcome'],
    }),
    breakerOpen: metrics.gauge({
      name: 'olms_provider_breaker_open',
      help: '1 while the circuit breaker of a provider is open',
      labelNames: ['provider'],
    }),
    captured: metrics.counter({
      name: 'olms_captured_money_total',
      help: 'Money captured, in units of its currency such as euros',
      labelNames: ['currency'],
    }),
    refunded: metrics.counter({
      name: 'olms_refunded_money_total',
      help: 'Money given back, in units of its currency such as euros',
      labelNames: ['currency'],
    }),
    waiting: metrics.gauge({
      name: 'olms_payments_waiting',
      help: 'Payments with an operation whose outcome is not known, counted to 10000; take the maximum',
      labelNames: ['provider'],
    }),
    inDoubt: metrics.gauge({
      name: 'olms_payments_in_doubt',
      help: 'Those of them with a call whose reply was lost: the provider is asked before anything is repeated; take the maximum',
      labelNames: ['provider'],
    }),
    late: metrics.gauge({
      name: 'olms_payment_attempt_late_seconds',
      help: 'How long the next attempt of a payment has been due that nobody has made; take the maximum',
      labelNames: ['provider'],
    }),
  };
}

/** Counts the money that batches moved. */
export function moneyCounter(metrics: Metrics): (plan: { readonly changes: readonly RowChange<Payment>[] }) => void {
  const { captured, refunded } = paymentsMetrics(metrics);
  return ({ changes }) => {
    for (const { before, after } of changes) {
      const { currency, captured: taken, refunded: given } = after.state!;
      const took = taken - (before.state?.captured ?? 0n);
      const gave = given - (before.state?.refunded ?? 0n);
      if (took > 0n) captured.labels(currency).inc(Number(formatAmount(took, currency)));
      if (gave > 0n) refunded.labels(currency).inc(Number(formatAmount(gave, currency)));
    }
  };
}

/** Measures the payments whose outcome is not known. `providers`: those configured, which are shown with zero too. */
export function measureWaiting(
  metrics: Metrics,
  database: Database,
  providers: readonly string[],
  nowMs: () => number,
): void {
  const { waiting, inDoubt, late } = paymentsMetrics(metrics);
  metrics.measure({
    name: 'waiting_payments',
    everyMs: QUERY_EVERY_MS,
    clear() {
      for (const gauge of [waiting, inDoubt, late]) gauge.reset();
    },
    async read() {
      const found = await waitingPayments(database, nowMs());
      return () => {
        const none = { waiting: 0, inDoubt: 0, lateSeconds: 0 };
        for (const provider of new Set([...providers, ...found.keys()])) {
          const counts = found.get(provider) ?? none;
          waiting.labels(provider).set(counts.waiting);
          inDoubt.labels(provider).set(counts.inDoubt);
          late.labels(provider).set(counts.lateSeconds);
        }
      };
    },
  });
}
