import type { Counter, Gauge } from 'prom-client';
import type { Database } from '#platform/database/database.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { waitingByCarrier } from './tracking-store.ts';

/** What became of a carrier's message. */
export type MessageOutcome = 'news' | 'nothing_new' | 'waits' | 'refused';
const OUTCOMES: readonly MessageOutcome[] = ['news', 'nothing_new', 'waits', 'refused'];

export interface ShippingMetrics {
  readonly messages: Counter<'carrier' | 'outcome'>;
  readonly waiting: Gauge<'carrier'>;
}

/** What is measured of the carriers that send messages. */
export function shippingMetrics(metrics: Metrics): ShippingMetrics {
  return {
    messages: metrics.counter({
      name: 'olms_carrier_messages_total',
      help: 'Messages of carriers about parcels: news, nothing new, those that wait for their parcel, and those refused for their signature or time',
      labelNames: ['carrier', 'outcome'],
    }),
    waiting: metrics.gauge({
      name: 'olms_carrier_messages_waiting',
      help: 'Messages of carriers that wait for a parcel of their number, counted to 10000; take the maximum',
      labelNames: ['carrier'],
    }),
  };
}

/** Measures the messages of these carriers, and returns what counts one. */
export function measureMessages(
  metrics: Metrics,
  database: Database,
  carriers: readonly string[],
): (carrier: string, outcome: MessageOutcome) => void {
  const { messages, waiting } = shippingMetrics(metrics);
  for (const carrier of carriers) for (const outcome of OUTCOMES) messages.labels(carrier, outcome).inc(0);
  if (carriers.length > 0)
    metrics.measure({
      name: 'waiting_carrier_messages',
      everyMs: QUERY_EVERY_MS,
      clear: () => waiting.reset(),
      async read() {
        const found = await waitingByCarrier(database, carriers);
        return () => {
          for (const [carrier, count] of found) waiting.labels(carrier).set(count);
        };
      },
    });
  return (carrier, outcome) => messages.labels(carrier, outcome).inc();
}
