import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { labelOf, type MigrationFile } from './migration-files.ts';

/**
 * Fills what an expansion added, for the rows there are: in batches of their own transactions, while services run. The
 * statement of the file takes a cursor (`$1`) and how many rows to look at (`$2`), and returns one row: the cursor it came
 * to (null at the end), how many rows it looked at and how many it changed. Cursor and change are committed together,
 * so that it goes on where it was interrupted.
 */

export interface BackfillOptions {
  /** Percent of the time that it may keep the database busy, from 1 to 100. */
  readonly busyPercent: number;
  readonly report: (line: string) => void;
  /** Repeats what failed for a reason that passes. */
  readonly persist: <Result>(attempt: () => Promise<Result>) => Promise<Result>;
}

interface Step {
  readonly cursor: string | null;
  readonly looked_at: string | number;
  readonly changed: string | number;
}

const BATCH = { least: 100, first: 1_000, most: 20_000 } as const;
/** What a batch should take: others wait no longer for a row that it holds. */
const BATCH_MS = 200;
const BATCH_TIMEOUT_MS = 30_000;
const OVER_TIME = '57014';
const REPORT_EVERY_MS = 5_000;
const MS_MIN = 1;

/** Resolves when no row is left; throws where a batch fails for a reason that does not pass. */
export async function runBackfill(client: pg.Client, file: MigrationFile, options: BackfillOptions): Promise<void> {
  const { busyPercent, report, persist } = options;
  const label = labelOf(file);
  const key = [file.owner, file.name];
  const [stored] = (
    await client.query<{ cursor: string; looked_at: string; changed: string }>(
      'select cursor, looked_at, changed from public.olms_backfills where owner = $1 and name = $2',
      key,
    )
  ).rows;
  const [size] = (
    await client.query<{ rows: string }>(
      'select greatest(reltuples, 0)::bigint as rows from pg_class where oid = $1::regclass',
      [file.table],
    )
  ).rows;
  let cursor = stored?.cursor ?? file.from;
  let lookedAt = Number(stored?.looked_at ?? 0);
  let changed = Number(stored?.changed ?? 0);
  let rows: number = BATCH.first;
  let reportedMs = performance.now();
  const progress = (): string => {
    const total = Math.max(Number(size?.rows ?? 0), lookedAt);
    return `${lookedAt} of about ${total} rows (${total === 0 ? 100 : Math.floor((lookedAt / total) * 100)} %), ${changed} changed`;
  };
  if (stored) report(`${label} goes on: ${progress()}`);
  for (;;) {
    const beganMs = performance.now();
    let step: Step;
    try {
      step = await persist(() => batch(client, file, cursor, rows, { lookedAt, changed }));
    } catch (error) {
      if ((error as { code?: string }).code !== OVER_TIME || rows <= BATCH.least) throw error;
      rows = Math.max(BATCH.least, rows >> 2);
      continue;
    }
    const tookMs = Math.max(performance.now() - beganMs, MS_MIN);
    if (step.cursor === null) break;
    cursor = step.cursor;
    lookedAt += Number(step.looked_at);
    changed += Number(step.changed);
    if (performance.now() - reportedMs > REPORT_EVERY_MS) {
      reportedMs = performance.now();
      report(`${label}: ${progress()}`);
    }
    rows = Math.round(Math.min(BATCH.most, Math.max(BATCH.least, rows * Math.min(2, BATCH_MS / tookMs))));
    await sleep(tookMs * (100 / busyPercent - 1));
  }
  report(`${label}: ${lookedAt} rows looked at, ${changed} changed`);
}

async function batch(
  client: pg.Client,
  file: MigrationFile,
  cursor: string,
  rows: number,
  before: { readonly lookedAt: number; readonly changed: number },
): Promise<Step> {
  await client.query('begin');
  try {
    await client.query(`set local statement_timeout = ${BATCH_TIMEOUT_MS}`);
    const { rows: found } = await client.query<Partial<Step>>(file.sql, [cursor, rows]);
    const [{ cursor: reached, looked_at: lookedAt = 0, changed = 0 } = {}] = found;
    if (found.length !== 1 || reached === undefined || reached === cursor)
      throw new Error('the statement must return one row: cursor (further on, or null), looked_at, changed');
    if (reached !== null)
      await client.query(
        `insert into public.olms_backfills (owner, name, cursor, looked_at, changed) values ($1, $2, $3, $4, $5)
         on conflict (owner, name) do update set cursor = excluded.cursor, looked_at = excluded.looked_at, changed = excluded.changed, updated_at = now()`,
        [file.owner, file.name, reached, before.lookedAt + Number(lookedAt), before.changed + Number(changed)],
      );
    await client.query('commit');
    return { cursor: reached, looked_at: lookedAt, changed };
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}
