import type { Gauge } from 'prom-client';
import { withTimeout } from '#platform/runtime/timeout.ts';
import { QUERY_EVERY_MS } from '#platform/telemetry/measurements.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { Database } from './database.ts';

export interface DatabaseMetrics {
  readonly up: Gauge<'database'>;
  readonly connections: Gauge<'database' | 'state'>;
  readonly waiting: Gauge<'database'>;
  readonly size: Gauge<'database'>;
  readonly oldestTransaction: Gauge<'database'>;
  /** Takes a statement that ended, well or not. */
  observer(database: string): (kind: 'read' | 'write', seconds: number) => void;
}

/** What is measured of PostgreSQL, as this process sees it. */
export function databaseMetrics(metrics: Metrics): DatabaseMetrics {
  const seconds = metrics.histogram({
    name: 'olms_database_statement_seconds',
    help: 'Statements, the wait for a connection included',
    labelNames: ['database', 'kind'],
  });
  return {
    up: metrics.gauge({
      name: 'olms_database_up',
      help: '1 while PostgreSQL answers this process',
      labelNames: ['database'],
    }),
    connections: metrics.gauge({
      name: 'olms_database_connections',
      help: 'Connections of this process, by whether they are idle or busy',
      labelNames: ['database', 'state'],
    }),
    waiting: metrics.gauge({
      name: 'olms_database_waiting_statements',
      help: 'Statements that wait for a connection',
      labelNames: ['database'],
    }),
    size: metrics.gauge({
      name: 'olms_database_size_bytes',
      help: 'Size of the database; the same from every process, so take the maximum',
      labelNames: ['database'],
    }),
    oldestTransaction: metrics.gauge({
      name: 'olms_database_oldest_write_transaction_seconds',
      help: 'Age of the oldest transaction of the whole server that has written and holds readers of the log back, as far as the role may see it; take the maximum',
      labelNames: ['database'],
    }),
    observer(database) {
      const read = seconds.labels(database, 'read');
      const write = seconds.labels(database, 'write');
      return (kind, took) => (kind === 'read' ? read : write).observe(took);
    },
  };
}

const STATE_TIMEOUT_MS = 1_500;
const STATE = `select pg_database_size(current_database())::float8 as size,
  coalesce((select extract(epoch from max(now() - xact_start)) from pg_stat_activity where backend_xid is not null), 0)::float8 as oldest`;

/** Measures a pool, and what its server says about itself. `name`: of the database, as the label says it. */
export function measureDatabase(metrics: Metrics, name: string, database: Database): void {
  const { up, connections, waiting, size, oldestTransaction } = databaseMetrics(metrics);
  metrics.measure({
    name: 'pool',
    everyMs: 0,
    read: () => () => {
      const { totalCount, idleCount } = database.pool;
      connections.labels(name, 'busy').set(totalCount - idleCount);
      connections.labels(name, 'idle').set(idleCount);
      waiting.labels(name).set(database.waiting);
    },
  });
  metrics.measure({
    name: 'database',
    everyMs: QUERY_EVERY_MS,
    clear() {
      up.labels(name).set(0);
      size.remove(name);
      oldestTransaction.remove(name);
    },
    async read() {
      const rows = await withTimeout(database.query<{ size: number; oldest: number }>(STATE), STATE_TIMEOUT_MS);
      return () => {
        up.labels(name).set(1);
        size.labels(name).set(rows[0]!.size);
        oldestTransaction.labels(name).set(rows[0]!.oldest);
      };
    },
  });
}

/** The database of a URL, as a label: its name alone, because the rest may hold a password. */
export function databaseName(url: string): string {
  const { pathname = '' } = URL.parse(url) ?? {};
  return decodeURIComponent(pathname.slice(1)) || 'postgres';
}
