import type { Database } from '#platform/database/database.ts';
import { type Job, startJob } from '#platform/runtime/job.ts';
import type { Logger } from '#platform/telemetry/logger.ts';

const AHEAD_MONTHS = 2;
const EVERY_MS = 6 * 3_600_000;
const KEY_DAYS = 30;
const AUDIT_DAYS = 731;

/** Creates the log's monthly partitions ahead of time and forgets idempotency keys and audit entries of long ago. */
export async function keepPartitions(database: Database, logger: Logger): Promise<Job> {
  const run = async (): Promise<void> => {
    for (let ahead = 0; ahead <= AHEAD_MONTHS; ahead++) await makePartition(database, ahead, logger);
    await database.query(`delete from log.idempotency_keys where created_at < now() - make_interval(days => $1)`, [
      KEY_DAYS,
    ]);
    await database.query(`delete from log.audit_entries where at < now() - make_interval(days => $1)`, [AUDIT_DAYS]);
  };
  await run();
  return startJob({ name: 'log partitions', everyMs: EVERY_MS, logger, run });
}

async function makePartition(database: Database, ahead: number, logger: Logger): Promise<void> {
  try {
    await database.queryOnce('select log.make_partition($1)', [ahead]);
  } catch (error) {
    // Events of that month are in the default partition already: they stay there, and nothing is lost.
    logger.warn({ err: error, monthsAhead: ahead }, 'partition not created');
  }
}
