import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Database } from '#platform/database/database.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { auditQuery } from './audit-entries.ts';
import { textCursor } from './paging.ts';

/** However many entries there are, a page of them is read by an index, and only what is shown is read. */

const ENTRIES = 100_000;
const ORDER = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const LIMIT = 51;
let postgres: TestPostgres;
let database: Database;

beforeAll(async () => {
  postgres = await startTestPostgres([LOG_MIGRATIONS]);
  const url = await postgres.createDatabase();
  database = new Database({ url, poolSize: 2, statementTimeoutMs: 30_000, applicationName: 'test' });
  // The chain is not what this is about, and costs each row its turn.
  await database.queryOnce('alter table log.audit_entries disable trigger all');
  await database.queryOnce(
    `insert into log.audit_entries (at, actor, actor_kind, action, subject, after, correlationid)
     select timestamptz '2026-01-01' + n * interval '1 minute', 'person-' || n % 50, 'person',
       case n % 20 when 0 then 'OrderHeld' else 'OrderCancelled' end, case n % 2000 when 0 then '${ORDER}' else gen_random_uuid()::text end, '{}', 'c'
     from generate_series(1, ${ENTRIES}) n`,
  );
  await database.queryOnce('vacuum analyze log.audit_entries');
});
afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});

interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (plan: PlanNode): PlanNode[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

describe('a page is read by the index of what is asked for', () => {
  test.each([
    ['audit_entries_at', {}],
    ['audit_entries_at', { from: '2026-02-01', to: '2026-02-03' }],
    ['audit_entries_at', { cursor: textCursor(`2026-02-01T00:00:00.000000Z ${ORDER}`) }],
    ['audit_entries_subject', { orderId: ORDER }],
    ['audit_entries_subject', { orderId: ORDER.toUpperCase() }],
    ['audit_entries_subject', { subject: ORDER, from: '2026-01-15T00:00:00Z' }],
    ['audit_entries_actor', { actor: 'person-7' }],
    ['audit_entries_actor', { actor: 'person-7', to: '2026-02-01' }],
    ['audit_entries_actor', { actor: 'nobody' }],
    ['audit_entries_action', { action: 'OrderHeld' }],
    ['audit_entries_action', { action: 'product.put' }],
  ] as const)('%s: %j', async (index, query) => {
    const { text, values } = auditQuery(query, LIMIT);
    const [row] = await database.queryOnce<{ 'QUERY PLAN': readonly [{ readonly Plan: PlanNode }] }>(
      `explain (analyze, format json) ${text}`,
      values,
    );
    const nodes = nodesOf(row!['QUERY PLAN'][0].Plan);
    expect(nodes.map((node) => node['Node Type'])).not.toContain('Seq Scan');
    const scans = nodes.filter((node) => node['Index Name'] !== undefined);
    expect(scans.map((node) => node['Index Name'])).toEqual([index]);
    const read = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
    expect(Math.max(...read)).toBeLessThanOrEqual(60);
  });
});
