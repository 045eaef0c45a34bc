import type { AuthType } from '#contracts/envelope.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
import { insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { BulkArguments } from '#contracts/many-orders.ts';
import type { BulkCommandName } from './commands.ts';

/** SQL of runs over many orders. */

export interface BulkRun {
  readonly id: string;
  readonly createdBy: string;
  readonly command: BulkCommandName;
  readonly arguments: BulkArguments;
  readonly status: 'running' | 'stopped' | 'done';
  readonly total: number;
  readonly done: number;
  readonly refused: number;
  readonly correlationid: string;
  readonly traceparent: string | undefined;
  /** What kind of principal began it. */
  readonly authtype: AuthType | undefined;
  readonly createdAt: string;
  readonly endedAt: string | undefined;
}

/** What became of one order of a run; no outcome: it is still to be done, or was left when the run was stopped. */
export interface BulkItem {
  readonly number: number;
  readonly orderId: string;
  readonly outcome: 'done' | 'refused' | undefined;
  readonly code: string | undefined;
  readonly detail: string | undefined;
}

interface RunRow extends Record<string, unknown> {
  id: string;
  created_by: string;
  command: BulkCommandName;
  arguments: BulkArguments;
  status: BulkRun['status'];
  total: number;
  done: number;
  refused: number;
  correlationid: string;
  traceparent: string | null;
  authtype: AuthType | null;
  created_at: Date;
  ended_at: Date | null;
}

const RUN =
  'id, created_by, command, arguments, status, total, done, refused, correlationid, traceparent, authtype, created_at, ended_at';

function runOf(row: RunRow): BulkRun {
  const { created_by, traceparent, authtype, created_at, ended_at, ...same } = row;
  return {
    ...same,
    createdBy: created_by,
    traceparent: traceparent ?? undefined,
    authtype: authtype ?? undefined,
    createdAt: created_at.toISOString(),
    endedAt: ended_at?.toISOString(),
  };
}

/** A run with its orders, in the order in which they are taken; part of the statement that answers the request. */
export function insertRun(run: BulkRun, orderIds: readonly string[]): Write[] {
  const { id, createdBy, command, status, total, correlationid, traceparent, authtype, createdAt, endedAt } = run;
  const row = {
    id,
    created_by: createdBy,
    command,
    arguments: run.arguments,
    status,
    total,
    correlationid,
    traceparent: traceparent ?? null,
    authtype: authtype ?? null,
    created_at: createdAt,
    ended_at: endedAt ?? null,
  };
  const columns = {
    id: 'uuid',
    created_by: 'text',
    command: 'text',
    arguments: 'json',
    status: 'text',
    total: 'integer',
    correlationid: 'text',
    traceparent: 'text',
    authtype: 'text',
    created_at: 'timestamptz',
    ended_at: 'timestamptz',
  } as const;
  const items = orderIds.map((orderId, index) => ({ bulk_id: id, number: index + 1, order_id: orderId }));
  return [
    insertRows('run', 'orders.bulk_runs', columns, [row]),
    ...(items.length === 0
      ? []
      : [insertRows('items', 'orders.bulk_items', { bulk_id: 'uuid', number: 'integer', order_id: 'uuid' }, items)]),
  ];
}

export async function findRun(database: Database, id: string): Promise<BulkRun | undefined> {
  const [row] = await database.query<RunRow>(`select ${RUN} from orders.bulk_runs where id = $1`, [id]);
  return row && runOf(row);
}

/** A page of runs, the newest first, those of one status where it is given. */
export async function listRuns(
  database: Database,
  {
    after,
    limit,
    status,
  }: { readonly after: string | undefined; readonly limit: number; readonly status: string | undefined },
): Promise<BulkRun[]> {
  const rows = await readKeyset<RunRow>(database, {
    columns: RUN,
    table: 'orders.bulk_runs t',
    key: 'id',
    newestFirst: true,
    wanted: [{ column: 'status', type: 'text', values: status === undefined ? undefined : [status] }],
    after,
    limit,
  });
  return rows.map(runOf);
}

/** How many runs are under way. */
export async function openRuns(database: Database): Promise<number> {
  const [row] = await database.query<{ open: number }>(
    "select count(*)::int as open from orders.bulk_runs where status = 'running'",
  );
  return row!.open;
}

/** A page of a run's orders after a number, all of them or those of one outcome. */
export async function itemsOf(
  database: Database,
  id: string,
  { after, limit, outcome }: { readonly after: number; readonly limit: number; readonly outcome?: string | undefined },
): Promise<BulkItem[]> {
  const which = outcome === undefined ? '' : outcome === 'waiting' ? 'and outcome is null' : 'and outcome = $4';
  const rows = await database.query<{
    number: number;
    order_id: string;
    outcome: BulkItem['outcome'] | null;
    code: string | null;
    detail: string | null;
  }>(
    `select number, order_id, outcome, code, detail from orders.bulk_items where bulk_id = $1 and number > $2 ${which} order by number limit $3`,
    [id, after, limit, ...(which.includes('$4') ? [outcome] : [])],
  );
  return rows.map(({ number, order_id: orderId, outcome: was, code, detail }) => {
    return { number, orderId, outcome: was ?? undefined, code: code ?? undefined, detail: detail ?? undefined };
  });
}

/** Takes a run that nobody works on, the oldest first; until then nobody else takes it. */
export async function claimRun(
  database: Database,
  claim: string,
  nowMs: number,
  untilMs: number,
): Promise<BulkRun | undefined> {
  const [row] = await database.query<RunRow>(
    `update orders.bulk_runs set claim = $1, claimed_until = $3 where id = (
       select id from orders.bulk_runs where status = 'running' and (claimed_until is null or claimed_until <= $2)
       order by created_at limit 1 for update skip locked
     ) returning ${RUN}`,
    [claim, isoTime(nowMs), isoTime(untilMs)],
  );
  return row && runOf(row);
}

/**
 * Records what became of orders, and keeps the run for longer. Refused whole where the run is somebody else's by now, or
 * one of the orders was recorded before.
 */
export function recordItems(runId: string, claim: string, items: readonly BulkItem[], untilMs: number): Write[] {
  const rows = items.map(({ number, outcome, code, detail }) => {
    return { bulk_id: runId, number, outcome, code: code ?? null, detail: detail ?? null };
  });
  const count = (of: BulkItem['outcome']): number => items.filter(({ outcome }) => outcome === of).length;
  return [
    updateRows(
      'items',
      'orders.bulk_items',
      ['bulk_id', 'number'],
      { bulk_id: 'uuid', number: 'integer', outcome: 'text', code: 'text', detail: 'text' },
      rows,
    ),
    {
      name: 'run',
      sql: 'update orders.bulk_runs set done = done + $3, refused = refused + $4, claimed_until = $5 where id = $1 and claim = $2',
      params: [runId, claim, count('done'), count('refused'), isoTime(untilMs)],
      expect: 1,
    },
  ];
}

/** Ends a run that is under way; what was not done stays so. Resolves with whether it was. */
export async function endRun(
  database: Database,
  id: string,
  status: 'stopped' | 'done',
  nowMs: number,
): Promise<boolean> {
  const rows = await database.query(
    "update orders.bulk_runs set status = $2, ended_at = $3, claimed_until = null where id = $1 and status = 'running' returning id",
    [id, status, isoTime(nowMs)],
  );
  return rows.length > 0;
}

/** Lets somebody else take a run at once. */
export async function releaseRun(database: Database, id: string, claim: string): Promise<void> {
  await database.query('update orders.bulk_runs set claimed_until = null where id = $1 and claim = $2', [id, claim]);
}

const REMOVED_PER_RUN = 10;

/** Removes the oldest runs that ended before then, a few at a time. */
export async function removeEnded(database: Database, beforeMs: number): Promise<void> {
  await database.query(
    `with old as (select id from orders.bulk_runs where ended_at < $1 order by ended_at limit ${REMOVED_PER_RUN}),
       items as (delete from orders.bulk_items where bulk_id in (select id from old))
     delete from orders.bulk_runs where id in (select id from old)`,
    [isoTime(beforeMs)],
  );
}
