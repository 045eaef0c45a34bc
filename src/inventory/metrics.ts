import type { Counter, Gauge } from 'prom-client';
import type { Database } from '#platform/database/database.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import { countBy, type Metrics } from '#platform/telemetry/metrics.ts';
import { waitingInLine } from './store/line-length.ts';

export interface InventoryMetrics {
  readonly stockOuts: Counter<'outcome'>;
  readonly lost: Counter;
  readonly waiting: Gauge<'service'>;
}

/** What is measured of stock. */
export function inventoryMetrics(metrics: Metrics): InventoryMetrics {
  return {
    stockOuts: metrics.counter({
      name: 'olms_stock_outs_total',
      help: 'Orders for which a line was not in stock, by what became of them',
      labelNames: ['outcome'],
    }),
    lost: metrics.counter({
      name: 'olms_stock_lost_total',
      help: 'Orders whose reserved goods were found to be missing',
    }),
    waiting: metrics.gauge({
      name: 'olms_orders_waiting_for_stock',
      help: 'Orders in line for goods, counted to 10000; take the maximum',
      labelNames: ['service'],
    }),
  };
}

const OUTCOMES: Readonly<Record<string, string>> = { StockRejected: 'rejected', StockBackordered: 'backordered' };

/** Counts what batches said about stock. */
export function stockCounter(
  metrics: Metrics,
): (plan: { readonly events: readonly { readonly type: string }[] }) => void {
  const { stockOuts, lost } = inventoryMetrics(metrics);
  for (const outcome of Object.values(OUTCOMES)) stockOuts.labels(outcome).inc(0);
  return ({ events }) => {
    for (const [type, count] of countBy(events, (event) => event.type)) {
      const outcome = OUTCOMES[type];
      if (outcome !== undefined) stockOuts.labels(outcome).inc(count);
      else if (type === 'StockLost') lost.inc(count);
    }
  };
}

/** Measures the line of orders that wait for goods. */
export function measureLine(metrics: Metrics, database: Database): void {
  const { waiting } = inventoryMetrics(metrics);
  metrics.measure({
    name: 'stock_line',
    everyMs: QUERY_EVERY_MS,
    clear: () => waiting.reset(),
    async read() {
      const count = await waitingInLine(database);
      return () => waiting.labels('inventory').set(count);
    },
  });
}
