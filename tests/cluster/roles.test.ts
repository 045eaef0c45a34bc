import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SERVICES } from '#system/services.ts';
import { as, databaseWithRoles } from '#tests/support/least-rights.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { withClient } from '#tests/support/sql.ts';

/** The roles of deploy/postgres/roles.sql: enough for every operation of the API, and for nothing else. */

const NO_RIGHT = '42501';
let postgres: TestPostgres;
/** As the administrator: one database for all services, and one that payments has for itself. */
let shared: string;
let ofPayments: string;

beforeAll(async () => {
  postgres = await startTestPostgres([]);
  shared = await databaseWithRoles(postgres);
  ofPayments = await databaseWithRoles(
    postgres,
    SERVICES.filter(({ name }) => name === 'payments'),
  );
}, 60_000);
afterAll(() => postgres?.stop());

/** The code that PostgreSQL refuses with; `done` where it does not. */
function outcomeOf(url: string, sql: string): Promise<string> {
  return withClient(url, async (client) => {
    await client.query('begin');
    return client.query(sql).then(
      () => 'done',
      (error: { code: string }) => error.code,
    );
  }).catch((error: { code: string }) => `not connected: ${error.code}`);
}

describe('a role', () => {
  test('is there for every service, and each can work on its tables', async () => {
    const tables = await withClient(shared, (client) =>
      client.query<{ schema: string; name: string }>(
        "select schemaname as schema, min(tablename) as name from pg_tables where tableowner = 'olms_owner' group by 1",
      ),
    );
    const stored = SERVICES.filter(({ migrations }) => migrations).map(({ name }) => name);
    expect(tables.rows.map(({ schema }) => schema).sort()).toEqual([...stored, 'log', 'public'].sort());
    for (const { schema, name } of tables.rows.filter(({ schema }) => stored.includes(schema)))
      for (const role of [`olms_${schema}`, 'olms_app'])
        expect([role, await outcomeOf(as(role, shared), `delete from ${schema}.${name} where false`)]).toEqual([
          role,
          'done',
        ]);
  });

  test('of a service changes no table, sees none of another, and rewrites nothing that happened', async () => {
    const orders = as('olms_orders', shared);
    for (const sql of [
      'drop table orders.orders',
      'alter table orders.orders add column more text',
      'truncate orders.orders',
      'create table orders.mine (id int)',
      'create table public.mine (id int)',
      'create schema mine',
      'alter table log.order_outbox drop column data',
      'select from payments.payments',
      'select from gateway.api_keys',
      "update log.order_outbox set type = 'Other'",
      'delete from log.order_outbox',
      'update log.audit_entries set actor = null',
      'update public.olms_migrations set checksum = null',
      'set role olms_owner',
    ])
      expect([sql, await outcomeOf(orders, sql)]).toEqual([sql, NO_RIGHT]);
    expect(await outcomeOf(orders, 'select log.make_partition(1)')).toBe('done');
    expect(await outcomeOf(orders, 'select log.make_partition(13)')).toBe('P0001');
  });

  test('of a service is not let into the database of another', async () => {
    expect(await outcomeOf(as('olms_payments', ofPayments), 'select from payments.payments')).toBe('done');
    expect(await outcomeOf(as('olms_orders', ofPayments), 'select 1')).toBe(`not connected: ${NO_RIGHT}`);
  });

  test('of an auditor reads everything and writes nothing', async () => {
    const auditor = as('olms_auditor', shared);
    expect(await outcomeOf(auditor, 'select from payments.payments, orders.orders, log.order_outbox')).toBe('done');
    expect(await outcomeOf(auditor, 'delete from payments.payments')).toMatch(/^(42501|25006)$/);
  });

  test('of the owner sees the sessions of the services, by which it knows earlier versions', async () => {
    const sees = await withClient(as('olms_orders', shared), (service) =>
      service
        .query("set application_name = 'olms/1 orders'")
        .then(() =>
          withClient(as('olms_owner', shared), (owner) =>
            owner.query("select from pg_stat_activity where application_name = 'olms/1 orders'"),
          ),
        ),
    );
    expect(sees.rowCount).toBe(1);
  });
});

process.env['OLMS_TEST_LAUNCHER'] = 'tests/support/least-rights.ts';
for (const scenario of ['every-operation', 'returns-and-refunds']) {
  describe(scenario, async () => {
    await import(`../scenarios/${scenario}.test.ts`);
  });
}
