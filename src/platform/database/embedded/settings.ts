import { totalmem } from 'node:os';
import type { PostgresBinaries } from './binaries.ts';

/** Settings of a server that shares its machine with the program, by name; for data that must survive a power cut. */
export function defaultSettings(binaries: PostgresBinaries): Record<string, string> {
  const memory = Math.min(totalmem(), process.constrainedMemory() || Infinity);
  const sharedBuffersMb = Math.round(Math.min(1024, Math.max(128, memory / 8 / 1024 / 1024)));
  return {
    fsync: 'on',
    synchronous_commit: 'on',
    shared_buffers: `${sharedBuffersMb}MB`,
    huge_pages: 'try',
    max_connections: '100',
    // No replicas and no archive hang on an embedded server. One that needs them is a server of its own, by DATABASE_URL.
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
    // The packaged binaries have pglz alone, which takes more of a processor than the bytes take of a disk.
    wal_compression: 'off',
    jit: 'off',
    random_page_cost: '1.1',
    // Parallel workers share memory in /dev/shm, which is 64 MB in a container, and short queries on few cores gain nothing.
    max_parallel_workers_per_gather: '0',
    // A store that grows from nothing reaches the next tenth every few seconds: by default most tables would be analyzed
    // and vacuumed in every round, for statistics and maps that hardly change, on the cores that take the orders.
    autovacuum_naptime: '30s',
    autovacuum_max_workers: '1',
    autovacuum_analyze_scale_factor: '0.3',
    autovacuum_vacuum_scale_factor: '0.5',
    // Rows that are only inserted are vacuumed for their age and for index-only scans, and both can wait.
    autovacuum_vacuum_insert_threshold: '10000000',
    autovacuum_vacuum_insert_scale_factor: '0.5',
    // A quarter of the usual rate: what one vacuum writes, and logs whole after a checkpoint, is spread over the load.
    autovacuum_vacuum_cost_limit: '50',
    lc_messages: 'C',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // The details of an error repeat the row's values, which may be personal data.
    log_error_verbosity: 'terse',
    log_checkpoints: 'off',
    ...(binaries.hasStatStatements ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
  };
}
