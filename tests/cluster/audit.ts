import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AuditReport, runAudit } from '#cli/operate/audit.ts';
import type { Cluster } from '#dev/cluster/launcher.ts';
import { Api } from '#tests/support/api.ts';
import { sharedCluster } from '#tests/support/cluster.ts';
import { withClient } from '#tests/support/sql.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { SERVICES } from '#system/services.ts';

/**
 * `olms audit` where every service has a database of its own and Kafka between them. On the cluster of
 * scenarios.test.ts, after everything else: what all those stories left has to agree.
 */

const PATIENCE_S = 20;
let cluster: Cluster;
let api: Api;

beforeAll(async () => {
  cluster = await sharedCluster(DEFAULT_ENV);
  api = new Api(cluster.urls[0]!, cluster.apiKey);
}, 180_000);

afterAll(async () => {
  await api?.close();
}, 60_000);

/** The environment as an operator gives it: a variable for the database of each service. */
function databases(except: readonly string[] = []): Record<string, string> {
  const named = SERVICES.map(({ name }) => name).filter((name) => !except.includes(name));
  return Object.fromEntries(named.map((name) => [`${name.toUpperCase()}_DATABASE_URL`, cluster.databaseUrl(name)]));
}

const audited = (env: Record<string, string>, patience = PATIENCE_S): Promise<AuditReport> =>
  runAudit({ patience, providerUrl: cluster.providerUrl }, env);

const found = ({ checks }: AuditReport): string[] =>
  checks.flatMap(({ check, violations, examples, moving, unsettled }) =>
    violations + moving > 0 ? [`${check}: ${JSON.stringify([...examples, ...unsettled])}`] : [],
  );

async function inDatabase(service: string, sql: string, values: unknown[] = []): Promise<void> {
  await withClient(cluster.databaseUrl(service), (client) => client.query(sql, values));
}

test('everything that all the stories left agrees, and everything was looked at', async () => {
  const { id } = await api.placeOrder({ sku: await api.product() });
  await api.untilStatus(id, 'COMPLETED', 30_000);
  await api.invoice(id);
  const report = await audited(databases());
  expect(found(report)).toEqual([]);
  expect(report).toMatchObject({ ok: true, outcome: 'agrees' });
  expect(report.orders).toBeGreaterThan(0);
  expect(report.checks.filter(({ skipped }) => skipped !== undefined)).toEqual([]);
}, 120_000);

test('a cluster that runs in the data folder is found by itself', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'olms-audit-cluster-'));
  symlinkSync(cluster.folder, join(folder, 'cluster'));
  try {
    const report = await runAudit({ patience: PATIENCE_S }, { OLMS_DATA: folder });
    expect(found(report)).toEqual([]);
    expect(report).toMatchObject({ ok: true, outcome: 'agrees' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

test.each([
  ['payments', 'update payments.payments set captured = 0 where order_id = $1', 'completed-paid'],
  ['billing', 'update billing.invoices set total = total + 1 where order_id = $1', 'invoices'],
  [
    'shipping',
    `update shipping.orders set body = replace(body::text, '"quantity":', '"quantity":1')::json where order_id = $1`,
    'parcels',
  ],
])(
  'a fault in the database of %s is found',
  async (service, plant, check) => {
    const { id } = await api.placeOrder({ sku: await api.product() });
    await api.untilStatus(id, 'COMPLETED', 30_000);
    await api.invoice(id);
    const table = { payments: 'payments.payments', billing: 'billing.invoices', shipping: 'shipping.orders' }[service]!;
    await inDatabase(service, `create table untouched as select * from ${table}`);
    await inDatabase(service, plant, [id]);
    try {
      const report = await audited(databases(), 1);
      expect(report.outcome).toBe('differs');
      const { examples } = report.checks.find((one) => one.check === check)!;
      expect(new Set(examples.map(({ subject }) => subject))).toEqual(new Set([id]));
    } finally {
      await inDatabase(
        service,
        `lock table ${table} in exclusive mode; delete from ${table}; insert into ${table} select * from untouched; drop table untouched`,
      );
    }
  },
  120_000,
);

test('a database that is not named is said to be missing, and then not everything agrees', async () => {
  const env = { DATABASE_URL: cluster.databaseUrl('orders'), ...databases(['orders', 'payments']) };
  const report = await audited(env);
  expect(found(report)).toEqual([]);
  expect(report).toMatchObject({ ok: false, outcome: 'incomplete' });
  const skipped = report.checks.filter((check) => check.skipped !== undefined);
  expect(skipped.map(({ check }) => check)).toEqual(
    expect.arrayContaining(['money', 'ended-money', 'completed-paid', 'refunds', 'provider', 'notifications']),
  );
  for (const check of skipped) expect(check.skipped).toContain('name its own with PAYMENTS_DATABASE_URL');
}, 120_000);
