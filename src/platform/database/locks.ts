/**
 * Numbers of advisory locks. Those of one number and those of a class and a number are apart for PostgreSQL; here all are
 * different, so that nobody waits for a stranger. The same in every version: two versions exclude each other.
 */
export const LOCKS = {
  /** Of one number: one file of migrations is applied. */
  migrationFile: 7_113_001,
  /** Of one number: a relay publishes; those of two versions must exclude each other. */
  relay: 7_113_002,
  /** A class: who reads for which consumer. */
  coordinator: 7_113_003,
  /** A class: a schema is rebuilt. */
  rebuild: 7_113_004,
  /** A class: whether two sessions are in one database. */
  sessions: 7_113_005,
  /** Of one number: a process migrates, backfills included. */
  migration: 7_113_006,
} as const;
